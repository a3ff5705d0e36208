"""Head mesh: body quads cut at the neck plus two eyeballs, triangulated mirror-symmetrically."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from open_head.source import BaseObject, Polygon
from open_head.types import LEFT_EYE, RIGHT_EYE, SKIN, Array


@dataclass(frozen=True)
class HeadMesh:
    """Topology of the head and its linear relation to the base mesh.

    Every vertex is (1 - blend) * base[first] + blend * base[second]; so targets, UVs and weights of the base mesh
    carry over linearly (`carry`).
    """

    faces: Array  # [T,3]
    uvs: Array  # [U,2]
    uv_faces: Array  # [T,3]
    part: Array  # [T] SKIN, LEFT_EYE, RIGHT_EYE
    first: Array  # [V]
    second: Array  # [V]
    blend: Array  # [V]
    vertex_part: Array  # [V]
    mirror: Array  # [V] index of the mirrored vertex
    mirror_faces: Array  # [T] index of the mirrored triangle
    mirror_corners: Array  # [T,3] which corner of the mirrored triangle each corner becomes

    @property
    def num_vertices(self) -> int:
        return len(self.first)

    def carry(self, values: Array) -> Array:
        """Values on the base mesh [N,...] -> values on the head [V,...]."""
        t = self.blend.reshape(-1, *([1] * (values.ndim - 1)))
        return (1 - t) * values[self.first] + t * values[self.second]

    def adjacency(self) -> sp.csr_matrix:
        """Vertex adjacency [V,V], 1 where two vertices share an edge."""
        a, b = self.faces.ravel(), np.roll(self.faces, 1, 1).ravel()
        n = self.num_vertices
        graph = sp.coo_matrix((np.ones(len(a)), (a, b)), (n, n)).tocsr()
        return ((graph + graph.T) > 0).astype(np.float64)

    def vertex_uv(self) -> Array:
        """One texture coordinate per vertex [V,2] (any of them on a seam)."""
        out = np.zeros((self.num_vertices, 2))
        out[self.faces.ravel()] = self.uvs[self.uv_faces.ravel()]
        return out


class _Cutter:
    """Clips polygons with a tilted plane through the neck; new vertices are blends of two old ones."""

    def __init__(self, base: BaseObject) -> None:
        joint = base.vertices[base.group_vertices("joint-neck")].mean(0)
        y, z = base.vertices[:, 1] - joint[1], base.vertices[:, 2] - joint[2]
        self.height = y + 0.30 * z + 0.0044  # lower in front than at the back
        self.count = len(base.vertices)
        self.uvs = [tuple(uv) for uv in base.uvs]
        self.edges: dict[tuple[int, int], int] = {}
        self._uv_edges: dict[tuple[int, int], int] = {}

    def clip(self, polygon: Polygon) -> Polygon | None:
        height = self.height[list(polygon.vertices)]
        if height.max() <= 0:
            return None
        if height.min() >= 0:
            return polygon
        vertices: list[int] = []
        uvs: list[int] = []
        n = len(height)
        for k in range(n):
            v, w = polygon.vertices[k], polygon.vertices[(k + 1) % n]
            if self.height[v] >= 0:
                vertices.append(v)
                uvs.append(polygon.uvs[k])
            if self.height[v] * self.height[w] < 0:
                vertices.append(self._vertex(v, w))
                uvs.append(self._uv(polygon.uvs[k], polygon.uvs[(k + 1) % n], v, w))
        return Polygon(tuple(vertices), tuple(uvs)) if len(vertices) >= 3 else None

    def fraction(self, v: int, w: int) -> float:
        return float(self.height[v] / (self.height[v] - self.height[w]))

    def _vertex(self, v: int, w: int) -> int:
        key = (min(v, w), max(v, w))
        return self.edges.setdefault(key, self.count + len(self.edges))

    def _uv(self, a: int, b: int, v: int, w: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in self._uv_edges:
            t = self.fraction(v, w)
            self._uv_edges[key] = len(self.uvs)
            self.uvs.append(tuple((1 - t) * np.array(self.uvs[a]) + t * np.array(self.uvs[b])))
        return self._uv_edges[key]


def build_mesh(base: BaseObject) -> HeadMesh:
    """Cut the head off the body, add the eyeballs; no teeth, no tongue (they show through the lip seam)."""
    cutter = _Cutter(base)
    polygons = [(clipped, SKIN) for p in base.groups["body"] if (clipped := cutter.clip(p)) is not None]
    polygons = _largest_component(polygons)
    polygons += [(p, LEFT_EYE) for p in base.groups["helper-l-eye"]]
    polygons += [(p, RIGHT_EYE) for p in base.groups["helper-r-eye"]]

    total = cutter.count + len(cutter.edges)
    first, second, blend = np.arange(total), np.arange(total), np.zeros(total)
    for (v, w), index in cutter.edges.items():
        first[index], second[index], blend[index] = v, w, cutter.fraction(v, w)
    used = np.unique([v for p, _ in polygons for v in p.vertices])
    new_index = np.full(total, -1)
    new_index[used] = np.arange(len(used))
    first, second, blend = first[used], second[used], blend[used]
    positions = (1 - blend[:, None]) * base.vertices[first] + blend[:, None] * base.vertices[second]
    mirror = _mirror_map(positions)

    polygons = [(Polygon(tuple(new_index[list(p.vertices)]), p.uvs), part) for p, part in polygons]
    faces, uv_faces, part = _triangulate(polygons, positions, mirror)
    used_uvs, flat = np.unique(uv_faces, return_inverse=True)
    vertex_part = np.zeros(len(used), np.uint8)
    vertex_part[faces.ravel()] = np.repeat(part, 3)
    mirror_faces, mirror_corners = _mirror_triangles(faces, mirror)
    return HeadMesh(
        faces=faces.astype(np.int32),
        uvs=np.array(cutter.uvs)[used_uvs],
        uv_faces=flat.reshape(-1, 3).astype(np.int32),
        part=part.astype(np.uint8),
        first=first,
        second=second,
        blend=blend,
        vertex_part=vertex_part,
        mirror=mirror.astype(np.int32),
        mirror_faces=mirror_faces,
        mirror_corners=mirror_corners,
    )


def _largest_component(polygons: list[tuple[Polygon, int]]) -> list[tuple[Polygon, int]]:
    """The plane also cuts hands or feet that reach above it: keep only the head."""
    pairs = np.array([(p.vertices[0], v) for p, _ in polygons for v in p.vertices])
    n = int(pairs.max()) + 1
    graph = sp.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n))
    _, label = connected_components(graph, directed=False)
    biggest = np.bincount(label[pairs[:, 1]]).argmax()
    return [(p, part) for p, part in polygons if label[p.vertices[0]] == biggest]


def _mirror_map(positions: Array) -> Array:
    distance, mirror = cKDTree(positions).query(positions * [-1, 1, 1])
    if distance.max() > 2e-4 or not (mirror[mirror] == np.arange(len(mirror))).all():
        raise ValueError(f"base mesh is not mirror-symmetric: {distance.max() * 1e3:.3f} mm")
    return mirror


def _triangulate(
    polygons: list[tuple[Polygon, int]], positions: Array, mirror: Array
) -> tuple[Array, Array, Array]:
    """Fans whose first corner is chosen on the left half and mirrored to the right half."""
    start: dict[frozenset[int], int] = {}
    for polygon, _ in polygons:
        vertices = np.array(polygon.vertices)
        if positions[vertices, 0].mean() >= 0:
            corner = _fan_corner(positions[vertices])
            start[frozenset(vertices.tolist())] = int(vertices[corner])
            start[frozenset(mirror[vertices].tolist())] = int(mirror[vertices[corner]])
    faces, uv_faces, parts = [], [], []
    for polygon, part in polygons:
        k = polygon.vertices.index(start[frozenset(int(v) for v in polygon.vertices)])
        v, t = np.roll(polygon.vertices, -k), np.roll(polygon.uvs, -k)
        for i in range(1, len(v) - 1):
            faces.append((v[0], v[i], v[i + 1]))
            uv_faces.append((t[0], t[i], t[i + 1]))
            parts.append(part)
    return np.array(faces), np.array(uv_faces), np.array(parts)


def _fan_corner(corners: Array) -> int:
    """The fan with the shorter diagonals."""
    n = len(corners)
    cost = [
        sum(float(np.linalg.norm(corners[k] - corners[(k + i) % n])) for i in range(2, n - 1))
        for k in range(n)
    ]
    return int(np.argmin(cost))


def _mirror_triangles(faces: Array, mirror: Array) -> tuple[Array, Array]:
    lookup = {tuple(sorted(face)): t for t, face in enumerate(faces.tolist())}
    mirrored = mirror[faces]
    index = np.array([lookup[tuple(sorted(face))] for face in mirrored.tolist()])
    corners = (mirrored[:, :, None] == faces[index][:, None, :]).argmax(2)
    return index.astype(np.int32), corners.astype(np.int32)

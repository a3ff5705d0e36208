"""A clip of a known head: seven videos, and beside them everything that is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from synthetic_heads import HeadStyle, Perspective, SyntheticRenderer

from known_heads.performance import Performance, perform
from known_heads.person import Anatomy, Array, Person
from neuface_engine.raster import rasterize, vertex_normals, vertex_visibility

Image = NDArray[np.uint8]

SIZE = 320  # px, square
FPS = 25
FACE_AT = np.array([0.0, -0.025, 0.03])  # what the cameras look at
PIXELS_PER_METRE = 1000.0  # at the head
OPENCV = np.diag([1.0, -1.0, -1.0])  # y up, z to the camera -> y down, z into the scene
# Azimuth (towards the subject's left) and elevation [deg], before each clip's own jitter.
ANGLES = ((0, 0), (24, 2), (-24, 2), (50, 0), (-50, 0), (6, 26), (-6, -22))
REFERENCE = "reference"


@dataclass(frozen=True)
class Camera:
    """x_view = rotation (x_world - target); the pinhole stands at (0, 0, distance) and looks along -z."""

    name: str
    rotation: Array
    target: Array
    lens: Perspective

    def view(self, points: Array) -> Array:
        result: Array = (points - self.target) @ self.rotation.T
        return result


def place_cameras(rng: np.random.Generator) -> list[Camera]:
    """Seven static pinholes at 0.7 to 1.5 m, none of them quite level."""
    cameras = []
    for number, (azimuth, elevation) in enumerate(ANGLES):
        a, e, roll = np.radians(np.array([azimuth, elevation, 0.0]) + rng.normal(0, [4, 3, 2]))
        towards = np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        right = np.array([np.cos(a), 0.0, -np.sin(a)])
        level = np.stack([right, np.cross(towards, right), towards])
        c, s = np.cos(roll), np.sin(roll)
        rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ level
        distance = rng.uniform(0.7, 1.5)
        focal = PIXELS_PER_METRE * rng.uniform(0.9, 1.1) * distance
        centre = SIZE / 2 + rng.normal(0, 6, 2)
        lens = Perspective(focal, float(centre[0]), float(centre[1]), distance)
        cameras.append(Camera(f"cam_{number}", rotation, FACE_AT + rng.normal(0, 0.008, 3), lens))
    return cameras


def build_clip(folder: Path, anatomy: Anatomy, person: Person, head: dict[str, Array], frames: int) -> None:
    """Writes cam_0.mp4 .. cam_6.mp4 and `reference`: normal maps, camera rotations, scans, truth.npz.

    head: the arrays of resources/open_head.npz, for the topology and the places of landmarks, hair and skin.
    """
    rng = np.random.default_rng([person.seed, 1])
    performance = perform(frames, rng)
    cameras = place_cameras(rng)
    style = HeadStyle.random(rng)
    if person.male < 0.5:
        style = replace(style, beard=0.0)
    world = np.stack([performance.vertices(anatomy, frame) for frame in range(frames)])
    renderer = SyntheticRenderer({**head, "v_template": anatomy.neutral.astype(np.float32)})
    reference = folder / REFERENCE
    reference.mkdir(parents=True, exist_ok=True)
    for camera in cameras:
        backdrop = renderer.background(
            style, SIZE, SIZE, np.random.default_rng([person.seed, len(camera.name)])
        )
        pictures, maps = [], []
        for frame, vertices in enumerate(world):
            seen = camera.view(vertices)
            pictures.append(
                renderer.render(
                    seen,
                    camera.lens,
                    style,
                    size=(SIZE, SIZE),
                    rng=np.random.default_rng([person.seed, frame]),
                    world_to_view=camera.rotation,
                    background=backdrop,
                )
            )
            maps.append(normal_map(vertices, seen, anatomy, camera.lens))
        write_video(folder / f"{camera.name}.mp4", pictures, "yuv420p", 18)
        write_video(reference / f"ref_normals_{camera.name}.mp4", maps, "yuv444p", 4)
    write_truth(reference, anatomy, person, performance, cameras, world, head)


def normal_map(vertices: Array, seen: Array, anatomy: Anatomy, lens: Perspective) -> Image:
    """rgb = (n + 1) / 2 of the skin in world axes; mid grey elsewhere."""
    faces, part = anatomy.mesh.faces.astype(np.int32), anatomy.mesh.part
    normals = vertex_normals(vertices.astype(np.float32), faces)
    buffers = rasterize(lens.project(seen.astype(np.float32)), faces, SIZE, SIZE)
    triangle = np.maximum(buffers.triangle, 0)
    picture = (normals[faces[triangle]] * buffers.barycentric[..., None]).sum(-2)
    picture /= np.maximum(np.linalg.norm(picture, axis=-1, keepdims=True), 1e-6)
    picture[(buffers.triangle < 0) | (part[triangle] != 0)] = 0
    return np.round((picture + 1) * 127.5).astype(np.uint8)


def write_truth(
    folder: Path,
    anatomy: Anatomy,
    person: Person,
    performance: Performance,
    cameras: list[Camera],
    world: Array,
    head: dict[str, Array],
) -> None:
    faces, skin = anatomy.mesh.faces, anatomy.mesh.vertex_part == 0
    corners = world[:, head["f"][head["full_lmk_faces_idx"]]]  # [F, 68, 3, 3]
    seen = np.stack([skin & seen_by_any(vertices, faces, cameras) for vertices in world])
    np.savez_compressed(
        folder / "truth.npz",
        person=np.array(person.name),
        views=np.array([camera.name for camera in cameras]),
        fps=np.array(float(FPS)),
        licence=np.array("CC0-1.0"),
        vertices=world.astype(np.float32),
        faces=faces.astype(np.int32),
        seen=seen,
        landmarks=np.einsum("nk,fnkd->fnd", head["full_lmk_bary_coords"], corners).astype(np.float32),
        head_rotation=performance.rotation.astype(np.float32),
        camera_rotation=np.stack([camera.rotation for camera in cameras]).astype(np.float32),
        camera_target=np.stack([camera.target for camera in cameras]).astype(np.float32),
        camera_lens=np.array(
            [[c.lens.focal, c.lens.x, c.lens.y, c.lens.distance] for c in cameras], np.float32
        ),
    )
    text = {
        "convention": "world -> camera, OpenCV camera axes; world: y up, z out of the face",
        "R_world_to_cam": {camera.name: (OPENCV @ camera.rotation).round(6).tolist() for camera in cameras},
    }
    (folder / "derived_camera_rotations.json").write_text(json.dumps(text, indent=1), encoding="utf-8")
    scans = folder / "scans"
    scans.mkdir(exist_ok=True)
    for frame, vertices in enumerate(world):
        write_ply(scans / f"frame_{frame:03d}.ply", *part_of_mesh(vertices, faces, seen[frame]))


def seen_by_any(vertices: Array, faces: NDArray[np.integer], cameras: list[Camera]) -> NDArray[np.bool_]:
    """Vertices [V] that at least one camera sees: what a scanner at these places would have."""
    points = np.stack([camera.lens.project(camera.view(vertices).astype(np.float32)) for camera in cameras])
    result: NDArray[np.bool_] = vertex_visibility(points, faces, resolution=SIZE, threads=1).any(0)
    return result


def part_of_mesh(
    vertices: Array, faces: NDArray[np.integer], kept: NDArray[np.bool_]
) -> tuple[Array, NDArray[np.int64]]:
    """The triangles whose corners are all kept, and their vertices."""
    triangles = faces[kept[faces].all(1)]
    used, corners = np.unique(triangles, return_inverse=True)
    return vertices[used], corners.reshape(-1, 3)


def write_ply(path: Path, vertices: Array, faces: NDArray[np.integer]) -> None:
    """A binary mesh in metres."""
    lines = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    rows = np.empty(len(faces), [("count", "u1"), ("corners", "<i4", 3)])
    rows["count"], rows["corners"] = 3, faces
    path.write_bytes(lines.encode("ascii") + vertices.astype("<f4").tobytes() + rows.tobytes())


def write_video(path: Path, pictures: list[Image], pixel_format: str, quality: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, pixel_format
        stream.codec_context.thread_count = 1
        stream.options = {"crf": str(quality), "preset": "slow"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

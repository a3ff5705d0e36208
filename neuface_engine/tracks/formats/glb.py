"""Puts a .glb together: accessors, nodes, animation channels. Knows glTF 2.0 and nothing of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pygltflib as gl
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_KINDS = {1: gl.SCALAR, 2: gl.VEC2, 3: gl.VEC3, 4: gl.VEC4}


class Glb:
    """One scene, one animation; every method returns the index of what it added. `extras`: JSON values of the asset."""

    def __init__(self, extras: dict[str, Any]) -> None:
        self._chunks: list[bytes] = []
        self._length = 0
        self._animation = gl.Animation(name="face", channels=[], samplers=[])
        self._gltf = gl.GLTF2(
            asset=gl.Asset(version="2.0", generator="NeuFace Studio", extras=extras),
            scene=0,
            scenes=[gl.Scene(nodes=[])],
            materials=[
                gl.Material(
                    name="skin",
                    pbrMetallicRoughness=gl.PbrMetallicRoughness(
                        baseColorFactor=[0.8, 0.83, 0.88, 1.0], metallicFactor=0.0, roughnessFactor=0.6
                    ),
                )
            ],
        )

    def floats(self, values: Floats, *, bounds: bool = False) -> int:
        """[N] or [N, 2..4] float32; `bounds`: with the smallest and largest (positions must have them)."""
        array = np.ascontiguousarray(values, dtype="<f4")
        width = 1 if array.ndim == 1 else array.shape[1]
        accessor = self._accessor(array.tobytes(), gl.FLOAT, len(array), _KINDS[width])
        if bounds:
            entry = self._gltf.accessors[accessor]
            entry.min, entry.max = (np.atleast_1d(edge(array, axis=0)).tolist() for edge in (np.min, np.max))
        return accessor

    def times(self, seconds: Floats) -> int:
        """The input of animation samplers [F]."""
        return self.floats(seconds, bounds=True)

    def indices(self, faces: NDArray[np.integer[Any]]) -> int:
        """Triangles [T, 3]."""
        corners = np.ascontiguousarray(faces, dtype="<u4").reshape(-1)
        return self._accessor(corners.tobytes(), gl.UNSIGNED_INT, len(corners), gl.SCALAR)

    def bytes4(self, values: NDArray[np.uint8]) -> int:
        """[N, 4] bytes, for JOINTS_0."""
        return self._accessor(np.ascontiguousarray(values).tobytes(), gl.UNSIGNED_BYTE, len(values), gl.VEC4)

    def mesh(
        self,
        name: str,
        faces: int,
        positions: int,
        normals: int,
        targets: list[int],
        bent: list[int] | None,
        target_names: tuple[str, ...],
        skin: tuple[int, int] | None,
    ) -> int:
        """Accessors of the surface, of each morph target's offsets and normals (`bent`), of joints and weights."""
        attributes = gl.Attributes(POSITION=positions, NORMAL=normals)
        if skin is not None:
            attributes.JOINTS_0, attributes.WEIGHTS_0 = skin
        moves: list[dict[str, int]] = [{"POSITION": target} for target in targets]
        for move, normal in zip(moves, bent or (), strict=False):
            move["NORMAL"] = normal
        primitive = gl.Primitive(
            attributes=attributes, indices=faces, material=0, mode=gl.TRIANGLES, targets=moves
        )
        entry = gl.Mesh(name=name, primitives=[primitive], extras={"targetNames": list(target_names)})
        if moves:
            entry.weights = [0.0] * len(moves)
        return self._add(self._gltf.meshes, entry)

    def node(self, name: str, parent: int | None, **fields: Any) -> int:
        """A node below `parent` (None: on top); fields: translation, mesh, skin, camera."""
        if "translation" in fields:
            fields["translation"] = [float(value) for value in fields["translation"]]
        index = self._add(self._gltf.nodes, gl.Node(name=name, children=[], **fields))
        if parent is None:
            self._gltf.scenes[0].nodes.append(index)
        else:
            self._gltf.nodes[parent].children.append(index)
        return index

    def skin(self, joints: list[int]) -> int:
        """Of joint nodes whose matrices apply to the mesh as they are: inverse bind matrices are the identity.

        They are written although that is what their absence means: not every reader knows.
        """
        still = np.tile(np.eye(4, dtype="<f4").ravel(), (len(joints), 1))
        matrices = self._accessor(still.tobytes(), gl.FLOAT, len(joints), gl.MAT4)
        return self._add(self._gltf.skins, gl.Skin(joints=joints, inverseBindMatrices=matrices))

    def orthographic(self, name: str, half_width: float, half_height: float, extras: dict[str, Any]) -> int:
        """Metres; sees from 1 cm to 10 m."""
        lens = gl.Orthographic(xmag=half_width, ymag=half_height, znear=0.01, zfar=10.0)
        camera = gl.Camera(name=name, type="orthographic", orthographic=lens, extras=extras)
        return self._add(self._gltf.cameras, camera)

    def perspective(self, name: str, yfov: float, aspect: float, extras: dict[str, Any]) -> int:
        """Radians; sees from 1 cm on."""
        lens = gl.Perspective(yfov=float(yfov), aspectRatio=float(aspect), znear=0.01)
        return self._add(
            self._gltf.cameras, gl.Camera(name=name, type="perspective", perspective=lens, extras=extras)
        )

    def animate(self, node: int, times: int, *, step: bool = False, **paths: Floats) -> None:
        """translation [F, 3], rotation [F, 4], scale [F, 3] or weights [F, K] of a node; it rests at the first."""
        for path, values in paths.items():
            array = np.asarray(values, np.float32)
            accessor = self.floats(array.reshape(-1) if path == "weights" else array)
            sampler = self._add(
                self._animation.samplers,
                gl.AnimationSampler(input=times, output=accessor, interpolation="STEP" if step else "LINEAR"),
            )
            target = gl.AnimationChannelTarget(node=node, path=path)
            self._animation.channels.append(gl.AnimationChannel(sampler=sampler, target=target))
            setattr(self._gltf.nodes[node], path, array[0].astype(float).tolist())

    def content(self) -> bytes:
        """The file."""
        self._gltf.animations = [self._animation] if self._animation.channels else []
        self._gltf.buffers = [gl.Buffer(byteLength=self._length)]
        self._gltf.set_binary_blob(b"".join(self._chunks))
        return b"".join(self._gltf.save_to_bytes())

    def _accessor(self, data: bytes, component: int, count: int, kind: str) -> int:
        view = gl.BufferView(buffer=0, byteOffset=self._length, byteLength=len(data))
        padded = data + b"\0" * (-len(data) % 4)
        self._chunks.append(padded)
        self._length += len(padded)
        entry = gl.Accessor(
            bufferView=self._add(self._gltf.bufferViews, view),
            componentType=component,
            count=count,
            type=kind,
        )
        return self._add(self._gltf.accessors, entry)

    @staticmethod
    def _add(entries: list[Any], entry: Any) -> int:
        entries.append(entry)
        return len(entries) - 1

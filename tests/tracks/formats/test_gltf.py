"""glTF: opened by trimesh, animated here after the specification, and laid upon the demo by its own cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from neuface_engine.tracks import FaceTrack, Lens
from neuface_engine.tracks.formats import export
from tests.tracks.conftest import true_pixels

_TYPES = {5121: np.uint8, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


class Player:
    """glTF 2.0, sections 3.7 (nodes, skins, morph targets), 3.10 (cameras) and 3.11 (animations), at key frames."""

    def __init__(self, path: Path) -> None:
        self.gltf = pygltflib.GLTF2().load(str(path))
        self.blob = self.gltf.binary_blob()
        self.names = {node.name: index for index, node in enumerate(self.gltf.nodes)}
        self.parents = {child: i for i, node in enumerate(self.gltf.nodes) for child in node.children}
        self.animation = self.gltf.animations[0]
        self.times = self.read(self.animation.samplers[0].input)

    def read(self, index: int) -> np.ndarray:
        accessor = self.gltf.accessors[index]
        view = self.gltf.bufferViews[accessor.bufferView]
        width, dtype = _WIDTHS[accessor.type], _TYPES[accessor.componentType]
        array = np.frombuffer(self.blob, dtype, accessor.count * width, view.byteOffset)
        return array.reshape(accessor.count, width) if width > 1 else array

    def pose(self, key: int) -> None:
        self.values: dict[tuple[int, str], np.ndarray] = {}
        for channel in self.animation.channels:
            values = self.read(self.animation.samplers[channel.sampler].output)
            values = values.reshape(len(self.times), -1)
            self.values[channel.target.node, channel.target.path] = values[key]

    def matrix(self, node: int) -> np.ndarray:
        entry = self.gltf.nodes[node]

        def value(path: str, default: list[float]) -> np.ndarray:
            still = getattr(entry, path)
            return np.array(self.values.get((node, path), default if still is None else still), float)

        local = np.eye(4)
        local[:3, :3] = Rotation.from_quat(value("rotation", [0, 0, 0, 1])).as_matrix()
        local[:3, :3] *= value("scale", [1, 1, 1])
        local[:3, 3] = value("translation", [0, 0, 0])
        return local if node not in self.parents else self.matrix(self.parents[node]) @ local

    def vertices(self, view: str) -> np.ndarray:
        """Of the mesh of a view, in the world."""
        node = self.names[f"{view}_mesh"]
        entry = self.gltf.nodes[node]
        primitive = self.gltf.meshes[entry.mesh].primitives[0]
        points = self.read(primitive.attributes.POSITION).astype(float)
        for weight, target in zip(self.values[node, "weights"], primitive.targets, strict=True):
            points = points + weight * self.read(target["POSITION"])
        homogeneous = np.column_stack([points, np.ones(len(points))])
        if entry.skin is None:
            return (homogeneous @ self.matrix(node).T)[:, :3]
        joints = np.stack([self.matrix(j) for j in self.gltf.skins[entry.skin].joints])
        index, weights = self.read(primitive.attributes.JOINTS_0), self.read(primitive.attributes.WEIGHTS_0)
        blended = np.einsum("nj,njab->nab", weights, joints[index])
        return np.einsum("nab,nb->na", blended, homogeneous)[:, :3]

    def pixels(self, view: str) -> np.ndarray:
        """The same as its camera sees them."""
        node = self.names[f"{view}_camera"]
        camera = self.gltf.cameras[self.gltf.nodes[node].camera]
        width, height = camera.extras["image_size"]
        points = self.vertices(view)
        seen = (np.column_stack([points, np.ones(len(points))]) @ np.linalg.inv(self.matrix(node)).T)[:, :3]
        if camera.type == "orthographic":
            flat = seen[:, :2] / [camera.orthographic.xmag, camera.orthographic.ymag]
        else:
            tangent = np.tan(camera.perspective.yfov / 2)
            flat = seen[:, :2] / -seen[:, 2:] / [camera.perspective.aspectRatio * tangent, tangent]
        return np.stack([width / 2 * (1 + flat[:, 0]), height / 2 * (1 - flat[:, 1])], 1)


@pytest.fixture(scope="module")
def file(track, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("gltf") / "face.glb"
    export(track, path, format="gltf")
    return path


def test_trimesh_opens_it(file, track):
    scene = trimesh.load(file)
    assert set(scene.geometry) == {"front", "left_30"}
    for mesh in scene.geometry.values():
        assert np.array_equal(mesh.faces, track.triangles)
        assert 0.15 < np.ptp(mesh.vertices[:, 1]) < 0.5, "a head, in metres"
        assert np.allclose(np.linalg.norm(mesh.vertex_normals[track.triangles.ravel()], axis=1), 1, atol=1e-3)


def test_morph_targets_carry_the_names_of_the_expressions(file, head):
    gltf = pygltflib.GLTF2().load(str(file))
    names = gltf.meshes[0].extras["targetNames"]
    assert set(head.expression_names[:6]) <= set(names)
    assert not set(head.expression_names[6:]) & set(names), "what never moves takes no room"
    assert len(gltf.meshes[0].primitives[0].targets) == len(names) == len(gltf.meshes[0].weights)


def test_the_animation_is_the_track_at_its_frame_rate(file, track):
    player = Player(file)
    assert np.allclose(player.times, np.arange(4) / 25.0)
    posed = track.vertices()
    for key in range(4):
        player.pose(key)
        for v, view in enumerate(track.views):
            inside = np.linalg.inv(player.matrix(player.names[f"{view}_stage"]))
            points = player.vertices(view)
            points = (np.column_stack([points, np.ones(len(points))]) @ inside.T)[:, :3]
            assert np.abs(points - posed[key, v].numpy()).max() < 2e-6


def test_its_cameras_see_it_where_the_render_has_it(file, track):
    player, expected = Player(file), true_pixels(track)
    for key in range(4):
        player.pose(key)
        for v, view in enumerate(track.views):
            assert np.abs(player.pixels(view) - expected[key, v]).max() < 0.05


def test_on_the_demo_too(demo_track, tmp_path):
    export(demo_track, tmp_path / "demo.glb")
    player, expected = Player(tmp_path / "demo.glb"), true_pixels(demo_track)
    assert np.allclose(player.times, np.array([0, 1, 4]) / 25.0), "a frame that is left out leaves its time"
    for key in range(3):
        player.pose(key)
        for v, view in enumerate(demo_track.views):
            assert np.abs(player.pixels(view) - expected[key, v]).max() < 0.05


def test_a_pinhole_tracker_keeps_its_camera(track, tmp_path):
    shape = (*track.detected.shape, 2)
    lens = Lens(
        focal=np.full(shape, 1500.0),
        centre=np.broadcast_to(np.array(track.image_sizes) / 2, shape).copy(),
        shift=np.random.default_rng(0).normal(0, 0.02, (*shape[:2], 3)) - np.array([0, 0, 1.1]),
    )
    seen = replace(track, lens=lens)
    export(seen, tmp_path / "l.glb")
    player, expected = Player(tmp_path / "l.glb"), true_pixels(seen)
    assert player.gltf.cameras[0].type == "perspective"
    for key in range(4):
        player.pose(key)
        assert np.abs(player.pixels("front") - expected[key, 0]).max() < 0.05
    seen.save(tmp_path / "l.npz")
    back = FaceTrack.load(tmp_path / "l.npz")
    assert np.array_equal(back.project(1, 1), seen.project(1, 1))


def test_meshes_become_one_target_a_frame(mesh_track, tmp_path):
    export(mesh_track, tmp_path / "m.glb")
    player = Player(tmp_path / "m.glb")
    assert {s.interpolation for s in player.animation.samplers} == {"STEP", "LINEAR"}
    for key in (0, 2, 3):
        player.pose(key)
        assert np.abs(player.pixels("left_30") - mesh_track.project(key, 1)[:, :2]).max() < 0.05
    player.pose(1)
    before = player.vertices("left_30")
    assert np.isfinite(before).all(), "a frame without a mesh shows the one before"


def test_canonical_meshes_have_neither_camera_nor_pose(track, tmp_path):
    export(track, tmp_path / "c.glb", space="canonical", views=["front"])
    player = Player(tmp_path / "c.glb")
    assert not player.gltf.cameras
    player.pose(2)
    assert np.abs(player.vertices("front") - track.vertices(space="canonical")[2, 0].numpy()).max() < 2e-6

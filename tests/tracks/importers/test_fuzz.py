"""Whatever a file holds: a track, or one line of NeuFaceError. Nothing else comes out of a reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neuface_engine as nf
from neuface_engine.tracks.formats import export
from neuface_engine.tracks.importers import import_track
from tests.tracks.importers import test_deca_mat, test_flame_head_tracker, test_vhap
from tests.tracks.importers.conftest import write_frame

BOUNDED = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def only_our_errors(path: Path, kind: str, head: nf.FaceModel) -> None:
    try:
        track = import_track(path, format=kind, head=head)
        assert torch.isfinite(track.vertices()[track.detected]).all()
    except nf.NeuFaceError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def samples(tmp_path_factory, faces, cameras, mesh_track, track) -> dict[str, Path]:
    """A good file of every container and format."""
    folder = tmp_path_factory.mktemp("samples")
    write_frame(folder / "00000.frame", faces, 0, camera=cameras[0])
    np.savez(folder / "vhap.npz", **test_vhap.content(faces))
    test_flame_head_tracker.write(folder, faces, numbers=(0, 1, 2))
    codes = {
        "shape": np.tile(faces.shape, (3, 1)),
        "exp": faces.expression,
        "cam": np.ones((3, 3), np.float32),
    }
    codes["pose"] = np.concatenate([faces.rotation, faces.jaw], 1)
    np.save(folder / "codes.npy", codes, allow_pickle=True)
    torch.save({name: torch.from_numpy(value) for name, value in codes.items()}, folder / "codes.pt")
    rows = {"cam": codes["cam"], "pose": codes["pose"], "expr": codes["exp"], "shapes": codes["shape"]}
    np.savez(folder / "official.npz", **rows, landmarks2d=np.zeros((3, 68, 2), np.float32))
    (folder / "meshes").mkdir()
    text = "v 0 0 0\nv .1 0 0\nv .1 .1 0\nv 0 .1 .1\nf 1 2 3\nf 1/1/1 3/2/2 4/4/4\n"
    (folder / "meshes" / "0.obj").write_text(text)
    test_deca_mat.write(folder / "deca.mat", track.head)
    export(track, folder / "ply", format="ply", frames=(3, 4), views=["front"])
    return {
        "metrical-tracker": folder / "00000.frame",
        "vhap": folder / "vhap.npz",
        "flame-head-tracker": folder / "0.npz",
        "codes npy": folder / "codes.npy",
        "codes pt": folder / "codes.pt",
        "deca-mat": folder / "deca.mat",
        "official": folder / "official.npz",
        "meshes obj": folder / "meshes" / "0.obj",
        "meshes ply": folder / "ply" / "front" / "000003.ply",
    }


KINDS = (
    "metrical-tracker",
    "vhap",
    "flame-head-tracker",
    "codes npy",
    "codes pt",
    "deca-mat",
    "official",
    "meshes obj",
    "meshes ply",
)


def read_good(kind: str, samples: dict[str, Path], head: nf.FaceModel) -> None:
    import_track(samples[kind], format=kind.split()[0], head=head)


@pytest.mark.parametrize("kind", KINDS)
def test_truncation_and_flipped_bytes(kind, samples, small_head, tmp_path):
    good = samples[kind].read_bytes()
    path = tmp_path / samples[kind].name
    read_good(kind, samples, small_head)
    last = max(0, len(good) - 1)

    @BOUNDED
    @given(
        cut=st.one_of(st.none(), st.integers(0, last)),
        flips=st.lists(st.tuples(st.integers(0, last), st.integers(1, 255)), max_size=6),
        early=st.booleans(),
    )
    def check(cut: int | None, flips: list[tuple[int, int]], early: bool) -> None:
        data = bytearray(good)
        for place, change in flips:
            data[place % min(len(data), 512) if early else place] ^= change
        path.write_bytes(bytes(data if cut is None else data[:cut]))
        only_our_errors(path, kind.split()[0], small_head)

    check()


def mutated(value: np.ndarray, how: str) -> object:
    value = np.asarray(value)
    changes: dict[str, Callable[[], object]] = {
        "nan": lambda: np.full(value.shape, np.nan),
        "huge": lambda: np.full(value.shape, 1e30),
        "negative": lambda: -np.abs(value.astype(float)) - 1,
        "zero": lambda: np.zeros(value.shape),
        "shorter": lambda: value[..., :-1] if value.ndim else np.zeros(2),
        "flat": lambda: value.reshape(-1),
        "deeper": lambda: value[None],
        "empty": lambda: np.zeros((0, *value.shape[1:])),
        "text": lambda: np.array("text"),
        "complex": lambda: value.astype(complex),
        "one": lambda: np.array(3.0),
        "fewer rows": lambda: value[:1] if value.ndim else value,
    }
    return changes[how]()


HOW = (
    "nan",
    "huge",
    "negative",
    "zero",
    "shorter",
    "flat",
    "deeper",
    "empty",
    "text",
    "complex",
    "one",
    "fewer rows",
)


@pytest.mark.parametrize("kind", ["vhap", "flame-head-tracker", "official"])
def test_arrays_of_the_wrong_kind(kind, samples, small_head, tmp_path):
    with np.load(samples[kind]) as file:
        good = {name: file[name] for name in file.files}
    path = tmp_path / "0.npz"

    @settings(BOUNDED, max_examples=40)
    @given(name=st.sampled_from(sorted(good)), how=st.sampled_from(("missing", *HOW)))
    def check(name: str, how: str) -> None:
        content = dict(good)
        if how == "missing":
            del content[name]
        else:
            content[name] = mutated(good[name], how)  # type: ignore[assignment]
        np.savez(path, **content)
        only_our_errors(path, kind, small_head)

    check()


def test_frames_of_the_wrong_kind(samples, small_head, tmp_path):
    good = torch.load(samples["metrical-tracker"], weights_only=False)
    path = tmp_path / "00000.frame"
    places = [("flame", name) for name in good["flame"]] + [("opencv", name) for name in good["opencv"]]

    @settings(BOUNDED, max_examples=40)
    @given(place=st.sampled_from(places), how=st.sampled_from(("missing", "part missing", *HOW)))
    def check(place: tuple[str, str], how: str) -> None:
        part, name = place
        content = {key: dict(value) if isinstance(value, dict) else value for key, value in good.items()}
        if how == "part missing":
            content[part] = None
        elif how == "missing":
            del content[part][name]
        else:
            content[part][name] = mutated(good[part][name], how)
        torch.save(content, path)
        only_our_errors(path, "metrical-tracker", small_head)

    check()

"""FLAME's files in all their forms give the same head, bit for bit; what is no FLAME file is refused in one line."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import neuface_engine as nf
from neuface_engine.assets.converting import convert
from neuface_engine.encoders.base import FlameEncoder
from neuface_engine.face_model.flame_files import read_flame_file
from neuface_engine.face_model.releases import declared, recognise

from . import tiny_flame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flame")
    tiny_flame.save_object(folder / "landmark_embedding.npy", tiny_flame.embedding())
    with (folder / "generic_model.pkl").open("wb") as stream:
        pickle.dump(tiny_flame.model(), stream, protocol=2)
    return folder


@pytest.fixture
def head(folder):
    return nf.FaceModel.load(folder / "generic_model.pkl")


def faces(n_shape=100):
    g = torch.Generator().manual_seed(0)
    draw = lambda n: torch.randn(3, n, generator=g)  # noqa: E731
    return nf.FaceParameters(
        draw(n_shape), draw(50), 0.3 * draw(6), torch.ones(3, 3), eyelids=torch.rand(3, 2)
    )


def written(kind: str, path: Path) -> Path:
    model = tiny_flame.model()
    if kind.startswith("python 2"):
        with tiny_flame.foreign_modules() as kinds:
            return tiny_flame.save_python2(
                path.with_suffix(".pkl"), model, kinds=kinds, protocol=int(kind[-1])
            )
    if kind == "npz":
        np.savez(path.with_suffix(".npz"), **{k: v for k, v in model.items() if isinstance(v, np.ndarray)})
        return path.with_suffix(".npz")
    with path.with_suffix(".pkl").open("wb") as stream:
        pickle.dump(model, stream, protocol=int(kind[-1]))
    return path.with_suffix(".pkl")


@pytest.mark.parametrize(
    "kind",
    [
        "python 2, protocol 0",
        "python 2, protocol 1",
        "python 2, protocol 2",
        "protocol 2",
        "protocol 4",
        "protocol 5",
        "npz",
    ],
)
def test_every_way_of_writing_gives_the_same_arrays(tmp_path, kind):
    found, wanted = read_flame_file(written(kind, tmp_path / "m")), tiny_flame.model()
    for name in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights"):
        assert np.array_equal(found[name], wanted[name].astype(np.float32)), name
    assert np.array_equal(found["f"], wanted["f"])


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_a_converted_file_is_whole_and_loads_to_the_same_bits(tmp_path, folder, head, ending):
    out = tmp_path / f"flame{ending}"
    convert(folder / "generic_model.pkl", out, release="2020")
    again = nf.FaceModel.load(out)
    assert again.fingerprint == head.fingerprint
    assert again.release.name == "2020"
    assert torch.equal(again.vertices(faces()), head.vertices(faces()))
    for kind in ("dynamic", "static"):
        assert torch.equal(again.landmarks(faces(), kind=kind), head.landmarks(faces(), kind=kind))
    assert b"chumpy" not in out.read_bytes()


def test_a_head_takes_as_many_components_as_are_asked_for(folder, head):
    """beta beyond the first hundred is zero: the same face from either."""
    wide = head.sized(300, 50)
    theta = faces()
    padded = theta.replace(shape=torch.nn.functional.pad(theta.shape, (0, 200)))
    assert torch.allclose(wide.vertices(padded), head.vertices(theta), atol=1e-6)
    assert wide.fingerprint == head.fingerprint
    assert wide.sized(100, 50).n_shape == 100
    with pytest.raises(nf.AssetError, match="300 shape"):
        head.sized(301, 50)


def test_releases_are_known_by_their_names_and_by_declaration(tmp_path):
    for name, release in {
        "FLAME2020/generic_model.pkl": ("2020", "generic"),
        "FLAME2019/female_model.pkl": ("2019", "female"),
        "flame2023.pkl": ("2023", "generic"),
        "flame2023_no_jaw.pkl": ("2023", "generic"),
        "flame2023_Open.pkl": ("2023 Open", "generic"),
        "FLAME_MALE.pkl": (None, "male"),
        "FLAME2016/generic_model.pkl": ("2017", "generic"),
        "elsewhere/generic_model.pkl": (None, "generic"),
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
        found = recognise(path)
        assert (found.name, found.gender, found.certain) == (*release, False), name
    assert declared("FLAME 2023-open").name == "2023 Open"
    with pytest.raises(nf.ConfigError, match="2021"):
        declared("2021")


class AnyFlame(FlameEncoder):
    name = "some"
    features = decode = group_modules = None


AnyFlame.__abstractmethods__ = frozenset()


def test_an_encoder_refuses_another_release_and_says_why(folder, head):
    encoder = AnyFlame()
    path = folder / "generic_model.pkl"
    assert "release of FLAME unknown" in encoder.head_notes(head)[0]
    encoder.check_head(head)
    with pytest.raises(nf.AssetError, match=r"FLAME 2023 Open \(as given"):
        encoder.check_head(nf.FaceModel.load(path, release="2023 Open"))
    assert not encoder.head_notes(nf.FaceModel.load(path, release="2020"))
    encoder.head_template = torch.from_numpy(head.arrays.v_template) + 0.001
    with pytest.raises(nf.AssetError, match="1 mm away"):
        encoder.check_head(head)
    with pytest.raises(nf.AssetError, match="not of the open head"):
        encoder.check_head(nf.FaceModel.load("open"))


def test_a_name_that_misleads_can_be_put_right(tmp_path, folder):
    copied = tmp_path / "flame2023.pkl"
    copied.write_bytes((folder / "generic_model.pkl").read_bytes())
    landmarks = folder / "landmark_embedding.npy"
    with pytest.raises(nf.AssetError, match="--head-release 2020"):
        AnyFlame().check_head(nf.FaceModel.load(copied, landmarks=landmarks))
    AnyFlame().check_head(nf.FaceModel.load(copied, landmarks=landmarks, release="2020"))


# --- what lies beside it -------------------------------------------------------------------------------------


def test_embeddings_of_deca_vhap_and_flame_pytorch_are_one(tmp_path, folder, head):
    table = tiny_flame.embedding()
    vhap = dict(table)
    for key in ("static_lmk_faces_idx", "full_lmk_faces_idx"):
        vhap[key] = np.concatenate([table[key], np.zeros_like(table[key])[..., :2]], -1)
    for key in ("static_lmk_bary_coords", "full_lmk_bary_coords"):
        vhap[key] = np.concatenate([table[key], table[key][..., :2, :]], -2)
    files = [tiny_flame.save_object(tmp_path / "landmark_embedding_with_eyes.npy", vhap)]
    convert(folder / "landmark_embedding.npy", tmp_path / "converted.npz")
    static = {
        "lmk_face_idx": table["static_lmk_faces_idx"].astype(np.uint32),
        "lmk_b_coords": table["static_lmk_bary_coords"],
    }
    files.append(tmp_path / "flame_static_embedding.pkl")
    files[1].write_bytes(pickle.dumps(static, protocol=2))
    dynamic = {
        "lmk_face_idx": [*table["dynamic_lmk_faces_idx"].numpy()],
        "lmk_b_coords": [*table["dynamic_lmk_bary_coords"].numpy()],
    }
    tiny_flame.save_object(tmp_path / "flame_dynamic_embedding.npy", dynamic)
    for file in [*files, tmp_path / "converted.npz"]:
        other = nf.FaceModel.load(folder / "generic_model.pkl", landmarks=file)
        assert torch.equal(other.landmarks(faces()), head.landmarks(faces())), file


def test_without_the_dynamic_table_the_contour_is_fixed_and_said_so(tmp_path, folder):
    table = tiny_flame.embedding()
    points = {
        "lmk_face_idx": table["full_lmk_faces_idx"][0],
        "lmk_b_coords": table["full_lmk_bary_coords"][0],
    }
    with (tmp_path / "flame_static_embedding_68.pkl").open("wb") as stream:
        pickle.dump(points, stream, protocol=2)
    fixed = nf.FaceModel.load(
        folder / "generic_model.pkl", landmarks=tmp_path / "flame_static_embedding_68.pkl"
    )
    assert torch.allclose(fixed.landmarks(faces()), fixed.landmarks(faces(), kind="static"))
    assert "does not follow the head's turn" in fixed.arrays.notes[0]
    (tmp_path / "flame_static_embedding.pkl").write_bytes(
        pickle.dumps({k: v[17:] for k, v in points.items()})
    )
    with pytest.raises(nf.AssetError, match=r"flame_dynamic_embedding\.npy is not beside it"):
        nf.FaceModel.load(folder / "generic_model.pkl", landmarks=tmp_path / "flame_static_embedding.pkl")


def test_lids_close_by_their_shapes_and_turn_with_the_head(tmp_path, folder, head):
    rng = np.random.default_rng(5)
    left, right = rng.normal(0, 0.01, (2, tiny_flame.VERTICES, 3))
    np.save(tmp_path / "l_eyelid.npy", left)
    np.save(tmp_path / "r_eyelid.npy", right)
    lidded = nf.FaceModel.load(folder / "generic_model.pkl", eyelids=tmp_path)
    theta = faces()
    moved = lidded.canonical_vertices(theta) - head.canonical_vertices(theta)
    wanted = torch.einsum("bl,lvc->bvc", theta.eyelids, torch.tensor(np.stack([left, right])).float())
    assert torch.allclose(moved, wanted, atol=1e-6)
    assert not head.has_eyelids
    turned = lidded.vertices(theta) - head.vertices(theta)
    rotation = nf.rotations.axis_angle_to_matrix(theta.head_rotation)
    assert torch.allclose(turned, wanted @ rotation.transpose(1, 2), atol=1e-6)
    assert torch.allclose(lidded.landmarks(theta), lidded(theta).landmarks_dynamic, atol=1e-6)


def test_masks_and_mediapipe_points_are_taken_from_beside_the_model(tmp_path, folder):
    target = tmp_path / "FLAME2020"
    target.mkdir()
    for name in ("generic_model.pkl", "landmark_embedding.npy"):
        (target / name).write_bytes((folder / name).read_bytes())
    masks = {
        "face": np.arange(40),
        "left_eyeball": np.arange(3),
        "right_eyeball": np.arange(3, 6),
        "nose": [7, 8],
    }
    (target / "FLAME_masks.pkl").write_bytes(pickle.dumps(masks, protocol=2))
    numbers = np.sort(np.random.default_rng(0).choice(478, 105, replace=False))
    np.savez(
        target / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=np.arange(105, dtype=np.uint32) % tiny_flame.TRIANGLES,
        lmk_b_coords=np.full((105, 3), 1 / 3),
        landmark_indices=numbers,
    )
    head = nf.FaceModel.load(target / "generic_model.pkl")
    assert head.regions["nose"].nonzero()[:, 0].tolist() == [7, 8]
    assert head.regions["eyeballs"].sum() == 6
    assert head.mediapipe_numbers.tolist() == numbers.tolist()
    assert head.landmarks(faces(), kind="mediapipe").shape == (3, 105, 3)
    assert head.release.name == "2020"


def test_what_was_only_found_and_does_not_fit_is_left_out_and_said_so(tmp_path, folder):
    for name in ("generic_model.pkl", "landmark_embedding.npy"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "FLAME_masks.pkl").write_bytes(pickle.dumps({"face": [5000]}))
    head = nf.FaceModel.load(tmp_path / "generic_model.pkl")
    assert not head.regions
    assert "left out" in head.arrays.notes[0]


# --- what is refused -----------------------------------------------------------------------------------------


class Malicious:
    def __init__(self, call) -> None:
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("place", ["value", "state"])
@pytest.mark.parametrize("call", [(os.system, ("echo ran",)), (eval, ("print('ran')",)), (print, ("ran",))])
def test_a_file_that_wants_to_run_something_runs_nothing(tmp_path, folder, capfd, call, place):
    content = tiny_flame.model()
    content["J" if place == "value" else "shapedirs"] = Malicious(call)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(nf.AssetError, match=r"wants to call \w+\.\w+"):
        nf.FaceModel.load(path, landmarks=folder / "landmark_embedding.npy")
    assert "ran" not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shapedirs": None}, "lacks shapedirs"),
        ({"shapedirs": np.zeros((60, 3, 10))}, r"shapedirs is \[60, 3, 10\]"),
        ({"posedirs": np.zeros((60, 3, 9))}, "posedirs is"),
        ({"f": np.full((90, 3), 60)}, "triangles of 60 vertices"),
        ({"weights": np.zeros((60, 24))}, "24 joints"),
        ({"v_template": np.full((60, 3), np.nan)}, "v_template is not finite"),
        ({"weights": "none"}, "something else than numbers"),
        ({"weights": np.full((60, 5), "0.2")}, "something else than numbers"),
        ({"v_template": np.zeros((59, 3))}, "v_template has 59 vertices, shapedirs 60"),
        ({"kintree_table": np.zeros((2, 24))}, r"kintree_table is \[2, 24\]"),
        ({"kintree_table": np.zeros((2, 5))}, "in another way than FLAME"),
    ],
)
def test_what_is_wrong_with_a_model_is_said(tmp_path, folder, change, words):
    content = tiny_flame.model() | change
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(pickle.dumps({k: v for k, v in content.items() if v is not None}))
    with pytest.raises(nf.AssetError, match=words) as caught:
        nf.FaceModel.load(path, landmarks=folder / "landmark_embedding.npy")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_embedding_of_another_head_is_refused(tmp_path, folder):
    table = tiny_flame.embedding()
    table["static_lmk_faces_idx"] = table["static_lmk_faces_idx"] + 9000
    path = tiny_flame.save_object(tmp_path / "landmark_embedding.npy", table)
    with pytest.raises(nf.AssetError, match="names triangle"):
        nf.FaceModel.load(folder / "generic_model.pkl", landmarks=path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html>\n<html><title>Sign in</title>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ef", "git-lfs's pointer"),
        (b"\x1f\x8b\x08" + bytes(20), "is a packed archive"),
        (b"what is this", "it is no pickle"),
    ],
)
def test_what_a_download_left_instead_of_the_file_is_said(tmp_path, folder, content, words):
    model, table = folder / "generic_model.pkl", folder / "landmark_embedding.npy"
    (tmp_path / "left").write_bytes(content)
    for arguments in ((tmp_path / "left", table), (model, tmp_path / "left")):
        with pytest.raises(nf.AssetError, match=words) as caught:
            nf.FaceModel.load(arguments[0], landmarks=arguments[1])
        assert "\n" not in str(caught.value)


def test_an_archive_that_was_not_unpacked_names_what_is_in_it(tmp_path, folder):
    with zipfile.ZipFile(tmp_path / "FLAME2020.zip", "w") as archive:
        archive.writestr("generic_model.pkl", b"...")
    with pytest.raises(nf.AssetError, match=r"zip archive of generic_model\.pkl; unpack it"):
        nf.FaceModel.load(tmp_path / "FLAME2020.zip", landmarks=folder / "landmark_embedding.npy")


def test_line_ends_that_git_changed_are_named(tmp_path, folder):
    table = tiny_flame.embedding()
    static = {
        "lmk_face_idx": table["static_lmk_faces_idx"],
        "lmk_b_coords": table["static_lmk_bary_coords"],
    }
    path = tmp_path / "flame_static_embedding.pkl"
    with path.open("wb") as stream:
        tiny_flame.Python2Pickler(stream, 0).dump(static)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(nf.AssetError, match="line ends were changed"):
        nf.FaceModel.load(folder / "generic_model.pkl", landmarks=path)


def test_points_of_another_kind_are_not_taken_for_the_68(tmp_path, folder):
    """MediaPipe's 105, and the contour's table alone."""
    np.savez(
        tmp_path / "mediapipe_landmark_embedding.npz",
        lmk_face_idx=np.zeros(105, np.uint32),
        lmk_b_coords=np.full((105, 3), 1 / 3),
        landmark_indices=np.arange(105),
    )
    contour = {"lmk_face_idx": np.zeros((79, 17), int), "lmk_b_coords": np.full((79, 17, 3), 1 / 3)}
    tiny_flame.save_object(tmp_path / "flame_dynamic_embedding.npy", contour)
    for name, count in (("mediapipe_landmark_embedding.npz", 105), ("flame_dynamic_embedding.npy", 1343)):
        with pytest.raises(nf.AssetError, match=f"has {count} points"):
            nf.FaceModel.load(folder / "generic_model.pkl", landmarks=tmp_path / name)

"""Whatever is done to a model file, its reader answers with one line of its own, and nothing in the file is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import neuface_engine as nf
from neuface_engine.encoders import ENCODER_FILES, check_checkpoint
from neuface_engine.encoders.checkpoints import read_checkpoint, strict_load
from neuface_engine.encoders.emoca_files import read_settings
from neuface_engine.face_model.embeddings import read_embedding
from neuface_engine.face_model.extras import read_masks, read_mediapipe, read_offsets
from neuface_engine.face_model.flame import read_flame
from neuface_engine.face_model.flame_files import read_flame_file
from tests.face_model import tiny_flame


class Network(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)
        self.norm = torch.nn.BatchNorm1d(2)


def load_checkpoint(path: Path) -> object:
    network = Network()
    strict_load(network, read_checkpoint(path, remedy="r").get("net"), path, part="net", remedy="r")
    return read_checkpoint(path, remedy="r", shapes_only=True)


def torch_file(*, zipped: bool) -> bytes:
    stream = io.BytesIO()
    content = {"net": Network().state_dict(), "epoch": 3}
    torch.save(content, stream, _use_new_zipfile_serialization=zipped)
    return stream.getvalue()


def npy_object(content: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array(content, dtype=object), allow_pickle=True)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def small_model() -> dict[str, np.ndarray]:
    return {k: v for k, v in tiny_flame.model().items() if isinstance(v, np.ndarray)}


def converted() -> bytes:
    """All that a converted file can hold."""
    table = {k: np.asarray(v) for k, v in tiny_flame.embedding().items()}
    more = {
        "mp_lmk_faces_idx": np.arange(5),
        "mp_lmk_bary_coords": np.full((5, 3), 1 / 3, np.float32),
        "mp_landmark_indices": np.arange(5),
        "eyelids": np.zeros((2, 60, 3), np.float32),
        "region/face": np.ones(60, bool),
        "neuface_release": np.frombuffer(b"2020", np.uint8),
    }
    return safetensors.numpy.save(
        {k: np.asarray(v, order="C") for k, v in (small_model() | table | more).items()}
    )


MEDIAPIPE = npz(lmk_face_idx=np.arange(5), lmk_b_coords=np.ones((5, 3)) / 3, landmark_indices=np.arange(5))
FILES = {
    "flame pickle": (read_flame_file, pickle.dumps(tiny_flame.model(), protocol=2)),
    "flame npz": (read_flame_file, npz(**small_model())),
    "flame safetensors": (read_flame_file, safetensors.numpy.save(small_model())),
    "converted": (read_flame, converted()),
    "embedding": (read_embedding, npy_object(tiny_flame.embedding())),
    "mediapipe": (read_mediapipe, MEDIAPIPE),
    "masks": (lambda path: read_masks(path, 60), pickle.dumps({"face": np.arange(9)}, protocol=2)),
    "eyelid": (read_offsets, npy(np.zeros((60, 3)))),
    "checkpoint": (load_checkpoint, torch_file(zipped=True)),
    "old checkpoint": (load_checkpoint, torch_file(zipped=False)),
}


ENTRIES = {
    "flame pickle": tiny_flame.model(),
    "embedding": tiny_flame.embedding(),
    "masks": {"face": [1], "nose": np.arange(3)},
}


def read(name: str, data: bytes, folder: Path) -> None:
    """The reader on these bytes: an answer, or an error of ours in one line that names the file."""
    path = folder / "model.file"
    path.write_bytes(data)
    try:
        FILES[name][0](path)
    except nf.NeuFaceError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)


@pytest.mark.parametrize("name", list(FILES))
def test_the_file_as_it_is_loads(name, tmp_path):
    path = tmp_path / "model.file"
    path.write_bytes(FILES[name][1])
    FILES[name][0](path)


FUZZED = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(FILES))
@FUZZED
@given(data=st.data())
def test_flipped_bytes(name, data, tmp_path):
    """Mostly among the names and lengths, which come first or (zip) last."""
    content = bytearray(FILES[name][1])
    ends = st.integers(0, min(600, len(content) - 1)).flatmap(
        lambda i: st.sampled_from([i, len(content) - 1 - i])
    )
    for place in data.draw(st.lists(ends | st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    read(name, bytes(content), tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(FILES))
@FUZZED
@given(share=st.floats(0, 1), rest=st.binary(max_size=40))
def test_truncated_and_continued_with_something_else(name, share, rest, tmp_path):
    content = FILES[name][1]
    read(name, content[: int(share * len(content))] + rest, tmp_path)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
    | st.builds(np.zeros, st.lists(st.integers(0, 4), max_size=3), st.sampled_from(["f4", "i8", "U3", "?"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.parametrize("name", ["flame pickle", "embedding", "masks"])
@FUZZED
@given(data=st.data())
def test_entries_of_another_kind(name, data, tmp_path):
    """One entry is replaced by something else, or goes."""
    content = ENTRIES[name]
    key = data.draw(st.sampled_from(sorted(content)))
    changed = content | {key: data.draw(values)}
    if data.draw(st.booleans()):
        del changed[key]
    read(name, npy_object(changed) if name == "embedding" else pickle.dumps(changed), tmp_path)


NAMES = (
    "E_flame E_expression state_dict deca.E_flame.x arcface flameModel smirk_encoder.x deca.E_expression.x"
)
parts = st.sampled_from(NAMES.split())
weights = st.none() | st.integers() | st.text(max_size=3) | st.builds(torch.zeros, st.integers(0, 3))
contents = st.dictionaries(
    parts, weights | st.dictionaries(parts | st.integers(0, 2), weights, max_size=3), max_size=4
)


@pytest.mark.parametrize("name", ENCODER_FILES)
@settings(FUZZED, max_examples=10)
@given(content=contents)
def test_checkpoints_of_any_content(name, content, tmp_path):
    path = tmp_path / "model.ckpt"
    torch.save(content, path)
    with pytest.raises(nf.AssetError) as caught:
        check_checkpoint(name, path)
    assert str(path) in str(caught.value)


class Runs:
    """Asks for a call when it is unpickled."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], tuple(self.call[1:])


@pytest.mark.parametrize("call", [(os.system,), (os.remove,), (eval,), (exec,), (__import__,)])
@pytest.mark.parametrize("name", ["flame pickle", "embedding", "masks", "checkpoint", "old checkpoint"])
def test_nothing_in_a_file_is_run(name, call, tmp_path, capfd):
    victim = tmp_path / "precious"
    victim.write_text("kept")
    argument = f"__import__('os').remove({str(victim)!r})" if call[0] in (eval, exec) else str(victim)
    order = Runs(*call, f"rm {victim}" if call[0] is os.system else argument)
    if name == "embedding":
        data = npy_object(tiny_flame.embedding() | {"extra": order})
    elif "checkpoint" in name:
        stream = io.BytesIO()
        torch.save({"net": order}, stream, _use_new_zipfile_serialization=name == "checkpoint")
        data = stream.getvalue()
    else:
        data = pickle.dumps({"face": order, "v_template": order}, protocol=2)
    path = tmp_path / "model.file"
    path.write_bytes(data)
    with pytest.raises(nf.AssetError):
        FILES[name][0](path)
    assert victim.read_text() == "kept"


def test_a_pickle_that_asks_for_a_huge_memo_or_array_is_refused(tmp_path):
    for data in (
        b"\x80\x02}r\xff\xff\xff\x7f.",
        b"\x80\x02cnumpy\nndarray\n(J\xff\xff\xff\x7ftR.",
        b"\x80\x02" + b"]" * 0 + b"(" * 100_000 + b"l" * 1 + b".",
    ):
        path = tmp_path / "generic_model.pkl"
        path.write_bytes(data)
        with pytest.raises(nf.AssetError):
            read_flame_file(path)


def test_a_pickle_of_few_lists_that_mean_a_billion_is_refused(tmp_path):
    """Thirty lists, each of which holds the one before it twice."""
    laughs: list[object] = ["ha"]
    for _ in range(28):
        laughs = [laughs, laughs]
    (tmp_path / "generic_model.pkl").write_bytes(pickle.dumps({"v_template": laughs}, protocol=2))
    with pytest.raises(nf.AssetError, match="the same lists over and over"):
        read_flame_file(tmp_path / "generic_model.pkl")


def test_a_number_is_not_taken_for_that_many_bytes(tmp_path):
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.")
    with pytest.raises(nf.AssetError, match="its bytes are damaged"):
        read_flame_file(path)


def test_an_archive_that_would_fill_the_memory_is_refused(tmp_path):
    """Three gigabytes of zeros, as an archive says that it holds them."""
    path = tmp_path / "generic_model.npz"
    path.write_bytes(npz(v_template=np.zeros(3), f=np.zeros(3)))
    data = bytearray(path.read_bytes())
    listed = data.index(b"PK\x01\x02")
    data[listed + 24 : listed + 28] = (3 * 2**30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(nf.AssetError, match="would unfold to 3 GB"):
        read_flame_file(path)


def test_a_zip_file_that_is_none_of_torchs(tmp_path):
    path = tmp_path / "deca_model.tar"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(nf.AssetError, match=r"zip archive of readme\.txt; unpack it"):
        nf.load_encoder("deca", checkpoint=path)


@FUZZED
@given(text=st.binary(max_size=300))
def test_any_settings_file_is_survived(text, tmp_path):
    (tmp_path / "cfg.yaml").write_bytes(b"detail:\n  model:\n    n_exp: 50\n    " + text)
    found = read_settings(tmp_path / "x.ckpt", shared=False, outputs=53)
    assert found.n_shape > 0

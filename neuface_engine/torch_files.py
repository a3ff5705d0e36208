"""torch.save's files without torch.load: tensors and plain containers, whatever else a training run left in them.

Formats: the zip archive of torch >= 1.6 (NAME/data.pkl with one file NAME/data/KEY for each storage), and the older
stream of pickles, which also stands inside of numpy files that hold tensors.
"""

from __future__ import annotations

import io
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from neuface_engine.errors import in_short
from neuface_engine.unpickling import Refused, find_arrays, unpickle

DTYPES = {
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "HalfStorage": "f2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
"""torch's typed storages; bfloat16, which numpy has not, is read by no model that we know."""
RUNS = (
    "code",
    "ctypes",
    "importlib",
    "nt",
    "os",
    "pickle",
    "posix",
    "pty",
    "runpy",
    "shutil",
    "socket",
    "subprocess",
    "sys",
)
RUNS_BUILT_IN = ("__import__", "compile", "eval", "exec", "execfile", "input", "open")
"""What no training run leaves in a checkpoint: a file that names one of them is refused, not read without it."""
SMALL, MAX_RATIO = 2**24, 64
_MAGIC = 0x1950A86A20F9469CFC6C


class Inert:
    """Stands for any class or function of a checkpoint: takes whatever it is given and does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    def extend(self, values: Any) -> None:
        pass

    def update(self, values: Any) -> None:
        pass


class Storage:
    """The bytes of a tensor, read when it is built; dtype by torch's name."""

    def __init__(self, kind: Any, length: int, read: Callable[[], bytes]) -> None:
        if kind not in DTYPES:
            raise Refused(f"tensors of {kind} are not read")
        self.dtype, self.length, self.read = np.dtype(DTYPES[kind]), int(length), read
        self._array: np.ndarray[Any, Any] | None = None

    def array(self) -> np.ndarray[Any, Any]:
        if self._array is None:
            raw = self.read()
            if len(raw) != self.length * self.dtype.itemsize:
                raise Refused(f"a tensor has {len(raw)} bytes instead of {self.length * self.dtype.itemsize}")
            self._array = np.frombuffer(raw, self.dtype.newbyteorder("<")).astype(self.dtype)
        return self._array


class Shape(tuple[int, ...]):
    """What `read_shapes` gives in place of a tensor."""

    __slots__ = ()


def is_zip(path: Path) -> bool:
    """Whether the file is torch's zip archive (or any other)."""
    with path.open("rb") as stream:
        return stream.read(4) == b"PK\x03\x04"


def is_stream(path: Path) -> bool:
    """Whether the file is the stream of pickles of an older torch: it begins with torch's number."""
    with path.open("rb") as stream:
        return stream.read(15).endswith(b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")


def read_torch_zip(path: Path, *, shapes_only: bool = False, arrays: bool = False) -> Any:
    """What torch.save wrote into a zip archive, tensors as numpy arrays (or as `Shape`, without reading them).

    `arrays`: numpy's own arrays among them are read too (trackers save those).
    Classes and functions of other libraries become `Inert`: nothing that the file names is called.
    Raises Refused for anything else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            index = next((n for n in sorted(names) if n.rsplit("/", 1)[-1] == "data.pkl"), None)
            if index is None:
                raise Refused("a zip file without data.pkl, not one of torch.save")
            root = index.rsplit("/", 1)[0] + "/" if "/" in index else ""
            if f"{root}byteorder" in names and archive.read(f"{root}byteorder").strip() == b"big":
                raise Refused("written on a big-endian machine")

            def persistent(pid: Any) -> Storage:
                kind, key, length = _storage_id(pid)
                return Storage(kind, length, lambda: _member(archive, f"{root}data/{key}"))

            stream = io.BytesIO(_member(archive, index))
            return _unpickle_found(stream, persistent, shapes_only=shapes_only, arrays=arrays)
    except zipfile.BadZipFile as error:
        cut_short = "not a zip file" in str(error)  # the list of an archive's files stands at its end
        raise Refused(
            "its end is missing; it was not downloaded or copied whole" if cut_short else in_short(error)
        ) from None
    except (zipfile.LargeZipFile, OSError, EOFError, KeyError, RuntimeError) as error:
        raise Refused(in_short(error)) from None
    except (NotImplementedError, OverflowError, MemoryError, ValueError) as error:
        if isinstance(error, Refused):
            raise
        raise Refused(f"damaged ({type(error).__name__})") from None


def read_torch_stream(path: Path, *, shapes_only: bool = False, arrays: bool = False) -> Any:
    """As `read_torch_zip`, of the stream of pickles that torch wrote before 1.6.

    Magic number, protocol, system, the object, the keys of its storages; then each with its length before it. The
    object is gone through twice: its storages' types say where each of them stands.
    """
    try:
        with path.open("rb") as stream:
            if unpickle(stream, _find_nothing) != _MAGIC:
                raise Refused("it is no file of torch.save")
            unpickle(stream, _find_nothing)
            unpickle(stream, _find_nothing)
            start = stream.tell()
            kinds: dict[str, Any] = {}

            def noted(pid: Any) -> Storage:
                kind, key, length = _storage_id(pid)
                kinds[key] = kind
                return Storage(kind, length, bytes)

            _unpickle_found(stream, noted, shapes_only=True, arrays=arrays)
            places = _places(stream, kinds)
            storages: dict[str, Storage] = {}

            def persistent(pid: Any) -> Storage:
                kind, key, length = _storage_id(pid)
                if key not in storages:
                    storages[key] = Storage(kind, length, lambda: _slice(path, *places[key]))
                return storages[key]

            stream.seek(start)
            return _unpickle_found(stream, persistent, shapes_only=shapes_only, arrays=arrays)
    except (OSError, EOFError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise Refused(in_short(error)) from None


def _unpickle_found(
    stream: BinaryIO, persistent: Callable[[Any], Storage], *, shapes_only: bool, arrays: bool
) -> Any:
    def find(module: str, name: str) -> Any:
        if arrays and (module.split(".")[0] == "numpy" or module == "_codecs"):
            return find_arrays(module, name)
        return _find(module, name, shapes_only=shapes_only)

    return unpickle(stream, find, persistent=persistent)


def _places(stream: BinaryIO, kinds: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Where the bytes of each storage begin, and how many they are."""
    keys = unpickle(stream, _find_nothing)
    if not isinstance(keys, list):
        raise Refused("the list of its tensors is damaged")
    places: dict[str, tuple[int, int]] = {}
    for key in map(str, keys):
        size = int.from_bytes(stream.read(8), "little") * np.dtype(DTYPES[kinds[key]]).itemsize
        places[key] = stream.tell(), size
        stream.seek(size, io.SEEK_CUR)
    return places


def _slice(path: Path, start: int, size: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(size)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """torch stores its tensors as they are; what unfolds to a multiple is no file of torch's."""
    info = archive.getinfo(name)
    if info.file_size > SMALL and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise Refused(f"{name} would unfold to {info.file_size >> 20} MB")
    return archive.read(info)


def storage_of_stream(content: Any) -> Storage:
    """torch.storage._load_from_bytes: the storage in torch's older stream of pickles.

    Magic number, protocol, system, the object (a storage), the keys; then for each key its length and its bytes.
    """
    stream = io.BytesIO(content.encode("latin1") if isinstance(content, str) else bytes(content))
    if unpickle(stream, _find_nothing) != _MAGIC:
        raise Refused("a tensor is damaged")
    unpickle(stream, _find_nothing)
    unpickle(stream, _find_nothing)
    held: list[tuple[Any, str, int]] = []

    def persistent(pid: Any) -> None:
        held.append(_storage_id(pid))

    unpickle(stream, lambda m, n: _find(m, n, shapes_only=False), persistent=persistent)
    keys = unpickle(stream, _find_nothing)
    if len(held) != 1 or not isinstance(keys, list) or len(keys) != 1:
        raise Refused("a tensor is damaged")
    kind, _, length = held[0]
    if int.from_bytes(stream.read(8), "little") != length:
        raise Refused("a tensor is damaged")
    rest = stream.read()
    return Storage(kind, length, lambda: rest)


def find_tensors(module: str, name: str) -> Any:
    """`find_arrays`, and torch tensors within a numpy file (DECA's landmark_embedding.npy), as arrays."""
    if (module, name) == ("torch.storage", "_load_from_bytes"):
        return storage_of_stream
    if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
        return _tensor
    return find_arrays(module, name)


def _find_nothing(module: str, name: str) -> Any:
    raise Refused(f"it wants to call {module}.{name}")


def _find(module: str, name: str, *, shapes_only: bool) -> Any:
    if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
        return _shape if shapes_only else _tensor
    if (module, name) == ("torch._utils", "_rebuild_parameter"):
        return _parameter
    if (module, name) == ("collections", "OrderedDict"):
        return OrderedDict
    if module.split(".")[0] in RUNS or (module in ("builtins", "__builtin__") and name in RUNS_BUILT_IN):
        raise Refused(f"it wants to call {module}.{name}")
    if module in ("torch", "torch.storage") and name.endswith("Storage"):
        return name
    return type(name if name.isidentifier() else "Inert", (Inert,), {})


def _storage_id(pid: Any) -> tuple[Any, str, int]:
    """("storage", type, key, location, number of elements, ...)."""
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[4], int):
        raise Refused("the description of a tensor is damaged")
    return pid[1], str(pid[2]), pid[4]


def _sizes(storage: Any, offset: Any, size: Any, stride: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if not isinstance(storage, Storage) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise Refused("the description of a tensor is damaged")
    sizes, strides = tuple(int(n) for n in size), tuple(int(n) for n in stride)
    last = offset + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))
    empty = 0 in sizes
    if min((*sizes, *strides, offset), default=0) < 0 or (not empty and last >= storage.length):
        raise Refused("a tensor reaches beyond its bytes")
    count = 1
    for n in sizes:
        count *= n
    if count > storage.length and not empty:
        raise Refused("a tensor repeats its bytes")
    return sizes, strides


def _tensor(storage: Any, offset: Any = 0, size: Any = (), stride: Any = (), *_: Any) -> Any:
    sizes, strides = _sizes(storage, offset, size, stride)
    array = storage.array()
    width = array.itemsize
    view = np.lib.stride_tricks.as_strided(array[offset:], sizes, [s * width for s in strides])
    return np.ascontiguousarray(view).reshape(sizes)


def _shape(storage: Any, offset: Any = 0, size: Any = (), stride: Any = (), *_: Any) -> Shape:
    return Shape(_sizes(storage, offset, size, stride)[0])


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor

"""Pickles that nobody has to trust: what a file may build is written here, and everything else is refused.

numpy arrays are rebuilt from their bytes by code of ours; chumpy and scipy need not be installed, and no function that
a file names is ever called. Python 2 pickles (latin1) are read too.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from neuface_engine.errors import in_short

Find = Callable[[str, str], Any]
"""What stands for module.name; raises `Refused` where nothing does."""

MAX_ENTRIES = 10_000_000
"""Of all containers together, each counted as often as it stands in another."""
MAX_DEPTH = 32
"""Of containers within containers; the files that we read have four."""


_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}


class Refused(ValueError):  # noqa: N818  (it reads as what happened)
    """The reason why a pickle is not read, as part of a sentence."""


def unpickle(stream: BinaryIO, find: Find, *, persistent: Callable[[Any], Any] | None = None) -> Any:
    """The next object of `stream`, plain containers with numpy arrays; the stream is left behind it.

    Raises Refused for a damaged pickle and for one that wants a class or function that `find` does not give.
    """
    start = stream.tell()
    _check_opcodes(stream)
    stream.seek(start)
    reader = _Reader(stream, encoding="latin1")
    reader.find, reader.persistent = find, persistent
    try:
        content = reader.load()
    except Refused:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise Refused(in_short(error)) from None
    return plain(content)


def find_arrays(module: str, name: str) -> Any:
    """Stand-ins for what pickles of numpy, chumpy and scipy.sparse name."""
    root = module.split(".")[0]
    if root == "chumpy":
        return _Chumpy
    if root == "scipy" and name in _SPARSE:
        return _SPARSE[name]
    found = _FOUND.get(("numpy" if root == "numpy" else module, name))
    if found is None:
        raise Refused(f"it wants to call {module}.{name}")
    return found


def plain(value: Any) -> Any:
    """The value with every stand-in replaced by its numpy array; what stands in it twice is made once."""
    return _Plain().of(value)[0]


class _Plain:
    """Goes through a value once, however often its parts stand in it."""

    def __init__(self) -> None:
        self.made: dict[
            int, tuple[Any, Any, int]
        ] = {}  # by id: the value itself, what it became, its entries

    def of(self, value: Any, depth: int = 0) -> tuple[Any, int]:
        """What the value becomes, and how many entries it has with those of its parts."""
        if not isinstance(value, dict | list | tuple | StandIn):
            return value, 1
        if depth > MAX_DEPTH:
            raise Refused("its containers are nested too deeply")
        if id(value) not in self.made:
            parts = (
                [value.array()]
                if isinstance(value, StandIn)
                else list(value.values() if isinstance(value, dict) else value)
            )
            found = [self.of(part, depth + 1) for part in parts]
            entries = 1 + sum(size for _, size in found)
            if entries > MAX_ENTRIES:
                raise Refused("it holds the same lists over and over")
            inside = [part for part, _ in found]
            self.made[id(value)] = value, _like(value, inside), entries
        return self.made[id(value)][1:]


def _like(value: Any, inside: list[Any]) -> Any:
    """A container of the same kind with these entries; in place of a stand-in its one entry."""
    if isinstance(value, StandIn):
        return inside[0]
    if isinstance(value, dict):
        keys = (key if isinstance(key, str) else _key(key) for key in value)
        return dict(zip(keys, inside, strict=True))
    return type(value)(inside)


def _key(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        raise Refused("a key of a dict is no name") from None
    return key


class _Reader(pickle.Unpickler):
    find: Find
    persistent: Callable[[Any], Any] | None

    def find_class(self, module: str, name: str) -> Any:
        return self.find(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if self.persistent is None:
            raise Refused("it refers to data outside of itself")
        return self.persistent(pid)


def _check_opcodes(stream: BinaryIO) -> None:
    """A flipped byte may ask for a memo of gigabytes, which the reader would lay out; what is no pickle ends here."""
    count = 0
    try:
        while True:
            code = stream.read(1)
            opcode = _OPCODES.get(code.decode("latin1"))
            if opcode is None:
                raise Refused("it is no pickle" if code else "it ends too early")
            count += 1
            argument: Any = None
            if opcode.name == "STRING":  # Python 2's text, of which pickletools takes ASCII alone
                argument = stream.readline()
            elif opcode.arg is not None:
                argument = opcode.arg.reader(stream)
            if opcode.name in ("STRING", "GLOBAL") and _ends_with_return(argument):
                raise Refused("its line ends were changed to Windows', as git does with text")
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(str(argument)) > count + 256:
                raise Refused("its memo is damaged")
            if opcode.name == "STOP":
                return
    except Refused:
        raise
    except Exception as error:
        raise Refused(in_short(error)) from None


def _ends_with_return(argument: Any) -> bool:
    line = argument if isinstance(argument, bytes) else str(argument).encode("latin1", "replace")
    return line.rstrip(b"\n").endswith(b"\r")


# --- stand-ins -----------------------------------------------------------------------------------------------


class StandIn:
    """Stands for an object of another library until `array` says what it held."""

    def array(self) -> Any:
        raise Refused(f"an object of {type(self).__name__.strip('_').lower()} holds nothing")


class _Dtype:
    """numpy.dtype(code, align, copy); its state has the byte order."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code, self.order = str(code), "="

    def __setstate__(self, state: Any) -> None:
        self.order = str(state[1]) if len(state) > 1 else "="

    @property
    def is_object(self) -> bool:
        return self.code.lstrip("|<>=") in ("O", "O4", "O8", "object")

    def dtype(self) -> np.dtype[Any]:
        code = self.code.lstrip("|<>=")
        if not re.fullmatch(
            r"(?:[biufc](?:1|2|4|8|16)|\?|bool|float32|float64|int32|int64|[SU]\d{1,6})", code
        ):
            raise Refused(f"arrays of type {self.code[:20]!r} are not read")
        kind = np.dtype(code)
        return kind.newbyteorder(">") if self.order == ">" else kind


class _Array(StandIn):
    """numpy.ndarray as _reconstruct leaves it: its state is (version, shape, dtype, in Fortran's order, content)."""

    def __init__(self, *_: Any) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran, content = tuple(state)[-4:]
        self.value = _filled(shape, dtype, content, fortran=bool(fortran))

    def array(self) -> Any:
        if self.value is None:
            raise Refused("an array has no content")
        return self.value


def _filled(shape: Any, dtype: Any, content: Any, *, fortran: bool) -> Any:
    if not isinstance(dtype, _Dtype) or not isinstance(shape, tuple | list):
        raise Refused("the description of an array is damaged")
    sizes = tuple(int(size) for size in shape)
    if dtype.is_object:
        objects = list(content)
        if sizes == () and len(objects) == 1:
            return objects[0]
        if len(sizes) == 1 and sizes[0] == len(objects):
            return objects
        raise Refused("an array of objects has another shape than its content")
    raw = content.encode("latin1") if isinstance(content, str) else content
    if not isinstance(raw, bytes | bytearray):
        raise Refused("the content of an array is damaged")
    kind = dtype.dtype()
    if any(size < 0 for size in sizes) or _product(sizes) * kind.itemsize != len(raw):
        raise Refused(f"an array of shape {list(sizes)} has {len(raw)} bytes")
    flat = np.frombuffer(raw, kind).astype(kind.newbyteorder("="))
    return flat.reshape(sizes, order="F" if fortran else "C")


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def _from_buffer(content: Any, dtype: Any, shape: Any, order: Any = "C") -> Any:
    """numpy's protocol 5."""
    return _filled(shape, dtype, content, fortran=order == "F")


def _scalar(dtype: Any, content: Any = b"") -> Any:
    array = _filled((1,), dtype, content, fortran=False)
    return array[0].item() if isinstance(array, np.ndarray) else array[0]


def _encode(text: Any, encoding: Any = "latin1", *_: Any) -> bytes:
    """_codecs.encode, with which Python 3 writes bytes in protocol 2."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise Refused("its bytes are damaged")
    return text.encode("latin1")


def _set(items: Any = (), *_: Any) -> list[Any]:
    """Python 2's set and frozenset, which chumpy keeps its changed variables in."""
    return list(items) if isinstance(items, list | tuple) else []


def _no_bytes(*content: Any) -> bytes:
    """bytes(), with which Python 3 writes none in protocol 2."""
    if content:
        raise Refused("its bytes are damaged")
    return b""


def _bytearray(content: Any = b"", encoding: Any = "latin1", *_: Any) -> bytearray:
    """Of bytes or text; a number would be so many bytes of memory."""
    if isinstance(content, str):
        return bytearray(_encode(content, encoding))
    if not isinstance(content, bytes | bytearray):
        raise Refused("its bytes are damaged")
    return bytearray(content)


def _reconstructor(kind: Any, *_: Any) -> Any:
    """copyreg._reconstructor(class, base, state), of stand-ins alone."""
    if not (isinstance(kind, type) and issubclass(kind, StandIn)):
        raise Refused("it wants to rebuild an object of unknown kind")
    return kind()


class _Chumpy(StandIn):
    """Any chumpy object: keeps its array, forgets its graph."""

    def __init__(self, *_: Any) -> None:
        self.x: Any = None

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and state:
            state = next((part for part in state if isinstance(part, dict) and part), {})
        self.x = state.get("x") if isinstance(state, dict) else None

    def array(self) -> Any:
        if self.x is None:
            raise Refused("a chumpy object holds no array")
        return self.x


class _Sparse(StandIn):
    """scipy.sparse's compressed matrices: shape, data, indices, indptr; `axis` along which they are compressed."""

    axis = 1

    def __init__(self, *_: Any) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, tuple) and state:
            state = next((part for part in state if isinstance(part, dict) and part), {})
        self.state = dict(state)

    def array(self) -> NDArray[np.float64]:
        state = plain(self.state)
        try:
            rows, columns = (int(n) for n in state.get("_shape", state.get("shape")))
            data, indices, indptr = (np.asarray(state[key]) for key in ("data", "indices", "indptr"))
            length = (rows, columns)[self.axis]
            if not (0 < rows * columns < 10**7 and len(indptr) == length + 1):
                raise Refused("a sparse matrix has another shape than its content")
            along = np.repeat(np.arange(length), np.diff(indptr))
            place = (indices, along) if self.axis == 1 else (along, indices)
            dense = np.zeros((rows, columns))
            np.add.at(dense, place, data)
        except (KeyError, TypeError, ValueError, IndexError):
            raise Refused("a sparse matrix is damaged") from None
        return dense


class _SparseRows(_Sparse):
    axis = 0


_SPARSE = {
    "csc_matrix": _Sparse,
    "csc_array": _Sparse,
    "csr_matrix": _SparseRows,
    "csr_array": _SparseRows,
}
_FOUND: dict[tuple[str, str], Any] = {
    ("numpy", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "scalar"): _scalar,
    ("numpy", "_frombuffer"): _from_buffer,
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("__builtin__", "object"): StandIn,
    ("builtins", "object"): StandIn,
    ("__builtin__", "set"): _set,
    ("builtins", "set"): _set,
    ("__builtin__", "frozenset"): _set,
    ("builtins", "frozenset"): _set,
    ("__builtin__", "bytes"): _no_bytes,
    ("__builtin__", "bytearray"): _bytearray,
    ("builtins", "bytearray"): _bytearray,
}

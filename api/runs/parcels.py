"""Arrays, plain values and dataclasses of this project as bytes, and back; nothing else comes back.

What lies in the blob store runs no code: a name that is not on the list is refused when it is read.
"""

from __future__ import annotations

import importlib
import io
import pickle
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from scenarios import InputError

PROTOCOL: Final = 5
OWN: Final = ("simulation.", "optimizer.", "scenarios.")  # classes of these, no functions
KNOWN: Final = frozenset(
    {
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "scalar"),
        ("numpy._core.numeric", "_frombuffer"),
        ("builtins", "complex"),
        ("builtins", "frozenset"),
        ("builtins", "range"),
        ("builtins", "set"),
        ("builtins", "slice"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("api.runs.parcels", "read_only"),
    }
)


def pack(value: Any) -> bytes:
    """Return the bytes of arrays, plain values and dataclasses."""
    buffer = io.BytesIO()
    _Packer(buffer, PROTOCOL).dump(value)
    return buffer.getvalue()


def unpack(content: bytes) -> Any:
    """Return what :func:`pack` was given.

    Raises
    ------
    InputError
        The bytes name something that is neither data of ours nor an array.
    """
    try:
        return _Unpacker(io.BytesIO(content)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError) as error:
        raise InputError(f"these bytes are no parcel: {error}") from error


def read_only(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Return a mapping that cannot be changed."""
    return MappingProxyType(items)


class _Packer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        """Pack read-only mappings, which pickle does not know, and members of enumerations.

        Early releases of Python 3.11 would write the latter as a call of `getattr`.
        """
        if isinstance(value, MappingProxyType):
            return read_only, (dict(value),)
        if isinstance(value, Enum):
            return type(value), (value.value,)
        return NotImplemented


class _Unpacker(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return what a name stands for, if it is on the list."""
        if (module, name) in KNOWN:
            return super().find_class(module, name)
        if module.startswith(OWN) and "." not in name:
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is not data")

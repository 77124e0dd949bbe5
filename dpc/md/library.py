"""dpc.h for ctypes: its structs, and its functions with their types."""

from __future__ import annotations

import ctypes
import functools
from ctypes import (
    POINTER,
    c_char,
    c_char_p,
    c_double,
    c_int,
    c_int32,
    c_int64,
    c_uint32,
    c_uint64,
    c_void_p,
)

from dpc import native

API = 1
OPEN_UNVERIFIED, STRICT, DETERMINISTIC = 1, 2, 4
OUTPUTS = ("energy", "force", "virial", "atom_energy", "atom_virial")  # bits of dpc_facts.outputs


class Error(ctypes.Structure):
    """dpc_error."""

    _fields_ = [("status", c_int), ("message", c_char * 512)]


class Sized(ctypes.Structure):
    """A struct that starts with its own size."""

    def __init__(self, **values: object) -> None:
        super().__init__(size=ctypes.sizeof(self), **values)


class Options(Sized):
    """dpc_options."""

    _fields_ = [
        ("size", c_uint32),
        ("device", c_int32),
        ("threads", c_int32),
        ("flags", c_uint32),
        ("device_bytes", c_uint64),
        ("context", c_void_p),
        ("device_name", c_char_p),
    ]


class Facts(Sized):
    """dpc_facts."""

    _fields_ = [
        ("size", c_uint32),
        ("ntypes", c_int32),
        ("fparam", c_int32),
        ("aparam", c_int32),
        ("rcut", c_double),
        ("type_map", POINTER(c_char_p)),
        ("outputs", c_uint32),
        ("name", c_char_p),
        ("target", c_char_p),
        ("precision", c_char_p),
    ]


class Neighbors(ctypes.Structure):
    """dpc_neighbors."""

    _fields_ = [
        ("count", c_int32),
        ("atoms", c_void_p),
        ("numneigh", c_void_p),
        ("firstneigh", c_void_p),
        ("offsets", c_void_p),
        ("indices", c_void_p),
        ("mask", c_int32),
        ("age", c_int64),
    ]


class Input(Sized):
    """dpc_input."""

    _fields_ = [
        ("size", c_uint32),
        ("nloc", c_int32),
        ("nall", c_int32),
        ("coord", c_void_p),
        ("type", c_void_p),
        ("cell", c_void_p),
        ("neighbors", POINTER(Neighbors)),
        ("fparam", c_void_p),
        ("aparam", c_void_p),
        ("memory", c_int32),
        ("stream", c_void_p),
        ("device_neighbors", c_void_p),
    ]


class Output(Sized):
    """dpc_output."""

    _fields_ = [
        ("size", c_uint32),
        ("energy", c_void_p),
        ("force", c_void_p),
        ("virial", c_void_p),
        ("atom_energy", c_void_p),
        ("atom_virial", c_void_p),
        ("warnings", c_uint32),
        ("sel_overflow", c_int64),
        ("extrapolated", c_int64),
    ]


_FUNCTIONS = {
    "dpc_open": (c_int, [c_char_p, POINTER(Options), POINTER(c_void_p), POINTER(Error)]),
    "dpc_get_facts": (POINTER(Facts), [c_void_p]),
    "dpc_session_new": (c_int, [c_void_p, POINTER(c_void_p), POINTER(Error)]),
    "dpc_evaluate": (c_int, [c_void_p, POINTER(Input), POINTER(Output), POINTER(Error)]),
    "dpc_session_free": (None, [c_void_p]),
    "dpc_close": (None, [c_void_p]),
    "dpc_api": (c_int32, []),
}


@functools.cache
def load() -> ctypes.CDLL:
    """libdpc, compiled if need be. Its calls release Python's lock."""
    library = ctypes.CDLL(str(native.libdpc()))
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    assert library.dpc_api() == API
    return library

"""TensorFlow's GraphDef messages, as far as a frozen model needs them.

TensorFlow is not needed: the message classes are made at run time from the public field
numbers of `graph.proto`, `node_def.proto`, `attr_value.proto`, `tensor.proto`,
`tensor_shape.proto` and `types.proto`. Fields that are not listed are skipped by protobuf.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np

from dpc.errors import InputError
from dpc.frontend.library import library

# message: (field, number, kind); a kind with a trailing * is repeated, with a dot a message.
_FIELDS: dict[str, list[tuple[str, int, str]]] = {
    "GraphDef": [("node", 1, ".NodeDef*")],
    "NodeDef": [
        ("name", 1, "string"),
        ("op", 2, "string"),
        ("input", 3, "string*"),
        ("attr", 5, ".AttrEntry*"),
    ],
    "AttrEntry": [("key", 1, "string"), ("value", 2, ".AttrValue")],  # map<string, AttrValue>
    "AttrValue": [("tensor", 8, ".TensorProto")],
    "TensorShapeProto": [("dim", 2, ".Dim*"), ("unknown_rank", 3, "bool")],
    "Dim": [("size", 1, "int64")],
    "TensorProto": [
        ("dtype", 1, "int32"),  # an enum: the same bytes as int32
        ("tensor_shape", 2, ".TensorShapeProto"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "float*"),
        ("double_val", 6, "double*"),
        ("int_val", 7, "int32*"),
        ("string_val", 8, "bytes*"),
        ("int64_val", 10, "int64*"),
        ("bool_val", 11, "bool*"),
    ],
}

# enum DataType: number -> (NumPy type, field that holds single values)
_DTYPES: dict[int, tuple[str, str]] = {
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    9: ("<i8", "int64_val"),
    10: ("?", "bool_val"),
}
_STRING = 7
_HALF = 19  # kept as 16-bit patterns in a field of its own: we never need one

_MAX_ELEMENTS = 1 << 31


@cache
def _graph_class() -> Any:
    descriptor_pb2 = library("google.protobuf.descriptor_pb2", "protobuf")
    descriptor_pool = library("google.protobuf.descriptor_pool", "protobuf")
    message_factory = library("google.protobuf.message_factory", "protobuf")

    file = descriptor_pb2.FileDescriptorProto(
        name="dpc/graphdef.proto", package="dpc.graphdef", syntax="proto3"
    )
    proto = descriptor_pb2.FieldDescriptorProto
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            repeated = kind.endswith("*")
            kind = kind.removesuffix("*")
            entry = message.field.add(
                name=field,
                number=number,
                label=proto.LABEL_REPEATED if repeated else proto.LABEL_OPTIONAL,
            )
            if kind.startswith("."):
                entry.type = proto.TYPE_MESSAGE
                entry.type_name = f".dpc.graphdef{kind}"
            else:
                # Names of nodes are read as bytes: a damaged name must not stop the parser.
                entry.type = getattr(proto, f"TYPE_{'bytes' if kind == 'string' else kind}".upper())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("dpc.graphdef.GraphDef")
    return message_factory.GetMessageClass(found)


def read_constants(data: bytes, source: str) -> dict[str, Any]:
    """The constants of a frozen graph by node name: TensorProto messages, not yet arrays.

    Identity nodes `NAME/read` that freezing leaves behind are not followed: the constant
    itself carries the plain name.
    """
    graph = _graph_class()()
    DecodeError = library("google.protobuf.message", "protobuf").DecodeError  # noqa: N806
    try:
        graph.ParseFromString(data)
    except DecodeError as error:
        raise InputError(
            f"{source}: not a TensorFlow graph, or damaged ({error}). "
            "Expected a frozen model (.pb) written by 'dp freeze'."
        ) from error
    constants: dict[str, Any] = {}
    for node in graph.node:
        if node.op != b"Const":
            continue
        name = node.name.decode("utf-8", "backslashreplace")
        for entry in node.attr:
            if entry.key == b"value":
                constants[name] = entry.value.tensor
    return constants


def to_array(tensor: Any, name: str, source: str) -> np.ndarray:
    """A TensorProto as an array; a string tensor as an array of bytes objects.

    Values are either packed (`tensor_content`) or listed; a shorter list is filled up with
    its last value, as TensorFlow does.
    """
    where = f"{source}: constant '{name}'"
    if tensor.tensor_shape.unknown_rank:
        raise InputError(f"{where} has no shape. The file is damaged: make it again.")
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    count = prod(shape)
    if any(size < 0 for size in shape) or count > _MAX_ELEMENTS:
        raise InputError(f"{where} has the impossible shape {list(shape)}. The file is damaged.")
    if tensor.dtype == _STRING:
        if len(tensor.string_val) != count:
            raise InputError(f"{where} holds {len(tensor.string_val)} texts, expected {count}.")
        return np.array(list(tensor.string_val), dtype=object).reshape(shape)
    if tensor.dtype not in _DTYPES:
        kind = "half precision (float16)" if tensor.dtype == _HALF else f"type {tensor.dtype}"
        raise InputError(f"{where} holds {kind}. Supported are float32, float64 and integers.")
    dtype, field = _DTYPES[tensor.dtype]
    if tensor.tensor_content:
        expected = count * np.dtype(dtype).itemsize
        if len(tensor.tensor_content) != expected:
            raise InputError(
                f"{where} holds {len(tensor.tensor_content)} bytes, "
                f"but shape {list(shape)} needs {expected}. The file is damaged."
            )
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape).copy()
    values = np.array(getattr(tensor, field), dtype)
    if count and len(values) == 0:
        values = np.zeros(1, dtype)
    if len(values) > count:
        raise InputError(f"{where} holds {len(values)} values, but shape {list(shape)}.")
    if len(values) < count:
        values = np.concatenate([values, np.full(count - len(values), values[-1])])
    return values.reshape(shape)

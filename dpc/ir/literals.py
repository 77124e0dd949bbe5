"""The small pieces of the text form: names, numbers, attributes, types."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from dpc.errors import InputError, TextError
from dpc.ir.lexer import Token, Tokens
from dpc.ir.params import NetBank, Param, Ref, Table
from dpc.ir.types import ArrayType, Dim, DType

T = TypeVar("T")


class Literals:
    """Reads pieces from words; knows the declarations so far."""

    def __init__(self, tokens: Tokens) -> None:
        self.t = tokens
        self.refs: dict[str, Ref] = {}

    def name(self) -> str:
        if self.t.next.kind == "string":
            return str(self.literal())
        return self.t.take("word").text

    def real(self) -> float:
        return float(self.t.take("number").text)

    def separator(self, end: str) -> None:
        if not self.t.skip(",") and self.t.next.text != end:
            self.t.expect(",", end)

    def literal(self) -> Any:
        token = self.t.take()
        if token.kind == "number":
            whole = re.fullmatch(r"[-+]?\d+", token.text)
            return int(token.text) if whole else float(token.text)
        if token.kind == "string":
            escapes = {"n": "\n"}
            return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), token.text[1:-1])
        if token.kind == "ref":
            if token.text[1:] not in self.refs:
                self.t.unknown("net, table or param", token, [f"@{name}" for name in self.refs])
            return self.refs[token.text[1:]]
        if token.text in ("true", "false"):
            return token.text == "true"
        if token.text in list(DType):
            return DType(token.text)
        if token.text == "(":
            parts = []
            while not self.t.skip(")"):
                parts.append(self.literal())
                self.separator(")")
            return tuple(parts)
        return self.t.fail(f"expected a number, string, name or '(', found {token}", token)

    def dtype(self) -> DType:
        token = self.t.take("word", "a dtype")
        if token.text not in list(DType):
            self.t.unknown("dtype", token, list(DType))
        return DType(token.text)

    def array_type(self) -> ArrayType:
        dtype = self.dtype()
        dims: list[Dim] = []
        self.t.expect("[")
        while not self.t.skip("]"):
            dims.append(self.dim())
            self.separator("]")
        return ArrayType(dtype, tuple(dims))

    def dim(self) -> Dim:
        if self.t.next.kind == "number":
            return self.t.integer()
        return self.t.take("word", "a number or a name").text

    def made(self, token: Token, make: Callable[[], T]) -> T:
        """What `make` makes; its errors point at the token."""
        try:
            return make()
        except TextError:
            raise
        except InputError as error:
            return self.t.fail(str(error), token)


def fits(value: Any, kind: str) -> bool:
    """True when an attribute's value is of the kind its field is declared with."""
    scalars: dict[str, tuple[type, ...]] = {
        "int": (int,), "float": (int, float), "str": (str,), "bool": (bool,), "DType": (DType,),
        "Param": (Param,), "NetBank": (NetBank,), "Table": (Table,),
        "NetBank | Table": (NetBank, Table),
    }  # fmt: skip
    if kind.startswith("tuple["):
        inner = kind.removeprefix("tuple[").removesuffix("]")
        if not isinstance(value, tuple):
            return False
        if inner.endswith(", ..."):
            return all(fits(part, inner.removesuffix(", ...")) for part in value)
        parts = inner.split(", ")
        return len(value) == len(parts) and all(map(fits, value, parts))
    for special, name in ((bool, "bool"), (DType, "DType")):  # a bool is an int, a DType a str
        if isinstance(value, special) != (kind == name):
            return False
    return isinstance(value, scalars.get(kind, (object,)))

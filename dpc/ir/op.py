"""Op and Value: the atoms of a graph.

An op class is the one place that says what an operation means:

    @op("radial")
    class Radial(Op):
        \"\"\"First column of the environment matrix: s(r).

            %s = radial %env : f64[nloc, nnei]
        \"\"\"
        env: Value                                        # operands are Values,
                                                          # all other fields attributes
        def infer(self) -> ArrayType: ...                 # its type
        def eval(self, at, env) -> Array: ...             # its value, in NumPy
        def vjp(self, d) -> tuple[Value | None, ...]: ... # its adjoint, as ops
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform

from dpc.errors import GraphError
from dpc.ir.types import ArrayType, Dim, DType
from dpc.registry import Registry

if TYPE_CHECKING:
    from dpc.ir.evaluate import Evaluation

ops: Registry[type[Op]] = Registry("operation", "dpc.ops", package="dpc.ir.ops")


@dataclass(frozen=True)
class Value:
    """One result of one op. Two Values are equal when they name the same result."""

    op: Op
    index: int = 0

    @property
    def type(self) -> ArrayType:
        """dtype and dims."""
        return self.op.types[self.index]

    @property
    def dtype(self) -> DType:
        """Type of one element."""
        return self.type.dtype

    @property
    def dims(self) -> tuple[Dim, ...]:
        """The dims."""
        return self.type.dims

    @property
    def name(self) -> str:
        """The name it was given, or ''."""
        return self.op.names[self.index] if self.index < len(self.op.names) else ""

    def __repr__(self) -> str:
        return f"%{self.name or self.op.name}: {self.type}"


@dataclass(frozen=True, eq=False, repr=False)
class Op:
    """One operation on arrays, without side effects. See the module for how to write one."""

    name: ClassVar[str]
    fixed: ClassVar[tuple[str, ...]] = ()
    """Operands that differentiation must not need to pass through."""

    names: tuple[str, ...] = field(default=(), kw_only=True)
    """Names of the results in the text form; '' where none was given."""
    types: tuple[ArrayType, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name, kind in spec(type(self)).attributes.items():
            object.__setattr__(self, name, plain(getattr(self, name), kind))
        found = self.infer()
        object.__setattr__(self, "types", found if isinstance(found, tuple) else (found,))

    def infer(self) -> ArrayType | tuple[ArrayType, ...]:
        """The type of each result, from operands and attributes."""
        raise NotImplementedError

    def eval(self, at: Evaluation, *operands: Any) -> Any:
        """The value, or a tuple of values; `at` has the program's numbers."""
        raise NotImplementedError

    def vjp(self, d: Value) -> tuple[Value | None, ...]:
        """For each operand the adjoint, given the adjoint `d` of the result; None is zero."""
        raise GraphError(f"{self.name} has no adjoint: it cannot be differentiated")

    @property
    def out(self) -> Value:
        """The first result."""
        return Value(self)

    @property
    def results(self) -> tuple[Value, ...]:
        """All results."""
        return tuple(Value(self, i) for i in range(len(self.types)))

    @property
    def operands(self) -> tuple[Value, ...]:
        """Every operand in order; lists of operands are flattened."""
        return tuple(value for _, value in self.named_operands())

    def named_operands(self) -> Iterator[tuple[str, Value]]:
        """Every operand with the name of its field."""
        for name in spec(type(self)).operands:
            got = getattr(self, name)
            for value in got if isinstance(got, tuple) else (got,):
                yield name, value

    def attributes(self) -> dict[str, Any]:
        """Every attribute by name."""
        return {name: getattr(self, name) for name in spec(type(self)).attributes}

    def with_operands(self, change: Callable[[Value], Value]) -> Op:
        """The same op on changed operands; itself when none changes."""
        new: dict[str, Any] = {}
        for name in spec(type(self)).operands:
            got = getattr(self, name)
            new[name] = tuple(map(change, got)) if isinstance(got, tuple) else change(got)
        same = all(new[name] == getattr(self, name) for name in new)
        return self if same else replace(self, **new)

    def named(self, *names: str) -> Op:
        """The same op with names for its results."""
        return replace(self, names=names)

    def require(self, holds: bool, why: str) -> None:
        """Refuse the op with the sentence the user reads."""
        if not holds:
            raise GraphError(f"{self.name}: {why}")

    def __repr__(self) -> str:
        return f"<{self.name} {' '.join(map(str, self.types))}>"


@dataclass(frozen=True, eq=False, repr=False)
class Input(Op):
    """An input of a graph."""

    name: ClassVar[str] = "input"
    label: str
    type: ArrayType

    def infer(self) -> ArrayType:
        return self.type


@dataclass(frozen=True)
class Spec:
    """The fields of an op class: operands by name, attributes with the kind of each."""

    operands: tuple[str, ...]
    lists: frozenset[str]
    attributes: dict[str, str]
    defaults: dict[str, Any]


def spec(cls: type[Op]) -> Spec:
    """What the fields of an op class say."""
    return _spec(cast(Hashable, cls))


@cache
def _spec(cls: Hashable) -> Spec:
    assert isinstance(cls, type) and issubclass(cls, Op)
    own = [f for f in fields(cls) if f.init and not f.kw_only]
    kinds = {f.name: str(f.type) for f in own}
    lists = frozenset(n for n, kind in kinds.items() if kind == "tuple[Value, ...]")
    operands = tuple(n for n, kind in kinds.items() if kind == "Value" or n in lists)
    attributes = {n: kind for n, kind in kinds.items() if n not in operands}
    defaults = {f.name: f.default for f in own if f.default is not MISSING}
    return Spec(operands, lists, attributes, defaults)


def plain(value: Any, kind: str = "") -> Any:
    """An attribute as plain Python: no NumPy scalars, no lists, floats where floats belong."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(v) for v in value)
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if kind == "float" and isinstance(value, int):
        return float(value)
    if kind == "DType":
        return DType(value)
    return value


O = TypeVar("O", bound=Op)  # noqa: E741


@dataclass_transform(frozen_default=True, eq_default=False)
def op(name: str) -> Callable[[type[O]], type[O]]:
    """Class decorator: a frozen dataclass, registered as operation `name`."""

    def wrap(cls: type[O]) -> type[O]:
        made = dataclass(frozen=True, eq=False, repr=False)(cls)
        made.name = name
        ops.add(name, made)
        return made

    return wrap

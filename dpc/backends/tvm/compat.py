"""Everything of TVM that moves between its releases: names, constructors, the pipeline.

Written against apache-tvm 0.27 (`tvm.tirx`; before it the same things were `tvm.tir`).
The kernels are built as ready loop nests (explicit vectors, no schedulable blocks), so
only the last lowering steps of TVM's pipeline are needed. Left out on purpose:
MakePackedAPI, so that a function stays a plain C function with restrict pointers, and
fast-math, so that a sum keeps its order and not-a-number stays not-a-number.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dpc.errors import ToolError
from dpc.targets import Target

UNBOUNDED = 1 << 30
"""Extent given to arrays whose size only the caller knows; nothing checks bounds."""


@functools.cache
def tirx() -> Any:
    """TVM's loop-level IR."""
    try:
        from tvm import tirx as module  # type: ignore[import-untyped]
    except ImportError as problem:
        raise ToolError(
            f"compiling for a CPU needs apache-tvm 0.27, but importing it failed: {problem}\n"
            "    pip install 'dpc[cpu]'"
        ) from problem
    return module


def pointer(name: str, dtype: str) -> Any:
    """A function parameter: `dtype *restrict name`."""
    from tvm.ir import PointerType, PrimType  # type: ignore[import-untyped]

    return tirx().Var(name, PointerType(PrimType(dtype)))


def integer(name: str, dtype: str = "int32") -> Any:
    """A function parameter or loop variable."""
    return tirx().Var(name, dtype)


def index(value: int) -> Any:
    """A constant of the type that counts array elements."""
    return tirx().IntImm("int32", value)


def array(name: str, dtype: str, data: Any) -> tuple[Any, Any]:
    """(buffer, statement declaring it): the flat array behind a pointer parameter."""
    t = tirx()
    buffer = t.decl_buffer((UNBOUNDED,), dtype, name, data=data, layout=None)
    return buffer, t.DeclBuffer(buffer, data=data)


def register(name: str, dtype: str, lanes: int) -> tuple[Any, Any]:
    """(buffer, statement allocating it): one vector on the stack, which LLVM keeps in a register.

    TVM leaves a buffer on the stack only when it is of global scope, of constant size and
    smaller than 1024 bytes; everything else becomes a call to an allocator.
    """
    t = tirx()
    buffer = t.decl_buffer((lanes,), dtype, name, layout=None)
    return buffer, t.AllocBuffer(buffer)


def serial_loop(variable: Any, extent: Any, body: Sequence[Any]) -> Any:
    """for (variable = 0; variable < extent; variable++) body"""
    t = tirx()
    return t.For(variable, index(0), extent, t.ForKind.SERIAL, sequence(body))


def sequence(statements: Sequence[Any]) -> Any:
    """Statements one after another."""
    t = tirx()
    return statements[0] if len(statements) == 1 else t.SeqStmt(list(statements))


def function(symbol: str, parameters: Sequence[Any], body: Sequence[Any], helpers: str = "") -> Any:
    """A C function `void symbol(parameters)` whose pointers are restrict.

    `helpers` is LLVM text. Its functions should be `available_externally alwaysinline`: they
    are inlined and leave no symbol, and several functions may bring the same text.
    """
    from tvm.ir import StringImm

    t, whole = tirx(), sequence(body)
    if helpers:
        whole = t.AttrStmt(index(0), "pragma_import_llvm", StringImm(helpers), whole)
    made = t.PrimFunc(list(parameters), whole)
    return made.with_attr("global_symbol", symbol).with_attr("tirx.noalias", True)


def intrinsic(dtype: str, name: str, *operands: Any) -> Any:
    """A call to an LLVM intrinsic that has a value and no side effect."""
    return tirx().call_llvm_pure_intrin(dtype, name, *operands)


def helper(dtype: str, name: str, *operands: Any) -> Any:
    """A call to a function without side effects that the function's `helpers` define."""
    return tirx().call_pure_extern(dtype, name, *operands)


def action(name: str, *operands: Any) -> Any:
    """A statement: call a function that the function's `helpers` define; ints are 64-bit."""
    t = tirx()
    made = [t.IntImm("int64", value) if isinstance(value, int) else value for value in operands]
    return t.Evaluate(t.call_extern("void", name, *made))


def address(buffer: Any, at: Any) -> Any:
    """&buffer[at]"""
    t = tirx()
    return t.address_of(t.BufferLoad(buffer, [at]))


def prefetch(buffer: Any, at: Any) -> Any:
    """A statement: bring the line of buffer[at] near, for reading, into every cache."""
    t = tirx()
    hints = [index(0), index(3), index(1)]  # read, keep, data
    return t.Evaluate(t.call_llvm_intrin("void", "llvm.prefetch", address(buffer, at), *hints))


def compile_functions(functions: Sequence[Any], target: Target) -> Any:
    """LLVM module of plain C functions."""
    import tvm

    t = tirx()
    description: dict[str, Any] = {
        "kind": "llvm",
        "mtriple": target.triple,
        "mcpu": target.mcpu,
        "mattr": list(target.mattr),
    }
    machine = tvm.target.Target(description)
    module = tvm.IRModule({made.attrs["global_symbol"]: made for made in functions})
    steps = [
        t.transform.BindTarget(machine.with_host(machine)),
        t.transform.LowerTVMBuiltin(),
        t.transform.LowerIntrin(),
    ]
    lowered = tvm.ir.transform.Sequential(steps)(module)
    return tvm.get_global_func("target.build.llvm")(lowered, machine)


def object_bytes(module: Any) -> bytes:
    """The relocatable object file of a compiled module."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernels.o"
        module.write_to_file(str(path), "o")
        return path.read_bytes()


def assembly(module: Any) -> str:
    """The assembly text of a compiled module."""
    return str(module.inspect_source("s"))

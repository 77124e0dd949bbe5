"""Text to Program. What it reads and how it looks: see `printer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpc.errors import did_you_mean
from dpc.ir.graph import Graph
from dpc.ir.lexer import Token, Tokens
from dpc.ir.literals import Literals, fits
from dpc.ir.op import Input, Op, Spec, Value, ops, spec
from dpc.ir.params import NetBank, Param, ParamStore, Table
from dpc.ir.printer import HEADER, STARTS
from dpc.ir.program import Buffer, Facts, MemoryPlan, Program
from dpc.ir.types import NumpyArray


def parse(
    text: str, store: Mapping[str, NumpyArray] | None = None, source: str = "program"
) -> Program:
    """The program that a text says, with the numbers of `store` if there are any.

    `source` names the text in errors: 'water.dpir:8:9: …'.
    """
    return _Parser(Tokens(text, source)).program(ParamStore(store))


class _Parser(Literals):
    def __init__(self, tokens: Tokens) -> None:
        super().__init__(tokens)
        self.values: dict[str, Value] = {}

    def program(self, store: ParamStore) -> Program:
        self.t.expect("program")
        name = self.name()
        facts = self.facts()
        graphs: dict[str, Graph] = {}
        memory: MemoryPlan | None = None
        while self.t.next.kind:
            start = self.t.expect(*STARTS)
            if start.text == "graph":
                graph = self.graph()
                if graph.name in graphs:
                    self.t.fail(f"graph {graph.name} is there twice", start)
                graphs[graph.name] = graph
            elif start.text == "memory":
                memory = self.memory()
            else:
                self.declaration(start)
        return Program(name, facts, graphs, store, memory)

    # declarations

    def facts(self) -> Facts:
        given: dict[str, Any] = {}
        first = self.t.next
        while self.t.next.kind == "word" and self.t.next.text not in STARTS:
            key = self.t.take()
            if key.text not in HEADER:
                self.t.unknown("fact", key, HEADER)
            if key.text in given:
                self.t.fail(f"{key.text} is there twice", key)
            given[key.text] = self.fact(key.text)
        for key_name in ("types", "rcut", "sel"):
            if key_name not in given:
                hint = did_you_mean(key_name, given.get("types", ()))
                self.t.fail(f"the program does not say its {key_name}.{hint}", first)
        given["type_map"] = given.pop("types")
        return Facts(**given)

    def fact(self, key: str) -> Any:
        if key in ("types", "outputs"):
            found = []
            ends = (*HEADER, *STARTS)
            while self.t.next.kind == "string" or (
                self.t.next.kind == "word" and self.t.next.text not in ends
            ):
                found.append(self.name())
            return tuple(found)
        if key == "sel":
            sel = [self.t.integer()]
            while self.t.next.kind == "number":
                sel.append(self.t.integer())
            return tuple(sel)
        return self.t.integer() if key in ("fparam", "aparam") else self.real()

    def declaration(self, kind: Token) -> None:
        token = self.t.take("ref")
        name = token.text[1:]
        if name in self.refs:
            self.t.fail(f"{token.text} is there twice", token)
        if kind.text == "param":
            self.refs[name] = self.made(token, lambda: Param(name, self.array_type()))
        else:
            self.t.expect("[")
            words = [self.t.take("word").text]
            while not self.t.skip("]"):
                words.append(self.t.take("word").text)
            count = self.t.integer()
            self.t.expect("nets")
            rest = self.net if kind.text == "net" else self.table
            self.refs[name] = rest(token, " ".join(words), count)

    def net(self, token: Token, index: str, count: int) -> NetBank:
        widths = [self.t.integer()]
        while self.t.skip(">"):
            widths.append(self.t.integer())
        activation = self.t.take("word", "an activation function").text
        resnet, timestep, head = (self.t.skip(flag) for flag in ("resnet", "dt", "head"))
        plain: list[int] = []
        if self.t.skip("plain"):
            while self.t.next.kind == "number":
                plain.append(self.t.integer())
        bf16 = self.t.skip("bf16")
        fields = (tuple(widths), activation, resnet, timestep, self.dtype(), count, head)
        rest = (tuple(plain), bf16)
        return self.made(token, lambda: NetBank(token.text[1:], index, *fields, *rest))

    def table(self, token: Token, index: str, count: int) -> Table:
        lower = self.real()
        self.t.expect("to")
        upper = self.real()
        self.t.expect("step")
        stride = self.real()
        rows = self.t.integer()
        self.t.expect("rows")
        self.t.expect("width")
        width = self.t.integer()
        fields = (index, count, width, lower, upper, stride, rows, self.dtype())
        return self.made(token, lambda: Table(token.text[1:], *fields))

    def memory(self) -> MemoryPlan:
        size, buffers = self.t.integer(), []
        self.t.expect("{")
        while not self.t.skip("}"):
            value = self.t.take("value").text[1:]
            numbers = []
            for word in (":", "offset", "size", "live", "to"):
                self.t.expect(word)
                if word != ":":
                    numbers.append(self.t.integer())
            buffers.append(Buffer(value, *numbers))
        return MemoryPlan(size, tuple(buffers))

    # graphs

    def graph(self) -> Graph:
        name = self.t.take("word").text
        self.values = {}
        inputs = []
        self.t.expect("(")
        while not self.t.skip(")"):
            label = self.t.take("word")
            self.t.expect(":")
            made = Input(label.text, self.array_type())
            self.define(label, made.out, label.text)
            inputs.append(made)
            self.separator(")")
        self.t.expect("{")
        while self.t.next.text != "return":
            self.op()
        self.t.expect("return")
        outputs: dict[str, Value] = {}
        while not self.t.skip("}"):
            output = self.t.take("word")
            if output.text in outputs:
                self.t.fail(f"{output.text} is returned twice", output)
            self.t.expect("=")
            outputs[output.text] = self.value()
            self.separator("}")
        return Graph(name, tuple(inputs), outputs)

    def define(self, token: Token, value: Value, name: str) -> None:
        if name in self.values:
            self.t.fail(f"%{name} is there twice", token)
        self.values[name] = value

    def value(self) -> Value:
        token = self.t.take("value")
        if token.text[1:] not in self.values:
            self.t.unknown("value", token, [f"%{name}" for name in self.values])
        return self.values[token.text[1:]]

    def op(self) -> None:
        """`%a, %b = name operands, attribute=…, … : type, type`."""
        results = [self.t.take("value", "a %value or 'return'")]
        while self.t.skip(","):
            results.append(self.t.take("value"))
        self.t.expect("=")
        start = self.t.take("word", "an operation")
        if start.text not in ops:
            self.t.unknown("operation", start, ops.names())
        cls = ops.get(start.text)
        fields = {**self.operands(cls), **self.attributes(cls, spec(cls))}
        missing = [n for n in spec(cls).attributes if n not in {**fields, **spec(cls).defaults}]
        if missing:
            self.t.fail(f"{start.text}: {', '.join(missing)} missing", start)
        names = tuple(token.text[1:] for token in results)
        made = self.made(start, lambda: cls(**fields, names=names))
        self.result_types(made, start)
        if len(results) != len(made.types):
            self.t.fail(f"{made.name} gives {len(made.types)} results", results[-1])
        for token, value in zip(results, made.results, strict=True):
            self.define(token, value, token.text[1:])

    def result_types(self, made: Op, start: Token) -> None:
        self.t.expect(":")
        at = self.t.next
        found = [self.array_type()]
        while self.t.skip(","):
            found.append(self.array_type())
        if tuple(found) != made.types:
            words = [", ".join(map(str, types)) for types in (made.types, found)]
            self.t.fail(f"{made.name} gives {words[0]}, not {words[1]}", at)

    def operands(self, cls: type[Op]) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for i, name in enumerate(spec(cls).operands):
            if i:
                self.t.expect(",")
            if name not in spec(cls).lists:
                if self.t.next.kind != "value":
                    self.t.fail(f"{cls.name}: expected operand {name}, found {self.t.next}")
                fields[name] = self.value()
                continue
            values = []
            self.t.expect("(")
            while not self.t.skip(")"):
                values.append(self.value())
                self.separator(")")
            fields[name] = tuple(values)
        return fields

    def attributes(self, cls: type[Op], described: Spec) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        first = not described.operands
        while self.t.next.text != ":":
            if not first:
                self.t.expect(",", ":")
            first = False
            if self.t.next.kind == "value":
                takes = ", ".join(described.operands) or "none"
                self.t.fail(f"{cls.name}: too many operands; it takes {takes}")
            key = self.t.take("word", "an attribute")
            if key.text not in described.attributes:
                self.t.unknown(f"attribute of {cls.name} called", key, described.attributes)
            if key.text in fields:
                self.t.fail(f"{key.text} is there twice", key)
            self.t.expect("=")
            at = self.t.next
            value = self.literal()
            kind = described.attributes[key.text]
            if not fits(value, kind):
                self.t.fail(f"{cls.name}: {key.text} must be {kind}", at)
            fields[key.text] = value
        return fields

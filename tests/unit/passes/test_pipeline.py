"""Pipelines: text form, order, reports, hooks."""

from __future__ import annotations

import json

import pytest

from dpc.errors import UsageError
from dpc.ir.program import Program
from dpc.passes.base import Changes, Context, Pass, passes
from dpc.passes.pipeline import Pipeline
from dpc.passes.pipelines import PIPELINES, default_pipeline
from dpc.passes.tabulate import Tabulate
from dpc.passes.text import parse_passes
from tests.programs import ZOO, program, samples

CPU = PIPELINES["cpu"]


@pytest.mark.parametrize(
    "text",
    [
        CPU,
        "",
        "tabulate{stride=0.02}",
        "tabulate{tolerance=1e-06, min_distance=0.7} differentiate memory{tile=12}",
    ],
)
def test_text_round_trip(text: str) -> None:
    assert str(Pipeline.parse(text)) == text


def test_text_forms() -> None:
    assert parse_passes(" tabulate { stride = 0.5 , lower=auto }  ") == (Tabulate(stride=0.5),)
    assert parse_passes("tabulate{}") == (Tabulate(),)
    assert str(Tabulate(stride=0.1)) == "tabulate{stride=0.1}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tabulat", "Did you mean 'tabulate'"),
        ("tabulate{stide=0.1}", "no option 'stide'. Did you mean 'stride'"),
        ("tabulate{stride=fine}", "expected a number, not 'fine'"),
        ("memory{tile=1.5}", "expected a whole number, not '1.5'"),
        ("tabulate{stride}", "expected a number, not 'true'"),
        ("fuse{x=1}", "It takes none"),
        ("fuse, memory", "',' is not a pass"),
    ],
)
def test_wrong_text(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Pipeline.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("differentiate tabulate", "tabulate changes the energy and must come before"),
        ("differentiate symmetrize", "symmetrize must come before differentiate"),
        ("exact_neighbors tabulate", "tabulate must come before exact_neighbors"),
        ("tabulate basis", "basis must come before tabulate"),
        ("exact_neighbors fold", "fold must come before exact_neighbors"),
        ("differentiate basis", "basis changes the energy and must come before"),
        ("fuse differentiate", "differentiate must come before fuse"),
        ("fuse exact_neighbors", "exact_neighbors must come before fuse"),
        ("memory canonicalize", "memory must be last"),
    ],
)
def test_wrong_order(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Pipeline.parse(text)


def test_all_order_problems_come_together() -> None:
    with pytest.raises(UsageError) as caught:
        Pipeline.parse("memory differentiate tabulate")
    assert str(caught.value).count("\n") >= 3


def test_reports() -> None:
    context = Context(samples=samples())
    Pipeline.parse(CPU).run(program(), context)
    assert [report.name for report in context.reports] == [
        text.partition("{")[0] for text in CPU.split()
    ]
    measured = [report.name for report in context.reports if report.errors is not None]
    assert measured == ["symmetrize", "tabulate", "exact_neighbors", "fuse"]
    text = json.dumps([report.to_json() for report in context.reports])
    place = CPU.split().index("tabulate")
    assert json.loads(text)[place]["notes"]["embedding"]["rows"] > 10
    assert "eV/Å" in context.reports[place].line()
    assert "@embedding stride 0.05 in 257 rows" in context.reports[place].line()


def test_report_says_what_was_left_undone() -> None:
    context = Context()
    Pipeline.parse("symmetrize tabulate").run(program(ZOO["float32"]), context)
    skipped, left = (report.line() for report in context.reports)
    assert "skipped: @fitting is f32: put widen before symmetrize" in skipped
    assert "@embedding left exact: the net is f32" in left


def test_without_samples_nothing_is_measured() -> None:
    context = Context()
    Pipeline.parse("tabulate").run(program(), context)
    assert context.reports[0].errors is None


def test_hooks_see_every_stage() -> None:
    seen: list[tuple[int, str, int]] = []

    def after(place: int, one: Pass, stage: Program) -> None:
        seen.append((place, one.name, len(stage.energy.outputs)))

    Pipeline.parse("canonicalize differentiate").run(program(), Context(after=[after]))
    assert seen == [(1, "canonicalize", 1), (2, "differentiate", 4)]


@pytest.mark.parametrize("name", list(passes))
def test_every_pass_says_what_it_is(name: str) -> None:
    cls = passes.get(name)
    assert cls.name == name and isinstance(cls.changes, Changes) and cls.__doc__


def test_unknown_target() -> None:
    with pytest.raises(UsageError, match="Did you mean 'cpu'"):
        default_pipeline("cpus")

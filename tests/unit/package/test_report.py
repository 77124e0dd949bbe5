"""report.json and report.html: complete, the same every time, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from dpc.cost.ledger import Ledger
from dpc.package.charts import Bar, Line, Scale, Spot, bars, number, plot
from dpc.package.report import ALL, AS_READ, content, main_stages, rows, size, text, to_json
from dpc.package.report_page import to_html
from dpc.passes.base import Context
from dpc.passes.pipeline import Pipeline
from dpc.targets import parse_target
from dpc.targets.roofline import assumed_roofline
from tests.programs import ZOO, program, samples

PIPELINE = "canonicalize symmetrize tabulate{stride=0.1} differentiate exact_neighbors fuse memory"
NAMES = [AS_READ, *(one.partition("{")[0] for one in PIPELINE.split()), ALL]


def make(name: str = "one_side", measured: bool = True) -> dict:
    start = program(ZOO[name])
    context = Context(samples=samples(ZOO[name]) if measured else ())
    ledger = Ledger(start, context)
    context.after = [ledger.after]
    Pipeline.parse(PIPELINE).run(start, context)
    target = parse_target("cpu:x86-64-v3")
    cost = ledger.facts(target, assumed_roofline(target))
    return content(context.reports, len(context.samples), "made frames", {"tile_atoms": 12}, cost)


@pytest.fixture(scope="module")
def report() -> dict:
    return make()


def test_json_has_what_each_pass_did(report: dict) -> None:
    read = json.loads(to_json(report))
    assert read == report
    assert [name for name, _, _ in rows(read)] == NAMES
    table = next(one for one in read["passes"] if one["name"] == "tabulate")
    assert 0 < table["errors"]["force"]["rms"] <= table["errors"]["force"]["max"] < 1e-3
    assert table["cost"]["stored"]["tables"] > 0 == read["as_read"]["stored"]["tables"]
    flops = {name: sum(cost["flops"].values()) for name, cost, _ in rows(read)}
    assert flops["tabulate"] != flops["symmetrize"] > flops["exact_neighbors"]
    assert read["errors"]["force"]["rms"] == pytest.approx(table["errors"]["force"]["rms"], rel=0.1)
    assert read["held_out"] == max(1, read["frames"] // 2)
    assert "seconds" not in to_json(report)


def test_the_same_input_gives_the_same_bytes(report: dict) -> None:
    again = make()
    assert to_json(again) == to_json(report)
    assert to_html(again) == to_html(report)
    assert to_html(json.loads(to_json(report))) == to_html(report)


def test_text_fits_a_terminal(report: dict) -> None:
    shown = text(report)
    assert max(map(len, shown)) <= 110
    words = "\n".join(shown)
    for name in NAMES:
        assert name in words
    for part in ("held out", "µs/atom/step on 1 core", "assumed: 3 GHz", "1,000,000 atoms"):
        assert part in words


class Page(HTMLParser):
    """Tags, what they refer to, and whether each one that needs it is closed."""

    OPEN = {"meta", "br", "th", "td", "tr", "li"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.stack: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in self.OPEN:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.OPEN:
            assert self.stack.pop() == tag


def test_page_stands_alone(report: dict) -> None:
    page = Page()
    whole = to_html(report).decode()
    page.feed(whole)
    assert not page.stack and not page.references
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "http" not in whole and "url(" not in whole and "@import" not in whole
    assert page.tags.count("svg") == 9
    for title in ("What each pass did", "Table embedding by distance", "Roofline", "Memory"):
        assert f"<h2>{title}</h2>" in whole


def test_every_picture_is_well_formed_and_stays_inside(report: dict) -> None:
    pictures = re.findall(r"<svg.*?</svg>", to_html(report).decode())
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for one in root.iter():
            for key, most in (("x", width), ("x1", width), ("cx", width), ("y", height)):
                assert -1 <= float(one.attrib.get(key, 0)) <= most + 1, (one.tag, one.attrib)
    assert not re.search(r"\b(nan|inf)\b", "".join(pictures))


def test_names_of_the_user_are_quoted(report: dict) -> None:
    model = {**report["model"], "name": "<script>alert(1)</script>", "types": ["<b>"]}
    whole = to_html({**report, "model": model}).decode()
    assert "<script>" not in whole and "<b>:" not in whole and "Types <b>" not in whole


@pytest.mark.parametrize("name", ["relu", "three_types", "float32", "sel_overflow", "zero_mean"])
def test_pages_of_other_models(name: str) -> None:
    report = make(name)
    Page().feed(to_html(report).decode())
    # no table follows kinks, and none replaces a net in float32
    assert (name in ("relu", "float32")) == (not report["tables"])
    assert len(text(report)) > 20


def test_without_frames_there_are_no_errors() -> None:
    report = make(measured=False)
    assert report["errors"] is None and "no frames" in text(report)[0]
    assert "Error of each pass" not in to_html(report).decode()


def test_small_stages_are_put_together() -> None:
    def stage(name: str, micro: float) -> dict:
        return {"name": name, "compute": micro, "reading": 0.0, "flops": {"f64": 1.0}, "bytes": {}}

    found = main_stages([stage("a", 10), stage("b", 1e-3), stage("a", 5), stage("c", 1e-3)])
    assert [(one["name"], one["compute"]) for one in found] == [("a", 15), ("rest", 2e-3)]
    assert found[1]["flops"] == {"f64": 2.0}
    assert main_stages([]) == []


@pytest.mark.parametrize(
    ("bytes_", "words"), [(12, "12 bytes"), (1536, "1.54 kB"), (9.6e6, "9.6 MB"), (2e9, "2 GB")]
)
def test_size(bytes_: float, words: str) -> None:
    assert size(bytes_) == words


def test_scales_and_ticks() -> None:
    assert Scale(0, 7.3, 0, 100).ticks() == [0, 2, 4, 6]
    assert Scale(0.6, 6.0, 0, 100).ticks() == [1, 2, 3, 4, 5, 6]
    assert Scale(2e-9, 1e-3, 0, 1, log=True).ticks() == [10.0**k for k in range(-8, -2)]
    assert Scale(1, 100, 0, 50, log=True)(10) == pytest.approx(25)
    assert Scale(1, 100, 0, 50, log=True)(0) == 0
    assert [number(1e-9, True), number(0.05), number(12288)] == ["10⁻⁹", "0.05", "12,288"]


def test_charts_of_nothing() -> None:
    for picture in (
        bars("none", [Bar("a", [0.0], "0")]),
        bars("none", [Bar("a", [0.0], "0", 0.0)], ("x",), True, 1e-9, "most"),
        bars("none", []),
        plot("none", ("x", "y"), (0, 1, False), (0, 1, False)),
        plot("one", ("x", "y"), (0, 1, False), (1, 10, True), [Line([(0, 1), (1, 0)], "l")],
             [Spot((0.5, 2), "s0", "a & b", "tip")]),
    ):  # fmt: skip
        ElementTree.fromstring(picture)

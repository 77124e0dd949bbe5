"""What the RTL tests have covered: lines of rtl/, streams, and the corners of the design.

`python -m tests.rtl.coverage` runs the tests of modules and cores with counting on and prints
three tables; with --report it prints what the last run left in build/rtl. A line counts when
everything on it ran in some instance of some test. Exit code 1 below GATE, or if a stream never
stalled or a corner was never seen.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.rtl import corners
from tests.rtl.bench import RESULTS, ROOT, RTL

GATE = 0.95
TESTS = ("test_modules.py", "test_core.py", "test_corners.py")
AS_IN_TOP = {"read": "dma_read", "write": "dma_write", "back": "layer_back"}  # names of instances
PACKAGES = "their functions run while the circuit is built, not in simulation"


@dataclass(frozen=True)
class Point:
    """One counter of Verilator: a piece of code, or a cover property."""

    kind: str  # line, branch, user
    file: str
    lines: tuple[int, ...]
    name: str
    place: str  # the instance
    count: int


def points(path: Path) -> Iterator[Point]:
    """All of a coverage.dat."""
    for line in path.read_text(errors="replace").splitlines():
        match = re.match(r"C '(.*)' (\d+)$", line)
        if match is None:
            continue
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part)
        lines = tuple(_lines(fields.get("S", fields["l"])))
        yield Point(
            fields["t"], Path(fields["f"]).name, lines, fields.get("o", ""), fields.get("h", ""),
            int(match[2]),
        )  # fmt: skip


def _lines(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def print_lines(found: list[Point]) -> bool:
    """By file; true if enough of them ran."""
    ran: Counter[tuple[str, tuple[int, ...], str, str]] = Counter()
    for p in found:
        if p.kind in ("line", "branch"):
            ran[p.file, p.lines, p.kind, p.name] += p.count
    lines: dict[str, dict[int, bool]] = defaultdict(dict)
    arms: dict[str, list[bool]] = defaultdict(list)
    for (file, numbers, kind, _), count in ran.items():
        for number in numbers:
            lines[file][number] = lines[file].get(number, True) and count > 0
        if kind == "branch":
            arms[file].append(count > 0)
    print(f"{'file':24} {'lines':>12} {'branches':>12}  lines that did not run")
    for path in sorted(RTL.glob("*.sv")):
        name = path.name
        if name.endswith("_pkg.sv"):
            print(f"{name:24} {'-':>12} {'-':>12}  not counted: {PACKAGES}")
            lines.pop(name, None)
            arms.pop(name, None)
        elif name not in lines:
            print(f"{name:24} {'-':>12} {'-':>12}  {_no_lines(path)}")
        else:
            here = lines[name]
            missed = ", ".join(str(n) for n in sorted(here) if not here[n])
            print(f"{name:24} {_part(here.values()):>12} {_part(arms[name]):>12}  {missed}")
    every = [one for here in lines.values() for one in here.values()]
    both = [one for here in arms.values() for one in here]
    share = sum(every) / max(len(every), 1)
    print(f"{'all':24} {_part(every):>12} {_part(both):>12}  {share:.1%} of lines, gate {GATE:.0%}")
    return share >= GATE


def _no_lines(path: Path) -> str:
    code = re.sub(r"//.*", "", path.read_text())
    if re.search(r"\b(always|initial)", code):
        return "NEVER SIMULATED"
    return "no statements: instances, assignments, assertions"


def _part(found: Iterable[bool]) -> str:
    known = list(found)
    return f"{sum(known)} of {len(known)}"


def stream_of(place: str) -> str:
    """The stream that an instance of dp_stream_check watches: block.instance, whatever the top."""
    parts = [p for p in place.split(".") if not p.startswith("gen_")][:-1]
    names = [re.sub(r"^(TOP|dp_|u_)", "", p.split("[")[0]) for p in parts]
    if names[-1] == "check":
        names.pop()
    own = names[-1].removeprefix("check_")
    block = names[-2] if len(names) > 1 else own
    return f"{AS_IN_TOP.get(block, block)}.{own}"


def print_streams(found: list[Point]) -> bool:
    """By stream; true if there are words of each that had to wait.

    A stream whose ready comes from valid is never starved; addresses of writes never follow at
    once.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for p in found:
        if p.kind == "user":
            counts[stream_of(p.place)][p.name] += p.count
    print(f"\n{'stream':28} {'stalled':>9} {'starved':>9} {'at once':>9}")
    good = bool(counts)
    for stream, of in sorted(counts.items()):
        numbers = [of[name] for name in ("stalled", "starved", "at_once")]
        good = good and of["stalled"] > 0
        print(f"{stream:28} " + " ".join(f"{n or 'never':>9}" for n in numbers))
    return good


def print_corners() -> bool:
    """By group; true if there is none that nobody has been to."""
    counts = corners.counts()
    group = ""
    for name, count in counts.items():
        here, point = name.split("/", 1)
        if here != group:
            group = here
            print(f"\n{group}")
        print(f"  {point:42} {count or 'NEVER':>9}")
    seen = sum(count > 0 for count in counts.values())
    print(f"{seen} of {len(counts)} corners")
    return seen == len(counts)


def main(arguments: list[str]) -> int:
    """Run, unless only the report is asked for, and print."""
    if "--report" not in arguments:
        shutil.rmtree(RESULTS, ignore_errors=True)
        tests = [f"tests/rtl/{name}" for name in TESTS]
        large = "tests/rtl/test_core.py::test_nvnmd"  # adds time and no corner
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--deselect", large, *tests],
            cwd=ROOT, env={**os.environ, "DPC_RTL_COVERAGE": "1"}, check=False,
        )  # fmt: skip
        if done.returncode:
            return done.returncode
    found = [p for path in sorted(RESULTS.glob("*/coverage.dat")) for p in points(path)]
    if not found:
        print(f"no coverage.dat in {RESULTS}: run without --report")
        return 1
    good = [print_lines(found), print_streams(found), print_corners()]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

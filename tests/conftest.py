"""For every test: --update-golden, and the collector of golden .dpir files.

A golden file holds passes, a program and what becomes of it:

    // run: symmetrize differentiate
    // numbers: 3                     (optional: random tensors of this seed)
    program water … graph energy(…) { … }
    // -----
    program water … the expected output, or lines `// error: …`

`pytest --update-golden` writes the expected parts anew; a reviewer reads the diff.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:  # tests import `tests.paths` and `tests.programs`
    sys.path.insert(0, str(ROOT))

SEPARATOR = "// -----\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the expected parts of golden files"
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Should golden files be written anew?"""
    return bool(request.config.getoption("--update-golden"))


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".dpir" and file_path.parent == ROOT / "tests" / "golden":
        return GoldenFile.from_parent(parent, path=file_path)
    return None


class GoldenFile(pytest.File):
    """One .dpir file."""

    def collect(self) -> Iterator[pytest.Item]:
        yield GoldenItem.from_parent(self, name="passes")


class WrongText(Exception):
    """The output differs from what the file expects."""


class GoldenItem(pytest.Item):
    """Runs the passes of a golden file and compares texts."""

    def runtest(self) -> None:
        whole = self.path.read_text()
        source, _, expected = whole.partition(SEPARATOR)
        got = run_golden(source, self.path.name)
        if self.config.getoption("--update-golden"):
            self.path.write_text(source + SEPARATOR + got)
        elif got != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), got.splitlines(), "expected", "got", lineterm=""
            )
            raise WrongText("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        if isinstance(excinfo.value, WrongText):
            return (
                f"{self.path.name}: the passes give another text. If that is meant, run pytest "
                f"--update-golden and review the diff.\n{excinfo.value}"
            )
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, self.path.name


def run_golden(source: str, name: str) -> str:
    """The text that the `// run:` passes make of a program, or its error as comment lines."""
    from dpc.errors import DpcError
    from dpc.ir.parser import parse
    from dpc.ir.printer import to_text
    from dpc.passes.pipeline import Pipeline

    run = re.search(r"^// run: (.*)$", source, re.MULTILINE)
    numbers = re.search(r"^// numbers: (\d+)$", source, re.MULTILINE)
    assert run is not None, f"{name} needs a line '// run: PASSES'"
    try:
        program = parse(source, source=name)
        if numbers:
            program = parse(source, random_numbers(program, int(numbers[1])), name)
        return to_text(Pipeline.parse(run[1]).run(program))
    except DpcError as error:
        return "".join(f"// error: {line}\n" for line in str(error).splitlines())


def random_numbers(program, seed):  # type: ignore[no-untyped-def]
    """Seeded tensors of moderate size for everything a program declares."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return {
        name: (rng.uniform(0.1, 0.5, kind.dims)).astype(kind.dtype.numpy)
        for name, kind in sorted(program.tensors().items())
    }

"""Breaks rtl/ in known ways, one after the other, and says whether the tests notice.

`python -m tests.rtl.mutation [NAME …]` runs all of `breaks.BREAKS`, or those whose file or text
holds a NAME. Exit code 1 if a break goes unnoticed.

What is compiled stays in build/mutation, by the digest of its sources: a second run compiles only
what has changed since.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rtl.bench import ROOT
from tests.rtl.breaks import BREAKS, Break
from tests.rtl.cases import BY_NAME

HOME = ROOT / "build" / "mutation"
PATIENCE = "5000"  # cycles without a word before a test gives up: none is that slow


@contextmanager
def _settings() -> Iterator[None]:
    """A cache of its own, short patience, no coverage."""
    before = dict(os.environ)
    os.environ.update(XDG_CACHE_HOME=str(HOME), DPC_RTL_PATIENCE=PATIENCE)
    os.environ.pop("DPC_RTL_COVERAGE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def noticed_by(b: Break) -> str:
    """What notices a break: "test", "assertion" (of the RTL), or "" for nothing."""
    with tempfile.TemporaryDirectory(prefix="dpc-broken-") as folder, _settings():
        rtl = Path(folder, "rtl")
        shutil.copytree(ROOT / "rtl", rtl)
        path = rtl / f"{b.file}.sv"
        whole = path.read_text()
        if b.text not in whole:
            raise ValueError(f"{b.file}.sv no longer has: {b.text}")
        path.write_text(whole.replace(b.text, b.becomes, 1))
        outcome = BY_NAME[b.case].run(rtl, Path(folder, "results"))
    if outcome.passed:
        return ""
    if "Assertion failed" in outcome.log:
        return "assertion"
    if not outcome.failed:  # neither a test nor the RTL: the simulation itself is broken
        raise RuntimeError(f"{b.file}.sv, broken, does not simulate:\n{outcome.log[-3000:]}")
    return "test"


def main(names: list[str]) -> int:
    """Run the breaks; a line for each as it ends."""
    chosen = [b for b in BREAKS if not names or any(n in b.file or n in b.text for n in names)]
    missed = 0
    print(f"{'':8} {'by':10} {'s':>5}  {'case':26} break")
    for at, b in enumerate(chosen, 1):
        began = time.monotonic()
        by = noticed_by(b)
        missed += not by
        took = time.monotonic() - began
        print(f"{at:3}/{len(chosen):<4} {by or 'NOTHING':10} {took:5.1f}  {b.case:26} "
              f"{b.file}.sv: {b.text!r} -> {b.becomes!r}", flush=True)  # fmt: skip
    print(f"{len(chosen) - missed} of {len(chosen)} noticed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

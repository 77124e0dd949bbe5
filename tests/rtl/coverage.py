"""Line coverage of rtl/: `python -m tests.rtl.coverage` after tests with DPC_RTL_COVERAGE=1.

Reads every coverage.dat that the simulations left in build/rtl; a line counts as covered if
any instance in any test ran it.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

RESULTS = Path(__file__).parent.parent.parent / "build" / "rtl"
GATE = 0.95


def points(path: Path) -> Counter[tuple[str, int, str]]:
    """How often every (file, line, kind of branch) ran."""
    found: Counter[tuple[str, int, str]] = Counter()
    for line in path.read_text(errors="replace").splitlines():
        match = re.match(r"C '(.*)' (\d+)$", line)
        if match is None:
            continue
        fields = dict(part.split("\x02", 1) for part in match[1].split("\x01") if "\x02" in part)
        kind = fields.get("page", "")
        if kind.startswith("v_line") and not kind.endswith("_pkg"):  # those run before simulation
            key = (Path(fields["f"]).name, int(fields["l"]), fields.get("o", ""))
            found[key] += int(match[2])
    return found


def main() -> int:
    """A line for each file; exit code 1 below the gate."""
    total: Counter[tuple[str, int, str]] = Counter()
    for path in sorted(RESULTS.glob("*/coverage.dat")):
        total.update(points(path))
    if not total:
        print(f"no coverage.dat in {RESULTS}: run the tests with DPC_RTL_COVERAGE=1")
        return 1
    by_file: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for (name, line, branch), count in sorted(total.items()):
        by_file[name].append((line, branch, count))
    hit = 0
    for name, rows in by_file.items():
        ran = sum(count > 0 for *_, count in rows)
        hit += ran
        missed = ", ".join(f"{line} {branch}".strip() for line, branch, count in rows if not count)
        print(f"{name:24} {ran:4} of {len(rows):4}  {missed}")
    share = hit / len(total)
    print(f"{share:.1%} of {len(total)} points")
    return 0 if share >= GATE else 1


if __name__ == "__main__":
    sys.exit(main())

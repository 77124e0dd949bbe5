"""Numbers that are none, frames that come twice, energies with too few digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from dpc.data.checks.findings import Finding, error, some_frames, warning
from dpc.data.checks.survey import Survey


def check_finite(survey: Survey) -> Iterator[Finding]:
    """NaN and infinity."""
    for name, good in survey.finite.items():
        bad = np.flatnonzero(~good)
        if len(bad):
            text = f"{name} is not a finite number in {some_frames(bad, survey.frames)}"
            yield error("not finite", survey.where, f"{text}: remove them", bad)


def check_repeats(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """The same positions twice: within a system, and in two systems."""
    owner: dict[int, tuple[int, int]] = {}
    for number, one in enumerate(surveys):
        inside: list[int] = []
        elsewhere: dict[int, list[int]] = {}
        for k, digest in enumerate(one.digests):
            first = owner.setdefault(digest, (number, k))
            if first[0] == number and first[1] != k:
                inside.append(k)
            elif first[0] != number:
                elsewhere.setdefault(first[0], []).append(k)
        if inside:
            text = f"the positions of {some_frames(inside, one.frames)} are in another frame, too"
            yield warning("repeats", one.where, text, inside)
        for other, frames in elsewhere.items():
            text = f"the positions of {some_frames(frames, one.frames)} are also in "
            text += f"{surveys[other].where}: as validation data they say nothing"
            yield warning("repeats", one.where, text, frames)

"""What a backend is: `check` says what a target cannot hold, `build` makes the files."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dpc.errors import InputError, UsageError
from dpc.ir.program import Program
from dpc.targets import Target


@dataclass(frozen=True)
class Problem:
    """One reason why a program does not fit a target: where, what, and what to do."""

    where: str
    what: str
    remedy: str


def problem_lines(problems: list[Problem]) -> list[str]:
    """All problems, and each remedy once."""
    remedies = dict.fromkeys(problem.remedy for problem in problems)
    return [f"    {p.where}: {p.what}" for p in problems] + [f"  {line}" for line in remedies]


@dataclass(frozen=True)
class BuildResult:
    """What a backend made.

    `files`: path in the package to content. `facts`: sizes and costs for the report; no
    clocks, no paths.
    """

    files: Mapping[str, bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)


Keep = Callable[[str, bytes], None]
"""Takes the name and content of a file on the way: plan.c, kernels.o."""


def drop(name: str, content: bytes) -> None:
    """Keep nothing."""


class Backend(Protocol):
    """Program and target to files."""

    def check(self, program: Program, target: Target) -> list[Problem]:
        """Every reason why not, before anything slow; none when it fits."""
        ...

    def describe(self, program: Program, target: Target) -> list[str]:
        """What `dpc check` prints in place of a processor's time and memory: a circuit's limits."""
        ...

    def build(self, program: Program, target: Target, keep: Keep = drop) -> BuildResult:
        """Make the files. What leads to them goes to `keep` first, for --save-temps."""
        ...


def find_backend(target: Target, flow: str | None = None) -> Backend:
    """The backend of a target's kind: module dpc.backends.KIND.build with `backend`.

    Where there are several ways to a machine, the module has FLOWS: makers of backends by name.
    """
    try:
        module = importlib.import_module(f"dpc.backends.{target.kind}.build")
    except ModuleNotFoundError as error:
        if error.name and not error.name.startswith("dpc.backends"):
            raise
        raise UsageError(f"target {target}: no backend for {target.kind!r}") from None
    if flow is not None:
        flows: Mapping[str, Callable[[], Backend]] = getattr(module, "FLOWS", {})
        if flow not in flows:
            known = (
                f"it has {', '.join(flows)}" if flows else "flows are for circuits: --target vu9p"
            )
            raise UsageError(f"target {target} has no flow {flow!r}: {known}")
        return flows[flow]()
    backend: Backend = module.backend
    return backend


def refuse_problems(problems: list[Problem], target: Target) -> None:
    """One error with all problems; none, no error."""
    if problems:
        lines = "\n".join(problem_lines(problems))
        raise InputError(f"{target} cannot take this model:\n{lines}")

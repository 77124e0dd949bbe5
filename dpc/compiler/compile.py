"""A model to a package: lower, run the passes, build, write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dpc
from dpc.backends.base import BuildResult, find_backend, refuse_problems
from dpc.compiler.programs import opened
from dpc.compiler.samples import make_samples, measured_on
from dpc.compiler.stages import After, Say, Steps, Temps, printer
from dpc.compiler.trained import in_its_formats
from dpc.cost.ledger import Ledger
from dpc.errors import UsageError
from dpc.ir.printer import to_text
from dpc.ir.program import Program
from dpc.package.manifest import Manifest, model_section
from dpc.package.read import PAGE, PROGRAM, REPORT
from dpc.package.report import content, to_json
from dpc.package.report_page import to_html
from dpc.package.write import check_destination, created, write_package
from dpc.passes.base import Context
from dpc.passes.pipeline import Pipeline
from dpc.passes.pipelines import choose_pipeline
from dpc.targets import Target, parse_target
from dpc.targets.cpu import runs_here, with_bf16
from dpc.targets.roofline import assumed_roofline

if TYPE_CHECKING:
    from dpc.frontend import Model


def compile_model(
    model: Model | Program | str | Path,
    target: str = "cpu",
    out: str | Path | None = None,
    *,
    passes: str | None = None,
    precision: str = "f64",
    max_force_error: float | None = None,
    data: str | Path | None = None,
    save_temps: str | Path | None = None,
    print_after: str | None = None,
    flow: str | None = None,
    say: Say = lambda line: None,
) -> Path:
    """Compile a model, or a file that holds one, to a package; the package's path.

    `say` is told what is done, one line for each step. `flow`, for circuits: "rtl", or "hls" for
    the fitting net in high-level synthesis beside it.
    """
    steps = Steps(say)
    goal = for_precision(parse_target(target), target, precision)
    backend = find_backend(goal, flow)
    pipeline = choose_pipeline(goal, passes, precision, max_force_error)
    destination = _destination(model, out)
    with steps.step("read the model"):
        found = opened(model)
        program, digest = found.program, found.digest
    pipeline, ranges = in_its_formats(found, goal, passes, pipeline)
    with steps.step("frames to measure on"):
        samples = make_samples(program, data)
    temps = Temps(save_temps)
    context = Context(samples=samples, ranges=ranges)
    ledger = Ledger(program, context)
    tell = _teller(say, context)
    context.after = [temps.after, printer(print_after, pipeline), tell, ledger.after]
    temps.save("00-lowered.dpir", to_text(program))
    compiled = pipeline.run(program, context)
    refuse_problems(backend.check(compiled, goal), goal)
    with steps.step(f"build for {goal}"):
        built = backend.build(compiled, goal, temps.save)
    with steps.step(f"write {destination}"):
        report = _report(context, ledger, goal, built.facts, data)
        if goal.gpu:
            estimate_gpu(report, backend, compiled, goal)
        _write(destination, compiled, goal, pipeline, report, built, digest)
    say(f"{'total':<28} {steps.total():6.2f} s")
    return destination


def for_precision(goal: Target, text: str, precision: str) -> Target:
    """This machine with the instructions that a precision needs, if it has them."""
    if precision != "mixed" or text != "cpu" or "bf16" in goal.features:
        return goal
    try:
        wanted = with_bf16(goal)
    except UsageError:  # the backend says what is missing
        return goal
    return wanted if runs_here(wanted) else goal


def _teller(say: Say, context: Context) -> After:
    return lambda place, one, program: say(context.reports[-1].line())


def _destination(model: Any, out: str | Path | None) -> Path:
    """Where the package goes; refused at once when it cannot."""
    if out is None:
        if not isinstance(model, (str, Path)):
            raise UsageError("compile_model: say with out= where to write the package")
        out = Path(model).with_suffix(".dpc").name
    path = Path(out)
    check_destination(path)
    return path


def _report(
    context: Context, ledger: Ledger, target: Target, build: Any, data: str | Path | None
) -> dict[str, Any]:
    """The report that goes into the package: rates are assumed, so that bytes stay equal."""
    cost = ledger.facts(target, assumed_roofline(target))
    return content(context.reports, len(context.samples), measured_on(data), build, cost)


def estimate_gpu(report: dict[str, Any], backend: Any, program: Program, target: Target) -> None:
    """Put what a GPU should take into a report whose times are those of a processor."""
    neighbors = sum(report["neighbors"].values())
    report["estimate"] = backend.estimate(program, target, neighbors, report["build"])


def _write(
    destination: Path,
    program: Program,
    target: Target,
    pipeline: Pipeline,
    report: Any,
    built: BuildResult,
    digest: str | None,
) -> None:
    manifest = Manifest(
        model=model_section(program, digest),
        target={
            "kind": target.kind,
            "arch": target.arch,
            "precision": built.facts.get("precision", "f64"),
            **({"levels": [level.arch for level in target.levels]} if target.others else {}),
        },
        pipeline=str(pipeline),
        dpc=dpc.__version__,
        created=created(),
    )
    files = {
        **built.files,
        PROGRAM: to_text(program).encode(),
        REPORT: to_json(report).encode(),
        PAGE: to_html(report),
    }
    write_package(destination, manifest, files)

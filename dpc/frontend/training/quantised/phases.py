"""Training for a circuit in two phases: in floating point, then in fixed point.

The second phase goes through the second half of the learning rate once more, so that it begins
with steps that can still mend what rounding did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dpc.config.input import Input
from dpc.data.frames import Frame
from dpc.errors import UsageError
from dpc.frontend.importers.options import CIRCUIT
from dpc.frontend.model import Model
from dpc.frontend.training.quantised.step import Circuit, QuantisedStep
from dpc.frontend.training.run import Prepared, Start, prepare
from dpc.frontend.training.schedule import Schedule, make_schedule
from dpc.frontend.training.snapshots import find_snapshot, read_snapshot
from dpc.frontend.training.tasks import Opened

SHARE = 10  # one in so many steps is of the second phase, unless told otherwise
FRAMES = 8  # formats are chosen on so many frames of the training data


@dataclass(frozen=True)
class Compiler:
    """What a training needs of the compiler. `options` are those of the circuit."""

    options: Mapping[str, int]
    check: Callable[[Model, Mapping[str, int]], None]  # an error where a circuit cannot do it
    calibrate: Callable[[Model, list[Frame], Mapping[str, int]], None]
    circuit: Callable[[Model], Circuit]


@dataclass(frozen=True)
class Phase:
    """One run of the trainer."""

    title: str
    source: Input
    start: Start
    schedule: Schedule | None = None  # in place of the input's

    def prepare(self) -> Prepared:
        """Everything up to the first step."""
        prepared = prepare(self.source, self.start)
        if self.schedule is not None:
            prepared.trainer.schedule = self.schedule
        return prepared


def phases(source: Input, start: Start, compiler: Compiler, steps: int | None) -> list[Phase]:
    """What is left to run: both phases, or the second alone.

    `steps` are those of the second phase; all of the input's are for it when it says so.
    """
    total = source.training["numb_steps"]
    if source.multi_task:
        raise UsageError("--target: a circuit holds one model, but the input has model_dict")
    if not total:
        raise UsageError("--target needs training.numb_steps: epochs cannot be split")
    second = max(1, total // SHARE) if steps is None else steps
    if not 1 <= second <= total:
        raise UsageError(f"--quantised-steps is {second}, but the input has {total} steps")
    restart = find_snapshot(start.restart) if start.restart else None
    known = read_snapshot(restart).heads[""].config.get(CIRCUIT) if restart else None
    alone = second == total
    if alone and not known and not start.init_model and not start.finetune:
        raise UsageError(
            "all steps are in fixed point, which starts from a model that was trained in floating "
            "point: give --init-model, or fewer --quantised-steps"
        )
    floating = float_path(start.output)
    fixed = replace(start, own_step=_quantised(compiler, known))
    if not (known or alone):
        fixed = replace(fixed, init_model=floating, restart=None, finetune=None)
    schedule = None
    if not alone:
        schedule = second_half(make_schedule(source.learning_rate, total - second), second)
    last = Phase("fixed point", _renamed(source, second), fixed, schedule)
    if known or alone:
        return [last]
    first = replace(source, training={**source.training, "numb_steps": total - second})
    return [Phase("floating point", first, replace(start, output=floating)), last]


def float_path(output: Path) -> Path:
    """Where the model of the first phase goes."""
    return output.with_name(f"{output.stem}-float{output.suffix}")


def second_half(whole: Schedule, steps: int) -> Schedule:
    """The second half of a schedule in so many steps; prefactors of the loss follow it, too."""
    middle = whole.steps // 2
    ratio = (whole.steps - middle) / steps
    return Schedule(whole.start, steps, 0, 0.0, lambda t: whole.rate(middle + int(t * ratio)))


def _renamed(source: Input, steps: int) -> Input:
    """Tables and checkpoints of the second phase beside those of the first."""
    training = {**source.training, "numb_steps": steps}
    table = Path(training["disp_file"])
    training["disp_file"] = str(table.with_name(f"{table.stem}-fixed{table.suffix}"))
    name = Path(training["save_ckpt"])
    training["save_ckpt"] = str(name.with_name(f"{name.stem}-fixed{name.suffix}"))
    return replace(source, training=training)


def _quantised(
    compiler: Compiler, known: Mapping[str, Any] | None
) -> Callable[[Opened, Model], QuantisedStep]:
    """Makes the step: formats are those of a checkpoint, or chosen now."""

    def make(opened: Opened, model: Model) -> QuantisedStep:
        if known is not None:
            model.config = {**model.config, CIRCUIT: dict(known)}
        else:
            compiler.calibrate(model, calibration_frames(opened), compiler.options)
        return QuantisedStep(model, compiler.circuit(model))

    return make


def calibration_frames(opened: Opened) -> list[Frame]:
    """Frames of the training data, evenly over all systems."""
    data = opened.data
    every = [(s, k) for s, count in enumerate(data.frames) for k in range(count)]
    count = min(FRAMES, len(every))
    found = []
    for n in range(count):
        system, frame = every[n * len(every) // count]
        batch = data.batch(system, [frame])
        real = batch.real[0]
        box = None if batch.box is None else batch.box[0]
        found.append(Frame(batch.coord[0][real], batch.atype[0][real], box))
    return found

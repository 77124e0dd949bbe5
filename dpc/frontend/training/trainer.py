"""The loop of a training: steps, rows of errors, checkpoints, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dpc.data.batch import Batch
from dpc.errors import InputError
from dpc.frontend.training.averages import RunningMean, Weights
from dpc.frontend.training.exchange import Exchange
from dpc.frontend.training.group import Group
from dpc.frontend.training.optimizers import set_rate
from dpc.frontend.training.prediction import Targets
from dpc.frontend.training.schedule import Schedule
from dpc.frontend.training.snapshots import Snapshot, Snapshots
from dpc.frontend.training.stop import StopRequest
from dpc.frontend.training.table import Table
from dpc.frontend.training.tasks import Task
from dpc.frontend.training.watch import Watch

_TASK_STREAM = 7


@dataclass
class Plan:
    """How long and how often."""

    steps: int
    disp_freq: int
    save_freq: int
    accumulate: int = 1
    max_norm: float | None = None
    patience: int = 1
    average: bool = False
    seed: int = 0


class Trainer:
    """Moves the weights of all tasks along the gradients of their losses."""

    def __init__(
        self,
        tasks: Mapping[str, Task],
        plan: Plan,
        schedule: Schedule,
        optimizer: torch.optim.Optimizer,
        snapshots: Snapshots,
        tables: Mapping[str, Table],
        watch: Watch,
        weights: Weights | None = None,
        group: Group | None = None,
    ) -> None:
        self.tasks, self.plan, self.schedule = dict(tasks), plan, schedule
        self.optimizer, self.snapshots, self.tables = optimizer, snapshots, dict(tables)
        self.watch, self.weights, self.group = watch, weights, group or Group()
        self.parameters = [p for g in optimizer.param_groups for p in g["params"]]
        columns = dict.fromkeys(c for t in self.tasks.values() for c in t.loss.columns)
        self.exchange = (
            Exchange(self.group, self.parameters, list(columns)) if self.group.world > 1 else None
        )
        self.step = 0
        self.saved = -1
        self._bad = 0
        self._signal = 0  # that ended a process's run, as the last step's exchange said
        chances = np.array([t.weight for t in self.tasks.values()])
        self._edges = np.cumsum(chances / chances.sum())
        self._means = {name: RunningMean() for name in self.tasks}

    # -- state ----------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Everything that the rest of the run depends on."""
        heads = {name: task.model.to_file_data() for name, task in self.tasks.items()}
        state = {
            "optimizer": self.optimizer.state_dict(),
            "loaders": {
                name: {
                    "training": task.training.state(),
                    "validation": task.validation.state() if task.validation else None,
                }
                for name, task in self.tasks.items()
            },
            "steps": {name: task.step.state() for name, task in self.tasks.items()},
            "weights": self.weights.state() if self.weights else None,
            "seed": self.plan.seed,
            "world": self.group.world,
        }
        return Snapshot(heads, self.step, state)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on where a snapshot was taken; the models have its weights already."""
        self.step = self.saved = snapshot.step
        self.optimizer.load_state_dict(snapshot.state["optimizer"])
        for name, task in self.tasks.items():
            loaders = snapshot.state["loaders"][name]
            task.step.restore(snapshot.state["steps"][name])
            task.training.restore(loaders["training"])
            if task.validation is not None and loaders["validation"] is not None:
                task.validation.restore(loaders["validation"])
        if self.weights is not None and snapshot.state["weights"] is not None:
            self.weights.restore(snapshot.state["weights"])

    def save(self) -> None:
        """Write a checkpoint of now, unless there is one."""
        if self.group.main and self.saved != self.step:
            self.snapshots.write(self.snapshot())
        self.saved = self.step

    # -- the loop -------------------------------------------------------------------------------

    def run(self, stop: StopRequest) -> bool:
        """Train to the end; False when `stop` asked to leave before."""
        if self.group.main:
            for table in self.tables.values():
                table.start(self.step)
        self.watch.start(self.step)
        try:
            while self.step < self.plan.steps:
                if self._stopping(stop):
                    self.save()
                    self.group.wait()  # for the checkpoint: torchrun ends all when one has ended
                    return False
                self._one_step(stop)
                if self.step % self.plan.save_freq == 0:
                    self.save()
            self._last_row()
            self.save()
            return True
        finally:
            self.watch.end()
            for task in self.tasks.values():
                task.training.close()
                if task.validation:
                    task.validation.close()

    def _stopping(self, stop: StopRequest) -> bool:
        """Whether any process was asked to stop; all know by the same step, and leave together."""
        if self.exchange is None:
            return stop.asked
        if self._signal:
            stop.asked, stop.number = True, self._signal
        return self._signal > 0

    def _task(self, step: int) -> Task:
        """The task of a step: drawn by weight, a function of the seed and the step."""
        names = list(self.tasks)
        if len(names) == 1:
            return self.tasks[names[0]]
        draw = np.random.default_rng((self.plan.seed, _TASK_STREAM, step)).random()
        return self.tasks[names[int(np.searchsorted(self._edges, draw, side="right"))]]

    def _one_step(self, stop: StopRequest) -> None:
        step = self.step
        task = self._task(step)
        self.optimizer.zero_grad(set_to_none=True)
        fraction = self.schedule.fraction(step)
        frames, total = 0, {}
        for _ in range(self.plan.accumulate):
            batch = self._batch(task)
            with self.watch.part("step"):
                errors = self._gradient(task, batch, fraction)
            frames += batch.nframe
            for name, value in errors.items():
                total[name] = total.get(name, 0.0) + value / self.plan.accumulate
        if self.plan.accumulate > 1:
            for p in self.parameters:
                if p.grad is not None:
                    p.grad /= self.plan.accumulate
        if self.exchange is not None:
            with self.watch.part("exchange"):
                total, self._signal = self.exchange.step(total, frames, stop.number)
        norm = self._clip()
        if self._is_bad(total, norm, task):
            self.step += 1
            return
        self._means[task.name].add(total)
        if step % self.plan.disp_freq == 0:
            self._row(task.name, total)
        rate = self.schedule.rate(step)
        self.watch.stepped(step, task, total, rate, norm)
        with self.watch.part("optimizer"):
            set_rate(self.optimizer, rate)
            self.optimizer.step()
            if self.weights is not None:
                self.weights.update()
        self.step += 1

    def _batch(self, task: Task) -> Batch:
        """The next batch; a frame that cannot be used ends the run with a checkpoint of now."""
        try:
            return next(task.training)
        except InputError as error:
            self.save()
            raise InputError(
                f"{error}. Stopped after {self.step} steps; the last good checkpoint is "
                f"{self.snapshots.last}. Mend the data and go on with --restart"
            ) from error

    def _gradient(self, task: Task, batch: Batch, fraction: float) -> dict[str, float]:
        if not batch.nframe:  # a process whose share of a small batch is empty
            return {}
        loss, errors = task.step.gradient(batch, task.loss, fraction)
        return {"rmse": math.sqrt(abs(float(loss))), **{k: float(v) for k, v in errors.items()}}

    def _clip(self) -> float:
        """The length of the gradient, cut to its limit."""
        if self.plan.max_norm is None and not self.watch.wants_norm:
            return math.nan
        limit = self.plan.max_norm or math.inf
        return float(torch.nn.utils.clip_grad_norm_(self.parameters, limit))

    def _is_bad(self, errors: Mapping[str, float], norm: float, task: Task) -> bool:
        """A loss that is not finite: the step is left out, and too many in a row are the end."""
        if math.isfinite(errors["rmse"]) and not math.isinf(norm):
            self._bad = 0
            return False
        self._bad += 1
        if self._bad < self.plan.patience:
            return True
        last = self.snapshots.last
        where = f"The last good checkpoint is {last}" if last else "There is no checkpoint yet"
        raise InputError(
            f"step {self.step}: the loss{f' of {task.name}' if task.name else ''} is "
            f"{errors['rmse']}. {where}. Usual reasons: data with NaN or forces of thousands of "
            "eV/Å (dpc data check), or a learning_rate.start_lr that is too large"
        )

    # -- rows -----------------------------------------------------------------------------------

    def _row(self, drawn: str, errors: Mapping[str, float]) -> None:
        """A row in the table of every task, for the weights as they are now."""
        step, rate = self.step, self.schedule.rate(self.step)
        for name, task in self.tasks.items():
            training = dict(errors) if name == drawn else {}
            if self.plan.average:
                training = self._means[name].take()
            with self.watch.part("validation"):
                validation = self.validate(task)
            if self.group.main:
                self.tables[name].add(self.tables[name].row(step, training, validation, rate))
            self.watch.row(step, task, training, validation, rate)

    def _last_row(self) -> None:
        """The errors of the final weights, on batches that were not learned from."""
        name, task = next(iter(self.tasks.items()))
        batch = next(task.training)
        errors = self.errors(task, batch) if batch.nframe else {}
        if self.exchange is not None:
            errors = self.exchange.errors(errors, batch.nframe)
        self._row(name, errors)

    @torch.no_grad()
    def errors(self, task: Task, batch: Batch) -> dict[str, float]:
        """Errors on a batch, by column."""
        fraction = self.schedule.fraction(min(self.step, self.plan.steps - 1))
        found = task.step.predict(batch)
        loss, errors = task.loss(found, Targets.of(batch), fraction)
        return {"rmse": math.sqrt(abs(float(loss))), **{k: float(v) for k, v in errors.items()}}

    def validate(self, task: Task) -> dict[str, float] | None:
        """Mean errors on some batches of the validation data, weighed by their atoms."""
        if task.validation is None or not self.group.main:
            return None
        sums: dict[str, float] = {}
        counts: dict[str, float] = {}
        for _ in range(task.batches):
            batch = next(task.validation)
            natoms = float(batch.natoms.sum())
            for name, value in self.errors(task, batch).items():
                sums[name] = sums.get(name, 0.0) + value * natoms
                counts[name] = counts.get(name, 0.0) + natoms
        return {name: sums[name] / counts[name] for name in sums}


def model_path(output: Path, name: str) -> Path:
    """Where the model of a task goes: output, or output with the name before the suffix."""
    return output if not name else output.with_name(f"{output.stem}-{name}{output.suffix}")


def write_models(tasks: Mapping[str, Task], output: Path) -> list[Path]:
    """The models as files that dpc compile takes, each whole or not at all."""
    from dpc.frontend.importers import write_model

    paths = []
    for name, task in tasks.items():
        paths.append(model_path(output, name))
        write_model(task.model.to_file_data(), paths[-1])
    return paths

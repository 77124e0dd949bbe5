"""A training from an input: opens the data, makes or loads the models, runs, writes model.pt."""

from __future__ import annotations

import gc
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from dpc.config.input import Input
from dpc.errors import InputError, UsageError
from dpc.frontend.bias import change_bias
from dpc.frontend.importers import read_model
from dpc.frontend.model import Model
from dpc.frontend.training.averages import Weights
from dpc.frontend.training.board import Board
from dpc.frontend.training.group import Group
from dpc.frontend.training.heap import keep_memory
from dpc.frontend.training.optimizers import make_optimizer
from dpc.frontend.training.schedule import make_schedule
from dpc.frontend.training.snapshots import Snapshot, Snapshots, find_snapshot, read_snapshot
from dpc.frontend.training.steps import Step
from dpc.frontend.training.stop import StopRequest
from dpc.frontend.training.table import Table
from dpc.frontend.training.tasks import (
    Opened,
    Task,
    kept_statistics,
    make_task,
    new_model,
    old_model,
    open_task,
    share_parts,
)
from dpc.frontend.training.trainer import Plan, Trainer, model_path, write_models
from dpc.frontend.training.watch import Watch

BIAS_FRAMES = 100  # of each system: more do not move the fit of a few numbers


@dataclass(frozen=True)
class Start:
    """Where the weights come from and where results go."""

    output: Path = Path("model.pt")
    restart: Path | None = None
    init_model: Path | None = None
    finetune: Path | None = None
    seed: int | None = None
    skip_neighbor_stat: bool = False
    quiet: bool = False
    own_step: Callable[[Opened, Model], Step] | None = None  # in place of the model's usual step


@dataclass
class Prepared:
    """A training that is ready to run."""

    source: Input
    start: Start
    opened: dict[str, Opened]
    tasks: dict[str, Task]
    trainer: Trainer
    group: Group


def prepare(source: Input, start: Start) -> Prepared:
    """Everything up to the first step."""
    keep_memory()
    group = Group.join()
    snapshot = read_snapshot(find_snapshot(start.restart)) if start.restart else None
    seed = _seed(source, start, snapshot)
    # statistics are computed once and found in the cache by the others
    for turn in range(2):
        if group.main is (turn == 0):
            opened = {
                name: open_task(task, source, start.skip_neighbor_stat or snapshot is not None)
                for name, task in source.tasks.items()
            }
            models = _models(source, opened, start, snapshot, seed)
        group.wait()
    share_parts(models, source, fresh=not (snapshot or start.init_model))
    training = source.training
    if training["tabulated"]:
        for model in models.values():
            model.descriptor.requires_grad_(False)
    tasks = {
        name: make_task(
            opened[name],
            models[name],
            seed or 0,
            training["fused"],
            (group.rank, group.world),
            start.own_step,
        )
        for name in models
    }
    group.same([t for m in models.values() for t in (*m.parameters(), *m.buffers())])
    trainer = _trainer(source, start, tasks, seed, group)
    if snapshot is not None:
        trainer.restore(snapshot)
        trainer.snapshots.last = find_snapshot(start.restart) if start.restart else None
    return Prepared(source, start, opened, tasks, trainer, group)


def run(prepared: Prepared, last: bool = True) -> list[Path]:
    """Train to the end and write the models; [] when a signal ended it before.

    The group of processes stays together for another run when this is not the `last`.
    """
    trainer, start = prepared.trainer, prepared.start
    gc.freeze()  # what there is now stays; looking through it again and again is milliseconds
    with StopRequest() as stop:
        done = trainer.run(stop)
    if not done:
        raise Stopped(trainer.step, trainer.snapshots.last, stop.number)
    paths: list[Path] = []
    if prepared.group.main:
        if prepared.source.training["change_bias_after_training"]:
            for task in prepared.tasks.values():
                change_bias(task.model, task.data, limit=BIAS_FRAMES)
        if trainer.weights is None:
            paths = write_models(prepared.tasks, start.output)
        else:
            with trainer.weights.in_place():
                paths = write_models(prepared.tasks, start.output)
    if last:
        prepared.group.leave()
    return paths


class Stopped(Exception):
    """A signal ended the run, which was saved."""

    def __init__(self, step: int, last: Path | None, number: int) -> None:
        super().__init__(f"stopped before step {step}")
        self.step, self.last, self.number = step, last, number


def _seed(source: Input, start: Start, snapshot: Snapshot | None) -> int | None:
    if snapshot is not None:
        return int(snapshot.state["seed"])
    if start.seed is not None:
        return start.seed
    given = source.training["seed"]
    if isinstance(given, list):
        given = sum(n * 1009**k for k, n in enumerate(given))
    return int(given) if given is not None else int.from_bytes(os.urandom(4), "little")


def _models(
    source: Input,
    opened: Mapping[str, Opened],
    start: Start,
    snapshot: Snapshot | None,
    seed: int | None,
) -> dict[str, Model]:
    """The models of all tasks: from the checkpoint, from another model, or random."""
    if snapshot is not None:
        if set(snapshot.heads) != set(opened):
            raise InputError(
                f"{start.restart}: holds the models {sorted(snapshot.heads)}, "
                f"but the input asks for {sorted(opened)}"
            )
        return {
            name: old_model(one, snapshot.heads[name], str(start.restart))
            for name, one in opened.items()
        }
    given = start.init_model or start.finetune
    if given is None:
        nbatch = {n: _statistics_batches(one) for n, one in opened.items()}
        forced = start.seed is not None
        return {
            name: new_model(
                _reseeded(one) if forced else one, seed, nbatch[name], kept_statistics(source)
            )
            for name, one in opened.items()
        }
    if start.finetune and source.multi_task:
        raise UsageError("--finetune is for one model. Use --init-model for several")
    file = read_model(given)
    models = {name: old_model(one, file, str(given)) for name, one in opened.items()}
    if start.finetune:
        for name, model in models.items():
            change_bias(model, opened[name].data, limit=BIAS_FRAMES)
    return models


def _reseeded(opened: Opened) -> Opened:
    """With --seed, seeds of the model section do not count."""
    config = dict(opened.config)
    for part in ("descriptor", "fitting_net"):
        config[part] = {**config[part], "seed": None}
    return Opened(opened.given, config, opened.data, opened.validation, opened.stat)


def _statistics_batches(opened: Opened) -> int:
    return int(opened.given.model.get("data_stat_nbatch", 10))


def unique(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Trainable parameters, each once."""
    return list({id(p): p for p in parameters if p.requires_grad}.values())


def _trainer(
    source: Input, start: Start, tasks: dict[str, Task], seed: int | None, group: Group
) -> Trainer:
    training = source.training
    steps = training["numb_steps"]
    if not steps:
        first = next(iter(tasks.values()))
        steps = math.ceil(training["numb_epoch"] * first.training.batches_per_epoch)
    plan = Plan(
        steps=steps,
        disp_freq=training["disp_freq"],
        save_freq=training["save_freq"],
        accumulate=training["acc_freq"],
        max_norm=training["gradient_max_norm"],
        patience=training["nan_patience"],
        average=training["disp_avg"],
        seed=seed or 0,
    )
    parameters = unique(p for task in tasks.values() for p in task.model.parameters())
    if not parameters:
        raise InputError("every part of the model has trainable false: there is nothing to learn")
    folder = Path(training["save_dir"] or Path(training["save_ckpt"]).parent)
    tables = {
        name: Table(
            model_path(Path(training["disp_file"]), name),
            task.loss.columns,
            task.validation is not None,
        )
        for name, task in tasks.items()
    }
    return Trainer(
        tasks,
        plan,
        make_schedule(source.learning_rate, steps, group.world),
        make_optimizer(source.optimizer, parameters),
        Snapshots(folder, Path(training["save_ckpt"]).name, training["max_ckpt_keep"]),
        tables,
        _watch(training, tasks, steps, start.quiet or not group.main, group),
        Weights(parameters, training["ema_decay"]) if training["enable_ema"] else None,
        group,
    )


def _watch(
    training: dict[str, Any], tasks: Mapping[str, Task], steps: int, quiet: bool, group: Group
) -> Watch:
    board, timeline = training["tensorboard"], training["profiling"]
    if not group.main or not (board or timeline):
        return Watch(steps, quiet)
    return Board(
        steps,
        quiet,
        {name: task.model for name, task in tasks.items()},
        Path(training["tensorboard_log_dir"]) if board else None,
        training["tensorboard_freq"],
        Path(training["profiling_file"]) if timeline else None,
    )


def describe(prepared: Prepared) -> dict[str, Any]:
    """Sizes of a training, for people."""
    trainable = sum(p.numel() for p in prepared.trainer.parameters)
    tasks = {}
    for name, task in prepared.tasks.items():
        stat = prepared.opened[name].stat
        tasks[name] = {
            "parameters": sum(p.numel() for p in task.model.parameters()),
            "frames": sum(task.data.frames),
            "systems": len(task.data),
            "step": task.step.name,
            "reason": task.slow,
            "min_nbor_dist": stat.min_nbor_dist if stat else None,
            "max_nbor_size": list(stat.most) if stat else None,
        }
    return {"trainable": trainable, "tasks": tasks}

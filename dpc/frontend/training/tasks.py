"""What there is to learn: the models of an input with their data, losses and steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from dpc.config.input import Input
from dpc.config.input import Task as TaskInput
from dpc.data.dataset import DataSet, open_dataset
from dpc.data.loader import Loader
from dpc.data.neighbor_stat import NeighborStat, auto_sel, is_auto, neighbor_stat, warn_sel
from dpc.data.sampling import batch_sizes, probabilities
from dpc.errors import InputError
from dpc.frontend.descriptors import Descriptor
from dpc.frontend.importers.options import normalize
from dpc.frontend.model import Model
from dpc.frontend.model_file import ModelFile
from dpc.frontend.statistics import set_statistics
from dpc.frontend.training.initial import initialise
from dpc.frontend.training.losses import Loss, losses
from dpc.frontend.training.steps import Step, make_step


@dataclass
class Task:
    """One head of a training; an ordinary training has one, named ''."""

    name: str
    model: Model
    loss: Loss
    step: Step
    slow: str  # why the step is not the fast one; '' when it is
    data: DataSet
    training: Loader
    validation: Loader | None
    batches: int  # of validation data in a row of the table
    weight: float


@dataclass
class Opened:
    """The data and the explicit model section of a task, before there is a model."""

    given: TaskInput
    config: dict[str, Any]
    data: DataSet
    validation: DataSet | None
    stat: NeighborStat | None


def open_task(
    task: TaskInput,
    source: Input,
    skip_neighbor_stat: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Opened:
    """Open the data of a task and make its model section explicit; `auto` needs the data."""
    section = task.model
    type_map = section.get("type_map")
    descriptor, fitting = section.get("descriptor"), section.get("fitting_net", {})
    if not isinstance(descriptor, Mapping) or not isinstance(fitting, Mapping):
        raise InputError("model.descriptor or model.fitting_net: expected a section { … }")
    numbers = [fitting.get(k, 0) for k in ("numb_fparam", "numb_aparam")]

    def opened(data: dict[str, Any]) -> DataSet:
        paths = [place(system, source.folder) for system in data["systems"]]
        return open_dataset(
            paths,
            type_map,
            *numbers,
            patterns=data["rglob_patterns"],
            min_pair_dist=data.get("min_pair_dist", 0.0),
        )

    data = opened(task.training_data)
    validation = opened(task.validation_data) if task.validation_data else None
    sel, stat = descriptor.get("sel"), None
    if not skip_neighbor_stat or is_auto(sel):
        rcut = float(descriptor.get("rcut", 6.0))
        stat = neighbor_stat(data, rcut, kept_statistics(source), progress)
    if is_auto(sel):
        assert stat is not None
        sel = list(auto_sel(sel, stat))
    section = {**section, "type_map": list(data.type_map), "descriptor": {**descriptor, "sel": sel}}
    where = f"model.model_dict.{task.name}" if task.name else "input"
    config = normalize(section, where)
    for part in ("descriptor", "fitting_net"):
        if config[part]["precision"] == "default":
            config[part]["precision"] = "float64"
    if stat is not None:
        warn_sel(config["descriptor"]["sel"], stat, config["type_map"])
    return Opened(task, config, data, validation, stat)


def place(system: str, folder: Path) -> Path:
    """A data folder, from where the command runs as in DeePMD-kit, or from the input's folder."""
    from_here = Path(system)
    return from_here if Path(str(from_here).partition("#")[0]).exists() else folder / system


def kept_statistics(source: Input) -> Path | None:
    """The folder that `stat_file` names; without it statistics are kept in the user's cache."""
    folder = source.training["stat_file"]
    return Path(folder) if folder else None


def new_model(
    opened: Opened, seed: int | None, nbatch: int = 10, cache: Path | None = None
) -> Model:
    """A model with random weights and the statistics of its data."""
    nearest = opened.stat.min_nbor_dist if opened.stat else None
    model = Model(opened.config, nearest)
    initialise(model, seed)
    sizes = batch_sizes(opened.given.training_data["batch_size"], opened.data)
    set_statistics(model, opened.data, sizes.sizes, nbatch, cache)
    return model


def old_model(opened: Opened, file: ModelFile, source: str) -> Model:
    """A model with the weights of a file, which must be of the input's shape."""
    problems = differences(opened.config, file.config)
    if problems:
        raise InputError(
            f"{source} is another model than the input asks for:\n"
            + "\n".join(f"    {line}" for line in problems)
        )
    nearest = opened.stat.min_nbor_dist if opened.stat else None
    known = [d for d in (nearest, file.min_nbor_dist) if d is not None]
    return Model.from_file_data(
        ModelFile(opened.config, file.tensors, min(known) if known else None).check(source)
    )


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any], where: str = "") -> list[str]:
    """Options that change what a model computes and differ, one line each."""
    lines = []
    for key, value in wanted.items():
        other = found.get(key)
        if key in ("seed", "trainable"):
            continue
        if isinstance(value, Mapping) and isinstance(other, Mapping):
            lines += differences(value, other, f"{where}{key}.")
        elif value != other:
            lines.append(f"{where}{key}: the input has {value!r}, the file {other!r}")
    return lines


def make_task(
    opened: Opened,
    model: Model,
    seed: int,
    fused: bool,
    share: tuple[int, int] = (0, 1),
    own_step: Callable[[Opened, Model], Step] | None = None,
) -> Task:
    """A task whose loaders are ready to run, with the step that suits the model or an own one."""
    given = opened.given
    model.train()
    loss = losses.get(given.loss["type"])(given.loss)
    step, slow = (own_step(opened, model), "") if own_step else make_step(model, fused)

    def loader(dataset: DataSet, options: dict[str, Any], number: int, part: Any) -> Loader:
        sizes = batch_sizes(options["batch_size"], dataset)
        chances = probabilities(dataset, sizes, options["auto_prob"], options["sys_probs"])
        return Loader(
            dataset, loss.labels(), sizes, chances, seed + number, step.preparer(), share=part
        )

    validation = None
    if opened.validation is not None and given.validation_data is not None:
        validation = loader(opened.validation, given.validation_data, 1, (0, 1))
    return Task(
        name=given.name,
        model=model,
        loss=loss,
        step=step,
        slow=slow,
        data=opened.data,
        training=loader(opened.data, given.training_data, 0, share),
        validation=validation,
        batches=given.validation_data["numb_btch"] if given.validation_data else 0,
        weight=given.weight,
    )


def share_parts(models: Mapping[str, Model], source: Input, fresh: bool = True) -> None:
    """Let the models of a multi-task input share what names of shared_dict say they share.

    With `fresh`, a shared descriptor has the statistics of the data of all, by their weights.
    """
    if not source.multi_task:
        return
    for part in ("descriptor", "fitting_net"):
        groups: dict[str, list[str]] = {}
        for name in models:
            word = source.heads[name].get(part)
            if isinstance(word, str):
                groups.setdefault(word.partition(":")[0], []).append(name)
        for word, names in groups.items():
            owner = models[names[0]]
            for name in names[1:]:
                if models[name].type_map != owner.type_map:
                    raise InputError(
                        f"model_dict.{name}: shares {word!r}, so it needs one type_map"
                    )
            if part == "descriptor" and fresh:
                shares = [source.tasks[name].weight for name in names]
                merge_statistics([models[name].descriptor for name in names], shares)
            for name in names[1:]:
                if part == "descriptor":
                    models[name].descriptor = owner.descriptor
                else:
                    models[name].fitting.nets = owner.fitting.nets


def merge_statistics(parts: Sequence[Descriptor], weights: Sequence[float]) -> None:
    """Mean and deviation of the mixture of all data, put into the first descriptor."""
    share = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    for own in zip(*([p for p, _ in d.statistics()] for d in parts), strict=True):
        mean = torch.stack([p.mean.to(torch.float64) for p in own])
        std = torch.stack([p.std.to(torch.float64) for p in own])
        weight = share.view(-1, *[1] * (mean.dim() - 1))
        middle = (weight * mean).sum(0)
        spread = (weight * (std**2 + mean**2)).sum(0) - middle**2
        own[0].set_statistics(middle.numpy(), spread.sqrt().numpy())

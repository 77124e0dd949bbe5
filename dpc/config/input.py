"""input.json as a whole: its sections, every option explicit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dpc.config.document import read_document
from dpc.config.learning_rate import LEARNING_RATE, OPTIMIZER
from dpc.config.loss import LOSS
from dpc.config.nvnmd import nvnmd_model
from dpc.config.training import TRAINING, TRAINING_DATA, VALIDATION_DATA
from dpc.errors import InputError, all_problems, did_you_mean

SINGLE = ""  # the name of the only task of an ordinary input
_SECTIONS = ("model", "learning_rate", "loss", "loss_dict", "optimizer", "training", "nvnmd")
_OLD_MULTI_TASK = ("learning_rate_dict", "fitting_weight")


@dataclass(frozen=True)
class Task:
    """What one head learns: its model section, loss and data. Ordinary inputs have one task."""

    name: str
    model: dict[str, Any]  # as written; `auto` in sel is resolved with the data
    loss: dict[str, Any]
    training_data: dict[str, Any]
    validation_data: dict[str, Any] | None
    weight: float = 1.0  # how often it is drawn


@dataclass(frozen=True)
class Input:
    """An input file; data folders are relative to `folder`."""

    folder: Path
    tasks: dict[str, Task]
    learning_rate: dict[str, Any]
    optimizer: dict[str, Any]
    training: dict[str, Any]
    heads: dict[str, dict[str, Any]]  # model_dict as written: names of shared_dict not resolved
    circuit: dict[str, int] = field(default_factory=dict)  # what an nvnmd section says of it

    @property
    def multi_task(self) -> bool:
        """Several heads."""
        return SINGLE not in self.tasks

    def normalised(self) -> dict[str, Any]:
        """The input with every option explicit, as --dry-run prints it."""
        head = {"learning_rate": self.learning_rate, "optimizer": self.optimizer}
        training = {k: v for k, v in self.training.items() if k not in ("data_dict", "model_prob")}
        if not self.multi_task:
            task = self.tasks[SINGLE]
            data = {"training_data": task.training_data, "validation_data": task.validation_data}
            return {"model": task.model, "loss": task.loss, **head, "training": training | data}
        tasks = self.tasks.values()
        data_dict = {
            t.name: {"training_data": t.training_data, "validation_data": t.validation_data}
            for t in tasks
        }
        return {
            "model": {"model_dict": {t.name: t.model for t in tasks}},
            "loss_dict": {t.name: t.loss for t in tasks},
            **head,
            "training": training
            | {"data_dict": data_dict, "model_prob": {t.name: t.weight for t in tasks}},
        }


def read_input(path: Path | str) -> Input:
    """Read an input of DeePMD-kit v2 or v3, JSON or YAML; all problems come together."""
    path = Path(path)
    return make_input(read_document(path), path.parent, str(path))


def make_input(document: Mapping[str, Any], folder: Path, source: str = "input") -> Input:
    """The input of an open document."""
    problems: list[str] = []
    for key in document:
        if key in _OLD_MULTI_TASK:
            problems.append(f"{key}: the multi-task form of v2. Write it as v3's model_dict")
        elif key not in _SECTIONS and not key.startswith("_"):
            problems.append(f"{key}: no such section.{did_you_mean(key, _SECTIONS)}")
    model, circuit = document.get("model"), {}
    nvnmd = document.get("nvnmd")
    if nvnmd is not None and not (isinstance(nvnmd, Mapping) and nvnmd.get("enable") is False):
        model, circuit = nvnmd_model(nvnmd, model or {}, problems)
    if not isinstance(model, Mapping):
        problems.append("model is missing: the section with descriptor and fitting_net")
        model = {}
    training = TRAINING.read(_from_v1(document.get("training", {})), problems)
    tasks = (
        _tasks(document, model, training, problems)
        if "model_dict" in model
        else {SINGLE: _single(document, model, training, problems)}
    )
    rate = _learning_rate(document.get("learning_rate", {}), problems)
    optimizer = OPTIMIZER.read(document.get("optimizer", {}), problems)
    if training and not training["numb_steps"] and not training["numb_epoch"]:
        problems.append("training.numb_steps is missing: how long to train")
    if problems:
        raise InputError(all_problems(source, problems))
    heads = dict(model.get("model_dict", {}))
    return Input(folder, tasks, rate, optimizer, training, heads, circuit)


def _from_v1(training: Any) -> Any:
    """Version 1 had the data's options in `training` itself."""
    if not isinstance(training, Mapping) or "systems" not in training:
        return training
    data = ("systems", "batch_size", "auto_prob", "sys_probs", "auto_prob_style", "sys_weights")
    moved = {k: v for k, v in training.items() if k in data}
    return {k: v for k, v in training.items() if k not in data} | {"training_data": moved}


def _learning_rate(section: Any, problems: list[str]) -> dict[str, Any]:
    rate = LEARNING_RATE.read(section, problems)
    given = [k for k in ("stop_lr", "stop_lr_ratio", "decay_rate") if rate.get(k) is not None]
    if given[:2] == ["stop_lr", "stop_lr_ratio"]:
        problems.append("learning_rate: give stop_lr or stop_lr_ratio, not both")
    return rate


def _single(
    document: Mapping[str, Any],
    model: Mapping[str, Any],
    training: dict[str, Any],
    problems: list[str],
) -> Task:
    loss = LOSS.read(document.get("loss", {}), problems)
    data = training.get("training_data")
    if data is None:
        problems.append("training.training_data is missing: where the data are")
    return Task(
        SINGLE,
        dict(model),
        loss,
        *_data(data, training.get("validation_data"), "training", problems),
    )


def _data(
    data: Any, validation: Any, where: str, problems: list[str]
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    read = TRAINING_DATA.read(data, problems, f"{where}.training_data") if data is not None else {}
    if validation is None:
        return read, None
    return read, VALIDATION_DATA.read(validation, problems, f"{where}.validation_data")


def _tasks(
    document: Mapping[str, Any],
    model: Mapping[str, Any],
    training: dict[str, Any],
    problems: list[str],
) -> dict[str, Task]:
    """The tasks of v3's model_dict; names of shared_dict stand for its entries."""
    shared = model.get("shared_dict", {})
    losses = document.get("loss_dict", {})
    data = training.get("data_dict") or {}
    weights = training.get("model_prob") or {}
    heads = model["model_dict"]
    for place, names in (("loss_dict", losses), ("training.data_dict", data)):
        for name in names:
            if name not in heads and not name.startswith("_"):
                problems.append(f"{place}.{name}: no such model.{did_you_mean(name, heads)}")
    tasks = {}
    for name, section in heads.items():
        if name.startswith("_"):
            continue
        own = data.get(name)
        if own is None or own.get("training_data") is None:
            problems.append(f"training.data_dict.{name}.training_data is missing")
            continue
        loss = LOSS.read(losses.get(name, {}), problems, f"loss_dict.{name}")
        where = f"training.data_dict.{name}"
        read = _data(own["training_data"], own.get("validation_data"), where, problems)
        resolved = {k: _resolve(v, shared) for k, v in section.items()}
        tasks[name] = Task(name, resolved, loss, *read, float(weights.get(name, 1.0)))
    return tasks


def _resolve(value: Any, shared: Mapping[str, Any]) -> Any:
    """The entry of shared_dict that a name stands for ("name" or "name:level")."""
    return shared.get(value.partition(":")[0], value) if isinstance(value, str) else value

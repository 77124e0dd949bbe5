"""`dpc bench train`: steps of a training, contenders in turn so that they share the weather.

Every repeat of every contender is a fresh process on the same input, on as many processors as it
has threads. All are timed from outside and in the same way, by when the rows of lcurve.out appear,
one after every `steps` steps: between the last two. The rows before are the warm-up, in which every
frame is seen, since a training is long and most of its steps see frames again. Medians are over
repeats, ratios over runs of the same repeat. Processor time is that of all processes in those
steps: where others use the machine, it says more than the clock.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dpc.bench.contenders import OWN, PEER
from dpc.bench.progress import Progress
from dpc.bench.train_run import Trained, run_training
from dpc.data.dataset import open_dataset
from dpc.errors import InputError

PRECISIONS = {"f64": "float64", "f32": "float32"}
START_SECONDS = {OWN: 12.0, PEER: 30.0}
STEP_SECONDS = {OWN: 0.1, PEER: 0.4}  # before any is measured
LONGEST = 10  # rows of a warm-up
PEER_UNKNOWN = ("fused", "tabulated")  # options of `training` that only dpc has


@dataclass(frozen=True)
class Trainer:
    """One way to run a training: who, on how many processes with how many threads each.

    `against` is the name of the one it is compared with.
    """

    kind: str
    precision: str
    threads: int
    processes: int = 1
    tabulated: bool = False
    against: str = ""

    @property
    def name(self) -> str:
        """Unique in one measurement."""
        words = [self.kind, self.precision, "tabulated" * self.tabulated]
        return " ".join(filter(None, [*words, f"{self.processes}x{self.threads}"]))


@dataclass(frozen=True)
class Row:
    """One contender: its repeats, and those of its baseline in the same order."""

    trainer: Trainer
    runs: tuple[Trained, ...]
    against_runs: tuple[Trained, ...] = ()

    @property
    def ratios(self) -> list[float]:
        """How many times faster than the baseline by the clock, for each repeat."""
        return [
            b.step_seconds / a.step_seconds
            for a, b in zip(self.runs, self.against_runs, strict=False)
        ]

    @property
    def cpu_ratios(self) -> list[float]:
        """The same by processor time."""
        return [
            b.cpu_seconds / a.cpu_seconds
            for a, b in zip(self.runs, self.against_runs, strict=False)
        ]


def trainers(
    precisions: Sequence[str], threads: int, processes: int, tabulated: bool, peer: bool
) -> list[Trainer]:
    """Who takes part. More than one process has one thread each, and so has who they are
    compared with; a tabulated training is compared with the same that learns all."""
    found = []
    for precision in precisions:
        theirs = Trainer(PEER, precision, threads)
        own = Trainer(OWN, precision, threads, against=theirs.name if peer else "")
        found += [theirs, own] if peer else [own]
        if tabulated:
            found.append(replace(own, tabulated=True, against=own.name))
        if processes > 1:
            one = replace(own, threads=1)
            if threads > 1:
                found.append(replace(one, against=""))
            found.append(replace(one, processes=processes, against=one.name))
    return found


def warm_up(document: Mapping[str, Any], steps: int) -> int:
    """Rows of `steps` steps until every frame was seen, at least 1 and at most LONGEST."""
    data = document["training"]["training_data"]
    frames = sum(open_dataset(data["systems"]).frames)
    batch = data.get("batch_size")
    steps *= batch if isinstance(batch, int) else 1
    return min(-(-frames // steps), LONGEST)


def make_document(
    document: Mapping[str, Any], folder: Path, trainer: Trainer, batch: int | None
) -> dict[str, Any]:
    """The input for one contender: its precision, one task.

    Paths of the data start at `folder`, that of the input. Validation is left out: it is no part
    of a step.
    """
    whole: dict[str, Any] = json.loads(json.dumps(document))
    model, training = whole.get("model", {}), whole.get("training", {})
    if "training_data" not in training or "descriptor" not in model:
        raise InputError("dpc bench train needs an input with one model and training.training_data")
    for part in ("descriptor", "fitting_net"):
        model[part] = {**model.get(part, {}), "precision": PRECISIONS[trainer.precision]}
    data = training["training_data"]
    systems = [data["systems"]] if isinstance(data["systems"], str) else data["systems"]
    data["systems"] = [_absolute(str(system), folder) for system in systems]
    if batch is not None:
        data["batch_size"] = batch
    for key in ("validation_data", "numb_epoch", "disp_training", "tensorboard", *PEER_UNKNOWN):
        training.pop(key, None)
    training |= {"disp_file": "lcurve.out", "save_ckpt": "model.ckpt"}
    training.setdefault("seed", 1)
    if trainer.tabulated:
        training["tabulated"] = True
    return whole


def set_steps(document: dict[str, Any], steps: int, before: int) -> None:
    """A run of `before` rows to warm up and one more, without a checkpoint on the way."""
    last = (before + 1) * steps
    document["training"] |= {"numb_steps": last, "disp_freq": steps, "save_freq": 2 * last}


def _absolute(system: str, folder: Path) -> str:
    """As `dpc train` looks for data: from here, or from the input's folder."""
    here = Path(system)
    return str((here if here.exists() else folder / system).resolve())


def measure(
    document: Mapping[str, Any],
    folder: Path,
    contenders: Sequence[Trainer],
    work: Path,
    repeats: int,
    steps: int,
    environment: Path | None = None,
    batch: int | None = None,
) -> list[Row]:
    """Rows for every contender; `environment` is the peer's. Repeats alternate."""
    plan = [(k, one) for k in range(repeats) for one in contenders]
    documents = {one.name: make_document(document, folder, one, batch) for one in contenders}
    before = warm_up(documents[contenders[0].name], steps)  # of the same data for all
    for whole in documents.values():
        set_steps(whole, steps, before)
    length = (before + 1) * steps
    seconds: dict[str, float] = {}

    def left(done: int) -> float:
        return sum(
            seconds.get(one.name, START_SECONDS[one.kind] + length * STEP_SECONDS[one.kind])
            for _, one in plan[done:]
        )

    progress = Progress(left(0))
    runs: dict[str, list[Trained]] = {}
    for done, (repeat, one) in enumerate(plan, 1):
        what = f"{done}/{len(plan)}: {one.name}, repeat {repeat + 1}"
        progress.begin(what)
        place = work / f"{one.name.replace(' ', '-')}-{repeat + 1}"
        place.mkdir(parents=True, exist_ok=True)
        (place / "input.json").write_text(json.dumps(documents[one.name], indent=1))
        run = run_training(one.kind, place, steps, before, one.threads, one.processes, environment)
        seconds[one.name] = run.wall
        runs.setdefault(one.name, []).append(run)
        progress.end(
            f"{what}: {1e3 * run.step_seconds:.1f} ms/step, "
            f"{1e3 * run.cpu_seconds:.1f} of processors, {run.total_bytes / 1e6:.0f} MB",
            left(done),
        )
    progress.close()
    return [Row(one, tuple(runs[one.name]), tuple(runs.get(one.against, ()))) for one in contenders]


def record(row: Row, steps: int, batch: int | str) -> dict[str, Any]:
    """One row as plain values; times in ms, memory in MB of all processes together."""
    one, wall = row.trainer, [1e3 * run.step_seconds for run in row.runs]
    ratios, cpu = row.ratios, row.cpu_ratios
    return {
        "contender": one.name,
        "kind": one.kind,
        "precision": one.precision,
        "tabulated": one.tabulated,
        "processes": one.processes,
        "threads": one.threads,
        "batch_size": batch,
        "ms_per_step": round(statistics.median(wall), 2),
        "min": round(min(wall), 2),
        "max": round(max(wall), 2),
        "cpu_ms_per_step": round(1e3 * statistics.median(r.cpu_seconds for r in row.runs), 2),
        "peak_mb": round(max(run.peak_bytes for run in row.runs) / 1e6, 1),
        "total_mb": round(max(run.total_bytes for run in row.runs) / 1e6, 1),
        "speedup": round(statistics.median(ratios), 3) if ratios else None,
        "speedup_min": round(min(ratios), 3) if ratios else None,
        "speedup_max": round(max(ratios), 3) if ratios else None,
        "cpu_speedup": round(statistics.median(cpu), 3) if cpu else None,
        "against": one.against or None,
        "repeats": len(row.runs),
        "steps": steps,
        "cores": os.cpu_count(),
    }


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """Medians, range, processor time, memory, and how much faster than whom."""
    width = max(len(r["contender"]) for r in records)
    lines = [
        f"  {'contender':<{width}}  ms/step    (min … max)      cpu ms/step  peak MB"
        "  faster (min … max), by processor time"
    ]
    for r in records:
        span = f"({r['min']:.1f} … {r['max']:.1f})"
        line = (
            f"  {r['contender']:<{width}}  {r['ms_per_step']:>7.1f}    {span:<18}"
            f"{r['cpu_ms_per_step']:>9.1f}  {r['total_mb']:>7.0f}"
        )
        if r["speedup"] is not None:
            line += (
                f"  {r['speedup']:.2f} x ({r['speedup_min']:.2f} … {r['speedup_max']:.2f}), "
                f"{r['cpu_speedup']:.2f} x than {r['against']}"
            )
        lines.append(line)
    return "\n".join(lines)

"""The watch of a run that also writes for TensorBoard: scalars, histograms, graph, timeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpc.frontend.training.events import Events
from dpc.frontend.training.watch import Watch

if TYPE_CHECKING:
    from dpc.frontend.model import Model
    from dpc.frontend.training.tasks import Task
    from dpc.ir.op import Value

PROFILED = (10, 15)  # steps since the start whose timeline is kept: those before warm up


class Board(Watch):
    """As Watch, with event files in `folder` and a timeline for chrome://tracing."""

    wants_norm = True

    def __init__(
        self,
        steps: int,
        quiet: bool,
        models: Mapping[str, Model],
        folder: Path | None,
        every: int,
        timeline: Path | None,
    ) -> None:
        super().__init__(steps, quiet)
        self.models, self.every, self.timeline = models, every, timeline
        self.events = Events(folder) if folder else None
        self._profiler: Any = None
        if self.events:
            for name, model in models.items():
                self.events.graph(graph_nodes(model, f"{name}/" if name else ""))

    def stepped(
        self, step: int, task: Task, errors: Mapping[str, float], rate: float, norm: float
    ) -> None:
        super().stepped(step, task, errors, rate, norm)
        if self.events and step % self.every == 0:
            head = f"{task.name}/" if task.name else ""
            values = {f"{head}training/{k}": v for k, v in errors.items()}
            values |= {"learning_rate": rate, "gradient_norm": norm}
            each = self.per_step(step)
            values |= {"seconds_per_step": each} if step > self.first else {}
            self.events.scalars(step, {k: v for k, v in values.items() if math.isfinite(v)})
        if self.timeline:
            self._profile(step - self.first)

    def row(
        self,
        step: int,
        task: Task,
        training: Mapping[str, float],
        validation: Mapping[str, float] | None,
        rate: float,
    ) -> None:
        super().row(step, task, training, validation, rate)
        if not self.events:
            return
        head = f"{task.name}/" if task.name else ""
        self.events.scalars(
            step, {f"{head}validation/{k}": v for k, v in (validation or {}).items()}
        )
        weights = {
            head + name.replace(".", "/"): p.detach().numpy()
            for name, p in task.model.named_parameters()
            if p.numel() > 1
        }
        self.events.histograms(step, weights)

    def end(self) -> None:
        super().end()
        self._finish_profile()
        if self.events:
            self.events.close()

    def _profile(self, done: int) -> None:
        if done == PROFILED[0]:
            from torch.profiler import ProfilerActivity, profile

            self._profiler = profile(activities=[ProfilerActivity.CPU])
            self._profiler.__enter__()
        elif done == PROFILED[1]:
            self._finish_profile()

    def _finish_profile(self) -> None:
        if self._profiler is not None:
            self._profiler.__exit__(None, None, None)
            self._profiler.export_chrome_trace(str(self.timeline))
            self._profiler = None


def graph_nodes(model: Model, head: str = "") -> list[tuple[str, str, list[str], str]]:
    """The program of a model as nodes (name, op, inputs, type of the result)."""
    names: dict[Value, str] = {}
    nodes: list[tuple[str, str, list[str], str]] = []
    for number, op in enumerate(model.lower().graphs["energy"].ops()):
        for value in op.results:
            own = head + (value.name or getattr(op, "label", "") or f"{op.name}_{number}")
            own = own if own not in names.values() else f"{own}_{number}"
            names[value] = own
            nodes.append((own, op.name, [names[v] for v in op.operands], str(value.type)))
    return nodes

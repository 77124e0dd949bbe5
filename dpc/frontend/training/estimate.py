"""What a training will need, measured on a few of its own steps."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING, Any

from dpc.frontend.training.watch import duration

if TYPE_CHECKING:
    from dpc.frontend.training.run import Prepared

STEPS = 3


def estimate(prepared: Prepared, found: dict[str, Any]) -> list[str]:
    """Lines on size, neighbours, time and memory. The weights stay as they are."""
    lines = []
    for name, task in found["tasks"].items():
        head = f"{name}: " if name else ""
        lines.append(
            f"{head}{task['frames']} frames in {task['systems']} systems, "
            f"{task['parameters']} weights"
        )
        if task["min_nbor_dist"]:
            types = prepared.tasks[name].model.type_map
            most = ", ".join(f"{n} {t}" for n, t in zip(task["max_nbor_size"], types, strict=True))
            lines.append(
                f"{head}nearest pair {task['min_nbor_dist']:.4f} Å, most neighbours {most}"
            )
        slow = f": {task['reason']}" if task["reason"] else ""
        lines.append(f"{head}step: {task['step']}{slow}")
    each = measure(prepared)
    steps = prepared.trainer.plan.steps
    states = 2 * sum(p.numel() * p.element_size() for p in prepared.trainer.parameters)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + states
    lines.append(f"about {each * 1e3:.0f} ms/step, {duration(each * steps)} for {steps} steps")
    lines.append(f"about {peak / 1e9:.2f} GB of memory")
    return lines


def measure(prepared: Prepared) -> float:
    """Seconds of a step, the mean over tasks by their weights; the first batch warms up."""
    total = weight = 0.0
    for task in prepared.tasks.values():
        best = float("inf")
        for _ in range(STEPS):
            batch = next(task.training)
            start = time.perf_counter()
            task.step.gradient(batch, task.loss, 1.0)
            best = min(best, time.perf_counter() - start)
        task.training.close()
        total, weight = total + best * task.weight, weight + task.weight
    for p in prepared.trainer.parameters:
        p.grad = None
    return total / weight

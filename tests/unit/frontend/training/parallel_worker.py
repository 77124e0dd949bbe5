"""What test_parallel.py runs in each of several processes.

`exchange FOLDER`: gradients of a toy, exchanged in every way, into FOLDER/WAY-RANK.pt.
`train WAY FOLDER...`: the training of each FOLDER/input.json, for the second time from its
checkpoint of step 10; weights into whole-RANK.pt, again-RANK.pt.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from dpc.config import read_input
from dpc.frontend.training.exchange import Exchange
from dpc.frontend.training.group import Group
from dpc.frontend.training.run import Start, prepare, run

SHAPES = [((50, 400), torch.float64), ((7,), torch.float32), ((3, 5), torch.float64),
          ((30, 1000), torch.float32), ((1,), torch.float64), ((11,), torch.float64)]  # fmt: skip
ROUNDS = 24
WAYS = {"memory": "Slots", "hosts": "Network", "full": "Network", "closed": "Network"}
SIGNALLED = 17  # the round in which the last process was sent a signal


def frames_of(turn: int, rank: int, world: int) -> int:
    """Often as many for all, sometimes none for a process, never none for all."""
    rng = random.Random(turn)
    counts = [1] * world if turn % 3 == 0 else [rng.randrange(4) for _ in range(world)]
    counts[rng.randrange(world)] += not any(counts)
    return counts[rank]


def gradient_of(turn: int, rank: int, world: int, k: int) -> torch.Tensor | None:
    """Of parameter k; none without frames, of an unused head, and sometimes elsewhere."""
    rng = random.Random(1000 * turn + k)
    unused = rng.random() < 0.2
    missing = rng.random() < 0.2 and rng.randrange(world) == rank
    if not frames_of(turn, rank, world) or unused or missing:
        return None
    seeded = torch.Generator().manual_seed(10_000 * turn + 100 * rank + k)
    shape, dtype = SHAPES[k]
    return torch.randn(shape, generator=seeded, dtype=dtype)


def errors_of(turn: int, rank: int) -> dict[str, float]:
    """rmse, and a column that only some have."""
    return {"rmse": 1.0 + turn + rank} | ({"rmse_e": 0.5 + rank} if turn % 2 else {})


@contextmanager
def hindered(way: str) -> Iterator[None]:
    """What keeps processes from sharing memory, in all of them or in one."""
    real, mine = os.open, os.environ["RANK"]

    def full(*of: Any) -> None:
        raise OSError(28, "No space left on device")

    def closed(path: Any, *of: Any, **more: Any) -> int:
        if str(path).startswith("/proc/"):
            raise PermissionError(13, "Permission denied")
        return real(path, *of, **more)

    with ExitStack() as patches:
        if way == "hosts":
            patches.enter_context(patch.dict(os.environ, LOCAL_WORLD_SIZE="1"))
        if way == "full" and mine == "0":
            patches.enter_context(patch.object(os, "posix_fallocate", full))
        if way == "closed" and mine == "1":
            patches.enter_context(patch.object(os, "open", closed))
        yield


def exchange(folder: Path, way: str) -> None:
    """ROUNDS exchanges with waits that differ between the processes."""
    group = Group.join()
    parameters = [torch.nn.Parameter(torch.zeros(s, dtype=d)) for s, d in SHAPES]
    both = Exchange(group, parameters, ["rmse_e"])
    assert type(both.gradients).__name__ == WAYS[way], way
    pauses = random.Random(group.rank)

    def late(runs: Any, take: Any = both.gradients.take) -> None:
        time.sleep(pauses.choice([0, 0, 0.005]))  # others may be at the next exchange already
        take(runs)

    found: list[Any] = []
    for turn in range(ROUNDS):
        for k, p in enumerate(parameters):
            p.grad = gradient_of(turn, group.rank, group.world, k)
        frames = frames_of(turn, group.rank, group.world)
        signal = 15 if turn == SIGNALLED and group.rank == group.world - 1 else 0
        mine = errors_of(turn, group.rank) if frames else {}
        with patch.object(both.gradients, "take", late):
            errors, signal = both.step(mine, frames, signal)
        found.append(([None if p.grad is None else p.grad.clone() for p in parameters],
                      errors, signal))  # fmt: skip
    torch.save(found, folder / f"{way}-{group.rank}.pt")


def train(way: str, folders: list[str]) -> None:
    """One training after the other, all in one group."""
    for folder in folders:
        os.chdir(folder)
        rank = os.environ["RANK"]
        again = Path(f"whole-{rank}.pt").exists()
        restart = Path("model.ckpt-10.pt") if again else None
        prepared = prepare(read_input(Path("input.json")), Start(quiet=True, restart=restart))
        kind = prepared.trainer.exchange
        assert type(kind and kind.gradients).__name__ == WAYS[way]
        run(prepared, last=False)
        values: dict[str, torch.Tensor] = {}
        for name, task in prepared.tasks.items():
            values |= {f"{name}.{k}": w for k, w in task.model.state_dict().items()}
        torch.save(values, f"{'again' if again else 'whole'}-{rank}.pt")


if __name__ == "__main__":
    if sys.argv[1] == "exchange":
        for each in sys.argv[3:]:
            with hindered(each):
                exchange(Path(sys.argv[2]), each)
    else:
        with hindered(sys.argv[2]):
            train(sys.argv[2], sys.argv[3:])
    Group.join().leave()

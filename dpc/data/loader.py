"""Batches for ever, read ahead by a thread, resumable to the same bits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dpc.data.batch import Batch
from dpc.data.dataset import DataSet
from dpc.data.labels import Label
from dpc.data.neighbors import F64
from dpc.data.sampling import BatchSizes, Sampler, batch_sizes, probabilities


class Loader:
    """An endless iterator of batches of a data set.

    `prepare` is called with each batch in the reading thread; its result is `batch.prepared`.
    With `share` = (rank, world), sizes are those of the batch of all processes together, of which
    this one gets every world-th frame (possibly none): the frames of a step do not depend on world.
    """

    def __init__(
        self,
        dataset: DataSet,
        labels: Sequence[Label],
        batch_size: str | int | Sequence[int] | BatchSizes = "auto",
        probability: F64 | None = None,
        seed: int = 0,
        prepare: Callable[[Batch], Any] | None = None,
        prefetch: int = 2,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.dataset, self.labels = dataset, tuple(labels)
        self.prepare, self.prefetch, self.share = prepare, prefetch, share
        sizes = (
            batch_size if isinstance(batch_size, BatchSizes) else batch_sizes(batch_size, dataset)
        )
        if probability is None:
            probability = probabilities(dataset, sizes)
        self.sizes, self.probability = sizes, probability
        self._sampler = Sampler(dataset.groups(self.labels), sizes, probability, seed)
        self._state = self._sampler.state()
        self._thread: threading.Thread | None = None
        self._ready: queue.Queue[tuple[Batch | BaseException, dict[str, Any]]]
        self._stop = threading.Event()

    @property
    def batches_per_epoch(self) -> int:
        """Batches after which as many frames were given as the data set has."""
        frames = self.dataset.frames
        if self.sizes.mixed:
            return max(1, -(-sum(frames) // self.sizes.sizes[0]))
        used = zip(frames, self.sizes.sizes, strict=True)
        return max(1, sum(-(-n // size) for n, size in used if size))

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if self.prefetch < 1:
            batch = self._read()
            self._state = self._sampler.state()
            return batch
        if self._thread is None:
            self._start()
        found, state = self._ready.get()
        if isinstance(found, BaseException):
            self.close()
            raise found
        self._state = state
        return found

    def state(self) -> dict[str, Any]:
        """Where the data are after the last batch that was given out; fit for JSON."""
        return self._state

    def restore(self, state: dict[str, Any]) -> None:
        """The next batch is the one after that state."""
        self.close()
        self._sampler.restore(state)
        self._state = self._sampler.state()

    def close(self) -> None:
        """End the reading thread. The next batch starts another."""
        if self._thread is None:
            return
        self._stop.set()
        while self._thread.is_alive():
            try:  # a full queue holds the thread
                self._ready.get_nowait()
            except queue.Empty:
                self._thread.join(0.005)
        self._thread = None
        self._sampler.restore(self._state)

    def _start(self) -> None:
        self._stop = threading.Event()
        self._ready = queue.Queue(self.prefetch)
        self._thread = threading.Thread(
            target=self._run, args=(self._stop, self._ready), name="dpc-loader", daemon=True
        )
        self._thread.start()

    def _run(self, stop: threading.Event, ready: queue.Queue[Any]) -> None:
        while not stop.is_set():
            try:
                entry: tuple[Any, Any] = (self._read(), self._sampler.state())
            except BaseException as error:  # whatever it is, the caller gets it
                ready.put((error, {}))
                return
            ready.put(entry)

    def _read(self) -> Batch:
        rank, world = self.share
        parts = self._sampler.next()
        if world > 1:
            parts = _share(parts, rank, world)
        batch = self.dataset.gather(parts, self.labels)
        return batch if self.prepare is None else batch.with_prepared(self.prepare(batch))


def _share(parts: list[tuple[int, Any]], rank: int, world: int) -> list[tuple[int, Any]]:
    """Every world-th frame of a batch, beginning with the rank-th."""
    mine, passed = [], 0
    for system, frames in parts:
        mine.append((system, frames[(rank - passed) % world :: world]))
        passed += len(frames)
    kept = [part for part in mine if len(part[1])]
    return kept or mine[:1]

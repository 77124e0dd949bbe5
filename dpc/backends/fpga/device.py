"""Frames through a circuit: commands, blocks that fit the chip, sums over blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpc.backends.fpga import commands
from dpc.backends.fpga.commands import CROWDED, Answer, Words
from dpc.backends.fpga.images import images
from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.simulator import Simulator
from dpc.errors import DpcError, InputError
from dpc.ir.fixed import frames
from dpc.ir.fixed.shape import Contents

Ints = NDArray[Any]


class Circuit:
    """A card whose circuit holds a model."""

    def __init__(self, card: Simulator, m: Contents, build: Build) -> None:
        self._card, self._build, self._m = card, build, m
        # sums that are left over on a card that was stopped are read, and so cleared
        start = [commands.load(images(m, build)), commands.read(build.atoms)]
        card.job(np.concatenate(start), build.atoms + 5)
        card.write("CONTROL", 2)

    def evaluate(self, coord: Ints, atype: Ints, nlist: Ints) -> Answer:
        """Integers of one frame: positions [nall, 3] in 2^-22 Å, list [nloc, nnei] with -1."""
        known = atype >= 0
        energy = np.zeros(len(coord), np.int64)
        force, virial = np.zeros((len(coord), 3), np.int64), np.zeros((3, 3), np.int64)
        status = 0
        for centers, atoms, words in self._blocks(coord, atype, nlist, known):
            count = len(atoms)
            job = [commands.coord(coord[atoms], np.maximum(atype[atoms], 0))]
            job += [commands.lists(words), commands.run(len(words)), commands.read(count)]
            found = commands.answer(self._card.job(np.concatenate(job), count + 5), count)
            energy[atoms[: len(centers)]] += found.energy[: len(centers)]
            np.add.at(force, atoms, found.force)
            virial += found.virial
            status |= found.status
            if found.status & CROWDED:
                near = frames.neighbors(self._m, coord, atype, nlist)
                frames.check_count(self._m, near, len(nlist))
                raise DpcError("the circuit counts more neighbours than there are: a bug")
        return Answer(energy[: len(nlist)], force, virial, status)

    def _check_beats(self, centers: Ints, near: Ints, atype: Ints) -> None:
        """A centre's whole list waits on the chip for its way back, or the circuit stands still."""
        kinds = np.where(near >= 0, atype[near], -1)
        found = [(kinds == t).sum(axis=1) for t in range(self._m.shape.ntypes)]
        beats = sum(-(-count // self._build.lanes) for count in found)
        most = self._build.history_beats
        crowded = np.flatnonzero(beats > most)
        if len(crowded):
            entries = np.count_nonzero(near[crowded[0]] >= 0)
            raise InputError(
                f"the list of atom {centers[crowded[0]]} has {entries} entries, "
                f"more than the circuit's {most} words of {self._build.lanes} hold: take a list "
                "with a smaller skin"
            )

    def _blocks(
        self, coord: Ints, atype: Ints, nlist: Ints, known: Ints
    ) -> Iterator[tuple[Ints, Ints, Words]]:
        """Centres, all atoms of the block with the centres first, and its list."""
        todo = [np.flatnonzero(known[: len(nlist)])]
        while todo:
            centers = todo.pop()
            if not len(centers):
                continue
            near = nlist[centers]
            near = np.where((near >= 0) & known[near], near, -1)
            self._check_beats(centers, near, atype)
            others = np.setdiff1d(near[near >= 0], centers)
            atoms = np.concatenate([centers, others])
            local = np.full(len(coord), -1)
            local[atoms] = np.arange(len(atoms))
            words = commands.neighbor_list(
                np.where(near >= 0, local[near], -1), atype[atoms], self._build.lanes
            )
            if len(atoms) <= self._build.atoms and len(words) <= self._build.list_words:
                yield centers, atoms, words
            elif len(centers) == 1:
                raise DpcError(
                    f"atom {centers[0]} has {len(others)} neighbours, more than the circuit holds"
                )
            else:
                half = len(centers) // 2
                todo += [centers[half:], centers[:half]]

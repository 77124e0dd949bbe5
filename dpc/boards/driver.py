"""The driver that PYNQ binds to the circuit's kernel, dp_top."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pynq

from dpc.backends.fpga import registers
from dpc.backends.fpga.commands import Words
from dpc.errors import ToolError

VLNV = "dpc:kernel:dp_top:1.0"
"""Vendor, library, name and version of the kernel: fpga/kernel.tcl of a package gives them."""

IDENTITY = 0x31435044  # of every circuit of ours
START, CLEAR, RESET = 1, 2, 4  # bits of CONTROL
UNKNOWN_COMMAND, BUS_ERROR = 2, 16  # bits of STATUS


class DpTop(pynq.DefaultIP):
    """Registers by name, and jobs: commands in, results out, through the card's memory."""

    bindto = [VLNV]

    def __init__(self, description: dict[str, Any]) -> None:
        super().__init__(description=description)
        # a simulated card has a clock of its own, and one that answers nobody should not take hours
        self._seconds = getattr(self.device, "seconds", time.monotonic)
        self.timeout = float(getattr(self.device, "timeout", 10.0))  # seconds that a job may take
        self._buffers: dict[str, Any] = {}

    def read(self, offset: int | str = 0, index: int = 0) -> int:
        """A register, by address or by name: `read("STATUS")`."""
        return int(self.mmio.read(_address(offset) + 4 * index))

    def write(self, offset: int | str, value: int) -> None:
        """Set a register, by address or by name."""
        self.mmio.write(_address(offset), int(value))

    def counters(self) -> dict[str, int]:
        """What the core counted, by name."""
        return {name: self.read("COUNTERS", i) for i, name in enumerate(registers.COUNTERS)}

    def check(self, digest: int) -> None:
        """Is this the circuit that a package was made for? Resets it."""
        identity = self.read("ID")
        if identity != IDENTITY:
            raise ToolError(
                f"what answers is not a circuit of dpc: its ID is {identity:#010x}, not "
                f"{IDENTITY:#010x}. Is the bitstream loaded?"
            )
        found = self.read("HASH_HIGH") << 32 | self.read("HASH_LOW")
        if found != digest:
            raise ToolError(
                f"the card has another circuit: its hash is {found:016x}, the package needs "
                f"{digest:016x}. Load the package's bitstream"
            )
        self.write("CONTROL", RESET)

    def job(self, commands: Words, results: int) -> Words:
        """Send commands [n, 2], wait for so many words of results [results, 2]."""
        source = self._buffer("source", len(commands))
        source[:] = commands
        source.flush()
        result = self._buffer("result", results)
        for name, buffer in (("SOURCE", source), ("RESULT", result)):
            address = int(buffer.device_address)
            self.write(f"{name}_LOW", address & 0xFFFFFFFF)
            self.write(f"{name}_HIGH", address >> 32)
            self.write(f"{name}_WORDS", len(buffer))
        before, began = self.read("DONE"), self._seconds()
        self.write("CONTROL", START)
        while self.read("DONE") == before:
            if self._seconds() - began > self.timeout:
                status = self.read("STATUS")
                self.write("CONTROL", RESET)
                raise ToolError(
                    f"the card has not answered in {self.timeout:g} s (status {status:#x}). It "
                    "has been reset; open the model again"
                )
        status = self.read("STATUS")
        if status & (UNKNOWN_COMMAND | BUS_ERROR):
            what = "its memory does not answer" if status & BUS_ERROR else "unknown command"
            raise ToolError(f"the card says: {what} (status {status:#x})")
        result.invalidate()
        return np.array(result)

    def _buffer(self, name: str, words: int) -> Any:
        """So many words of a buffer in the card's memory, which is kept for the next job."""
        kept = self._buffers.get(name)
        if kept is None or len(kept) < words:
            room = 1 << max(8, (words - 1).bit_length())  # at least a page
            kept = pynq.allocate((room, 2), np.uint64, target=self.device)
            self._buffers[name] = kept
        return kept[:words]


def _address(register: int | str) -> int:
    return registers.REGISTERS[register][0] if isinstance(register, str) else register

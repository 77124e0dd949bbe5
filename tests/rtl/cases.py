"""Which module of rtl/ is tested by what, in which sizes.

A case: module, cocotb test, and either parameters or "model interval lanes" of a circuit. The
first of each module runs always, the others in the slow tests. `PARENTS` names the tested module
that the others are tested in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rtl import bench
from tests.rtl.golden import Case


@dataclass(frozen=True)
class ModuleCase:
    """One simulation."""

    top: str
    test: str
    how: Mapping[str, Any] | str

    @property
    def name(self) -> str:
        """As pytest shows it."""
        parts = self.how.split() if isinstance(self.how, str) else map(str, self.how.values())
        return "-".join([self.top, *parts])

    def run(self, rtl: Path = bench.RTL, results: Path = bench.RESULTS) -> bench.Outcome:
        """Simulate with the sources in a folder."""
        if not isinstance(self.how, str):
            return bench.run(self.top, self.test, self.how, rtl=rtl, results=results)
        name, interval, lanes = self.how.split()
        case = Case(name, int(interval), int(lanes))
        return bench.run(
            self.top, self.test, case.parameters(self.top), case=self.how,
            model_package=case.package(self.top), rtl=rtl, results=results,
        )  # fmt: skip


def _of(top: str, test: str, *hows: Mapping[str, Any] | str) -> list[ModuleCase]:
    return [ModuleCase(top, test, how) for how in hows]


CASES = [
    *_of("dp_round", "cocotb_round", {"InW": 20, "Shift": 7, "OutW": 9},
         {"InW": 9, "Shift": 0, "OutW": 9}, {"InW": 48, "Shift": 30, "OutW": 27}),
    *_of("dp_round_by", "cocotb_round", {"InW": 20, "ShiftW": 6, "OutW": 9},
         {"InW": 9, "ShiftW": 4, "OutW": 12}, {"InW": 48, "ShiftW": 6, "OutW": 24}),
    *_of("dp_fifo", "cocotb_fifo", {"Width": 9, "Depth": 5}, {"Width": 1, "Depth": 2},
         {"Width": 70, "Depth": 16}),
    *_of("dp_reg_slice", "cocotb_fifo", {"Width": 9}, {"Width": 1}, {"Width": 130}),
    *_of("dp_env", "cocotb_env", "odd 24 2", "two_side 16 3", "smallest 8 1", "far 8 2"),
    *_of("dp_contract", "cocotb_contract", "split 16 2", "odd 24 4", "smallest 8 1"),
    *_of("dp_products", "cocotb_products", "odd 3 2", "smallest 8 1", "leading 16 1"),
    *_of("dp_products_back", "cocotb_products_back", "odd 12 2", "split 16 2", "smallest 8 1",
         "far 8 2"),
    *_of("dp_fit", "cocotb_fit", "odd 8 2", "split 10 2", "reduced 16 1", "packed 4 2",
         "packed 9 1"),
    *_of("dp_pair_back", "cocotb_pair_back", "split 16 2", "odd 8 4", "smallest 8 1"),
    *_of("dp_forces", "cocotb_forces", {"Lanes": 2, "Atoms": 16}, {"Lanes": 1, "Atoms": 5},
         {"Lanes": 8, "Atoms": 33}),
    *_of("dp_virial", "cocotb_virial", {"Lanes": 2}, {"Lanes": 1}, {"Lanes": 3}),
    *_of("dp_list", "cocotb_list", {"Lanes": 2}, {"Lanes": 8}, {"Lanes": 1}),
    *_of("dp_coords", "cocotb_coords", {"Lanes": 2, "Atoms": 16}, {"Lanes": 1, "Atoms": 5},
         {"Lanes": 8, "Atoms": 64}),
    *_of("dp_command", "cocotb_command", {"Atoms": 64, "ListWords": 256},
         {"Atoms": 512, "ListWords": 33}, {"Atoms": 33, "ListWords": 1024}),
    *_of("dp_dma_read", "cocotb_dma", {"Burst": 4}, {"Burst": 64}, {"Burst": 1}),
    *_of("dp_dma_write", "cocotb_dma", {"Burst": 4}, {"Burst": 64}, {"Burst": 1}),
    *_of("dp_regs", "cocotb_regs", {"Hash": 0x0123456789ABCDEF}, {"Hash": 0},
         {"Hash": (1 << 64) - 1}),
    *_of("dp_top", "cocotb_top", "smallest 8 1", "odd 16 4", "split 24 2"),
]  # fmt: skip

PARENTS = {  # modules without a test of their own, and the tested ones that they are in
    "dp_accumulate": "dp_forces",
    "dp_act": "dp_fit",
    "dp_cfg_port": "dp_products",
    "dp_cfg_ram": "dp_products",
    "dp_core": "dp_top",
    "dp_counters": "dp_top",
    "dp_cubic": "dp_env",
    "dp_cubic_step": "dp_env",
    "dp_delay": "dp_products",
    "dp_distance": "dp_env",
    "dp_dot": "dp_fit",
    "dp_fork": "dp_fit",
    "dp_halves": "dp_products",
    "dp_head": "dp_fit",
    "dp_layer": "dp_fit",
    "dp_layer_back": "dp_fit",
    "dp_locate": "dp_env",
    "dp_mul_add": "dp_env",
    "dp_mul_pair": "dp_fit",
    "dp_ram": "dp_products",
    "dp_ram_2r": "dp_env",
    "dp_registers": "dp_top",
    "dp_stream_check": "dp_fifo",
    "dp_sum": "dp_fit",
    "dp_valid": "dp_products",
    "dp_weights": "dp_fit",
}

BY_NAME = {case.name: case for case in CASES}

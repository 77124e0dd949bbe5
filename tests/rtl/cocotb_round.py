"""dp_round and dp_round_by: the one rounding, at its edges and at random."""

import random

import cocotb
import numpy as np
from cocotb.triggers import Timer

from dpc.ir.fixed.numbers import round_shift, saturate
from tests.rtl.streams import PARAMETERS

IN, OUT = PARAMETERS["InW"], PARAMETERS["OutW"]


def edges(shift: int) -> list[int]:
    """Zero, halves, both ends of the output and of the input."""
    top = 1 << (OUT - 1)
    near = [(k << shift) + half + d for k in (-top, -1, 0, 1, top - 1, top)
            for half in (0, (1 << shift) >> 1) for d in (-1, 0, 1)]  # fmt: skip
    near += [-(1 << (IN - 1)), (1 << (IN - 1)) - 1]
    return [x for x in near if -(1 << (IN - 1)) <= x < 1 << (IN - 1)]


@cocotb.test()
async def rounds(dut):
    for shift in range(IN) if hasattr(dut, "shift_i") else [PARAMETERS["Shift"]]:
        values = edges(shift) + [random.getrandbits(IN) - (1 << (IN - 1)) for _ in range(50)]
        for x in values:
            dut.x_i.value = x
            if hasattr(dut, "shift_i"):
                dut.shift_i.value = shift
            await Timer(1, "ns")
            rounded = int(round_shift(np.int64(x), shift))
            expected = int(saturate(np.int64(rounded), OUT))
            assert dut.y_o.value.to_signed() == expected, (x, shift)
            assert int(dut.sat_o.value) == (rounded != expected), (x, shift)

"""Errors of boards, in an environment that has pynq: PACKAGE its LIBRARY, and another PACKAGE.

Prints one line for each.
"""

import sys

import numpy as np
import pynq

from dpc.boards import ModelOverlay, SimulatedDevice
from dpc.errors import DpcError

package, library, other = sys.argv[1:]


def refused(call):
    try:
        call()
    except DpcError as error:
        print(str(error).replace("\n", " "))
    else:
        print("not refused")


refused(lambda: ModelOverlay(other, device=SimulatedDevice(library)))
refused(lambda: ModelOverlay(package))
refused(lambda: ModelOverlay(package, device=pynq.Device("no board")))
refused(lambda: SimulatedDevice().read_registers(0x1800000, 4))
model = ModelOverlay(package, device=SimulatedDevice(library))
model.kernel.timeout = 0.0
refused(lambda: model.evaluate(np.zeros((1, 3)), [0]))
model = ModelOverlay(package, device=SimulatedDevice(library))
refused(lambda: model.kernel.job(np.full((1, 2), 99, np.uint64), 0))
model = ModelOverlay(package, device=SimulatedDevice(library))
grid = 0.5 * np.stack(np.meshgrid(*[np.arange(9)] * 3), -1).reshape(-1, 3)
refused(lambda: model.evaluate(grid, np.zeros(len(grid), int)))

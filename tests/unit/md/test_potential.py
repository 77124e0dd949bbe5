"""dpc.md.Potential over a fake package, whose formula is evaluated here in NumPy too."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest

from dpc.data.neighbors import extend, neighbor_rows
from dpc.errors import DpcError, InputError, ToolError
from dpc.md import LimitError, NumericError, PackageError, Potential, library
from tests.runtime.fake_package import BIAS, RCUT, RUNTIME, WEIGHTS, compile_host, write_package

CELL = np.array([[6.0, 0.0, 0.0], [1.0, 5.0, 0.5], [-2.0, 1.0, 7.0]])


@pytest.fixture
def system():
    """Positions and types of 12 atoms, some outside the cell."""
    random = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(k) / k for k in (2, 2, 3)], indexing="ij"), -1)
    coord = (grid.reshape(-1, 3) + random.uniform(-0.1, 0.1, (12, 3))) @ CELL
    return coord + random.integers(-2, 3, (12, 3)) @ CELL, random.integers(0, 2, 12)


def energy(coord, types, cell):
    """The formula of runtime/tests/fake_host.c, eV for each atom."""
    ext = extend(coord, types.astype(np.int32), cell, RCUT)
    rows = neighbor_rows(ext, RCUT)
    result = []
    for i in range(ext.nloc):
        j = rows.indices[rows.offsets[i] : rows.offsets[i + 1]]
        r = ext.coord[j] - ext.coord[i]
        u4 = (1 - (r**2).sum(1) / RCUT**2) ** 4 * np.array(WEIGHTS)[types[i], ext.atype[j]]
        p, v = u4.sum(), u4 @ r
        result.append(p + p**2 / 20 + v @ v / 50 + BIAS[types[i]])
    return np.array(result)


@pytest.mark.parametrize("cell", [CELL, None, 0.4 * CELL], ids=["cell", "open", "tiny"])
def test_equals_the_formula(make_package, system, cell):
    coord, types = system
    if cell is not None and cell is not CELL:
        coord, types = coord[:2], types[:2]
    out = Potential(make_package()).evaluate(coord, types, cell)
    expected = energy(coord, types, cell)
    np.testing.assert_allclose(out["atom_energy"], expected, rtol=0, atol=1e-12)
    assert isinstance(out["energy"], float)
    assert out["energy"] == pytest.approx(expected.sum(), abs=1e-12)
    shapes = {name: np.shape(value) for name, value in out.items()}
    n = len(types)
    assert shapes == {"energy": (), "force": (n, 3), "virial": (3, 3), "atom_energy": (n,),
                      "atom_virial": (n, 3, 3)}  # fmt: skip
    np.testing.assert_allclose(out["atom_virial"].sum(0), out["virial"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(out["force"].sum(0), 0, rtol=0, atol=1e-12)


def test_force_is_the_slope(make_package, system):
    coord, types = system
    potential, h = Potential(make_package()), 1e-5
    force = potential.evaluate(coord, types, CELL)["force"]
    for i, k in ((0, 0), (5, 1), (11, 2)):
        step = np.zeros_like(coord)
        step[i, k] = h
        above, below = (potential.evaluate(coord + s * step, types, CELL) for s in (1, -1))
        slope = (above["energy"] - below["energy"]) / (2 * h)
        assert force[i, k] == pytest.approx(-slope, abs=1e-8)


def test_inputs_in_many_forms(make_package, system):
    coord, types = system
    names = np.array(["O", "H"])[types]
    potential = Potential(make_package())
    expected = potential.evaluate(coord, types, CELL)
    for c, t, cell in (
        (coord.ravel(), names, CELL.ravel()),
        (coord.tolist(), list(names), CELL.tolist()),
        (np.asfortranarray(coord), types.astype(np.int8), np.asfortranarray(CELL)),
        (coord[::-1][::-1], tuple(names), CELL.T.copy().T),
    ):
        out = potential.evaluate(c, t, cell)
        for name, value in expected.items():
            np.testing.assert_array_equal(out[name], value)


def test_parameters(make_package, system):
    coord, types = system
    plain = Potential(make_package()).evaluate(coord, types, CELL)
    potential = Potential(make_package(fparam=1, aparam=1))
    assert (potential.facts.fparam, potential.facts.aparam) == (1, 1)
    half = potential.evaluate(coord, types, CELL, fparam=[-0.25], aparam=np.full(12, -0.25))
    np.testing.assert_allclose(2 * half["force"], plain["force"], rtol=0, atol=1e-13)
    with pytest.raises(InputError, match="fparam"):
        potential.evaluate(coord, types, CELL, aparam=np.zeros(12))
    with pytest.raises(InputError, match="aparam"):
        potential.evaluate(coord, types, CELL, fparam=[0], aparam=np.zeros(11))


def test_threads(make_package, system):
    expected = Potential(make_package()).evaluate(*system, CELL)
    with Potential(make_package(), threads=3) as potential:
        out = potential.evaluate(*system, CELL)
    assert out["energy"] == expected["energy"]
    np.testing.assert_allclose(out["force"], expected["force"], rtol=0, atol=1e-13)


def test_shared_between_python_threads(make_package, system):
    potential = Potential(make_package())
    expected = potential.evaluate(*system, CELL)["force"]
    wrong = []

    def work():
        for _ in range(20):
            if not np.array_equal(potential.evaluate(*system, CELL)["force"], expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_facts(make_package):
    potential = Potential(str(make_package()))
    assert potential.type_map == ("O", "H") and potential.rcut == RCUT
    assert potential.facts.target == "cpu x86-64" and potential.facts.precision == "f64"
    assert repr(potential) == "<Potential fake: O H, cpu x86-64>"


def test_zero_and_one_atom(make_package):
    potential = Potential(make_package())
    out = potential.evaluate(np.zeros((0, 3)), [], CELL)
    assert out["energy"] == 0.0 and out["force"].shape == (0, 3)
    assert potential.evaluate([[1, 2, 3]], ["H"])["energy"] == BIAS[1]


def test_warnings_come_once(make_package):
    potential = Potential(make_package(host={"sel": "0", "close": "1.5"}))
    pair = np.array([[0, 0, 0], [0, 0, 1.0]])
    with pytest.warns(RuntimeWarning) as caught:
        potential.evaluate(pair, ["O", "H"])
    assert len(caught) == 2 and {w.filename for w in caught} == {__file__}
    assert "2 neighbours are more than the model's sel" in str(caught[0].message)
    assert "2 pairs are closer than the model's tables" in str(caught[1].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        potential.evaluate(pair, ["O", "H"])
    with pytest.raises(LimitError, match="sel"):
        Potential(make_package(host={"sel": "0"}), strict=True).evaluate(pair, ["O", "H"])


def test_errors(make_package, tmp_path):
    potential = Potential(make_package())
    with pytest.raises(NumericError, match="atoms 0 and 1 .* at one place"):
        potential.evaluate([[0, 0, 0], [0, 0, 0]], [0, 1])
    with pytest.raises(InputError, match="Hf"):
        potential.evaluate([[0, 0, 0]], ["Hf"])
    with pytest.raises(InputError, match="finite"):
        potential.evaluate([[0, np.nan, 0]], ["O"])
    with pytest.raises(InputError, match="cell"):
        potential.evaluate([[0, 0, 0]], ["O"], np.zeros((3, 3)))
    with pytest.raises(InputError, match="farther|within 1e8"):
        potential.evaluate([[0, 0, 1e12]], ["O"])
    with pytest.raises(PackageError, match=re.escape("no such package")):
        Potential(tmp_path / "none.dpc")
    with pytest.raises(InputError, match="threads is -1"):
        Potential(make_package(), threads=-1)
    with pytest.raises(ToolError, match="x86-64-v9"):
        Potential(make_package(host={"isa": '"x86-64-v9"'}))
    with pytest.raises(NumericError, match="force of atom 0"):
        Potential(make_package(host={"factor": "NAN"})).evaluate([[0, 0, 0], [0, 0, 1]], [0, 1])
    assert issubclass(PackageError, DpcError)


def test_closed(make_package):
    potential = Potential(make_package())
    potential.close()
    potential.close()
    with pytest.raises(InputError, match="closed"):
        potential.evaluate([[0, 0, 0]], ["O"])


def test_compiled_again_while_open(tmp_path):
    """A package that is replaced under an open one is the new one when opened again."""
    path = tmp_path / "model.dpc"
    pair = ([[0, 0, 0], [0, 0, 1.0]], ["O", "H"])
    write_package(path, compile_host(tmp_path / "one.so"))
    first = Potential(path)
    before = first.evaluate(*pair)["energy"]
    path.rename(tmp_path / "away")
    write_package(path, compile_host(tmp_path / "two.so", factor="3.0"))
    second = Potential(path)
    assert second.evaluate(*pair)["energy"] - sum(BIAS) == pytest.approx(3 * (before - sum(BIAS)))
    assert first.evaluate(*pair)["energy"] == before


def test_structs_are_those_of_the_header(tmp_path):
    """Sizes and offsets of the ctypes structs against the C compiler's."""
    lines = ['#include "dpc.h"', "#include <stddef.h>", "#include <stdio.h>", "int main(void) {"]
    expected = []
    for name in ("Error", "Options", "Facts", "Neighbors", "Input", "Output"):
        struct = getattr(library, name)
        lines.append(f'printf("%zu\\n", sizeof(dpc_{name.lower()}));')
        expected.append(ctypes.sizeof(struct))
        for field, _ in struct._fields_:
            lines.append(f'printf("%zu\\n", offsetof(dpc_{name.lower()}, {field}));')
            expected.append(getattr(struct, field).offset)
    (tmp_path / "sizes.c").write_text("\n".join([*lines, "return 0; }"]))
    program = tmp_path / "sizes"
    source = str(tmp_path / "sizes.c")
    subprocess.run(["gcc", f"-I{RUNTIME / 'include'}", source, "-o", program], check=True)
    found = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    assert [int(word) for word in found] == expected


def test_memory_of_many_atoms(make_package):
    """12,288 atoms in a box found here: tens of MB above Python and NumPy themselves."""
    script = f"""
import resource, numpy as np
from dpc.md import Potential
potential = Potential({str(make_package())!r})
potential.evaluate([[0, 0, 0]], ["O"])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
side = np.arange(24) * 2.2
coord = np.stack(np.meshgrid(side, side, side), -1).reshape(-1, 3)[:12288] + 0.1
types = np.arange(12288) % 2
potential.evaluate(coord, types, np.eye(3) * 24 * 2.2)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40_000, f"{done.stdout} kB"

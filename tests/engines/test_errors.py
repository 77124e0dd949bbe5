"""Every mistake in an input gets one sentence that says what to do."""

import json
import os
import shutil

import pytest

from dpc.errors import ToolError
from tests.engines.simulation import read_water, water_input, write_data


def message(simulate, text, ranks=1):
    """What LAMMPS said before it stopped."""
    with pytest.raises(ToolError) as error:
        simulate(text, ranks)
    return str(error.value)


STYLES = {
    "": "needs the name of a package",
    "{p} other.dpc": "one package, and got {p} and other.dpc: model deviation is not supported",
    "{p} out_freq 10": "'out_freq' is not supported yet; it knows threads, device, fparam, aparam",
    "{p} thread 2": "no keyword 'thread'; it knows threads, device, fparam, aparam",
    "{p} threads": "'threads' needs a number",
    "{p} threads 0": "threads is 0, but must be 1 or more",
    "{p} fparam 0.1": "takes no fparam: remove it",
    "{p} aparam": "'aparam' needs numbers",
    "nowhere.dpc": "nowhere.dpc",
}


@pytest.mark.parametrize("style", STYLES)
def test_pair_style(simulate, water, style):
    pair = f"pair_style dpc {style.format(p=water)}\npair_coeff * * O H"
    said = message(simulate, water_input(water, pair=pair))
    assert "ERROR: pair_style dpc" in said
    assert STYLES[style].format(p=water) in said


COEFFS = {
    "* * O X": "which knows O H",
    "* * O": "2 atom types, so dpc needs '* *' and 2 names, and got 3 words",
    "* * O H H": "2 atom types, so dpc needs '* *' and 2 names, and got 5 words",
    "* * NULL NULL": "every type is NULL",
    "1 2 O H": "* *",
}


@pytest.mark.parametrize("words", COEFFS)
def test_pair_coeff(simulate, water, words):
    said = message(simulate, water_input(water, pair=f"pair_style dpc {water}\npair_coeff {words}"))
    assert "ERROR" in said and COEFFS[words] in said


def test_units_and_newton(simulate, water):
    assert "write 'units metal'" in message(simulate, water_input(water, units="real"))
    assert "write 'newton on'" in message(simulate, water_input(water, newton="off"))


def test_a_missing_package_stops_two_ranks(simulate, water):
    text = water_input(water, pair="pair_style dpc nowhere.dpc\npair_coeff * * O H")
    assert "nowhere.dpc" in message(simulate, text, ranks=2)


def test_a_damaged_package(simulate, water, tmp_path):
    broken = tmp_path / "broken.dpc"
    shutil.copytree(water, broken)
    host = broken / "bin" / "host.so"
    content = bytearray(host.read_bytes())
    content[len(content) // 2] ^= 1
    os.chmod(host, 0o644)
    host.write_bytes(content)
    assert "host.so" in message(simulate, water_input(broken))


def test_a_package_of_a_later_format(simulate, water, tmp_path):
    later = tmp_path / "later.dpc"
    shutil.copytree(water, later)
    manifest = json.loads((later / "manifest.json").read_text())
    manifest["format"] = 99
    (later / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    assert "later.dpc" in message(simulate, water_input(later))


def test_two_atoms_at_one_place(simulate, water):
    after = "set atom 2 x 1.0 y 1.0 z 1.0\nset atom 3 x 1.0 y 1.0 z 1.0"
    said = message(simulate, water_input(water, after=after), ranks=2)
    assert "pair_style dpc, step 0" in said and "are at one place" in said
    assert "places on this rank, not atom ids" in said


def test_bonded_atoms_must_be_neighbours(simulate, water, tmp_path):
    """special_bonds of zero takes bonded atoms out of the list: energy would be wrong."""
    setup = write_data(tmp_path / "bonds.data", *read_water(), style="bond")
    text = water_input(
        water,
        setup=f"{setup} extra/bond/types 1 extra/bond/per/atom 2 extra/special/per/atom 4",
        after="bond_style zero\nbond_coeff 1 1.0\ncreate_bonds single/bond 1 62 126\n"
        "special_bonds lj/coul SPECIAL",
    ).replace("atom_style atomic", "atom_style bond")
    said = message(simulate, text.replace("SPECIAL", "0 0 0"))
    assert "write 'special_bonds lj/coul" in said
    plain = simulate(water_input(water))
    kept = simulate(text.replace("SPECIAL", "1.0e-50 1.0e-50 1.0e-50"))
    assert kept.thermo["PotEng"] == pytest.approx(plain.thermo["PotEng"], rel=1e-13)

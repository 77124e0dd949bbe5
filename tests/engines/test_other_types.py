"""Types outside the model: no forces, and nobody's neighbours."""

import numpy as np

from tests.engines.simulation import WATER, water_input

# two argon atoms among the molecules
ARGON = (
    f"read_data {WATER / 'water.data'} extra/atom/types 1\n"
    "create_atoms 3 single 3.1 3.1 3.1\ncreate_atoms 3 single 6.1 3.1 3.1\nmass 3 39.95"
)
SOFT = "pair_coeff 1*3 3 soft 0.1"


def test_null_atoms_are_not_there(simulate, water):
    plain = simulate(water_input(water))
    pair = f"pair_style dpc {water}\npair_coeff * * O H NULL"
    for ranks in (1, 2):
        mixed = simulate(
            water_input(
                water,
                setup=ARGON,
                pair=pair,
                after="compute e all pe/atom pair",
                dump="c_e",
            ),
            ranks,
        )
        np.testing.assert_allclose(mixed.thermo["PotEng"], plain.thermo["PotEng"], rtol=1e-13)
        np.testing.assert_allclose(mixed.force[:192], plain.force, rtol=0, atol=1e-10)
        assert not mixed.force[192:].any()
        assert not mixed.atoms["c_e"][192:].any()


def test_names_may_come_in_any_order_and_twice(simulate, water):
    plain = simulate(water_input(water))
    setup = f"read_data {WATER / 'water.data'} extra/atom/types 2\nset type 2 type 4\nmass 3*4 1.0"
    pair = f"pair_style dpc {water}\npair_coeff * * O O NULL H"
    again = simulate(water_input(water, setup=setup, pair=pair))
    np.testing.assert_allclose(again.thermo["PotEng"], plain.thermo["PotEng"], rtol=1e-13)


def test_hybrid_overlay(simulate, water):
    """dpc for water, soft spheres for argon: the sum of the two alone."""
    plain = simulate(water_input(water))
    alone = simulate(
        water_input(
            water,
            setup=ARGON,
            pair="pair_style soft 4.0\npair_coeff * * 0.0\n" + SOFT.replace(" soft", ""),
        )
    )
    for style in ("hybrid", "hybrid/overlay"):
        pair = f"pair_style {style} dpc {water} soft 4.0\npair_coeff * * dpc O H NULL\n{SOFT}"
        both = simulate(water_input(water, setup=ARGON, pair=pair), ranks=2)
        energy = plain.thermo["PotEng"] + alone.thermo["PotEng"]
        np.testing.assert_allclose(both.thermo["PotEng"], energy, rtol=1e-12)
        force = alone.force.copy()
        force[:192] += plain.force
        np.testing.assert_allclose(both.force, force, rtol=1e-10, atol=1e-9)
        pressure = plain.thermo["Press"] + alone.thermo["Press"]
        np.testing.assert_allclose(both.thermo["Press"], pressure, rtol=1e-9)


def test_two_of_them_scaled(simulate, water):
    plain = simulate(water_input(water))
    pair = (
        f"pair_style hybrid/scaled 0.25 dpc {water} 0.75 dpc {water}\n"
        "pair_coeff * * dpc 1 O H\npair_coeff * * dpc 2 O H"
    )
    both = simulate(water_input(water, pair=pair))
    np.testing.assert_allclose(both.thermo["PotEng"], plain.thermo["PotEng"], rtol=1e-12)
    np.testing.assert_allclose(both.force, plain.force, rtol=0, atol=1e-10)

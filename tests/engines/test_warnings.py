"""What the model left out or guessed at is counted, and said once."""

import numpy as np
import pytest

from tests.engines.simulation import read_water, water_input


@pytest.mark.parametrize("ranks", [1, 2])
def test_more_neighbours_than_sel(simulate, water, ranks):
    """A box squeezed to 0.45 of its volume holds more within 6 Å than sel does."""
    squeezed = "change_box all x scale 0.77 y scale 0.77 z scale 0.77 remap\nthermo 1"
    result = simulate(water_input(water, after=f"{squeezed}\ntimestep 1e-7", run="run 3"), ranks)
    assert result.screen.count("more neighbours than the model's sel") == 1
    assert result.screen.count("whole run: sel left out") == 1
    assert np.isfinite(result.thermo["PotEng"]).all()


def test_closer_than_the_tables(simulate, water):
    """Atom 62 is an oxygen; a hydrogen goes to 0.3 Å from it."""
    _, coord, _ = read_water()
    x, y, z = coord[61]
    close = f"set atom 126 x {x + 0.3} y {y} z {z}"
    result = simulate(water_input(water, after=close), ranks=2)
    assert result.screen.count("closer than the model's tables reach") == 1
    assert result.screen.count("closer than the tables") == 1
    assert np.isfinite(result.thermo["PotEng"]).all()


def test_nothing_to_say(simulate, water):
    screen = simulate(water_input(water)).screen
    assert "WARNING: pair_style dpc" not in screen
    assert screen.count("cutoff 6, knows O H") == 1

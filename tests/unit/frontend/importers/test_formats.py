"""Every format of one model gives the same config and the same bits."""

from pathlib import Path

import numpy as np
import pytest

from dpc.errors import InputError
from dpc.frontend.importers import read_model
from dpc.frontend.model_file import ModelFile, expected_shapes
from tests.paths import DATA, SHARED, needs_shared

MODELS = DATA / "models"
SUPPORTED = ("se_e2_a", "ener_", "compress_se_e2_a", "tf_se_e2_a", "ensemble")
CASES = [
    folder
    for folder in sorted((SHARED / "golden").glob("*"))
    if folder.name.startswith(SUPPORTED) and folder.name != "tf_se_e2_a_tebd" and folder.is_dir()
]


def assert_same(a: ModelFile, b: ModelFile, dtype: bool = True) -> None:
    assert a.config == b.config
    assert a.min_nbor_dist == b.min_nbor_dist
    assert a.tensors.keys() == b.tensors.keys()
    for name, array in a.tensors.items():
        assert array.shape == b.tensors[name].shape, name
        assert not dtype or array.dtype == b.tensors[name].dtype, name
        np.testing.assert_array_equal(array, b.tensors[name], err_msg=name)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("se_e2_a.dp", "se_e2_a.pt"),
        ("se_e2_a.dp", "se_e2_a.pth"),
        ("tf_se_e2_a.dp", "tf_se_e2_a.pb"),
        ("se_e2_a_two_side.dp", "se_e2_a_two_side.pt"),
        ("se_e2_a_two_side.dp", "se_e2_a_two_side.pb"),
        ("se_e2_a_two_side.dp", "se_e2_a_two_side.yaml"),
    ],
)
def test_formats_agree(name: str, other: str) -> None:
    assert_same(read_model(MODELS / name), read_model(MODELS / other))


@needs_shared
@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_golden_formats_agree(folder: Path) -> None:
    files = [p for p in folder.glob("model*.*") if p.suffix in (".dp", ".pt", ".pth", ".pb")]
    if folder.name == "ensemble":  # four models, one format
        assert all(len(read_model(p).tensors) == 36 for p in files)
        return
    reference = read_model(folder / "model.dp")
    assert len(files) > 1
    for path in files:
        assert_same(reference, read_model(path))


@needs_shared
def test_water() -> None:
    water = SHARED / "models" / "water_se_e2_a"
    wide, narrow = read_model(water / "model.dp"), read_model(water / "model_float32.pth")
    assert wide.config["descriptor"]["neuron"] == [25, 50, 100]
    assert wide.min_nbor_dist == narrow.min_nbor_dist == 0.885439
    assert narrow.tensors["fitting.1.2.weight"].dtype == np.float32
    for name, array in wide.tensors.items():
        np.testing.assert_allclose(array, narrow.tensors[name], rtol=6e-8, atol=1e-30)


def test_pairs_of_types_are_in_our_order() -> None:
    """DeePMD-kit's .pb names nets by centre and neighbour, which settles the order of its lists."""
    import h5py

    model = read_model(MODELS / "se_e2_a_two_side.pb")
    with h5py.File(MODELS / "se_e2_a_two_side.dp") as file:
        # networks[1] of the file is centre 1, neighbour 0; layers 0, 1, 2 with w and b each
        second = file["variable_0008"][()]
    np.testing.assert_array_equal(model.tensors["descriptor.embedding.2.0.weight"], second)


def test_nets_of_excluded_pairs_may_be_pruned() -> None:
    """A frozen graph has no nets for pairs that do not interact; they are read as zeros."""
    model = read_model(MODELS / "se_e2_a_two_side_excluded.pb")
    assert model.config["descriptor"]["exclude_types"] == [[0, 1]]
    zero = {k for k in range(4) if not model.tensors[f"descriptor.embedding.{k}.1.weight"].any()}
    assert zero == {1, 2}


def test_float32() -> None:
    model = read_model(MODELS / "se_e2_a_float32.pt")
    assert model.config["descriptor"]["precision"] == "float32"
    assert model.tensors["descriptor.embedding.0.0.weight"].dtype == np.float32
    assert model.tensors["fitting.bias_atom_e"].dtype == np.float64


def test_parameters_of_frame_and_atom() -> None:
    model = read_model(MODELS / "ener_fparam_aparam.dp")
    assert model.config["fitting_net"]["numb_fparam"] == 2
    assert model.tensors["fitting.fparam_avg"].shape == (2,)
    assert model.tensors["fitting.aparam_inv_std"].shape == (1,)
    assert model.tensors["fitting.0.0.weight"].shape == (96 + 2 + 1, 16)


def test_every_option_is_explicit() -> None:
    config = read_model(MODELS / "se_e2_a.pt").config  # its own options are few
    assert config == {
        "type_map": ["O", "H"],
        "descriptor": {
            "type": "se_e2_a",
            "sel": [13, 12],
            "rcut": 4.0,
            "rcut_smth": 1.5,
            "neuron": [6, 12, 24],
            "axis_neuron": 4,
            "resnet_dt": False,
            "type_one_side": True,
            "activation_function": "tanh",
            "precision": "float64",
            "exclude_types": [],
            "set_davg_zero": False,
            "trainable": True,
            "seed": 1,
        },
        "fitting_net": {
            "type": "ener",
            "neuron": [16, 16, 16],
            "resnet_dt": True,
            "activation_function": "tanh",
            "precision": "float64",
            "numb_fparam": 0,
            "numb_aparam": 0,
            "default_fparam": None,
            "atom_ener": [],
            "rcond": None,
            "trainable": [True] * 4,
            "seed": 1,
        },
        "pair_exclude_types": [],
        "atom_exclude_types": [],
    }


def test_shapes_are_those_of_the_config() -> None:
    model = read_model(MODELS / "se_e2_a.dp")
    assert {n: a.shape for n, a in model.tensors.items()} == expected_shapes(model.config)


def test_content_decides_not_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "model.pb").write_bytes((MODELS / "se_e2_a.pt").read_bytes())
    assert_same(read_model(tmp_path / "model.pb"), read_model(MODELS / "se_e2_a.dp"))


@needs_shared
@pytest.mark.parametrize(
    "folder",
    [p for p in sorted((SHARED / "golden").glob("*")) if p.is_dir() and p not in CASES],
    ids=lambda folder: folder.name,
)
def test_golden_of_other_kinds_are_refused(folder: Path) -> None:
    """Every other kind of model is refused with the name of what is not supported."""
    files = [p for p in folder.glob("*.*") if p.suffix in (".dp", ".pt", ".pth", ".pb")]
    for path in files:
        with pytest.raises(InputError, match="not supported|without a DeePMD-kit model") as caught:
            read_model(path)
        assert str(path) in str(caught.value)

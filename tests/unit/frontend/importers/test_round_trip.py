"""Reading back what was written gives the same bits, and writing again the same bytes."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from dpc.errors import InputError, UsageError
from dpc.frontend.importers import read_model, write_model
from dpc.frontend.model_file import ModelFile
from tests.paths import DATA, SHARED, needs_shared

MODELS = DATA / "models"
NAMES = ["se_e2_a.dp", "se_e2_a_two_side.dp", "ener_fparam_aparam.dp", "se_e2_a_float32.pt"]


def assert_same(a: ModelFile, b: ModelFile) -> None:
    assert a.config == b.config and a.min_nbor_dist == b.min_nbor_dist
    assert {n: (t.dtype, t.shape, t.tobytes()) for n, t in a.tensors.items()} == {
        n: (t.dtype, t.shape, t.tobytes()) for n, t in b.tensors.items()
    }


@pytest.mark.parametrize("suffix", [".pt", ".dp", ".yaml"])
@pytest.mark.parametrize("name", NAMES)
def test_write_and_read(name: str, suffix: str, tmp_path: Path) -> None:
    model = read_model(MODELS / name)
    write_model(model, tmp_path / f"a{suffix}")
    again = read_model(tmp_path / f"a{suffix}")
    assert_same(model, again)
    write_model(again, tmp_path / f"another{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"another{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", [".pt", ".dp", ".yaml"])
def test_all_options_survive(suffix: str, tmp_path: Path) -> None:
    model = read_model(MODELS / "ener_fparam_aparam.dp")
    config = json.loads(json.dumps(model.config))
    config["descriptor"] |= {"exclude_types": [[0, 1]], "set_davg_zero": True, "trainable": False}
    config["descriptor"] |= {"seed": [3, 4], "activation_function": "silut:2.5"}
    config["fitting_net"] |= {"atom_ener": [None, -1.5], "rcond": 1e-3, "seed": None}
    config["fitting_net"] |= {"trainable": [True, False, True, True], "default_fparam": [0.5, 2.0]}
    config |= {"pair_exclude_types": [[1, 1]], "atom_exclude_types": [0]}
    changed = ModelFile(config, model.tensors, None)
    write_model(changed, tmp_path / f"m{suffix}")
    assert_same(read_model(tmp_path / f"m{suffix}"), changed)


def test_checkpoint_loads_with_weights_only(tmp_path: Path) -> None:
    model = read_model(MODELS / "se_e2_a.dp")
    write_model(model, tmp_path / "model.pt")
    content = torch.load(tmp_path / "model.pt", weights_only=True)
    assert content.keys() == {"dpc_format", "config", "min_nbor_dist", "tensors"}
    assert content["dpc_format"] == 1 and json.loads(content["config"]) == model.config
    assert content["tensors"]["out_bias"].dtype == torch.float64


def dp_tree(path: Path) -> tuple[dict, dict]:
    with h5py.File(path) as file:
        return json.loads(file.attrs["json"]), {name: file[name][()] for name in file}


def assert_dp_equal(ours: Path, theirs: Path) -> None:
    tree, arrays = dp_tree(ours)
    expected, expected_arrays = dp_tree(theirs)
    assert json.dumps(tree["model"]) == json.dumps(expected["model"])  # with the order of keys
    assert tree["@variables"] == expected["@variables"]
    assert arrays.keys() == expected_arrays.keys()
    for name, array in expected_arrays.items():
        assert array.dtype == arrays[name].dtype and array.shape == arrays[name].shape
        np.testing.assert_array_equal(arrays[name], array)


@pytest.mark.parametrize("name", NAMES[:3])
def test_dp_is_what_deepmd_kit_writes(name: str, tmp_path: Path) -> None:
    write_model(read_model(MODELS / name), tmp_path / "m.dp")
    assert_dp_equal(tmp_path / "m.dp", MODELS / name)


@needs_shared
def test_golden_dp_is_what_deepmd_kit_writes(tmp_path: Path) -> None:
    golden = SHARED / "golden"
    paths = [*golden.glob("se_e2_a*/model.dp"), *golden.glob("ener_*/model.dp")]
    assert len(paths) > 15
    for path in paths:
        write_model(read_model(path), tmp_path / "m.dp")
        assert_dp_equal(tmp_path / "m.dp", path)


def test_yaml_is_what_deepmd_kit_writes(tmp_path: Path) -> None:
    import yaml

    write_model(read_model(MODELS / "se_e2_a_two_side.pt"), tmp_path / "m.yaml")
    ours = yaml.load((tmp_path / "m.yaml").read_text(), yaml.CSafeLoader)
    theirs = yaml.load((MODELS / "se_e2_a_two_side.yaml").read_text(), yaml.CSafeLoader)
    assert ours["model"] == theirs["model"]
    assert ours["@variables"] == theirs["@variables"]


def test_unknown_suffix(tmp_path: Path) -> None:
    model = read_model(MODELS / "se_e2_a.dp")
    with pytest.raises(UsageError, match=r"\.pt, \.dp, \.yaml"):
        write_model(model, tmp_path / "model.pth")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    model = read_model(MODELS / "se_e2_a.dp")
    write_model(model, tmp_path / "m.pt")
    before = (tmp_path / "m.pt").read_bytes()
    tensors = model.tensors | {"out_bias": np.array([np.nan, 0.0])}
    with pytest.raises(InputError, match="out_bias .* not finite"):
        write_model(ModelFile(model.config, tensors, None), tmp_path / "m.pt")
    with pytest.raises(InputError, match="cannot be written"):
        write_model(model, tmp_path / "no" / "folder" / "m.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]
    assert (tmp_path / "m.pt").read_bytes() == before

"""Models of other kinds and inconsistent files are refused by name, never read as another model."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from dpc.errors import InputError
from dpc.frontend.importers import read_model
from dpc.frontend.importers.graphdef import _graph_class
from dpc.frontend.importers.options import normalize
from dpc.frontend.model_file import ModelFile
from tests.paths import DATA

MODELS = DATA / "models"


def section(**changes: Any) -> dict[str, Any]:
    """A model section; a key such as descriptor__type changes an inner one."""
    model: dict[str, Any] = {
        "type_map": ["O", "H"],
        "descriptor": {"type": "se_e2_a", "sel": [4, 8]},
        "fitting_net": {},
    }
    for key, value in changes.items():
        *path, last = key.split("__")
        target = model
        for part in path:
            target = target[part]
        target[last] = value
    return model


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"descriptor__type": "se_e2_r"}, "model.descriptor.type 'se_e2_r' is not supported"),
        ({"descriptor__type": "dpa1"}, r"'dpa1' \(se_atten\) is not supported"),
        ({"descriptor__type": None}, "model.descriptor.type None"),
        ({"descriptor": 3}, "model.descriptor is missing"),
        ({"fitting_net__type": "polar"}, "model.fitting_net.type 'polar'"),
        ({"type": "zbl"}, "model.type 'zbl'"),
        ({"type": "linear_ener"}, "model.type 'linear_ener'"),
        ({"spin": {"use_spin": [True]}}, "model.spin"),
        ({"modifier": {"type": "dipole_charge"}}, "model.modifier 'dipole_charge'"),
        ({"type_embedding": {"neuron": [8]}}, "model.type_embedding"),
        ({"use_srtab": "table.txt"}, "model.use_srtab 'table.txt'"),
        ({"model_dict": {"a": {}}}, r"multi-task.*\['a'\]"),
        ({"bridging_method": "zbl"}, "model.bridging_method is 'zbl', which is not supported"),
        ({"descriptor__env_protection": 1e-6}, "env_protection is 1e-06, which is not"),
        ({"fitting_net__dim_case_embd": 2}, "dim_case_embd is 2, which is not supported"),
        ({"fitting_net__use_aparam_as_mask": True}, "use_aparam_as_mask"),
        ({"fitting_net__tot_ener_zero": True}, "tot_ener_zero"),
        ({"descriptor__precision": "bfloat16"}, "precision is 'bfloat16', but must be float64 or"),
        ({"descriptor__activation_function": "tan"}, "Did you mean 'tanh'"),
        ({"descriptor__neurons": [3]}, "neurons: no such option. Did you mean 'neuron'"),
        ({"descriptor__sel": "auto"}, "sel is 'auto', but must be a list"),
        ({"descriptor__sel": [4]}, "sel has 1 entries, but type_map has 2"),
        ({"descriptor__rcut_smth": 7.0}, "rcut_smth is 7.0, but must be"),
        ({"descriptor__rcut": float("nan")}, "rcut is nan, but must be a finite number"),
        ({"descriptor__rcut": 10**400}, "must be a finite number"),
        ({"descriptor__axis_neuron": 41}, "axis_neuron is 41, but must be"),
        ({"descriptor__neuron": [10**9]}, "neuron is .*, but must be a whole number"),
        ({"descriptor__exclude_types": [[0, 2]]}, "type 2 is excluded, but types are 0 to 1"),
        ({"descriptor__exclude_types": [0]}, "pairs of types"),
        ({"fitting_net__atom_ener": [1.0]}, "atom_ener has 1 entries"),
        ({"fitting_net__default_fparam": [1.0]}, "default_fparam has 1 entries"),
        ({"fitting_net__trainable": [True]}, "trainable has 1 entries, but there are 4 layers"),
        ({"type_map": ["O", "O"]}, "type_map .* different"),
        ({"type_map": None}, "type_map is None"),
    ],
)
def test_options(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        normalize(section(**changes), "water.pt")
    assert str(caught.value).startswith("water.pt: ")


def test_what_is_supported_is_listed() -> None:
    with pytest.raises(InputError, match="dpc reads: descriptor se_e2_a .* fitting_net ener"):
        normalize(section(descriptor__type="hybrid"), "m")


def test_all_wrong_options_come_together() -> None:
    wrong = section(descriptor__rcut="6", fitting_net__resnet_dt=1, descriptor__nueron=[1])
    with pytest.raises(InputError, match="3 problems") as caught:
        normalize(wrong, "m")
    for name in ("rcut", "resnet_dt", "nueron"):
        assert name in str(caught.value)


def test_defaults_and_aliases() -> None:
    config = normalize(
        section(
            descriptor__type="se_a",
            descriptor__n_axis_neuron=8,
            fitting_net__n_neuron=[32],
            fitting_net__atom_ener=[[1.5], None],
            descriptor___comment="kept out",
            data_stat_nbatch=20,
            descriptor__activation_function="None",
        ),
        "m",
    )
    assert config["descriptor"]["type"] == "se_e2_a"
    assert config["descriptor"]["axis_neuron"] == 8
    assert config["descriptor"]["neuron"] == [10, 20, 40]
    assert config["descriptor"]["activation_function"] == "linear"
    assert config["fitting_net"]["neuron"] == [32]
    assert config["fitting_net"]["trainable"] == [True, True]
    assert config["fitting_net"]["atom_ener"] == [1.5, None]


def changed_dp(path: Path, change: Any) -> Path:
    """se_e2_a.dp after `change(tree, file)`."""
    path.write_bytes((MODELS / "se_e2_a.dp").read_bytes())
    with h5py.File(path, "r+") as file:
        tree = json.loads(file.attrs["json"])
        change(tree, file)
        file.attrs["json"] = json.dumps(tree)
    return path


def layer(tree: dict[str, Any]) -> dict[str, Any]:
    return tree["model"]["descriptor"]["embeddings"]["networks"][1]["layers"][1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, f: t["model"].update({"@version": 3}), "Model of version 3, dpc reads up to 2"),
        (lambda t, f: t.pop("model"), "model is missing"),
        (lambda t, f: t["model"].pop("fitting"), "model.fitting"),
        (lambda t, f: layer(t).update(resnet=False), r"networks\[1\].layers\[1\].resnet is False"),
        (lambda t, f: layer(t).update(activation_function="relu"), "'relu', expected 'tanh'"),
        (lambda t, f: layer(t).pop("@variables"), r"layers\[1\].@variables.w .* is missing"),
        (lambda t, f: layer(t)["@variables"].update(w=7), "a variable is 7"),
        (lambda t, f: layer(t)["@variables"].update(w="/nowhere"), "/nowhere is missing"),
        (lambda t, f: layer(t)["@variables"].update(w="/variable_0001"), r"shape \[1, 2, 1\]"),
        (lambda t, f: t["model"]["descriptor"]["embeddings"]["networks"].pop(), "1 entries"),
        (lambda t, f: t["model"]["descriptor"].update(rcut=5.0), "env_mat.rcut is 4.0, expected"),
        (lambda t, f: t["model"]["descriptor"].update(resnet_dt=True), "resnet_dt is False"),
        (lambda t, f: t["model"]["fitting"].update(mixed_types=True), "mixed_types is True"),
        (lambda t, f: t["model"].update(type_map=["O", "X"]), r"type_map is \['O', 'H'\], exp"),
        (lambda t, f: f["variable_0004"].write_direct(np.full((6, 12), np.nan)), "not finite"),
        (lambda t, f: f["variable_0015"].write_direct(np.zeros((2, 25, 4))), "must be positive"),
        (
            lambda t, f: f["variable_0014"].write_direct(np.arange(200.0).reshape(2, 25, 4)),
            "differs between neighbour slots",
        ),
        (lambda t, f: t["@variables"].update(min_nbor_dist="/variable_0036"), "min_nbor_dist"),
    ],
)
def test_inconsistent_trees(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_model(changed_dp(tmp_path / "m.dp", change))


def test_a_link_to_another_file_is_refused(tmp_path: Path) -> None:
    def link(tree: dict[str, Any], file: h5py.File) -> None:
        del file["variable_0004"]
        file["variable_0004"] = h5py.ExternalLink("other.dp", "/variable_0004")

    with pytest.raises(InputError, match="variable_0004 is missing"):
        read_model(changed_dp(tmp_path / "m.dp", link))


def changed_pb(path: Path, source: str, change: Any) -> Path:
    graph = _graph_class()()
    graph.ParseFromString((MODELS / source).read_bytes())
    constants = {n.name.decode(): n for n in graph.node if n.op == b"Const"}
    change(graph, constants)
    path.write_bytes(graph.SerializeToString())
    return path


def tensor(node: Any) -> Any:
    return next(entry.value.tensor for entry in node.attr if entry.key == b"value")


def new_script(constants: dict[str, Any], **changes: Any) -> None:
    text = tensor(constants["train_attr/training_script"])
    script = json.loads(text.string_val[0])
    for key, value in changes.items():
        *path, last = key.split("__")
        target = script["model"]
        for part in path:
            target = target[part]
        target[last] = value
    text.string_val[0] = json.dumps(script).encode()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda g, c: tensor(c["model_type"]).string_val.__setitem__(0, b"compressed_model"),
            "compressed model .* Give the frozen model it was made from",
        ),
        (lambda g, c: g.node.remove(c["train_attr/training_script"]), "no train_attr/training_"),
        (lambda g, c: g.node.remove(c["layer_1_type_0/idt"]), "layer_1_type_0/idt .* is missing"),
        (lambda g, c: new_script(c, descriptor__rcut=5.0), "rcut is 4.0, but the training script"),
        (lambda g, c: new_script(c, type_map=["H", "O"]), "model_attr/tmap is"),
        (lambda g, c: new_script(c, fitting_net__neuron=[16, 16]), "layer_2_type_0/matrix"),
        (lambda g, c: new_script(c, descriptor__neuron=[6, 12]), r"shape|explain"),
        (lambda g, c: new_script(c, fitting_net__neuron=[8, 16, 16]), "no skip there"),
        (lambda g, c: setattr(tensor(c["layer_0_type_0/bias"]), "dtype", 19), "half precision"),
        (
            lambda g, c: setattr(tensor(c["layer_0_type_0/bias"]), "tensor_content", b"123"),
            "holds 3 bytes",
        ),
        (
            lambda g, c: setattr(tensor(c["layer_0_type_0/bias"]).tensor_shape.dim[0], "size", -1),
            "impossible shape",
        ),
    ],
)
def test_inconsistent_graphs(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        read_model(changed_pb(tmp_path / "m.pb", "tf_se_e2_a.pb", change))


@pytest.mark.parametrize("name", ["train_attr/min_nbor_dist", "fitting_attr/t_bias_atom_e"])
def test_constants_that_may_be_pruned(name: str, tmp_path: Path) -> None:
    def remove(graph: Any, constants: dict[str, Any]) -> None:
        graph.node.remove(constants[name])

    model = read_model(changed_pb(tmp_path / "m.pb", "tf_se_e2_a.pb", remove))
    if name.endswith("min_nbor_dist"):
        assert model.min_nbor_dist is None
    else:  # before version 2.1 the bias was in the output layer
        assert not model.tensors["fitting.bias_atom_e"].any()


def test_tensors_are_checked_against_the_config() -> None:
    model = read_model(MODELS / "se_e2_a.dp")
    tensors = dict(model.tensors)
    del tensors["out_bias"]
    tensors["fitting.0.3.bias"] = np.zeros(2)
    tensors["fitting.0.0.bias"] = tensors["fitting.0.0.bias"].astype(np.float32)
    tensors["extra"] = np.zeros(1)
    with pytest.raises(InputError, match="4 problems") as caught:
        ModelFile(model.config, tensors, None).check("m")
    text = str(caught.value)
    assert "tensor out_bias [2] is missing" in text
    assert "tensor fitting.0.3.bias has shape [2], but the config asks for [1]" in text
    assert "tensor fitting.0.0.bias is float32, expected float64" in text
    assert "tensor extra is not part of this model" in text

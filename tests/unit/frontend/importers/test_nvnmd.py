"""NVNMD's config.npy and weight.npy: exact, and nothing but data is read."""

import io
import pickle

import numpy as np
import pytest

from dpc.cli.main import main
from dpc.compiler.programs import lower
from dpc.data.inputs import graph_inputs
from dpc.errors import InputError
from dpc.frontend import load_model
from dpc.frontend.importers.nvnmd import read_dict, read_nvnmd
from dpc.passes.base import Context
from dpc.passes.measure import compare, measure
from dpc.passes.pipeline import Pipeline
from dpc.passes.samples import Sample
from tests.paths import SHARED, needs_shared

GOLDEN = SHARED / "golden" / "tf_nvnmd"
CNN = GOLDEN / "nvnmd_cnn"


def small(folder, neuron=(2, 4), fitting=(6, 6), axis=2, **changes):
    """Both files of a small model with two types."""
    rng = np.random.default_rng(0)
    weight = {
        "descrpt_attr.t_avg": np.tile([0.1, 0, 0, 0], (2, 6)),
        "descrpt_attr.t_std": np.tile([0.2, 0.1, 0.1, 0.1], (2, 6)),
        "t_bias_atom_e": np.array([-1.0, -2.0]),
        "train_attr.min_nbor_dist": np.float64(1.0),
    }
    for t in range(2):
        widths = (1, *neuron)
        for k, (n, m) in enumerate(zip(widths, widths[1:], strict=False), 1):
            weight[f"filter_type_all.matrix_{k}_{t}"] = rng.normal(size=(n, m))
            weight[f"filter_type_all.bias_{k}_{t}"] = rng.normal(size=m)
        widths = (neuron[-1] * axis, *fitting, 1)
        for k, (n, m) in enumerate(zip(widths, widths[1:], strict=False)):
            at = f"layer_{k}_type_{t}" if k < len(fitting) else f"final_layer_type_{t}"
            weight[f"{at}.matrix"] = rng.normal(scale=n**-0.5, size=(n, m))
            weight[f"{at}.bias"] = rng.normal(size=m)
    config = {
        "dscp": {"sel": [6, 6], "rcut": 4.0, "rcut_smth": 0.5, "neuron": list(neuron),
                 "axis_neuron": axis, "NIX": 8},
        "fitn": {"neuron": list(fitting)},
        "dpin": {"type_map": ["Ge", "Te"]},
        "ctrl": {"VERSION": 0},
    }  # fmt: skip
    weight.update({k: v for k, v in changes.items() if k in weight})
    config["ctrl"] |= {k: v for k, v in changes.items() if k == "VERSION"}
    np.save(folder / "config.npy", [config], allow_pickle=True)
    np.save(folder / "weight.npy", [weight], allow_pickle=True)
    return folder


def test_a_folder_or_one_of_its_files(tmp_path):
    small(tmp_path)
    for path in (tmp_path, tmp_path / "config.npy", tmp_path / "weight.npy"):
        program, _ = lower(path)
        assert program.facts.type_map == ("Ge", "Te")
    fitting = program.banks["fitting"]
    assert fitting.activation == "tanh4" and fitting.widths == (8, 6, 6, 1)


def test_convert_writes_a_program(tmp_path, capsys):
    small(tmp_path)
    out = tmp_path / "model.dpir"
    assert main(["convert", str(tmp_path / "weight.npy"), str(out)]) == 0
    assert "NVNMD, types Ge Te" in capsys.readouterr().out
    assert np.array_equal(lower(out)[0].store["std"], read_nvnmd(tmp_path).store["std"])
    assert main(["convert", str(tmp_path), str(tmp_path / "model.pt")]) == 2


class Evil:
    def __reduce__(self):
        return (print, ("run!",))


def npy(content: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    return file.getvalue() + content


@pytest.mark.parametrize(
    "content",
    [
        npy(pickle.dumps(np.array([{"x": Evil()}], dtype=object))),
        npy(pickle.dumps(Evil())),
        npy(b"cos\nsystem\n(S'true'\ntR."),
        npy(pickle.dumps(np.array([[1, 2]], dtype=object))),
        npy(b""),
        b"no numpy file",
        b"",
    ],
    ids=["inside", "alone", "system", "a list", "cut", "text", "empty"],
)
def test_nothing_but_data_is_read(content, tmp_path, capsys):
    (tmp_path / "weight.npy").write_bytes(content)
    with pytest.raises(InputError, match="weight.npy"):
        read_dict(tmp_path / "weight.npy")
    assert "run!" not in capsys.readouterr().out


def test_what_is_missing_is_said(tmp_path):
    small(tmp_path, VERSION=1)
    with pytest.raises(InputError, match="NVNMD version 1"):
        read_nvnmd(tmp_path)
    small(tmp_path, **{"layer_1_type_0.bias": np.zeros(3)})
    with pytest.raises(InputError, match=r"layer_1_type_0.bias is \[3\], expected \[6\]"):
        read_nvnmd(tmp_path)
    small(tmp_path)
    (tmp_path / "config.npy").unlink()
    with pytest.raises(InputError, match="config.npy: cannot be read"):
        read_nvnmd(tmp_path)


def golden_frames(program):
    with np.load(GOLDEN / "cases.npz") as data:
        for group in data["groups"]:
            coord, cell = data[f"{group}.coord"][0], data[f"{group}.box"][0].reshape(3, 3)
            numbers = (coord.reshape(-1, 3), data[f"{group}.atype"], cell, None, None)
            sample = Sample(*graph_inputs(program.facts, *numbers))
            energy, force = (data[f"{group}.cnn.{name}"][0] for name in ("energy", "force"))
            yield sample, energy, force.reshape(-1, 3)


@needs_shared
def test_the_continuous_network_is_exact():
    program = read_nvnmd(CNN)
    for sample, energy, force in golden_frames(program):
        found = measure(program, [sample])[0]
        assert found.energy[0] * len(force) == pytest.approx(energy, abs=1e-9)
        assert np.abs(found.force - force).max() < 1e-10


def test_a_model_to_train_on(tmp_path):
    """The same function as the program."""
    model = load_model(small(tmp_path))
    model.to_file_data().check("model")
    program = read_nvnmd(tmp_path)
    rng = np.random.default_rng(1)
    coord, types = rng.uniform(0, 6, (9, 3)), np.arange(9) % 2
    sample = Sample(*graph_inputs(program.facts, coord, types.astype(np.int32), None, None, None))
    expected, found = measure(program, [sample])[0], model.evaluate(coord, types)
    assert found["energy"] == pytest.approx(9 * expected.energy[0], rel=1e-12)
    assert np.allclose(found["force"], expected.force, atol=1e-11)


@needs_shared
def test_the_trainable_network_is_exact():
    model = load_model(CNN)
    with np.load(GOLDEN / "cases.npz") as data:
        for group in data["groups"]:
            frame = (data[f"{group}.coord"][0], data[f"{group}.atype"], data[f"{group}.box"][0])
            force = data[f"{group}.cnn.force"][0].reshape(-1, 3)
            assert np.abs(model.evaluate(*frame)["force"] - force).max() < 1e-10


@needs_shared
def test_the_quantised_network_has_no_embedding():
    with pytest.raises(InputError, match="first step"):
        read_nvnmd(GOLDEN / "nvnmd_qnn")


@needs_shared
def test_in_fixed_point():
    program = read_nvnmd(CNN)
    samples = [sample for sample, _, _ in golden_frames(program)]
    context = Context(samples=samples[:2])
    fixed = Pipeline.parse("canonicalize quantize").run(program, context)
    error = compare(measure(program, samples[3:]), measure(fixed, samples[3:]))
    assert error["force"].rms < 1e-4 and error["energy"].max < 5e-5

"""input.json of DeePMD-kit 2 and 3: every spelling read, everything else refused with a hint."""

import json

import pytest

from dpc.config import read_input
from dpc.config.input import make_input
from dpc.errors import InputError
from tests.paths import SHARED, needs_shared

MODEL = {"type_map": ["O", "H"], "descriptor": {"type": "se_e2_a", "sel": [46, 92]},
         "fitting_net": {}}  # fmt: skip


def document(**training):
    return {
        "model": MODEL,
        "training": {"training_data": {"systems": ["data"]}, "numb_steps": 10, **training},
    }


def read(given, tmp_path):
    return make_input(given, tmp_path)


def test_defaults_are_explicit(tmp_path):
    found = read(document(), tmp_path)
    task = found.tasks[""]
    assert task.loss["start_pref_f"] == 1000.0 and task.loss["type"] == "ener"
    assert task.training_data["batch_size"] == "auto"
    assert found.learning_rate["decay_steps"] == 5000
    assert found.optimizer["type"] == "Adam"
    assert found.training["save_ckpt"] == "model.ckpt"
    json.dumps(found.normalised())


@pytest.mark.parametrize("word", ["numb_steps", "stop_batch", "num_step", "num_steps", "numb_step"])
def test_spellings_of_steps(tmp_path, word):
    given = document()
    del given["training"]["numb_steps"]
    given["training"][word] = 1e6
    assert read(given, tmp_path).training["numb_steps"] == 1_000_000


def test_version_1_has_its_data_in_training(tmp_path):
    given = {"model": MODEL, "training": {"systems": ["a", "b"], "set_prefix": "set",
             "stop_batch": 5, "batch_size": [1, 2]}}  # fmt: skip
    task = read(given, tmp_path).tasks[""]
    assert task.training_data["systems"] == ["a", "b"]
    assert task.training_data["batch_size"] == [1, 2]


def test_comments_are_left_out(tmp_path):
    given = document(_comment="x")
    given["_comment1"] = given["_comment2"] = "that's all"
    read(given, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"training": {"numb_stepz": 3}}, "training.numb_stepz: no such option. Did you mean"),
        ({"learning_rate": {"decay_step": 3}}, "Did you mean 'decay_steps'"),
        ({"loss": {"start_perf_e": 3}}, "Did you mean 'start_pref_e'"),
        ({"training": {"validation_data": {"systems": [], "nb_batch": 1}}}, "at least one data"),
        ({"optimizer": {"type": "Adan"}}, "optimizer.type 'Adan': no such kind. Did you mean"),
        ({"loss": {"type": "dens"}}, "loss.type 'dens' is not supported"),
        ({"loss": {"start_pref_h": 1}}, "start_pref_h is 1: not supported"),
        ({"training": {"mixed_precision": {"compute_prec": "float16"}}}, "not supported"),
        ({"training": {"numb_steps": 0}}, "numb_steps is 0, but must be a whole number"),
        ({"training": {"stop_batch": 3}}, "given twice"),
        ({"training": {"training_data": {"systems": "x", "batch_size": "mixed"}}}, "how many"),
        ({"training": {"training_data": {"systems": "x", "auto_prob": "prob_size"}}}, "auto_prob"),
        ({"lerning_rate": {}}, "lerning_rate: no such section. Did you mean 'learning_rate'"),
        ({"learning_rate": {"stop_lr": 1e-5, "stop_lr_ratio": 0.1}}, "not both"),
        ({"fitting_weight": {}}, "multi-task form of v2"),
    ],
)
def test_mistakes(tmp_path, change, words):
    given = document()
    for section, options in change.items():
        given[section] = {**given.get(section, {}), **options}
    with pytest.raises(InputError) as error:
        read(given, tmp_path)
    assert words in str(error.value)


def test_all_problems_come_together(tmp_path):
    given = document(disp_frq=1, save_freq="often")
    with pytest.raises(InputError, match="2 problems"):
        read(given, tmp_path)


def test_json_errors_name_the_line(tmp_path):
    path = tmp_path / "input.json"
    path.write_text('{"model": {},\n "training": {"seed": 1,}\n}')
    with pytest.raises(InputError, match=r"input.json:2:\d+: not JSON"):
        read_input(path)
    path.write_text('{"model": {}, "model": {}}')
    with pytest.raises(InputError, match="'model' comes twice"):
        read_input(path)


def test_yaml(tmp_path):
    yaml = pytest.importorskip("yaml")
    path = tmp_path / "input.yaml"
    given = document()
    given["learning_rate"] = {"start_lr": 0.001}
    path.write_text(yaml.safe_dump(given).replace("0.001", "1e-3"))  # YAML 1.1 reads that as text
    found = read_input(path)
    assert found.learning_rate["start_lr"] == 1e-3
    assert found.folder == tmp_path


def test_multi_task_of_version_3(tmp_path):
    given = {
        "model": {
            "shared_dict": {"types": ["O", "H"], "net": MODEL["descriptor"]},
            "model_dict": {
                "a": {"type_map": "types", "descriptor": "net", "fitting_net": {}},
                "b": {"type_map": "types", "descriptor": "net:1", "fitting_net": {}},
            },
        },
        "loss_dict": {"a": {"start_pref_e": 2}},
        "training": {
            "numb_steps": 3,
            "model_prob": {"a": 0.25},
            "data_dict": {n: {"training_data": {"systems": n}} for n in "ab"},
        },
    }
    found = read(given, tmp_path)
    assert found.multi_task and found.tasks["a"].weight == 0.25
    assert found.tasks["b"].model["descriptor"] == MODEL["descriptor"]
    assert found.tasks["a"].loss["start_pref_e"] == 2
    given["loss_dict"]["c"] = {}
    with pytest.raises(InputError, match="loss_dict.c: no such model"):
        read(given, tmp_path)


@needs_shared
@pytest.mark.parametrize("name", ["models/water_se_e2_a/input.json"])
def test_inputs_of_the_peer(name):
    read_input(SHARED / name)

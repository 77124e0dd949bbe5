"""DeePMD-kit as the peer: an environment of its own, and the model in its fastest form.

It is installed into `.bench/peer` (2 GB, TensorFlow included), never into dpc's own
environment: its LAMMPS plugin is loaded by every `lmp` that finds it.

Its single-precision model is the one that "precision": "float32" in input.json gives: nets in
float32, made here by rounding the numbers of the model and having the peer convert and compress
that. (DP_INTERFACE_PREC=low, float32 at its interface as well, cannot be compressed by 3.2.0: its
checks refuse the min_nbor_dist that it has itself converted to float32.)
"""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import replace
from pathlib import Path

from dpc.bench.lammps_run import Lammps
from dpc.errors import InputError, ToolError
from dpc.frontend.model_file import ModelFile, expected_dtype

REQUIREMENT = "deepmd-kit[lmp,cpu]==3.2.0"
NEEDED_BYTES = 3 << 30
VERSION = REQUIREMENT.rpartition("==")[2]
CONVERTED = {".dp", ".yaml", ".pth"}  # by the peer itself; others are written as .dp first
PRECISIONS = {"f64": "float64", "f32": "float32"}

THREADS = ("OMP_NUM_THREADS", "TF_INTRA_OP_PARALLELISM_THREADS", "DP_INTRA_OP_PARALLELISM_THREADS")
ONE_THREAD = {name: "1" for name in THREADS} | {
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "DP_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
}

# `dp compress` reads a learning rate from the training script inside the model, and a
# converted model has none; its value is never used.
ADD_LEARNING_RATE = """
import json, sys
from deepmd.tf.env import tf

source, target = sys.argv[1:]
graph = tf.GraphDef()
with open(source, "rb") as file:
    graph.ParseFromString(file.read())
for node in graph.node:
    if node.name == "train_attr/training_script":
        text = node.attr["value"].tensor.string_val
        script = json.loads(text[0])
        script.setdefault("learning_rate", {"type": "exp", "start_lr": 1e-3, "stop_lr": 1e-8})
        text[0] = json.dumps(script).encode()
with open(target, "wb") as file:
    file.write(graph.SerializeToString())
"""


def is_installed(folder: Path) -> bool:
    """Whether the peer's environment is at `folder`, whole and of this version."""
    done = folder / ".ready"
    return done.exists() and done.read_text() == REQUIREMENT


def install(folder: Path) -> Path:
    """The peer's environment at `folder`, made when it is not there; pip shows its progress."""
    if is_installed(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < NEEDED_BYTES:
        raise ToolError(
            f"{folder.parent}: {REQUIREMENT} needs 3 GB, and {free / 1e9:.1f} GB are free"
        )
    print(f"installing {REQUIREMENT} into {folder} (2 GB, some minutes)", file=sys.stderr)
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-compile"]
    pip += ["--disable-pip-version-check", REQUIREMENT]
    if subprocess.run(pip, stdout=sys.stderr).returncode:
        raise ToolError(f"could not install {REQUIREMENT}; pip says why above")
    (folder / ".ready").write_text(REQUIREMENT)
    return folder


def compressed_model(model: Path, environment: Path, folder: Path, precision: str = "f64") -> Path:
    """`model` converted to TensorFlow and compressed with the peer's defaults, nets in f64 or f32.

    What was made of the same bytes before is used again.
    """
    if not model.is_file():
        raise InputError(f"{model}: no such file. The peer needs the model that was compiled")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
    folder = folder / (digest if precision == "f64" else f"{digest}-{precision}")
    target = folder / "compressed.pb"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    print(f"converting {model} for the peer, {precision} (half a minute)", file=sys.stderr)
    dp = str(environment / "bin" / "dp")
    python = str(environment / "bin" / "python")
    if precision == "f64" and model.suffix == ".pb":
        shutil.copyfile(model, folder / "converted.pb")
    else:
        source = _convertible(model, folder, precision).resolve()
        _call([dp, "convert-backend", str(source), "converted.pb"], folder)
    _call([python, "-c", ADD_LEARNING_RATE, "converted.pb", "scripted.pb"], folder)
    _call([dp, "--tf", "compress", "-i", "scripted.pb", "-o", "compressing.pb"], folder)
    os.replace(folder / "compressing.pb", target)
    return target


def _convertible(model: Path, folder: Path, precision: str) -> Path:
    """A file that the peer converts, with nets of that precision."""
    from dpc.frontend.importers import read_model, write_model

    content = read_model(model)
    parts = ("descriptor", "fitting_net")
    right = all(content.config[part]["precision"] == PRECISIONS[precision] for part in parts)
    if right and model.suffix in CONVERTED:
        return model
    path = folder / f"{precision}.dp"
    write_model(in_precision(content, PRECISIONS[precision]), path)
    return path


def in_precision(model: ModelFile, precision: str) -> ModelFile:
    """The same model with nets in "float64" or "float32"; statistics and biases stay."""
    config = copy.deepcopy(model.config)
    for part in ("descriptor", "fitting_net"):
        config[part]["precision"] = precision
    tensors = {
        name: array.astype(expected_dtype(config, name) or array.dtype)
        for name, array in model.tensors.items()
    }
    return replace(model, config=config, tensors=tensors)


def peer_lammps(environment: Path) -> Lammps:
    """The peer's LAMMPS with the peer's plugin, which opens TensorFlow's libraries."""
    site = Lammps(environment, environment).site()
    plugins = site / "deepmd" / "lib"
    if not list(plugins.glob("*plugin.so")):
        raise ToolError(f"{plugins}: the peer's LAMMPS plugin is not there; remove {environment}")
    libraries = (site / "tensorflow", site / "tensorflow" / "python")
    return Lammps(environment, plugins, ONE_THREAD, libraries, THREADS)


def _call(command: list[str], folder: Path) -> None:
    """Run one tool of the peer; its words go to a log, and its last lines to the error."""
    log = folder / "convert.log"
    with open(log, "ab") as out:
        result = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | ONE_THREAD | {"CUDA_VISIBLE_DEVICES": ""},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    if result.returncode:
        last = log.read_text(errors="replace").splitlines()[-5:]
        raise ToolError(f"{' '.join(command[:3])} failed; see {log}\n" + "\n".join(last))

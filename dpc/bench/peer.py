"""DeePMD-kit as the peer: an environment of its own, and the model in its fastest form.

It is installed into `.bench/peer` (2 GB, TensorFlow included), never into dpc's own
environment: its LAMMPS plugin is loaded by every `lmp` that finds it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from dpc.bench.lammps_run import Lammps
from dpc.errors import InputError, ToolError

REQUIREMENT = "deepmd-kit[lmp,cpu]==3.2.0"
NEEDED_BYTES = 3 << 30
READABLE = {".dp", ".yaml", ".pb", ".pth"}

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "DP_INTRA_OP_PARALLELISM_THREADS": "1",
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


def install(folder: Path) -> Path:
    """The peer's environment at `folder`, made when it is not there; pip shows its progress."""
    done = folder / ".ready"
    if done.exists() and done.read_text() == REQUIREMENT:
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
    done.write_text(REQUIREMENT)
    return folder


def compressed_model(model: Path, environment: Path, folder: Path) -> Path:
    """`model` converted to TensorFlow and compressed with the peer's defaults, in float64."""
    if model.suffix not in READABLE:
        raise InputError(f"{model}: the peer reads {' '.join(sorted(READABLE))}")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()[:16]
    folder = folder / digest
    target = folder / "compressed.pb"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    print(f"converting {model} for the peer (half a minute)", file=sys.stderr)
    dp = str(environment / "bin" / "dp")
    python = str(environment / "bin" / "python")
    if model.suffix == ".pb":
        shutil.copyfile(model, folder / "converted.pb")
    else:
        _call([dp, "convert-backend", str(model.resolve()), "converted.pb"], folder)
    _call([python, "-c", ADD_LEARNING_RATE, "converted.pb", "scripted.pb"], folder)
    _call([dp, "--tf", "compress", "-i", "scripted.pb", "-o", "compressing.pb"], folder)
    os.replace(folder / "compressing.pb", target)
    return target


def peer_lammps(environment: Path) -> Lammps:
    """The peer's LAMMPS with the peer's plugin, which opens TensorFlow's libraries."""
    site = Lammps(environment, environment).site()
    plugins = site / "deepmd" / "lib"
    if not list(plugins.glob("*plugin.so")):
        raise ToolError(f"{plugins}: the peer's LAMMPS plugin is not there; remove {environment}")
    libraries = (site / "tensorflow", site / "tensorflow" / "python")
    return Lammps(environment, plugins, ONE_THREAD, libraries)


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

"""Damaged, foreign and hostile files are an InputError; nothing in them runs."""

import io
import os
import pickle
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dpc.errors import InputError
from dpc.frontend.importers import read_model, write_model
from dpc.frontend.importers.torch_archive import TorchArchive
from tests.paths import DATA

MODELS = DATA / "models"
FILES = ["se_e2_a.dp", "se_e2_a.pt", "se_e2_a.pth", "tf_se_e2_a.pb", "ours.pt", "small.yaml"]


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("models")
    model = read_model(MODELS / "se_e2_a.dp")
    write_model(model, folder / "ours.pt")
    write_model(model, folder / "small.yaml")
    places = {name: MODELS if (MODELS / name).exists() else folder for name in FILES}
    return {name: (place / name).read_bytes() for name, place in places.items()}


@pytest.mark.parametrize("name", FILES)
def test_truncated(name: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    data = contents[name]
    path = tmp_path / name
    for part in (0, 1, 4, 7, 100, len(data) // 3, len(data) // 2, len(data) - 200, len(data) - 1):
        if name.endswith(".yaml") and part == len(data) - 1:
            continue  # the last byte is the end of a line
        path.write_bytes(data[:part])
        with pytest.raises(InputError, match=name):
            read_model(path)


@pytest.mark.parametrize("name", FILES)
def test_changed_bytes(name: str, contents: dict[str, bytes], tmp_path: Path) -> None:
    """Either the damage is seen, or what is read is a whole model."""
    data, path, rng = contents[name], tmp_path / name, random.Random(5)
    seen = 0
    for _ in range(4 if name.endswith(".yaml") else 60):
        changed = bytearray(data)
        for _ in range(rng.choice([1, 4, 16])):
            changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            read_model(path).check(name)
        except InputError as error:
            assert name in str(error)
            seen += 1
    assert seen > 0


@pytest.mark.parametrize("name", ["se_e2_a.pt", "se_e2_a.pth", "ours.pt"])
def test_no_changed_weight_in_an_archive_goes_unseen(
    name: str, contents: dict[str, bytes], tmp_path: Path
) -> None:
    """Archives have checksums: a flipped bit of a tensor in use is always found."""
    data, path = contents[name], tmp_path / name
    reference = read_model(MODELS / "se_e2_a.dp").tensors["fitting.0.1.weight"].tobytes()
    at = data.index(reference)
    for offset in (0, 1, len(reference) // 2, len(reference) - 1):
        changed = bytearray(data)
        changed[at + offset] ^= 1
        path.write_bytes(changed)
        with pytest.raises(InputError, match="damaged"):
            read_model(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 100, "unknown format"),
        (bytes(random.Random(1).randbytes(5000)), "unknown format"),
        (b"\n" + bytes(random.Random(2).randbytes(5000)), "TensorFlow graph"),
        (b"units metal\natom_style atomic\n", "YAML"),
        (b"model: 3\n", "model"),
        (b'{"model": {"descriptor": {}, "fitting_net": {}}}', "an input for training"),
        (b"a: &x [*x]\nmodel: *x\nversion: 1\n", "recursion"),
        (b"[" * 3000, "YAML"),
        (b"{" * 100_000, "YAML"),
        (b"\x89HDF\r\n\x1a\n" + b"\x00" * 4000, "HDF5"),
        (b"PK\x03\x04" + b"\x00" * 4000, "PyTorch"),
    ],
)
def test_garbage(content: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(content)
    with pytest.raises(InputError, match=reason):
        read_model(tmp_path / "garbage")


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(InputError, match="cannot be read|a folder, not a model file"):
            read_model(path)


def archive(pickled: bytes, **files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", pickled)
        for name, content in files.items():
            file.writestr(f"archive/{name}", content)
    return buffer.getvalue()


class Harmful:
    """Creates a folder when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("constants", [{}, {"constants.pkl": b""}])
def test_code_in_a_pickle_is_refused(constants: dict[str, bytes], tmp_path: Path) -> None:
    trap = tmp_path / "executed"
    data = pickle.dumps({"dpc_format": 1, "model": Harmful(trap)}, protocol=2)
    (tmp_path / "model.pt").write_bytes(archive(data, **constants))
    with pytest.raises(InputError, match=r"holds .*\.mkdir, which is neither a tensor"):
        read_model(tmp_path / "model.pt")
    assert not trap.exists()


def test_memo_index_that_would_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(archive(b"\x80\x02Nr\xff\xff\xff\x7f."))
    with pytest.raises(InputError, match="memo index"):
        read_model(tmp_path / "m.pt")


def test_compressed_entries_are_refused(tmp_path: Path) -> None:
    """PyTorch never compresses; a zip bomb does."""
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("archive/data.pkl", pickle.dumps("x" * 10_000_000))
    with pytest.raises(InputError, match="compressed"):
        read_model(tmp_path / "m.pt")


def test_tensors_beyond_their_storage(tmp_path: Path) -> None:
    with TorchArchive(MODELS / "se_e2_a.pt") as file:
        tensor = file.root["model"]["model.Default.atomic_model.out_bias"]
        assert file.array(tensor, "out_bias").shape == (1, 2, 1)
        for change in ({"offset": 1}, {"shape": (1, 3, 1)}, {"stride": (2, 9, 1)}):
            wrong = type(tensor)(**(vars(tensor) | change))
            with pytest.raises(InputError, match="does not fit"):
                file.array(wrong, "out_bias")


def test_views_are_laid_out_by_their_strides() -> None:
    with TorchArchive(MODELS / "se_e2_a.pt") as file:
        name = "model.Default.atomic_model.fitting_net.filter_layers.networks.0.layers.1.matrix"
        tensor = file.root["model"][name]
        turned = type(tensor)(**(vars(tensor) | {"stride": tensor.stride[::-1]}))
        np.testing.assert_array_equal(file.array(turned, name), file.array(tensor, name).T)

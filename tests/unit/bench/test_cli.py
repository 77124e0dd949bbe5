"""What `dpc bench` refuses, and the peer's files."""

from pathlib import Path

import pytest

from dpc.bench import peer
from dpc.cli.main import main
from dpc.errors import InputError


@pytest.mark.parametrize("words", [["--ranks", "0"], ["--repeats", "0"], ["--steps", "0"]])
def test_numbers_below_one(words, capsys):
    assert main(["bench", "md", *words]) == 2
    assert "must be 1 or more" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["md", "profile", "drift", "big"])
def test_not_a_package(kind, tmp_path, capsys):
    assert main(["bench", kind, "--package", str(tmp_path), "-o", str(tmp_path)]) == 1
    assert "no manifest.json" in capsys.readouterr().err


def test_host_needs_a_circuit(tmp_path, capsys):
    assert main(["bench", "host", str(tmp_path), "-o", str(tmp_path)]) == 1
    assert "compile with --target vu9p" in capsys.readouterr().err


def test_unknown_system_and_missing_data(tmp_path, capsys):
    assert main(["bench", "md", "--system", "watr", "-o", str(tmp_path)]) == 2
    assert "Did you mean 'water'" in capsys.readouterr().err
    assert main(["bench", "md", "--data", "nothing.data", "-o", str(tmp_path)]) == 1
    assert "no such file" in capsys.readouterr().err


def test_sizes_of_the_system(tmp_path, capsys):
    words = ["bench", "md", "--system", "copper", "--atoms", "192", "-o", str(tmp_path)]
    assert main(words) == 1
    assert "256 atoms, so give a multiple" in capsys.readouterr().err


def test_the_peer_needs_the_model(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        peer.compressed_model(Path("model.pt"), tmp_path, tmp_path)


def test_a_compressed_model_is_kept(tmp_path):
    model = tmp_path / "model.dp"
    model.write_bytes(b"x")
    digest = "2d711642b726b044"
    for folder, precision in ((digest, "f64"), (f"{digest}-f32", "f32")):
        made = tmp_path / folder / "compressed.pb"
        made.parent.mkdir()
        made.write_bytes(b"y")
        assert peer.compressed_model(model, tmp_path, tmp_path, precision) == made


def test_the_peer_of_another_version_is_not_installed(tmp_path):
    assert not peer.is_installed(tmp_path)
    (tmp_path / ".ready").write_text("deepmd-kit==1.0")
    assert not peer.is_installed(tmp_path)
    (tmp_path / ".ready").write_text(peer.REQUIREMENT)
    assert peer.is_installed(tmp_path)

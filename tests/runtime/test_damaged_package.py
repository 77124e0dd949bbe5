"""A real compiled package, damaged at every class of byte position: an error, never a number.

Through Python here; through C by the fuzz program, under address and undefined sanitizers.
"""

import random
from pathlib import Path

import pytest

from dpc.errors import InputError
from tests.paths import DATA

pytest.importorskip("tvm")
pytest.importorskip("torch")

FILES = ["manifest.json", "params.safetensors", "bin/host.so", "program.dpir", "report.json"]
SAMPLES = 150


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from dpc.compiler.compile import compile_model

    model = DATA / "golden" / "se_e2_a" / "model.dp"
    return compile_model(model, out=tmp_path_factory.mktemp("damage") / "small.dpc")


def damage(content: bytes) -> list[bytes]:
    """The content with one bit flipped, cut, or longer: both ends densely, the rest sampled."""
    draw = random.Random(len(content))
    places = {*range(16), *(len(content) - 1 - k for k in range(16))}
    places |= {draw.randrange(len(content)) for _ in range(SAMPLES)}
    flipped = [
        content[:at] + bytes([content[at] ^ 1 << draw.randrange(8)]) + content[at + 1 :]
        for at in sorted(places)
    ]
    return [*flipped, *(content[:at] for at in sorted(places)[::8]), content + b"\n"]


@pytest.mark.parametrize("name", FILES)
def test_python_refuses(compiled: Path, name: str) -> None:
    from dpc.md import Potential
    from dpc.package.read import open_package

    path = compiled / name
    content = path.read_bytes()
    try:
        for bad in damage(content):
            path.unlink(missing_ok=True)  # never in place: the old file may be mapped
            path.write_bytes(bad)
            with pytest.raises(InputError):
                Potential(compiled)
            with pytest.raises(InputError):
                open_package(compiled).verify()
        path.unlink()
        with pytest.raises(InputError):
            Potential(compiled)
    finally:
        path.write_bytes(content)
    with Potential(compiled) as potential:
        assert potential.evaluate([[0.0, 0.0, 0.0]], ["O"])["energy"] != 0.0


def test_c_refuses(compiled: Path, programs) -> None:
    programs("asan").run("fuzz", compiled, *FILES, timeout=600)

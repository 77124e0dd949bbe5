"""Shared libraries of ours, compiled from C and C++ on first use and kept in a cache.

The sources are runtime/ of a checkout, or dpc/_runtime of a wheel. A result's folder is
named after a digest of everything it depends on, so it never goes stale, and it is put in
place in one step, so that processes which build at the same time do not disturb each other.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dpc.errors import ToolError

# language: environment variable, programs to try, Debian's package, flags
_COMPILERS = {
    "c": ("CC", ("cc", "gcc", "clang"), "gcc", ("-std=c11",)),
    "c++": ("CXX", ("c++", "g++", "clang++"), "g++", ("-std=c++17",)),
}
_FLAGS = ("-O2", "-fPIC", "-shared", "-pthread", "-fvisibility=hidden")
_HEADERS = (".h", ".hpp")


def source_folder() -> Path:
    """The folder with include/, src/ and lammps/ of the C runtime."""
    here = Path(__file__).resolve().parent
    for folder in (here / "_runtime", here.parent / "runtime"):
        if (folder / "include" / "dpc.h").is_file():
            return folder
    raise ToolError(f"the C sources of dpc are not in {here / '_runtime'}: install dpc again")


@functools.cache
def libdpc() -> Path:
    """The C runtime, libdpc.so."""
    sources = sorted((source_folder() / "src").glob("*.c"))
    return build_shared("libdpc.so", sources, flags=["-DDPC_BUILD", "-ldl", "-lm"])


def build_shared(
    name: str, sources: Sequence[Path], language: str = "c", flags: Sequence[str] = ()
) -> Path:
    """Compile and link `sources` into a shared library called `name`.

    `language` is "c" or "c++"; `flags` come after ours and may name libraries. Headers are
    found in runtime/include; those and the headers beside the sources count as sources when
    it comes to compiling again. $CC and $CXX choose the compiler.
    """
    compiler = find_compiler(language)
    include = source_folder() / "include"
    standard = _COMPILERS[language][3]
    command = [*compiler, *standard, *_FLAGS, f"-I{include}", *map(str, sources), *flags]
    folders = {include, *(source.parent for source in sources)}
    headers = (h for folder in folders for h in folder.iterdir() if h.suffix in _HEADERS)
    words = [*command, _version(compiler)]

    def make(folder: Path) -> None:
        run([*command, "-o", str(folder / name)], name)

    return cached(name, words, [*sources, *headers], make)


def cached(
    name: str, words: Sequence[str], files: Iterable[Path], make: Callable[[Path], None]
) -> Path:
    """The file `name` that depends on these words and files; `make` writes it into a folder."""
    key = _digest([*words, platform.machine()], files)
    entry = f"{Path(name).stem}-{key}"
    for cache in _caches():
        if (cache / entry / name).is_file() and _is_trusted(cache):
            return cache / entry / name
    folder = _writable_cache() / entry
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="build-") as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        make(made)
        try:
            made.rename(folder)
        except OSError:  # another process was first, with the same result
            if not (folder / name).is_file():
                raise
    return folder / name


def find_compiler(language: str) -> list[str]:
    """The command of a compiler: $CC or $CXX, else the first that is here."""
    variable, programs, package, _ = _COMPILERS[language]
    chosen = os.environ.get(variable, "").split()
    if chosen:
        if shutil.which(chosen[0]) is None:
            raise ToolError(f"{variable} is {' '.join(chosen)!r}, but there is no such program")
        return chosen
    for program in programs:
        if shutil.which(program):
            return [program]
    raise ToolError(
        f"no compiler for {language.upper()}: dpc needs one of {', '.join(programs)}. "
        f"On Debian: apt install {package}"
    )


@functools.cache
def _version_of(compiler: tuple[str, ...]) -> str:
    done = subprocess.run([*compiler, "--version"], capture_output=True, text=True, check=False)
    return done.stdout


def _version(compiler: list[str]) -> str:
    return _version_of(tuple(compiler))


def _digest(words: Iterable[str], files: Iterable[Path]) -> str:
    """16 hexadecimal digits for these words and the bytes of these files."""
    whole = hashlib.sha256("\0".join(words).encode())
    for path in sorted(set(files)):
        whole.update(f"\0{path.name}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def _caches() -> list[Path]:
    """Where results may be, best first. The last one is for homes that cannot be written."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return [Path(home, "dpc"), Path(tempfile.gettempdir(), f"dpc-{os.getuid()}")]


def _is_trusted(cache: Path) -> bool:
    """Nobody else puts libraries there for us to load."""
    facts = cache.stat()
    return facts.st_uid in (os.getuid(), 0) and not facts.st_mode & stat.S_IWOTH


def _writable_cache() -> Path:
    reasons = []
    for cache in _caches():
        try:
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=cache):
                pass
            if _is_trusted(cache):
                return cache
            reasons.append(f"{cache}: others may write to it")
        except OSError as error:
            reasons.append(f"{cache}: {error.strerror}")
    raise ToolError(
        "no place for compiled libraries: " + "; ".join(reasons) + ". Set XDG_CACHE_HOME to one"
    )


def run(command: list[str], name: str) -> None:
    """Run a compiler that makes `name`; its messages become the error's."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        shown = "\n".join(f"    {line}" for line in lines[:20])
        raise ToolError(
            f"{name} does not compile (exit code {done.returncode}):\n"
            f"    {' '.join(command)}\n{shown}"
        )

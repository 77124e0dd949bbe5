"""Write a package: all of it, or nothing."""

from __future__ import annotations

import ctypes
import datetime
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dpc.errors import InputError
from dpc.package.manifest import NAME, FileEntry, Manifest, parse_manifest
from dpc.package.read import HOST, PAGE, PARAMS, PROGRAM, REPORT

# of linux/fs.h and fcntl.h
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def created() -> str:
    """The time of making, in UTC; SOURCE_DATE_EPOCH (seconds) overrides the clock."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        at = datetime.datetime.now(datetime.UTC) if epoch is None else _from_epoch(epoch)
    except (ValueError, OverflowError, OSError):
        raise InputError(
            f"SOURCE_DATE_EPOCH is {epoch!r}; expected seconds since 1970, a whole number"
        ) from None
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_epoch(seconds: str) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)


def check_destination(out: Path) -> None:
    """Refuse, before any work, a place where no package can or should be written."""
    parent = out.absolute().parent
    try:
        if not parent.is_dir():
            raise InputError(f"{out}: the folder {parent} does not exist. Create it first.")
        if not os.access(parent, os.W_OK):
            raise InputError(f"{out}: no permission to write in {parent}")
        reason = _why_keep(out)
    except OSError as error:
        raise _cannot_write(out, error) from error
    if reason:
        raise InputError(
            f"{out} {reason}: it will not be overwritten. Give another name with -o, or remove it."
        )


def _why_keep(out: Path) -> str:
    """Why what is at `out` must stay; nothing when it is absent, empty or a package."""
    if not out.exists() and not out.is_symlink():
        return ""
    if out.is_symlink() or not out.is_dir():
        return "exists and is not a dpc package"
    names = set(os.listdir(out))
    if names and not {NAME, "bin"} <= names:
        return "exists and is not a dpc package"
    ours = {out / name for name in _files_of(out)}
    others = sorted(path for path in out.rglob("*") if not path.is_dir() and path not in ours)
    return f"holds {others[0].relative_to(out)}, which dpc did not write" if others else ""


def _files_of(package: Path) -> set[str]:
    """The files that a package consists of, also when its manifest is damaged."""
    try:
        listed = parse_manifest((package / NAME).read_bytes(), str(package)).files
    except (InputError, OSError):
        listed = {}
    return {NAME, PROGRAM, PARAMS, HOST, REPORT, PAGE, *listed}


def _cannot_write(out: Path, error: OSError) -> InputError:
    return InputError(f"{out}: cannot be written ({error.strerror or error})")


def write_package(out: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Write `files` and their manifest as folder `out`; the manifest with its file list.

    The folder is made beside its place and renamed, so that nobody sees half a package and
    an interrupted compile leaves nothing.
    """
    check_destination(out)
    manifest = replace(
        manifest, files={name: FileEntry.of(data) for name, data in sorted(files.items())}
    )
    try:
        home = Path(tempfile.mkdtemp(prefix=".dpc-", dir=out.absolute().parent))
        try:
            new = home / "new"
            for name, data in [*files.items(), (NAME, manifest.to_text().encode())]:
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
                path.chmod(0o755 if name.endswith(".so") else 0o644)
            _put(new, out, home / "old")
        finally:
            shutil.rmtree(home, ignore_errors=True)
    except OSError as error:
        raise _cannot_write(out, error) from error
    return manifest


def _put(new: Path, out: Path, old: Path) -> None:
    """`new` becomes `out`, and what was there is left beside it.

    Where the system cannot swap folders in one step, `out` is absent for a moment.
    """
    if _swap(new, out):
        return
    if out.exists():
        out.rename(old)
    try:
        new.rename(out)
    except BaseException as problem:
        if isinstance(problem, OSError) and _swap(new, out):
            return  # another compile had put its own there meanwhile
        if old.exists():
            old.rename(out)
        raise


def _swap(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False when one is absent or the system cannot do it."""
    try:
        rename = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):  # not Linux, or an old C library
        return False
    paths = os.fsencode(one), os.fsencode(other)
    return bool(rename(AT_FDCWD, paths[0], AT_FDCWD, paths[1], RENAME_EXCHANGE) == 0)

"""Write a package: all of it, or nothing."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dpc.errors import InputError
from dpc.package.manifest import NAME, FileEntry, Manifest


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
    if not parent.is_dir():
        raise InputError(f"{out}: the folder {parent} does not exist. Create it first.")
    if not os.access(parent, os.W_OK):
        raise InputError(f"{out}: no permission to write in {parent}")
    if out.is_symlink() or (out.exists() and not _may_replace(out)):
        raise InputError(
            f"{out} exists and is not a dpc package: it will not be overwritten. "
            "Give another name with -o, or remove it."
        )


def _may_replace(out: Path) -> bool:
    if not out.is_dir():
        return False
    names = set(os.listdir(out))
    return not names or {NAME, "bin"} <= names


def write_package(out: Path, manifest: Manifest, files: Mapping[str, bytes]) -> Manifest:
    """Write `files` and their manifest as folder `out`; the manifest with its file list.

    The folder is made beside its place and renamed, so that nobody sees half a package and
    an interrupted compile leaves nothing.
    """
    check_destination(out)
    manifest = replace(
        manifest, files={name: FileEntry.of(data) for name, data in sorted(files.items())}
    )
    home = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.absolute().parent))
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
    return manifest


def _put(new: Path, out: Path, old: Path) -> None:
    """Rename `new` to `out`; what was there goes to `old`, and back if that fails."""
    if out.exists():
        out.rename(old)
    try:
        new.rename(out)
    except BaseException:
        if old.exists():
            old.rename(out)
        raise

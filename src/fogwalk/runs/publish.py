"""A folder is published whole or not at all, and says itself whether it is still what was written.

Before this   events.py.
After this    training/checkpoint.py publishes checkpoints; batches/tokens.py publishes tokenised text.

The order is what makes it safe: write into a hidden folder, flush each file to the disk, write manifest.json
(size and SHA-256 of every file, and of itself) last, flush, rename, flush the parent. A reader believes only a
folder whose manifest verifies: safetensors alone loads a file with a flipped bit without complaint.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fogwalk.errors import CheckpointDamaged, RunError

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"


def publish(target: Path, write: Callable[[Path], None]) -> int:
    """Let `write` fill a folder, then make it appear as `target` in one instant. Gives back its size in bytes.

    Raises RunError when the disk is full or read-only; what stood there before is untouched then.
    """
    # Two processes may tokenise one text at once, of one number where each is alone in its container: each writes into a
    # folder of its own.
    hidden = target.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-{target.name}")
    try:
        shutil.rmtree(hidden, ignore_errors=True)
        hidden.mkdir(parents=True)
        write(hidden)
        files = {path.relative_to(hidden).as_posix(): path for path in sorted(hidden.rglob("*")) if path.is_file()}
        entries = {name: _entry(path) for name, path in files.items()}
        for path in files.values():
            open_to_readers(path)
            flush(path)
        manifest = hidden / MANIFEST
        manifest.write_text(_sealed(entries), encoding="utf-8")
        flush(manifest)
        for folder in sorted({path.parent for path in files.values()} | {hidden}):
            flush(folder)
        size = sum(path.stat().st_size for path in (*files.values(), manifest))
        _replace(hidden, target)
        flush(target.parent)
    except BaseException as error:
        shutil.rmtree(hidden, ignore_errors=True)  # half a checkpoint would fill a full disk for good
        if isinstance(error, OSError):
            raise cannot_write(target, error) from error
        raise
    return size


def _replace(hidden: Path, target: Path) -> None:
    """Rename over an older folder of the same name, which is only there when a damaged one is written anew."""
    if target.exists():
        old = target.with_name(f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(4)}-old-{target.name}")
        target.rename(old)
        try:
            hidden.rename(target)
        except OSError:
            old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    else:
        hidden.rename(target)


def cannot_write(path: Path, error: OSError, otherwise: str = "choose another folder") -> RunError:
    """A full disk, a read-only folder or a failing one, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"the disk is full: {path} could not be written ({free_bytes(path):,} bytes are free)",
            expected="What was saved before is intact.",
            remedy="Free some space, then go on with `fogwalk train --resume`.",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunError(
            f"{path} cannot be written: {error.strerror}",
            remedy=f"Give yourself the right to write there, or {otherwise}.",
        )
    return RunError(
        f"{path} could not be written: {error.strerror or error}", remedy=f"{otherwise[0].upper()}{otherwise[1:]}."
    )


def nearest_there(place: Path) -> Path:
    """The place, or the nearest above it that is there, be it a broken link."""
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    return place


def free_bytes(path: Path) -> int:
    """Bytes free on the disk that holds `path` or its nearest existing parent."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def flush(path: Path) -> None:
    """Wait until the disk holds what was written to a file, or a folder's list of names."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no such call for folders
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_to_readers(path: Path) -> None:
    """As any file that is made: safetensors writes 0600, which a server's user could not read."""
    path.chmod(0o666 & ~_umask())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _entry(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _sealed(entries: dict[str, Any]) -> str:
    body = json.dumps(entries, indent=1, sort_keys=True)
    return json.dumps({"files": entries, "digest": hashlib.sha256(body.encode()).hexdigest()}, indent=1, sort_keys=True)


def problems(folder: Path) -> list[str]:
    """What is wrong with a published folder, each naming its file; empty when every byte is as written."""
    manifest = folder / MANIFEST
    try:
        text = manifest.read_text(encoding="utf-8")
        entries = json.loads(text)["files"]
        if text != _sealed(entries):
            return [f"{manifest}: altered since it was written"]
        if not all(_is_entry(name, entry) for name, entry in entries.items()) or not entries:
            return [f"{manifest}: not a manifest of Fogwalk"]
    except FileNotFoundError:
        return [f"{manifest}: missing"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [f"{manifest}: unreadable"]
    return [found for name, entry in entries.items() if (found := _wrong(folder / name, entry))]


def _is_entry(name: str, entry: Any) -> bool:
    """Whether a manifest's line names a file inside the folder, as `_sealed` writes it."""
    inside = not os.path.isabs(name) and ".." not in Path(name).parts
    return inside and isinstance(entry["bytes"], int) and isinstance(entry["sha256"], str)


def _wrong(path: Path, entry: dict[str, Any]) -> str | None:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return f"{path}: not a plain file"
        size = path.stat().st_size
        if size != entry["bytes"]:
            return f"{path}: {size:,} bytes instead of {entry['bytes']:,}"
        if sha256(path) != entry["sha256"]:
            return f"{path}: altered since it was written (SHA-256 differs)"
    except FileNotFoundError:
        return f"{path}: missing"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    return None


def require_intact(folder: Path) -> None:
    """Raise CheckpointDamaged naming the files when a published folder is not as it was written."""
    if found := problems(folder):
        raise CheckpointDamaged("\n  ".join(found))


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a small file in one instant; `durable` also waits for the disk."""
    hidden = path.with_name(f".{path.name}.new")
    try:
        hidden.write_text(text, encoding="utf-8")
        if durable:
            flush(hidden)
        os.replace(hidden, path)
        if durable:
            flush(path.parent)
    except OSError as error:
        with suppress(OSError):
            hidden.unlink(missing_ok=True)
        raise cannot_write(path, error) from error

"""A folder is published whole or not at all, and says itself whether it is still what was written."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fogwalk.errors import CheckpointDamaged, RunError
from fogwalk.runs import publish as module
from fogwalk.runs.publish import MANIFEST, cannot_write, problems, publish, require_intact, write_atomically


def fill(folder: Path) -> None:
    """What a checkpoint looks like: two files of bytes, one of text, one in a folder below."""
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 8)
    (folder / "optimizer.safetensors").write_bytes(bytes(range(255, -1, -1)) * 8)
    (folder / "progress.json").write_text('{"step": 3}\n', encoding="utf-8")
    (folder / "encoding").mkdir()
    (folder / "encoding/tokenizer.json").write_text('{"é": 1}', encoding="utf-8")
    (folder / "empty").touch()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A folder just published."""
    target = tmp_path / "checkpoints" / "000003"
    publish(target, fill)
    return target


def entries(folder: Path) -> set[str]:
    """The names in a folder, hidden ones too."""
    return {entry.name for entry in folder.iterdir()}


def test_a_published_folder_is_intact_and_its_size_is_told(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "000003"
    size = publish(target, fill)
    assert problems(target) == []
    require_intact(target)
    assert size == sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    assert entries(target.parent) == {"000003"}
    assert all(file.stat().st_mode & 0o777 == 0o644 for file in target.rglob("*") if file.is_file() and file.suffix)


def test_equal_contents_give_equal_manifests(tmp_path: Path) -> None:
    for name in ("one", "other"):
        publish(tmp_path / name, fill)
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "other" / MANIFEST).read_bytes()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), ValueError("a fault"), KeyboardInterrupt()])
def test_a_failure_inside_writing_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(b"half")
        raise error

    with pytest.raises(RunError if isinstance(error, OSError) else type(error)):
        publish(tmp_path / "000003", write)
    assert entries(tmp_path) == set()


@pytest.mark.parametrize("moment", range(9))
def test_a_failing_flush_at_any_moment_leaves_the_old_folder_or_the_new_one_whole(
    published: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    flush, calls = os.fsync, iter(range(100))

    def sometimes(file: int) -> None:
        if next(calls) == moment:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        flush(file)

    def fill_anew(folder: Path) -> None:
        fill(folder)
        (folder / "progress.json").write_text('{"step": 4}\n', encoding="utf-8")

    monkeypatch.setattr(module.os, "fsync", sometimes)
    with pytest.raises(RunError, match="could not be written: Input/output error"):
        publish(published, fill_anew)
    monkeypatch.undo()
    assert problems(published) == []
    assert entries(published.parent) == {"000003"}
    # Five files, the manifest and two folders are flushed before the rename, the parent after it.
    step = json.loads((published / "progress.json").read_text())["step"]
    assert step == (3 if moment < 8 else 4)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_failing_rename_leaves_what_stood_there(published: Path, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
    rename, calls = Path.rename, iter(range(1, 100))

    def sometimes(path: Path, target: Path) -> Path:
        if next(calls) == nth:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    before = (published / MANIFEST).read_bytes()
    monkeypatch.setattr(Path, "rename", sometimes)
    with pytest.raises(RunError):
        publish(published, lambda folder: (folder / "other").write_bytes(b"new") and None)
    monkeypatch.undo()
    assert (published / MANIFEST).read_bytes() == before
    assert problems(published) == []
    assert entries(published.parent) == {"000003"}


def test_a_damaged_folder_is_replaced_by_a_whole_one(published: Path) -> None:
    (published / "model.safetensors").write_bytes(b"x")
    publish(published, fill)
    assert problems(published) == []
    assert entries(published.parent) == {"000003"}


def test_what_a_killed_writer_left_is_no_obstacle_whatever_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.secrets, "token_hex", lambda count: "0" * 2 * count)  # as if chance had drawn the same
    left = tmp_path / f".unfinished-{os.getpid()}-00000000-000003"
    left.mkdir()
    (left / "junk").write_text("half")
    publish(tmp_path / "000003", fill)
    assert not (tmp_path / "000003" / "junk").exists()
    assert problems(tmp_path / "000003") == []


def test_the_manifest_is_written_last_and_flushed_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    flush, rename = module.flush, Path.rename
    monkeypatch.setattr(module, "flush", lambda path: (order.append(path.name), flush(path)))
    monkeypatch.setattr(Path, "rename", lambda path, target: (order.append("rename"), rename(path, target)))
    publish(tmp_path / "000003", fill)
    assert order.index(MANIFEST) > order.index("model.safetensors")
    assert order.index("rename") > order.index(MANIFEST)
    assert order[-1] == tmp_path.name


def test_a_flipped_bit_anywhere_is_detected_and_its_file_named(published: Path) -> None:
    # Every third byte of the small files and the manifest, every sixteenth of the tensors, each with one bit of eight.
    tried = 0
    for file in sorted(file for file in published.rglob("*") if file.is_file()):
        content = file.read_bytes()
        for place in range(0, len(content), 16 if file.suffix == ".safetensors" else 3):
            altered = bytearray(content)
            altered[place] ^= 1 << (place % 8)
            file.write_bytes(altered)
            found = problems(published)
            assert len(found) == 1, f"{file} byte {place}: {found}"
            assert str(file) in found[0]
            tried += 1
        file.write_bytes(content)
    assert problems(published) == []
    assert tried > 500


@pytest.mark.parametrize("name", ["model.safetensors", "encoding/tokenizer.json", MANIFEST])
@pytest.mark.parametrize("harm", ["cut", "lengthened", "emptied", "missing", "a folder"])
def test_a_cut_lengthened_or_missing_file_is_named(published: Path, name: str, harm: str) -> None:
    file = published / name
    content = file.read_bytes()
    file.unlink()
    if harm == "a folder":
        file.mkdir()
    elif harm != "missing":
        file.write_bytes({"cut": content[:-1], "lengthened": content + b"\n", "emptied": b""}[harm])
    with pytest.raises(CheckpointDamaged, match=file.name):
        require_intact(published)


def test_two_swapped_files_of_one_size_are_both_named(published: Path) -> None:
    one, other = published / "model.safetensors", published / "optimizer.safetensors"
    one.rename(published / "x")
    other.rename(one)
    (published / "x").rename(other)
    found = problems(published)
    assert len(found) == 2
    assert str(one) in found[0] + found[1]
    assert str(other) in found[0] + found[1]


def test_a_manifest_of_another_folder_is_not_believed(published: Path) -> None:
    other = published.with_name("000004")
    publish(other, lambda folder: (folder / "model.safetensors").write_bytes(b"other") and None)
    shutil.copy(other / MANIFEST, published / MANIFEST)
    assert problems(published)


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", "null", '{"files": 3}', '{"files": [1]}', "\xff", "[" * 100_000])
def test_a_manifest_that_is_none_is_named(published: Path, text: str) -> None:
    (published / MANIFEST).write_text(text, encoding="latin-1")
    found = problems(published)
    assert len(found) == 1
    assert str(published / MANIFEST) in found[0]


def test_a_folder_that_is_not_there_is_not_intact(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert problems(tmp_path / "file")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, ("the disk is full", "bytes are free", "intact", "fogwalk train --resume")),
        (errno.EDQUOT, ("the disk is full", "Free some space")),
        (errno.EROFS, ("cannot be written: Read-only file system", "another folder")),
        (errno.EACCES, ("cannot be written: Permission denied", "right to write")),
        (errno.EIO, ("could not be written: Input/output error",)),
    ],
)
def test_each_way_a_disk_fails_is_said_in_words(tmp_path: Path, number: int, words: tuple[str, ...]) -> None:
    told = str(cannot_write(tmp_path / "not" / "yet", OSError(number, os.strerror(number))))
    for word in (*words, str(tmp_path)):
        assert word in told


def failing(path: Path, text: str, **named: str) -> int:
    """A write that fails halfway, as on a full disk."""
    path.write_bytes(text[: len(text) // 2].encode())
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("durable", [True, False])
def test_a_small_file_is_replaced_in_one_instant_or_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path = tmp_path / "status.json"
    write_atomically(path, "old", durable=durable)
    fails: Callable[..., int] = failing
    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(RunError, match="the disk is full"):
        write_atomically(path, "new", durable=durable)
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert entries(tmp_path) == {"status.json"}
    write_atomically(path, json.dumps({"é": 1}, ensure_ascii=False), durable=durable)
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}

"""Files: the old one or the new one, whenever the machine dies; and words for whatever stands in the way."""

import os
import stat
from pathlib import Path

import pytest

from core import files
from core.errors import Kind, YinxinError


class Crash(BaseException):
    """The machine dies here."""


def die(*_: object, **__: object) -> None:
    raise Crash


def test_a_file_is_written_with_its_folder_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    files.write(path, b"new", mode=0o600)
    assert files.read(path) == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_an_old_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o666)
    files.write(path, b"new", mode=0o600)
    assert files.read(path) == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_may_not_be_replaced_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    files.write(path, b"old", replace=False)
    with pytest.raises(YinxinError, match="exists already") as caught:
        files.write(path, b"new", replace=False)
    assert caught.value.kind is Kind.CONFLICT
    assert caught.value.subject == str(path)
    assert files.read(path) == b"old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("step", ["os.fdopen", "os.fsync", "os.link", "pathlib.Path.replace"])
def test_a_crash_before_the_move_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, replace: bool
) -> None:
    if step == ("os.link" if replace else "pathlib.Path.replace"):
        return
    path = tmp_path / "file"
    if replace:
        path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(step, die)
        # What a dead process cannot do either: tidy up.
        patch.setattr("pathlib.Path.unlink", lambda *_, **__: None)
        with pytest.raises(Crash):
            files.write(path, b"new", replace=replace)
    assert path.exists() is replace
    if replace:
        assert path.read_bytes() == b"old"
    files.write(path, b"newer", replace=replace)
    assert path.read_bytes() == b"newer"


def test_the_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen: list[tuple[str, bytes]] = []
    genuine = os.fsync

    def looking(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        seen.append((kind, path.read_bytes()))
        genuine(descriptor)

    monkeypatch.setattr(os, "fsync", looking)
    files.write(path, b"new")
    assert seen == [("file", b"old"), ("folder", b"new")]


def test_a_full_disk_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(YinxinError, match="No space left on device") as caught:
        files.write(path, b"new")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_stands_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for path in (tmp_path / "file" / "below", tmp_path / "file" / "far" / "below", tmp_path, Path("/proc/x/y")):
        with pytest.raises(YinxinError, match="cannot write") as caught:
            files.write(path, b"new")
        assert caught.value.subject == str(path)
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"target")
    link.symlink_to(target)
    files.write(link, b"new")
    assert target.read_bytes() == b"target"
    assert not link.is_symlink()


def test_reading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="no such file") as caught:
        files.read(tmp_path / "none")
    assert caught.value.kind is Kind.NOT_FOUND
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(YinxinError, match="cannot read") as caught:
            files.read(path)
        assert caught.value.kind is Kind.UNAVAILABLE
        assert caught.value.subject == str(path)
    assert files.read(tmp_path / "file") == b""


def test_a_file_written_piece_by_piece_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with files.writing(path) as file:
        file.write(b"one")
        file.write(b" two")
    assert path.read_bytes() == b"one two"
    with pytest.raises(RuntimeError), files.writing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"one two"
    assert list(tmp_path.iterdir()) == [path]

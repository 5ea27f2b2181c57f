"""A key store goes from one passphrase to the next: whole, or not at all, wherever it is interrupted."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import files
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.home import Home
from core.keys.custody import Custody, entrust
from core.keys.handover import prepare, prepared_for, put_in_place, settle
from core.keys.key_file import create_key_file, open_kept_key

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
BEFORE = b"the passphrase before"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create_key_file(tmp_path / "keys/ca/one.pem", KeyKind.SM2, BEFORE)
    create_key_file(tmp_path / "keys/ca/two.pem", KeyKind.P256, BEFORE)
    (tmp_path / "keys/ca/two.toml").write_text("beside\n")
    return tmp_path / "keys/ca"


def opens(folder: Path, passphrase: bytes) -> bool:
    try:
        return all(open_kept_key(folder / f"{name}.pem", passphrase) for name in ("one", "two"))
    except YinxinError:
        return False


def new_set() -> tuple[Custody, bytes]:
    custody, after, _shares = entrust(["a", "b"], 2, AT)
    return custody, after


def test_the_keys_stay_and_their_passphrase_changes(folder: Path) -> None:
    public = open_kept_key(folder / "one.pem", BEFORE).public_key_info
    custody, after = new_set()
    prepared = prepare(folder, BEFORE, custody, after)
    assert opens(folder, BEFORE) and opens(prepared, after)
    put_in_place(folder, custody)
    assert opens(folder, after) and not opens(folder, BEFORE)
    assert open_kept_key(folder / "one.pem", after).public_key_info == public
    assert (folder / "two.toml").read_text() == "beside\n"
    assert [path.name for path in folder.parent.iterdir()] == ["ca"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.glob("*.pem"))


def test_a_wrong_passphrase_leaves_everything_as_it_was(folder: Path) -> None:
    custody, after = new_set()
    with pytest.raises(YinxinError, match="wrong passphrase") as caught:
        prepare(folder, b"wrong", custody, after)
    assert caught.value.subject.endswith("one.pem")
    assert [path.name for path in folder.parent.iterdir()] == ["ca"]


def test_an_attempt_that_was_given_up_makes_room_for_the_next(folder: Path) -> None:
    first, _after = new_set()
    prepare(folder, BEFORE, first, b"x")
    custody, after = new_set()
    prepared = prepare(folder, BEFORE, custody, after)
    assert prepared_for(folder) == prepared
    assert len(list(folder.parent.iterdir())) == 2


@pytest.mark.parametrize("place", range(4))
def test_interrupted_anywhere_it_is_finished_by_whoever_looks_next(
    folder: Path, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine stops before the first renaming, before the second, before the flush, before the removal."""
    custody, after = new_set()
    prepare(folder, BEFORE, custody, after)
    reached = 0

    def stopping(original: object) -> object:
        def step(*arguments: object, **options: object) -> object:
            nonlocal reached
            if reached == place:
                raise KeyboardInterrupt
            reached += 1
            return original(*arguments, **options)  # type: ignore[operator]

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stopping(Path.rename))
        patch.setattr(files, "flush_folder", stopping(files.flush_folder))
        patch.setattr(shutil, "rmtree", stopping(shutil.rmtree))
        with pytest.raises(KeyboardInterrupt):
            put_in_place(folder, custody)
    home = Home(folder.parents[1])
    home.key_store("ca")
    expected = BEFORE if place == 0 else after
    assert opens(folder, expected)
    settle(folder)
    left = {path.name for path in folder.parent.iterdir()}
    assert left == ({"ca", f".ca.new-{custody.set_id}"} if place == 0 else {"ca"})


def test_the_old_keys_are_removed_by_whoever_opens_the_store_next(folder: Path, tmp_path: Path) -> None:
    """Killed while they were being removed: the new ones are in place, and the old passphrase opens what is left."""
    custody, after = new_set()
    shutil.copytree(folder, tmp_path / "kept")
    prepare(folder, BEFORE, custody, after)
    put_in_place(folder, custody)
    shutil.move(tmp_path / "kept", folder.parent / f".ca.old-{custody.set_id}")
    Home(tmp_path).key_store("ca")
    assert [path.name for path in folder.parent.iterdir()] == ["ca"]
    assert opens(folder, after)

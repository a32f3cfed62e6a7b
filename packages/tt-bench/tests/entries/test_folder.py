"""Entry folders: what they say is read, and what they cannot say is refused."""

import os

import pytest

from tt_bench import EntryFolder, EntryProcess, Foul, write_entry


def test_what_is_written_is_read(tmp_path) -> None:
    written = write_entry(tmp_path / "e", 'int8 "fast"', "def load(f): ...", ("int8", "k\\v"))
    assert EntryFolder.read(tmp_path / "e") == written
    assert written.name == 'int8 "fast"'
    assert written.techniques == ("int8", "k\\v")
    assert (written.path / written.code).read_text() == "def load(f): ..."


def test_without_settings_it_says_what_they_look_like(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r'has no entry.toml; .*\nname = "'):
        EntryFolder.read(tmp_path)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("name = 3", "must be texts"),
        ("name = ' '", "must be texts"),
        ("techniques = 'int8'", "a list of texts"),
        ("techniques = [1]", "a list of texts"),
        ("accuracy = 1.0", "unknown .'accuracy'"),
        ("name = ", "Invalid value"),
    ],
)
def test_settings_that_make_no_sense(tmp_path, settings: str, expected: str) -> None:
    (tmp_path / "entry.toml").write_text(settings)
    (tmp_path / "entry.py").write_text("")
    with pytest.raises(ValueError, match=expected):
        EntryFolder.read(tmp_path)


@pytest.mark.parametrize("code", ["missing.py", "../other.py", "/etc/hosts", "."])
def test_code_lies_in_the_folder(tmp_path, code: str) -> None:
    folder = tmp_path / "e"
    folder.mkdir()
    (tmp_path / "other.py").write_text("")
    (folder / "entry.toml").write_text(f'code = "{code}"')
    with pytest.raises(FileNotFoundError, match="which is no file in"):
        EntryFolder.read(folder)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (r'name = "\u001b[2J"', "all of it printable"),
        (r'techniques = ["a\nb"]', "all of it printable"),
        ("a = " + "[" * 30_000, "is no TOML"),
        ("# " + "x" * 70_000, "more than 65,536 bytes"),
    ],
)
def test_settings_that_do_harm(tmp_path, settings: str, expected: str) -> None:
    (tmp_path / "entry.toml").write_text(settings)
    (tmp_path / "entry.py").write_text("")
    with pytest.raises(ValueError, match=expected):
        EntryFolder.read(tmp_path)


def test_code_is_named_from_the_folder(tmp_path) -> None:
    (tmp_path / "entry.py").write_text("")
    (tmp_path / "entry.toml").write_text(f'code = "{tmp_path}/entry.py"')
    with pytest.raises(FileNotFoundError, match="which is no file in"):
        EntryFolder.read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_no_file_is_not_copied(tmp_path) -> None:
    entry = write_entry(tmp_path / "e", "pipe", "def load(f): ...")
    os.mkfifo(entry.path / "weights")
    with pytest.raises(Foul, match="cannot be copied: 'weights' is no file, folder or link"):
        EntryProcess(entry)


def test_a_folder_has_a_largest_size(tmp_path) -> None:
    entry = write_entry(tmp_path / "e", "large", "def load(f): ...")
    with (entry.path / "weights").open("wb") as file:
        file.truncate(1 << 32)  # a hole: it takes no room here, and would in the copy
    with pytest.raises(Foul, match="at most 2,147,483,648 are allowed"):
        EntryProcess(entry)

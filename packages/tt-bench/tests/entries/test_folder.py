"""Entry folders: what they say is read, and what they cannot say is refused."""

import pytest

from tt_bench import EntryFolder, write_entry


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

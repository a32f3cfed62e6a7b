"""Tiny Shakespeare, read from a stand-in for the file: no test here needs a network."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from tt_data.datasets import TinyShakespeare, shakespeare

TEXT = "First Citizen:\nSpeak, speak.\n\n" * 9 + "All:\nResolved. resolved.\n\n\n"
REAL = Path(os.environ.get("TT_SHARED_DATA", "absent"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(shakespeare, "SHA256", sha256(TEXT.encode()).hexdigest())
    monkeypatch.setattr(shakespeare, "URLS", ())
    return TEXT.encode()


@pytest.mark.parametrize("name", ["input.txt", "tinyshakespeare/input.txt"])
def test_a_file_in_root(stand_in: bytes, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(stand_in)
    play = TinyShakespeare(tmp_path, split="all")
    assert play.text == TEXT
    assert len(play) == 10
    assert (play[0], play[-1]) == ("First Citizen:\nSpeak, speak.", "All:\nResolved. resolved.")


def test_the_cache_is_the_default(
    stand_in: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path))
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_bytes(stand_in)
    train, val = TinyShakespeare(), TinyShakespeare(split="val")
    assert train.text + val.text == TEXT
    assert len(train.text) == len(TEXT) * 9 // 10


def test_another_file(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text(TEXT, encoding="ascii")
    with pytest.raises(
        ValueError, match=r"input\.txt: expected the sha256 86c4e6aa.*Delete the file"
    ):
        TinyShakespeare(tmp_path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Put the file yourself as") as caught:
        TinyShakespeare(tmp_path, download=False)
    assert str(tmp_path / "tinyshakespeare" / "input.txt") in str(caught.value)


def test_no_such_split(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="split: expected one of train, val, all; got 'test'"):
        TinyShakespeare(tmp_path, split="test")


def test_an_index_out_of_range(stand_in: bytes, tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_bytes(stand_in)
    with pytest.raises(
        IndexError, match="TinyShakespeare: expected an index from -10 to 9; got 10"
    ):
        TinyShakespeare(tmp_path, split="all")[10]


@pytest.mark.skipif(not REAL.is_dir(), reason="TT_SHARED_DATA names no folder")
def test_the_real_one() -> None:
    play = TinyShakespeare(REAL, split="all", download=False)
    assert len(play.text) == 1_115_394
    assert len(TinyShakespeare(REAL, download=False).text) == 1_003_854
    assert len(set(play.text)) == 65

"""Downloads, from a server on this machine that serves right bytes and all kinds of wrong ones."""

import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from tt_data.download import cache_folder, fetch

from .conftest import Server

RIGHT = bytes(range(256)) * 1024  # so that its half is whole chunks, which are what is kept
HASH = sha256(RIGHT).hexdigest()
HALF = len(RIGHT) // 2


@pytest.fixture(autouse=True)
def served(server: Server) -> None:
    server.files["data.bin"] = RIGHT


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_right_bytes_are_fetched_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        path = fetch("set/data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path)
        assert path == tmp_path / "set" / "data.bin"
        assert path.read_bytes() == RIGHT
    assert server.asked == ["/right/data.bin"]
    assert files(tmp_path) == ["set", "set/data.bin"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("wrong", rf"expected the sha256 {HASH}, got \w+ \(25 bytes\)"),
        ("half", "IncompleteRead|ChunkedEncodingError|ConnectionError"),
        ("404", "HTTPError: 404"),
        ("hang", "ReadTimeout|ConnectionError: .*timed out"),
    ],
)
def test_wrong_answers_leave_nothing(
    server: Server, tmp_path: Path, path: str, problem: str
) -> None:
    with pytest.raises(ConnectionError, match=problem) as caught:
        fetch("data.bin", [server.url(f"{path}/data.bin")], HASH, folder=tmp_path, timeout=0.3)
    message = str(caught.value)
    assert server.url(f"{path}/data.bin") in message
    assert f"Put the file yourself as {tmp_path / 'data.bin'} (sha256 {HASH})" in message
    assert files(tmp_path) == (["data.bin.part"] if path == "half" else [])


def test_nobody_answers(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConnectionError, match=r"none of its addresses:\n.*\n    ConnectionError"
    ) as caught:
        fetch("data.bin", [nobody], HASH, folder=tmp_path)
    assert str(tmp_path / "data.bin") in str(caught.value)
    assert files(tmp_path) == []


def test_mirrors_are_tried_in_turn(server: Server, nobody: str, tmp_path: Path) -> None:
    urls = [
        nobody,
        *(server.url(f"{how}/data.bin") for how in ("404", "half", "wrong", "right", "no")),
    ]
    assert fetch("data.bin", urls, HASH, folder=tmp_path).read_bytes() == RIGHT
    assert [path.split("/")[1] for path in server.asked] == ["404", "half", "wrong", "right"]
    assert files(tmp_path) == ["data.bin"]


def test_every_problem_is_told(server: Server, nobody: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as caught:
        fetch("data.bin", [nobody, server.url("404/data.bin"), "nonsense"], HASH, folder=tmp_path)
    assert str(caught.value).count("\n    ") == 3


def test_a_file_that_is_there_is_used_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(RIGHT)
    assert fetch("data.bin", [], HASH, folder=tmp_path).read_bytes() == RIGHT


def test_a_wrong_file_is_reported_and_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(
        ValueError, match=rf"expected the sha256 {HASH}, got .*\(4 bytes\)\. Delete"
    ):
        fetch("data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"
    assert server.asked == []


def test_without_leave_to_download(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"download=False\. Put the file yourself as"):
        fetch("data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path, download=False)
    assert (server.asked, files(tmp_path)) == ([], [])


def test_progress(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch("data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert shown.endswith("data.bin: 0.3 of 0.3 MB\n")
    assert shown.count("\n") == 1
    fetch("quiet.bin", [server.url("right/data.bin")], HASH, folder=tmp_path)
    assert capsys.readouterr().err == "", "stderr is no terminal here"


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.setenv("TT_DATA_DIR", "~/mine")
    assert cache_folder() == Path.home() / "mine"
    monkeypatch.setenv("TT_DATA_DIR", "")
    assert "tinytorch" in cache_folder().parts


def test_downloads_go_to_the_cache(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TT_DATA_DIR", str(tmp_path / "new"))
    assert fetch("data.bin", [server.url("right/data.bin")], HASH) == tmp_path / "new" / "data.bin"


# --- connections that break -----------------------------------------------------------------------


def test_the_next_mirror_sends_only_the_rest(server: Server, tmp_path: Path) -> None:
    urls = [server.url("half/data.bin"), server.url("ranged/data.bin")]
    assert fetch("data.bin", urls, HASH, folder=tmp_path).read_bytes() == RIGHT
    assert server.sent == len(RIGHT)
    assert files(tmp_path) == ["data.bin"]


def test_the_next_call_goes_on_where_this_one_broke_off(server: Server, tmp_path: Path) -> None:
    for sent in (HALF, HALF + HALF // 2):
        with pytest.raises(ConnectionError):
            fetch("data.bin", [server.url("ranged-half/data.bin")], HASH, folder=tmp_path)
        assert (tmp_path / "data.bin.part").read_bytes() == RIGHT[:sent]
    fetch("data.bin", [server.url("ranged/data.bin")], HASH, folder=tmp_path)
    assert server.sent == len(RIGHT)
    assert files(tmp_path) == ["data.bin"]


@pytest.mark.parametrize("part", [b"something else", RIGHT + b"more", RIGHT])
def test_a_part_that_is_wrong_or_whole(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "data.bin.part").write_bytes(part)
    path = fetch("data.bin", [server.url("ranged/data.bin")], HASH, folder=tmp_path)
    assert path.read_bytes() == RIGHT
    assert server.sent == (0 if part == RIGHT else len(RIGHT) * 2 - min(len(part), len(RIGHT)))
    assert files(tmp_path) == ["data.bin"]


def test_an_interrupted_download_keeps_its_part(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: object, data: bytes) -> int:
        self.file.write(data[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tt_data.transfer.Sink.write", interrupted)
        fetch("data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path)
    assert files(tmp_path) == ["data.bin.part"]
    fetch("data.bin", [server.url("ranged/data.bin")], HASH, folder=tmp_path)
    assert files(tmp_path) == ["data.bin"]


def test_an_answer_without_end_is_cut_off(server: Server, tmp_path: Path) -> None:
    server.files["data.bin"] = bytes(3 << 20)
    with pytest.raises(ConnectionError, match=r"longer than the .* bytes it can be"):
        fetch("data.bin", [server.url("right/data.bin")], HASH, size=1000, folder=tmp_path)
    assert files(tmp_path) == []


FULL_DISK = """
import resource, sys
from tt_data.download import fetch
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # files end there, as on a full disk
try:
    fetch("data.bin", sys.argv[2:], "0" * 64, folder=sys.argv[1])
except ConnectionError:
    print("blamed the network")
except OSError as error:
    print(error.strerror, error.__notes__)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit for the size of files")
def test_a_full_disk_leaves_nothing(server: Server, tmp_path: Path) -> None:
    urls = [server.url("right/data.bin"), server.url("unused/data.bin")]
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), *urls]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("File too large ['while downloading http")
    assert server.asked == ["/right/data.bin"], "another mirror would not help"
    assert files(tmp_path) == []


def test_a_folder_that_may_not_be_written_to(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((NotADirectoryError, FileExistsError)):
        fetch("file/data.bin", [server.url("right/data.bin")], HASH, folder=tmp_path)


def test_several_programs_at_once(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(RIGHT[:HALF])
    url = server.url("ranged/data.bin")
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(fetch, "data.bin", [url], HASH, folder=tmp_path) for _ in range(4)]
    assert {call.result().read_bytes() for call in calls} == {RIGHT}
    assert files(tmp_path) == ["data.bin"]


# --- what is packed -------------------------------------------------------------------------------


def test_a_packed_file_is_unpacked(server: Server, tmp_path: Path) -> None:
    server.files["data.bin.gz"] = gzip.compress(RIGHT)
    path = fetch("data.bin", [server.url("right/data.bin.gz")], HASH, folder=tmp_path)
    assert path.read_bytes() == RIGHT
    assert files(tmp_path) == ["data.bin"]


@pytest.mark.parametrize(
    ("packed", "size", "problem"),
    [
        (gzip.compress(RIGHT)[:-9], None, "a damaged one: Compressed file ended"),
        (gzip.compress(RIGHT)[:-8] + bytes(8), None, "a damaged one: CRC check failed"),
        (gzip.compress(RIGHT[1:]), None, "expected the sha256"),
        (gzip.compress(RIGHT), 1000, "expected 1,000 bytes when unpacked, got more"),
    ],
)
def test_what_is_packed_wrongly(
    server: Server, tmp_path: Path, packed: bytes, size: int | None, problem: str
) -> None:
    server.files["data.bin.gz"] = packed
    with pytest.raises(ConnectionError, match=problem) as caught:
        url = server.url("right/data.bin.gz")
        fetch("data.bin", [url], HASH, size=size, folder=tmp_path)
    assert f"{tmp_path / 'data.bin'}.gz, or unpacked as" in str(caught.value)
    assert files(tmp_path) == []

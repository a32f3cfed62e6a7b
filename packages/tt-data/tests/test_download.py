"""Downloads, from a server on this machine that serves right bytes and all kinds of wrong ones."""

import socket
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tt_data.download import cache_folder, fetch

RIGHT = bytes(range(256)) * 1000
HASH = sha256(RIGHT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/404":
            self.send_error(404)
            return
        body = b"<html>Log in first</html>" if self.path == "/wrong" else RIGHT
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/half" else body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address at which nothing listens."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/right"


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_right_bytes_are_fetched_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        path = fetch("set/data.bin", [server.url("right")], HASH, folder=tmp_path)
        assert path == tmp_path / "set" / "data.bin"
        assert path.read_bytes() == RIGHT
    assert server.asked == ["/right"]
    assert files(tmp_path) == ["set", "set/data.bin"]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("wrong", rf"expected the sha256 {HASH}, got \w+ \(25 bytes\)"),
        ("half", "IncompleteRead|ChunkedEncodingError|ConnectionError"),
        ("404", "HTTPError: 404"),
    ],
)
def test_wrong_answers_leave_nothing(
    server: Server, tmp_path: Path, path: str, problem: str
) -> None:
    with pytest.raises(ConnectionError, match=problem) as caught:
        fetch("data.bin", [server.url(path)], HASH, folder=tmp_path)
    message = str(caught.value)
    assert server.url(path) in message
    assert f"Put the file yourself as {tmp_path / 'data.bin'} (sha256 {HASH})" in message
    assert files(tmp_path) == []


def test_nobody_answers(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConnectionError, match=r"none of its addresses:\n.*\n    ConnectionError"
    ) as caught:
        fetch("data.bin", [nobody], HASH, folder=tmp_path)
    assert str(tmp_path / "data.bin") in str(caught.value)
    assert files(tmp_path) == []


def test_mirrors_are_tried_in_turn(server: Server, nobody: str, tmp_path: Path) -> None:
    urls = [nobody, *map(server.url, ["404", "half", "wrong", "right", "unused"])]
    assert fetch("data.bin", urls, HASH, folder=tmp_path).read_bytes() == RIGHT
    assert server.asked == ["/404", "/half", "/wrong", "/right"]
    assert files(tmp_path) == ["data.bin"]


def test_every_problem_is_told(server: Server, nobody: str, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError) as caught:
        fetch("data.bin", [nobody, server.url("404"), "nonsense"], HASH, folder=tmp_path)
    assert str(caught.value).count("\n    ") == 3


def test_a_file_that_is_there_is_used_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(RIGHT)
    assert fetch("data.bin", [], HASH, folder=tmp_path).read_bytes() == RIGHT


def test_a_wrong_file_is_reported_and_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data.bin").write_bytes(b"mine")
    with pytest.raises(
        ValueError, match=rf"expected the sha256 {HASH}, got .*\(4 bytes\)\. Delete"
    ):
        fetch("data.bin", [server.url("right")], HASH, folder=tmp_path)
    assert (tmp_path / "data.bin").read_bytes() == b"mine"
    assert server.asked == []


def test_without_leave_to_download(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"download=False\. Put the file yourself as"):
        fetch("data.bin", [server.url("right")], HASH, folder=tmp_path, download=False)
    assert (server.asked, files(tmp_path)) == ([], [])


def test_progress(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch("data.bin", [server.url("right")], HASH, folder=tmp_path, progress=True)
    shown = capsys.readouterr().err
    assert shown.endswith("data.bin: 0.3 of 0.3 MB\n")
    assert shown.count("\n") == 1
    fetch("quiet.bin", [server.url("right")], HASH, folder=tmp_path)
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
    assert fetch("data.bin", [server.url("right")], HASH) == tmp_path / "new" / "data.bin"

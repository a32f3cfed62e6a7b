"""A web server on this machine that serves right bytes and all kinds of wrong ones."""

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Handler(BaseHTTPRequestHandler):
    """`/how/name` serves the file of that name, in that way."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        _, how, name = self.path.split("/", 2)
        if how == "404" or name not in self.server.files:
            self.send_error(404)
            return
        body = self.server.files[name]
        if how == "hang":
            self.server.closing.wait(30)
            return
        if how == "wrong":
            body = b"<html>Log in first</html>"
        start = int(re.sub(r"\D", "", self.headers.get("Range", "0")))
        if not how.startswith("ranged"):
            start = 0
        elif start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = (start + len(body)) // 2 if how in ("half", "ranged-half") else len(body)
        self.wfile.write(body[start:end])
        self.server.sent += end - start

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Remembers what it was asked for, and how many bytes it sent."""

    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.sent = 0
        self.closing = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> str:
    """An address at which nothing listens."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/right/data.bin"

"""Reports in a real browser: no error on its console, and nothing asked of any other host."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tt_bench import (
    Disqualification,
    Machine,
    Measured,
    OlympicResults,
    Page,
    Table,
    olympics_page,
)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# without these a browser looks for updates and the like, of its own accord
QUIET = [
    *["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    *["--disable-extensions", "--disable-background-networking", "--disable-component-update"],
    *["--disable-sync", "--disable-default-apps", "--hide-scrollbars", "--enable-logging=stderr"],
    *["--virtual-time-budget=4000", "--net-log-capture-mode=Default"],
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@dataclass
class Visit:
    """What a visit of a page showed."""

    console: list[str]
    requests: set[str]
    text: str
    picture: Path


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "no browser: install chromium (apt-get install chromium), or set CHROMIUM to one"
    return found


@pytest.fixture
def visit(chromium: str, tmp_path: Path):
    def open_page(page: Path, width: int = 1200) -> Visit:
        log, picture = tmp_path / "net.json", tmp_path / f"{page.stem}-{width}.png"
        profile = tmp_path / f"profile-{width}"
        command = [
            chromium,
            *QUIET,
            f"--user-data-dir={profile}",
            f"--log-net-log={log}",
            f"--window-size={width},2400",
        ]
        url = page.resolve().as_uri()
        shot = subprocess.run(
            [*command, f"--screenshot={picture}", url],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        dumped = subprocess.run(
            [*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=True
        )
        console = [line for line in shot.stderr.splitlines() if "CONSOLE" in line]
        return Visit(console, requests_of(log), dumped.stdout, picture)

    return open_page


def requests_of(log: Path) -> set[str]:
    """The addresses that a page itself asked for, from Chromium's log of the network."""
    text = log.read_text(encoding="utf-8")
    try:
        events = json.loads(text)["events"]
    except json.JSONDecodeError:  # the browser ended before it closed the list
        events = json.loads(text.rstrip().rstrip(",") + "]}")["events"]
    found = set()
    for event in events:
        details = event.get("params", {})
        if details.get("initiator", "not an origin") != "not an origin" and "url" in details:
            found.add(details["url"])
    return {url for url in found if not url.startswith(("file:", "data:", "about:"))}


def results() -> OlympicResults:
    entries = [
        Measured(f"entry {i}", ("int8",), 90 - i, 100, (0.01 / (i + 1),) * 20, 10_000 // (i + 1), 9)
        for i in range(9)
    ]
    off = Disqualification("cheat", "it imports <tt_data>")
    return OlympicResults(tuple(entries), (off,), Machine.here(), 23, 3, 1)


def test_the_olympics_report_opens_without_errors_and_asks_nobody(visit, tmp_path) -> None:
    path = tmp_path / "report.html"
    olympics_page(results()).write(path)
    seen = visit(path)
    assert seen.console == []
    assert seen.requests == set()
    for heading in ("Measurements", "Latency Sprint", "Podium", "Pareto", "Disqualified"):
        assert heading in seen.text
    assert seen.text.count("<svg") == 2
    assert "it imports &lt;tt_data&gt;" in seen.text
    assert seen.picture.stat().st_size > 20_000  # there is something on it


def test_it_opens_on_a_telephone(visit, tmp_path) -> None:
    path = tmp_path / "report.html"
    olympics_page(results()).write(path)
    assert visit(path, width=500).console == []


def test_this_test_would_see_errors_and_requests(visit, tmp_path) -> None:
    """A page that asks for what its policy forbids, and one without a policy: both are found."""
    forbidden = Page("bad")
    forbidden.parts.append('<img src="http://127.0.0.1:9/x.png">')
    forbidden.add_table(Table("T", ("a",), (("1",),)))
    path = tmp_path / "forbidden.html"
    forbidden.write(path)
    assert any("Content Security Policy" in line for line in visit(path).console)
    unsafe = tmp_path / "unsafe.html"
    unsafe.write_text('<img src="http://127.0.0.1:9/x.png"><script>console.error("oh")</script>')
    seen = visit(unsafe)
    assert "http://127.0.0.1:9/x.png" in seen.requests
    assert any("oh" in line for line in seen.console)

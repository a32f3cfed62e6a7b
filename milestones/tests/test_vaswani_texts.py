"""Shakespeare and the programs: what is particular about them."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

import tt_tensor as torch
from tt_models import GPT, GPTConfig
from tt_text import BPETokenizer

Run = Callable[..., CompletedProcess[str]]
Claims = Callable[[str], dict[str, float]]

REAL = Path(os.environ.get("TT_SHARED_DATA", "absent"))
SHAKESPEARE = "2017_transformer/vaswani_shakespeare.py"
COPILOT = "2017_transformer/vaswani_copilot.py"
TALE = "".join(
    f"In year {year} the king of the {'north' if year % 2 else 'south'} gave {year * 7} pieces of "
    f"gold to the {'miller' if year % 3 else 'tailor'}.\n"
    for year in range(1000, 1300)
)


@pytest.fixture
def copilot(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """vaswani_copilot.py as a module."""
    monkeypatch.syspath_prepend(request.path.parents[1])
    monkeypatch.syspath_prepend(request.path.parents[1] / "2017_transformer")
    return importlib.import_module("vaswani_copilot")


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(TALE, encoding="utf-8")
    return path


# ---- Shakespeare ---------------------------------------------------------------------------------


def test_any_text_will_do(run: Run, claims: Claims, tale: Path) -> None:
    result = run(SHAKESPEARE, "--quick", "--steps", "100", "--corpus", str(tale), COLUMNS="80")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert list(claims(result.stdout)) == ["loss on unseen text, at most that of letter pairs"]
    assert result.stdout.isascii()
    assert "\x1b" not in result.stdout
    assert max(len(line.rstrip()) for line in result.stdout.splitlines()) <= 80


def test_a_claim_that_fails_fails_the_program(run: Run, claims: Claims, tale: Path) -> None:
    result = run(SHAKESPEARE, "--quick", "--steps", "0", "--corpus", str(tale))
    assert result.returncode == 1
    assert claims(result.stdout)
    assert "IT FAILS." in result.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"too short\n", "expected lines with at least"), (b"\xff" * 9999, "can't decode byte")],
)
def test_a_text_that_is_none(run: Run, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "text").write_bytes(content)
    result = run(SHAKESPEARE, "--corpus", str(tmp_path / "text"))
    assert result.returncode == 1
    assert message in result.stderr
    assert "help: --corpus" in result.stderr
    assert "Claim: " not in result.stdout


def test_without_the_file_it_says_which_to_put_where(run: Run, tmp_path: Path) -> None:
    result = run(SHAKESPEARE, "--data", str(tmp_path))  # which is not downloaded to
    assert result.returncode == 1
    assert "Put the file yourself as" in result.stderr
    assert list(tmp_path.iterdir()) == []
    assert "Claim: " not in result.stdout


@pytest.mark.full
@pytest.mark.parametrize(("preset", "most"), [("swift", 1.76), ("nanogpt", 1.92)])
def test_the_loss_is_reached(preset: str, most: float, run: Run, claims: Claims) -> None:
    if not (REAL / "tinyshakespeare").is_dir():
        pytest.skip("TT_SHARED_DATA names no folder with tinyshakespeare")
    result = run(SHAKESPEARE, "--preset", preset, "--data", str(REAL))
    assert claims(result.stdout)["loss on unseen text"] <= most  # the time is printed, not tested


# ---- programs ------------------------------------------------------------------------------------


def test_what_it_learned_is_kept(run: Run, tmp_path: Path) -> None:
    """--prompt trains at the first time, and loads at the second."""
    options = ["--quick", "--steps", "25", "--out", str(tmp_path), "--prompt", r"try:\n    "]
    first = run(COPILOT, *options)
    assert first.returncode == 0, first.stderr
    assert "It learns Python" in first.stdout
    again = run(COPILOT, *options)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(r"'try:\n    '")
    assert first.stdout.endswith(again.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for processes")
def test_after_ctrl_c_it_goes_on(
    run: Run, variables: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Interrupted and resumed, it ends where it ends without."""
    script = Path(__file__).parents[1] / COPILOT
    options = ["--quick", "--steps", "300", "--prompt", "def ", "--out"]
    with subprocess.Popen(
        [sys.executable, str(script), *options, str(tmp_path / "stopped")],
        env=variables(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith("step "):
                break
        time.sleep(0.2)
        program.send_signal(signal.SIGINT)
        rest = program.stdout.read()
    assert program.returncode == 130, rest
    assert "--resume" in rest
    other = run(COPILOT, *options, str(tmp_path / "stopped"), "--resume", "--seed", "1")
    assert other.returncode == 1
    assert "made with seed 0, steps 300, quick True, tokens" in other.stderr
    assert "Traceback" not in other.stderr
    resumed = run(COPILOT, *options, str(tmp_path / "stopped"), "--resume")
    assert resumed.returncode == 0, resumed.stderr
    run(COPILOT, *options, str(tmp_path / "whole"))
    weights = [tmp_path / name / "model.safetensors" for name in ("stopped", "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_folder_without_programs(run: Run, tmp_path: Path) -> None:
    (tmp_path / "only.py").write_text("x = 1\n", encoding="utf-8")
    result = run(COPILOT, "--corpus", str(tmp_path))
    assert result.returncode == 1
    assert "expected some dozens of Python files, got 1" in result.stderr
    assert "Claim: " not in result.stdout


@pytest.mark.parametrize("text", ["x = 1\n", "x = 1\n" * 100])
def test_programs_that_are_too_short_or_have_no_functions(
    run: Run, tmp_path: Path, text: str
) -> None:
    """It is said before anything is learned."""
    for number in range(40):
        (tmp_path / f"a{number}.py").write_text(text, encoding="utf-8")
    result = run(COPILOT, "--corpus", str(tmp_path))
    assert result.returncode == 1
    assert "expected more than 128 tokens to learn from" in result.stderr
    assert "help: --corpus" in result.stderr
    assert "It learns Python" not in result.stdout


def test_bytes_that_are_no_text_are_completed_too(
    copilot: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = BPETokenizer.train("", 257, [copilot.END])
    model = GPT(GPTConfig(tokenizer.vocab_size, 128, n_layer=1, n_head=2, n_embd=16))
    shown: list[str] = []
    monkeypatch.setattr(copilot, "show", lambda text, prompt, most: shown.append(prompt))
    copilot.answer(model, tokenizer, "caf\udce9\\n")
    assert shown == ["caf?\n"]


def test_tests_and_what_others_wrote_are_left_out(copilot: ModuleType, tmp_path: Path) -> None:
    kept = {f"a{number}.py" for number in range(40)} | {"package/b.py"}
    others = {
        "test/c.py",
        "package/tests/d.py",
        "site-packages/e.py",
        "_sysconfigdata_x.py",
        "f.txt",
    }
    for name in kept | others:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x = 1\r\n")
    (tmp_path / "latin.py").write_bytes(b"# \xe9\n")
    files = copilot.python_files(tmp_path, None)
    assert list(files) == sorted(kept)
    assert set(files.values()) == {"x = 1\n"}
    assert list(copilot.python_files(tmp_path, 30)) == sorted(copilot.python_files(tmp_path, 30))
    assert len(copilot.python_files(tmp_path, 30)) == 30


SOURCE = '''
import os

@cache
def first(x):
    """One line."""
    return x

class C:
    def second(self,
               y="(:"):
        if y:
            return r"\\d"

        return 2

    def third(self): return 3

    def fourth(self):
        # a comment is no body
        return 4
'''


def test_heads_are_found(copilot: ModuleType) -> None:
    first, second = copilot.heads(SOURCE)
    assert first.text == "def first(x):"
    assert first.before.endswith("@cache\n")
    assert first.body(first.after) == '\n    """One line."""\n    return x\n'
    assert second.before.endswith("\n    ")
    assert second.body(second.after).rstrip().endswith("return 2")
    for head in (first, second):
        assert head.before + head.text + head.after == SOURCE
        assert head.makes_python(head.after)
    assert copilot.heads("def broken(:\n") == []


@pytest.mark.parametrize(
    ("written", "whole", "python"),
    [
        ("\n        return 1\n    def next(", False, True),
        ("\n        return 1\n        return (2,", False, True),  # the last line is not complete
        ("\n        return 1", False, False),  # and then nothing is left
        ("\n        return 1", True, True),
        ("\n        return (1\n\n    def next(self):\n", False, False),
        ("\n    return 1\n", False, False),  # not indented
        ("\n            x = 1\n        return x\n", False, False),
        ('\n        """Ends', True, False),
        ("\n        \0\n", False, False),
        ("", True, False),
    ],
)
def test_what_is_python(copilot: ModuleType, written: str, whole: bool, python: bool) -> None:
    _, second = copilot.heads(SOURCE)
    assert second.makes_python(written, whole) == python


def test_space_at_the_end_belongs_to_the_next_token(copilot: ModuleType) -> None:
    text = "for i in range(3):\n    print(i)\n" * 30
    tokenizer = BPETokenizer.train(text, 300, [copilot.END])
    torch.manual_seed(0)
    model = GPT(GPTConfig(tokenizer.vocab_size, 64, n_layer=1, n_head=2, n_embd=16))
    for prompt in ("for i in ", "for i in range(3):\n   ", "for", "", "x" + " " * 60):
        completed = copilot.complete(model, tokenizer, prompt, 8)
        assert completed.startswith(prompt)
        assert completed == copilot.complete(model, tokenizer, prompt, 8)

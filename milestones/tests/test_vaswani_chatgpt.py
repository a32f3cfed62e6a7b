"""The GPT that learns to answer: stopped and resumed, and talked with on a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from tt_nn import load

Run = Callable[..., CompletedProcess[str]]
Variables = Callable[..., dict[str, str]]

MILESTONES = Path(__file__).parents[1]
SCRIPT = "2017_transformer/vaswani_chatgpt.py"
SHORT = ("--quick", "--minutes", "0.03")

posix = pytest.mark.skipif(
    sys.platform == "win32", reason="needs the terminals and signals of Unix"
)


def interrupt(folder: Path, after: str, variables: Variables) -> CompletedProcess[str]:
    """Run it, and press Ctrl-C as soon as a line begins so."""
    command = [sys.executable, str(MILESTONES / SCRIPT), *SHORT, "--out", str(folder)]
    told = ""
    with subprocess.Popen(
        command, env=variables(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told += line
            if line.startswith(after):
                process.send_signal(signal.SIGINT)
    return CompletedProcess(command, process.returncode, told, "")


@posix
def test_stopped_and_resumed_it_ends_with_the_same_weights(
    run: Run, variables: Variables, tmp_path: Path
) -> None:
    whole = run(SCRIPT, *SHORT, "--out", str(tmp_path / "whole"))
    assert "step    64/64" in whole.stdout

    stopped = interrupt(tmp_path / "halves", "step    25/", variables)
    assert stopped.returncode == 130
    assert "step    64/64" not in stopped.stdout
    assert "Claim: " not in stopped.stdout
    assert "last.safetensors. To go on:" in stopped.stdout
    assert stopped.stdout.rstrip().endswith(f"--out {tmp_path / 'halves'} --resume")
    assert not (tmp_path / "halves" / "tinygpt.safetensors").exists()

    other = run(SCRIPT, *SHORT, "--out", str(tmp_path / "halves"), "--resume", "--seed", "1")
    assert other.returncode == 1
    assert "made with seed 0, minutes 0.03" in other.stderr
    assert "Traceback" not in other.stderr

    resumed = run(SCRIPT, *SHORT, "--out", str(tmp_path / "halves"), "--resume")
    assert "step    25/" not in resumed.stdout
    assert "step    64/64" in resumed.stdout
    assert resumed.stderr == ""
    first, second = (load(tmp_path / way / "tinygpt.safetensors") for way in ("whole", "halves"))
    assert list(first) == list(second)
    for name, weights in first.items():
        assert np.array_equal(weights.numpy(), second[name].numpy()), name
    exams = [output.stdout.partition("The exam")[2] for output in (whole, resumed)]
    assert exams[0] == exams[1] != ""


def test_it_needs_no_layer_above_the_models(run: Run, tmp_path: Path) -> None:
    absent = "sys.modules['tt_optimize'] = sys.modules['tt_bench'] = None"
    options = ("--quick", "--minutes", "0", "--out", str(tmp_path))
    result = run(SCRIPT, *options, without=absent, error="")
    assert result.stderr == ""
    assert "Claim: " in result.stdout


def test_ctrl_c_after_training_leaves_what_was_learned(run: Run, tmp_path: Path) -> None:
    """Pressed in the exam, whose first answer here is its signal."""
    pressed = "import tt_models.recipes.tinytalks as talks; talks.write_answers = missing"
    options = ("--quick", "--minutes", "0", "--out", str(tmp_path))
    result = run(SCRIPT, *options, without=pressed, error="KeyboardInterrupt")
    assert (result.returncode, result.stderr) == (130, "")
    assert result.stdout.endswith("Stopped.\n")
    assert "Claim: " not in result.stdout
    assert (tmp_path / "tinygpt.safetensors").exists()


@posix
def test_on_a_terminal_one_can_talk_with_it(variables: Variables, tmp_path: Path) -> None:
    """The dashboard, the claims, then the chat; `exit` ends it with the claims' status."""
    import pty

    ours, its = pty.openpty()
    command = [sys.executable, str(MILESTONES / SCRIPT), "--quick", "--minutes", "0.01"]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path)],
        env=variables(TERM="xterm-256color", COLUMNS="100", LINES="40"),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    told, waiting = b"", [b"What is your name?\n", b"exit\n"]
    while piece := _read(ours):
        told += piece
        if waiting and told.endswith(b"you   > "):
            os.write(ours, waiting.pop(0))
    os.close(ours)
    text = told.decode()
    assert process.wait() == 1  # it has hardly learned
    assert "IT FAILS." in text
    assert "╭─" in text and "asked again and again" in text
    assert text.index("Claim: ") < text.index("Talk with it") < text.index("tiny  > ")
    assert "It knows TinyTalks' greetings, and nothing else" in text  # no capitals
    assert text.count("tiny  > ") == 1
    assert "Goodbye." in text
    assert "Traceback" not in text


def _read(terminal: int) -> bytes:
    """What is there; nothing once the program has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say so
        return b""


def test_where_nobody_types_nobody_is_asked(run: Run, tmp_path: Path) -> None:
    result = run(SCRIPT, "--quick", "--minutes", "0", "--out", str(tmp_path))
    assert "Talk with it" not in result.stdout
    assert "you   >" not in result.stdout

"""Every milestone keeps its word, and would say so if it did not."""

import ast
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]
Claims = Callable[[str], dict[str, float]]

MILESTONES = Path(__file__).parents[1]
ALL = sorted(path.relative_to(MILESTONES).as_posix() for path in MILESTONES.glob("[0-9]*/*.py"))
ON_FILES = {  # test_on_files.py has more about them
    "1986_mlp/mlp_mnist.py",
    "1998_cnn/cnn_fashion.py",
    "1998_cnn/lecun_cifar10.py",
    "1998_cnn/lenet_mnist.py",
    "2017_transformer/vaswani_shakespeare.py",  # test_vaswani_texts.py has
}
SCRIPTS = [script for script in ALL if script not in ON_FILES]
MINUTES = {  # the whole version, as of those that measure: --full
    "2017_transformer/vaswani_chatgpt.py",
    "2017_transformer/vaswani_copilot.py",
}
MEASURING = {  # what these print is measured, and so never the same; test_mlperf.py has more
    "2018_mlperf/baseline_profile.py",
    "2018_mlperf/compression.py",
    "2018_mlperf/generation_speedup.py",
    "2018_mlperf/olympics.py",
}
ON_DIGITS = [
    "1957_perceptron/perceptron_trained.py",
    "1986_mlp/mlp_digits.py",
    "1998_cnn/cnn_digits.py",
]

# What must have been measured at least, whatever the scripts themselves ask for.
LEAST = {
    "1957_perceptron/forward_pass.py": {"cards the perceptron set by hand gets right": (100, 100)},
    "1957_perceptron/perceptron_trained.py": {"unseen digits told apart, 8 from 9": (85, 95)},
    "1969_xor/xor_crisis.py": {
        "points of XOR the best single perceptron gets right": (75, 75),
        "functions of two bits a perceptron can be": (14, 14),
    },
    "1969_xor/xor_solved.py": {
        "points that the network set by hand gets right": (100, 100),
        "points that the trained network gets right": (100, 100),
    },
    "1986_mlp/mlp_digits.py": {"unseen digits read correctly": (90, 96)},
    "1998_cnn/cnn_digits.py": {
        "unseen digits read correctly": (95, 98),
        "the same digits, moved by a pixel": (90, 95),
    },
    "2017_transformer/vaswani_chatgpt.py": {
        "seen questions answered exactly right": (80, 95),
        "unseen wordings answered exactly right": (30, 60),
    },
    "2017_transformer/vaswani_copilot.py": {"tokens foretold in unseen files": (14, 34)},
    "2018_mlperf/compression.py": {"half the channels, times as fast": (1.3, 1.3)},
    "2018_mlperf/generation_speedup.py": {"with the cache, times as fast": (1.5, 5)},
}

NO_TRAINING = """
import tt_tensor, tt_nn.optim, tt_nn.training
tt_tensor.Tensor.backward = missing
tt_nn.optim.Optimizer.__init__ = missing
tt_nn.training.Trainer.__init__ = missing
"""
NO_DIGITS = "import tt_data.datasets\ntt_data.datasets.digits = missing\n"

each_script = pytest.mark.parametrize("script", SCRIPTS)


@pytest.fixture(scope="module")
def quick(run: Run) -> Callable[[str], CompletedProcess[str]]:
    """The quick version of a script with its own seed, run once for all tests."""
    return cache(lambda script: run(script, "--quick"))


def without_times(output: str) -> str:
    return re.sub(r" *(\d+\.\d+ s|[\d,]+ tokens/s)\b", " TIME", output)


def test_the_scripts_are_there() -> None:
    assert set(LEAST) <= set(SCRIPTS)
    assert set(ALL) >= ON_FILES | MEASURING


@each_script
def test_the_claim_holds(
    script: str, quick: Callable[[str], CompletedProcess[str]], claims: Claims
) -> None:
    result = quick(script)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    measured = claims(result.stdout)
    assert measured
    assert "This is the quick version: " in result.stdout
    for what, (least, _) in LEAST.get(script, {}).items():
        assert measured[what] >= least


@pytest.mark.slow
@pytest.mark.parametrize(
    "script",
    [pytest.param(s, marks=[pytest.mark.full] * (s in MINUTES | MEASURING)) for s in SCRIPTS],
)
def test_the_whole_claim_holds(script: str, run: Run, claims: Claims) -> None:
    result = run(script)
    measured = claims(result.stdout)
    assert measured, result.stdout + result.stderr
    for what, (_, least) in LEAST.get(script, {}).items():
        assert measured[what] >= least  # times are printed and not tested
    assert "quick version" not in result.stdout


@each_script
def test_piped_output_is_plain(script: str, quick: Callable[[str], CompletedProcess[str]]) -> None:
    """No escape codes, nothing an old code page lacks, and no line too long for a terminal."""
    output = quick(script).stdout
    assert "\x1b" not in output
    assert "\r" not in output
    assert output.isascii()
    assert max(len(line.rstrip()) for line in output.splitlines()) <= 80


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s not in MEASURING])
def test_the_same_seed_gives_the_same_story(
    script: str, run: Run, quick: Callable[[str], CompletedProcess[str]]
) -> None:
    again = run(script, "--quick", "--seed", "0")
    assert without_times(again.stdout) == without_times(quick(script).stdout)


@each_script
def test_another_seed_gives_another_story_with_the_same_end(
    script: str, run: Run, quick: Callable[[str], CompletedProcess[str]]
) -> None:
    other = run(script, "--quick", "--seed", "3")
    assert other.returncode == 0, other.stdout
    assert without_times(other.stdout) != without_times(quick(script).stdout)


@pytest.mark.parametrize(
    "command",
    [
        "1957_perceptron/forward_pass.py --bias -3",
        "1957_perceptron/perceptron_trained.py --epochs 0",
        "1969_xor/xor_crisis.py --epochs 0",
        "1969_xor/xor_solved.py --epochs 0",
        "1969_xor/xor_solved.py --hidden 1",
        "1986_mlp/mlp_digits.py --epochs 0",
        "1998_cnn/cnn_digits.py --epochs 0",
        "2017_transformer/vaswani_chatgpt.py --minutes 0",
        "2017_transformer/vaswani_copilot.py --steps 1",
    ],
)
def test_a_claim_that_fails_is_told_and_fails_the_program(
    command: str, run: Run, claims: Claims
) -> None:
    result = run(*command.split(), "--quick")
    assert result.returncode == 1
    assert result.stderr == ""
    assert claims(result.stdout)
    assert "IT FAILS." in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        "1957_perceptron/forward_pass.py",
        "1957_perceptron/perceptron_trained.py",
        "1969_xor/xor_crisis.py",
        "1969_xor/xor_solved.py --by-hand",
    ],
)
def test_these_need_no_gradients(command: str, run: Run) -> None:
    """They run before modules 05 to 07 are built."""
    result = run(*command.split(), "--quick", without=NO_TRAINING, error="NotImplementedError")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("script", ["1969_xor/xor_solved.py", *ON_DIGITS[1:]])
def test_these_do(script: str, run: Run) -> None:
    result = run(script, "--quick", without=NO_TRAINING, error="NotImplementedError")
    assert "NotImplementedError" in result.stderr


@pytest.mark.parametrize("script", ON_DIGITS)
def test_without_data_nothing_is_claimed(script: str, run: Run) -> None:
    error = "ValueError('digits.npz: the file is damaged')"
    result = run(script, "--quick", without=NO_DIGITS, error=error)
    assert result.returncode == 1
    assert "the file is damaged" in result.stderr
    assert "help: " in result.stderr
    assert "Traceback" not in result.stderr
    assert "Claim: " not in result.stdout


def test_a_package_that_is_missing_is_named(run: Run) -> None:
    absent = "sys.modules['tt_tensor'] = None"
    result = run("1957_perceptron/forward_pass.py", without=absent, error="")
    assert result.returncode == 1
    assert "needs tt_tensor" in result.stderr
    assert "nox -s milestone -- 1957_perceptron/forward_pass.py" in result.stderr


@pytest.mark.parametrize("script", ALL)
def test_who_stops_it_sees_no_traceback(script: str, run: Run) -> None:
    stopped = f"sys.path.insert(0, {str(MILESTONES)!r})\nimport story\nstory.begin = missing\n"
    result = run(script, without=stopped, error="KeyboardInterrupt")
    assert result.returncode == 130
    assert result.stdout.endswith("\nStopped.\n")
    assert result.stderr == ""


@pytest.mark.parametrize("script", ON_DIGITS)
def test_colours_are_for_terminals_that_want_them(script: str, run: Run) -> None:
    colours = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert "\x1b[" in run(script, "--quick", **colours).stdout
    assert "\x1b" not in run(script, "--quick", **colours, NO_COLOR="1").stdout


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("1986_mlp/mlp_digits.py --epochs -1", "--epochs: expected at least 0, got -1"),
        ("1969_xor/xor_solved.py --hidden x", "--hidden: expected a whole number, got 'x'"),
        ("1957_perceptron/perceptron_trained.py --pair 8 8", "expected two digits, got 8 twice"),
        (
            "2017_transformer/vaswani_chatgpt.py --minutes -1",
            "expected a number of minutes, got -1",
        ),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(command: str, message: str, run: Run) -> None:
    result = run(*command.split())
    assert result.returncode == 2
    assert message in result.stderr


@pytest.mark.parametrize("script", ALL)
def test_the_story_states_the_claim(script: str) -> None:
    """It is what --help and the program itself begin with."""
    story = ast.get_docstring(ast.parse((MILESTONES / script).read_text(encoding="utf-8")))
    assert story
    assert re.match(r"(\d{4}|XOR).*\.\n\n", story)
    assert "\n\nIt claims: " in story

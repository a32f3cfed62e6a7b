"""Every public name of tt_nn has a twin here, or a reason why not."""

import re
import runpy
from pathlib import Path
from types import ModuleType

import pytest

import tt_nn

torch = pytest.importorskip("torch")
expressions = runpy.run_path(str(Path(__file__).parent / "conftest.py"))["expressions"]

SAME = [*expressions("functional.txt"), *expressions("layers.txt"), *expressions("losses.txt")]
_OWN = "PyTorch has nothing of the kind"
_PICKLE = "PyTorch writes pickles, which run what is in them; ours are safetensors"
REASONS = {
    "Module": "twinned by every layer, and in test_modules_twins.py",
    "functional": "its names are listed below",
    "init": "in test_init_twins.py",
    "load": _PICKLE,
    "optim": "in test_optim_twins.py",
    "save": _PICKLE,
    "RotaryEmbedding": "PyTorch has none; against complex numbers in test_rotary_twins.py",
    "SwiGLU": "PyTorch has none; test_swiglu.py",
    "training": _OWN,
    "utils": "clipping is in test_optim_twins.py",
}


def used(namespace: str) -> set[str]:
    """The names that expressions take from ``nn``, ``F`` or ``t``."""
    return {name for line in SAME for name in re.findall(rf"\b{namespace}\.(\w+)", line)}


def test_every_layer_has_a_twin_or_a_reason() -> None:
    assert set(tt_nn.__all__) - used("nn") == REASONS.keys()


def test_every_function_has_a_twin() -> None:
    assert set(tt_nn.functional.__all__) - used("F") == set()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(tt_nn, torch.nn), (tt_nn.functional, torch.nn.functional), (tt_nn.init, torch.nn.init)],
)
def test_the_names_are_pytorchs(ours: ModuleType, theirs: ModuleType) -> None:
    own = (
        {"training", "save", "load", "optim", "RotaryEmbedding", "SwiGLU"}
        if ours is tt_nn
        else set()
    )
    assert [name for name in ours.__all__ if name not in own and not hasattr(theirs, name)] == []

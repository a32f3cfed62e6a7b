"""Initialisations draw from PyTorch's distributions: same bounds, same mean, same spread."""

from typing import Any

import numpy as np
import pytest

import tt_nn
import tt_tensor

torch = pytest.importorskip("torch")

DRAWS = [
    "init.uniform_(w)",
    "init.uniform_(w, -2, 5)",
    "init.normal_(w)",
    "init.normal_(w, 3.0, 0.2)",
    "init.trunc_normal_(w)",
    "init.trunc_normal_(w, 1.0, 2.0, -1.0, 1.5)",
    "init.xavier_uniform_(w)",
    "init.xavier_uniform_(w, gain=2.0)",
    "init.xavier_normal_(w)",
    "init.xavier_normal_(c)",
    "init.kaiming_uniform_(w)",
    "init.kaiming_uniform_(w, a=5**0.5)",
    "init.kaiming_uniform_(c, mode='fan_out', nonlinearity='relu')",
    "init.kaiming_normal_(w)",
    "init.kaiming_normal_(c, 0.2, 'fan_out')",
    "init.kaiming_normal_(w, nonlinearity='tanh')",
    "init.orthogonal_(w)",
    "init.orthogonal_(w.T.contiguous(), gain=3.0)",
    "init.orthogonal_(c)",
]
EXACT = ["init.zeros_(w)", "init.ones_(w)", "init.constant_(w, 0.3)", "init.eye_(w)"]
REFUSED = [
    "init.xavier_uniform_(v)",
    "init.xavier_normal_(v)",
    "init.kaiming_uniform_(v)",
    "init.kaiming_normal_(w, mode='fan')",
    "init.kaiming_normal_(w, nonlinearity='unknown')",
    "init.orthogonal_(v)",
    "init.eye_(v)",
    "init.normal_(w, 0.0, -1.0)",
]


def evaluate(source: str, ours: bool) -> Any:
    t, init = (tt_tensor, tt_nn.init) if ours else (torch, torch.nn.init)
    t.manual_seed(3)
    operands = {"w": t.empty(60, 90), "c": t.empty(40, 10, 3, 4), "v": t.empty(5)}
    return eval(source, {"init": init} | operands)


@pytest.mark.parametrize("source", DRAWS)
def test_the_same_distribution(source: str) -> None:
    ours, theirs = (evaluate(source, ours).numpy() for ours in (True, False))
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    assert ours.std() == pytest.approx(theirs.std(), rel=0.06)
    assert abs(ours.mean() - theirs.mean()) < 6 * theirs.std() / theirs.size**0.5
    levels = (0.0, 0.1, 0.5, 0.9, 1.0) if "uniform" in source or "trunc" in source else (0.1, 0.9)
    spread = theirs.max() - theirs.min()
    found, expected = np.quantile(ours, levels), np.quantile(theirs, levels)
    np.testing.assert_allclose(found, expected, atol=0.05 * spread)


@pytest.mark.parametrize("source", EXACT)
def test_the_same_values(source: str) -> None:
    np.testing.assert_array_equal(evaluate(source, True).numpy(), evaluate(source, False).numpy())


@pytest.mark.parametrize("source", REFUSED)
def test_both_refuse(source: str) -> None:
    for ours in (False, True):
        with pytest.raises((ValueError, RuntimeError)):
            evaluate(source, ours)


@pytest.mark.parametrize(
    ("name", "param"),
    [("linear", None), ("conv2d", None), ("sigmoid", None), ("tanh", None), ("relu", None),
     ("leaky_relu", None), ("leaky_relu", 0.3), ("selu", None), ("unknown", None)],
)  # fmt: skip
def test_the_same_gain(name: str, param: float | None) -> None:
    if name == "unknown":
        for init in (tt_nn.init, torch.nn.init):
            with pytest.raises(ValueError, match=r"unknown|[Uu]nsupported"):
                init.calculate_gain(name)
        return
    expected = torch.nn.init.calculate_gain(name, param)
    assert tt_nn.init.calculate_gain(name, param) == pytest.approx(expected)


def test_every_initialisation_is_here() -> None:
    text = " ".join(DRAWS + EXACT)
    assert [n for n in tt_nn.init.__all__ if n not in text and n != "calculate_gain"] == []

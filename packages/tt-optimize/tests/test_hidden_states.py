"""Hidden states are read by hooks that go away; their loss compares channels with channels."""

from __future__ import annotations

import pytest

from tt_autograd import gradcheck
from tt_models import CNN, MLP
from tt_nn import Module, Sequential
from tt_optimize.hidden_states import HiddenLoss, HiddenStates, evaluating
from tt_tensor import Tensor, float64, ones, randn, zeros


def test_the_states_are_those_of_the_last_call() -> None:
    model = MLP([4, 3, 2])
    with HiddenStates(model, ["layers.0", "layers.1"]) as states:
        model(zeros(1, 4))
        model(ones(5, 4))
        assert (states["layers.0"] == model.layers[0](ones(5, 4))).all()
        assert (states["layers.1"] == states["layers.0"].clamp(min=0)).all()


def test_hooks_go_away_even_after_an_error() -> None:
    model = MLP([4, 3, 2])
    with pytest.raises(ValueError, match="boom"), HiddenStates(model, ["layers.1"]):
        raise ValueError("boom")
    assert not any(vars(module).get("_forward_hooks") for module in model.modules())


def test_of_a_tuple_the_first_is_kept() -> None:
    class Pair(Module):
        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return x + 1, None

    model = Sequential(Pair())
    with HiddenStates(model, ["0"]) as states:
        model(zeros(2))
        assert states["0"].tolist() == [1.0, 1.0]


def test_a_module_must_exist_and_be_called() -> None:
    model = MLP([4, 3, 2])
    with pytest.raises(ValueError, match=r"MLP has no module 'layers\.9'; it has layers, layers"):
        HiddenStates(model, ["layers.9"])
    with (
        HiddenStates(model, ["layers.1"]) as states,
        pytest.raises(RuntimeError, match=r"'layers\.1' was not called"),
    ):
        states["layers.1"]


def test_equal_widths_need_no_projection_and_others_have_one() -> None:
    pairs = {"a": "A", "b": "B"}
    ours = {"a": randn(2, 3, 4, dtype=float64), "b": randn(2, 5, dtype=float64)}
    theirs = {"A": randn(2, 3, 4, dtype=float64), "B": randn(2, 6, dtype=float64)}
    loss = HiddenLoss(pairs, ours, theirs).double()
    assert [tuple(p.shape) for p in loss.parameters()] == [(6, 5)]
    weight = loss.projections[0].weight.detach().numpy()
    first = ((ours["a"].numpy() - theirs["A"].numpy()) ** 2).mean()
    second = ((ours["b"].numpy() @ weight.T - theirs["B"].numpy()) ** 2).mean()
    assert loss(ours, theirs).item() == pytest.approx(first + second)
    a, b = ours["a"].requires_grad_(), ours["b"].requires_grad_()
    assert gradcheck(lambda a, b: loss({"a": a, "b": b}, theirs), (a, b))


def test_images_are_compared_by_channels() -> None:
    small, large = CNN(1, 10, (2, 4)), CNN(1, 10, (3, 6))
    x = randn(2, 1, 4, 4)
    with (
        HiddenStates(small, ["blocks.0"]) as ours,
        HiddenStates(large, ["blocks.0"]) as theirs,
    ):
        small(x), large(x)
        loss = HiddenLoss({"blocks.0": "blocks.0"}, ours.states, theirs.states)
        loss(ours, theirs).backward()
    assert loss.projections[0].weight.shape == (6, 4)
    assert small.stem.weight.grad is not None and large.stem.weight.grad is None


def test_what_differs_in_more_than_channels_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nothing but their channels; got shapes \(2, 3, 4\)"):
        HiddenLoss({"a": "A"}, {"a": zeros(2, 3, 4)}, {"A": zeros(2, 5, 4)})


def test_evaluating_gives_back_every_mode() -> None:
    model = MLP([4, 3, 2])
    model.layers[0].eval()
    with evaluating(model):
        assert not any(module.training for module in model.modules())
    assert model.training and not model.layers[0].training and model.layers[1].training

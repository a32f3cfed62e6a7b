"""``prune`` itself: what it refuses, and that the given model stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tt_models import CNN, GPT, MLP, GPTConfig
from tt_nn import Embedding, LayerNorm, Linear, Module, ReLU, Sequential
from tt_optimize import accelerate, low_rank, prune, quantize, sparsity
from tt_tensor import Tensor, randint, randn

METHODS = ("magnitude", "structured")
CONFIG = GPTConfig(vocab_size=11, block_size=12, n_layer=2, n_head=2, n_embd=16)


def models() -> list[tuple[Module, Tensor]]:
    return [
        (MLP([8, 12, 4]), randn(3, 8)),
        (CNN(1, widths=(4, 6, 8)), randn(3, 1, 8, 8)),
        (GPT(CONFIG), randint(0, 11, (2, 9))),
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("which", [0, 1, 2], ids=["MLP", "CNN", "GPT"])
def test_the_given_model_stays_as_it_is(method: str, which: int) -> None:
    model, x = models()[which]
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    shown = repr(model)
    small = prune(model, amount=0.5, method=method)
    assert repr(model) == shown and model.training and small.training
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])
    ours = {id(tensor) for tensor in (*model.parameters(), *model.buffers())}
    assert not ours & {id(tensor) for tensor in (*small.parameters(), *small.buffers())}
    for value in small.parameters():
        value.data.fill_(7.0)  # the memory is another, too
    for name, value in model.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])
    small(x)


@pytest.mark.parametrize("method", METHODS)
def test_an_amount_of_0_changes_nothing(method: str) -> None:
    for model, x in models():
        same = prune(model.eval(), amount=0.0, method=method)
        assert sparsity(same) == sparsity(model)
        first = same(x)[0] if isinstance(model, GPT) else same(x)
        second = model(x)[0] if isinstance(model, GPT) else model(x)
        assert np.array_equal(first.detach().numpy(), second.detach().numpy())


def test_the_techniques_compose() -> None:
    for model, x in models():
        small = prune(model.eval(), amount=0.5, method="structured")
        small = prune(low_rank(small, ratio=0.9), amount=0.5)
        small = quantize(small)
        out = small(x)[0] if isinstance(model, GPT) else small(x)
        assert np.isfinite(out.numpy()).all() and sparsity(small) > 0.2


def test_without_a_model_it_is_a_step() -> None:
    step = prune(amount=0.75, method="structured")
    assert repr(step) == "prune(amount=0.75, method='structured')"
    assert step(MLP([8, 12, 4])).layers[0].out_features == 3


@pytest.mark.parametrize("amount", [1, 1.0, 1.5, -0.1, float("nan"), True])
def test_an_amount_is_a_share(amount: Any) -> None:
    with pytest.raises(ValueError, match=r"from 0 up to but not 1.*pass 0\.5"):
        prune(MLP([4, 4]), amount=amount)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "random"}, r"'magnitude' or 'structured', got 'random'"),
        ({"scope": "model"}, r"'layer' or 'global', got 'model'"),
        ({"method": "structured", "importance": "luck"}, r"'taylor'; got 'luck'"),
        ({"method": "structured", "units": ["rows"]}, r"channels, neurons, heads; got 'rows'"),
        ({"method": "structured", "importance": "taylor"}, r"pass calibration="),
        ({"method": "structured", "importance": "batch_norm"}, r"needs a batch norm"),
    ],
)
def test_options_that_make_no_sense_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prune(MLP([4, 4, 4]), **options)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_to_prune_is_an_error(method: str) -> None:
    with pytest.raises(ValueError, match=r"found no .* in this Sequential|from this Sequential"):
        prune(Sequential(Embedding(4, 4), LayerNorm(4)), method=method)
    if method == "structured":
        with pytest.raises(ValueError, match=r"put the layers into a Sequential"):
            prune(Sequential(Linear(4, 4), LayerNorm(4), Linear(4, 4)), method=method)


@pytest.mark.parametrize("method", METHODS)
def test_weights_must_be_finite(method: str) -> None:
    model = MLP([4, 4, 4])
    model.layers[2].weight.data[0, 1] = float("nan")
    with pytest.raises(ValueError, match=r"layers\.2\.weight has values that are nan"):
        prune(model, method=method)


@pytest.mark.parametrize("technique", [prune, low_rank])
def test_a_quantized_or_accelerated_model_is_refused_by_name(technique: Any) -> None:
    options = {"ratio": 0.5} if technique is low_rank else {}
    model = Sequential(Linear(8, 8), ReLU(), Linear(8, 8)).eval()
    with pytest.raises(TypeError, match=r"layer '0' is a \w+.*prune, low_rank, quantize"):
        technique(quantize(model), **options)
    with pytest.raises(TypeError, match=r"is a \w+.*keep this order: prune"):
        technique(accelerate(GPT(CONFIG).eval()), **options)
    with pytest.raises(TypeError, match=r"expected a Module"):
        technique(3, **options)

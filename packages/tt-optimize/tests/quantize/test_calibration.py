"""Calibration runs the model on batches, and says what was wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tt_models import GPT, MLP
from tt_nn import Dropout, Linear, Module, Sequential
from tt_optimize import quantize
from tt_optimize.quantize import MinMaxObserver
from tt_tensor import Tensor, cat, from_numpy, ones, randint, randn, tensor


def scales(model: Module) -> dict[str, float]:
    state = model.state_dict()
    return {name: value.item() for name, value in state.items() if name.endswith("input_scale")}


def test_ranges_are_those_of_all_batches_together() -> None:
    model, batches = MLP([4, 3, 2]), [randn(5, 4), randn(2, 4) * 3, randn(1, 4)]
    whole = scales(quantize(model, "static", calibration=cat(batches)))
    assert scales(quantize(model, "static", calibration=batches)) == whole
    assert scales(quantize(model, "static", calibration=iter(batches))) == whole
    labelled = [(batch, ones(len(batch.numpy()))) for batch in batches]
    assert scales(quantize(model, "static", calibration=labelled)) == whole
    x = cat(batches).numpy()
    low, high = min(x.min(), 0), max(x.max(), 0)
    assert whole["layers.0.input_scale"] == pytest.approx((high - low) / 255)


def test_dropout_is_off_and_the_models_mode_stays() -> None:
    model = Sequential(Dropout(0.5), Linear(4, 2)).train()
    x = ones(8, 4)
    assert scales(quantize(model, "static", calibration=[x]))["1.input_scale"] == pytest.approx(
        1 / 255
    )
    assert model.training and model[0].training


def test_outliers_are_cut_by_the_percentile_and_the_mse() -> None:
    model, x = Sequential(Linear(1, 1)), cat([randn(200_000, 1), ones(1, 1) * 15])
    found = {
        name: scales(quantize(model, "static", calibration=[x], observer=name))["0.input_scale"]
        for name in ("minmax", "percentile", "mse")
    }
    assert found["percentile"] < 0.5 * found["minmax"] and found["mse"] < 0.8 * found["minmax"]


def test_an_observer_of_ones_own() -> None:
    class Doubled(MinMaxObserver):
        def range(self) -> tuple[float, float]:
            low, high = super().range()
            return 2 * low, 2 * high

    x = randn(5, 4)
    plain = scales(quantize(MLP([4, 2]), "static", calibration=[x]))
    wide = scales(quantize(MLP([4, 2]), "static", calibration=[x], observer=Doubled))
    assert wide["layers.0.input_scale"] == pytest.approx(2 * plain["layers.0.input_scale"])


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        (
            [randn(2, 4), randn(2, 5)],
            ValueError,
            r"fails on calibration batch 1, of shape \(2, 5\)",
        ),
        ([tensor([[float("nan")] * 4])], ValueError, r"nan or inf"),
        ([np.ones((2, 4))], TypeError, r"must be a Tensor.*got ndarray"),
        ([()], TypeError, r"got tuple"),
        ({"weight": ones(1)}, ValueError, r"no layers\.0\.input_scale; is it of a model"),
    ],
)
def test_bad_batches_are_named(batches: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        quantize(MLP([4, 2]), "static", calibration=batches)


def test_token_ids_of_the_wrong_kind(gpt: GPT) -> None:
    with pytest.raises(ValueError, match=r"fails on calibration batch 0, of shape \(1, 99\)"):
        quantize(gpt, "static", calibration=[randint(0, 11, (1, 99))])
    with pytest.raises(ValueError, match=r"fails on calibration batch 0"):
        quantize(gpt, "static", calibration=[from_numpy(np.full((1, 3), 999))])


def test_a_layer_that_no_batch_reaches_is_named() -> None:
    class Sometimes(Module):
        def __init__(self) -> None:
            super().__init__()
            self.always, self.seldom = Linear(2, 2), Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.seldom(x) if x.shape[0] > 99 else self.always(x)

    with pytest.raises(ValueError, match=r"never reached seldom"):
        quantize(Sometimes(), "static", calibration=[randn(3, 2)])
    quantize(Sometimes(), "static", calibration=[randn(3, 2), randn(100, 2)])
    quantize(Sometimes(), "static", calibration=[randn(3, 2)], skip=["seldom"])

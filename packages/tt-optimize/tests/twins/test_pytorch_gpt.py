"""The report's peers compute what our GPT computes, or their times would mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest

from tt_models import GPT
from tt_optimize.report.gpts import VOCABULARY, fresh_gpt
from tt_optimize.report.pytorch_gpt import Writer, build, write_bare, write_with_modules
from tt_optimize.report.rows.decode import ours
from tt_tensor import randint

torch = pytest.importorskip("torch")


@pytest.fixture
def model() -> GPT:
    return fresh_gpt(layers=2, heads=2, width=32, length=24, seed=0)


def test_the_twin_has_our_logits_and_a_copy_of_our_weights(model: GPT) -> None:
    idx = randint(0, VOCABULARY, (3, 24))
    twin = build(model)
    expected = model(idx)[0].detach().numpy()
    np.testing.assert_allclose(twin(torch.tensor(idx.numpy())).detach(), expected, 1e-4, 1e-4)
    assert twin.lm_head.weight is twin.transformer.wte.weight
    with torch.no_grad():
        twin.lm_head.weight.zero_()
    assert model.lm_head.weight.detach().numpy().any()


@pytest.mark.parametrize("make", [write_with_modules, write_bare])
def test_they_write_the_same_text(model: GPT, make: Callable[[GPT], Writer]) -> None:
    prompt = [3, 1, 4, 1, 5]
    expected = list(islice(ours(model)(prompt), 12))
    write = make(model)
    assert list(islice(write(prompt), 12)) == expected
    assert list(islice(write(prompt), 12)) == expected  # what the cache held is written over

"""The gated feed-forward network is its formula."""

import numpy as np
import pytest

import tt_nn as nn
from tt_tensor import randn


@pytest.mark.parametrize("bias", [False, True])
def test_is_its_formula(bias: bool) -> None:
    layer, x = nn.SwiGLU(4, 6, bias).double(), randn(2, 3, 4).double()
    w = {name: p.detach().numpy() for name, p in layer.named_parameters()}
    assert list(w) == [f"w{i}.{p}" for i in (1, 2, 3) for p in ("weight", "bias")[: 1 + bias]]
    open_, value = (x.numpy() @ w[f"w{i}.weight"].T + w.get(f"w{i}.bias", 0) for i in (1, 3))
    hidden = open_ / (1 + np.exp(-open_)) * value
    expected = hidden @ w["w2.weight"].T + w.get("w2.bias", 0)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, 1e-12)

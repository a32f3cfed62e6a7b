"""The attention layer against heads computed one by one."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
from tt_autograd import gradcheck
from tt_tensor import Tensor, float64, from_numpy, ones, randn, tensor, zeros

T, S, B, E, H = 4, 5, 2, 6, 2
FUTURE = np.triu(np.ones((T, S), bool), 2)
PADDING = np.array([[False] * S, [False, False, True, True, False]])


def layer(**options: Any) -> nn.MultiheadAttention:
    return nn.MultiheadAttention(E, H, dtype=float64, **options)


def inputs(**sizes: int) -> tuple[Tensor, Tensor, Tensor]:
    k, v = sizes.get("kdim", E), sizes.get("vdim", E)
    return (
        randn(T, B, E, dtype=float64),
        randn(S, B, k, dtype=float64),
        randn(S, B, v, dtype=float64),
    )


def by_hand(m: nn.MultiheadAttention, q: Any, k: Any, v: Any, added: Any) -> tuple[Any, Any]:
    """Each text and head alone: outputs (T, B, E), weights (B, H, T, S); ``added`` has theirs."""
    if m.in_proj_weight is not None:
        wq, wk, wv = np.split(m.in_proj_weight.detach().numpy(), 3)
    else:
        wq, wk, wv = (
            w.detach().numpy() for w in (m.q_proj_weight, m.k_proj_weight, m.v_proj_weight)
        )
    bias = np.zeros(3 * E) if m.in_proj_bias is None else m.in_proj_bias.detach().numpy()
    bq, bk, bv = np.split(bias, 3)
    out, weights = np.zeros((T, B, E)), np.zeros((B, H, T, S))
    size = E // H
    for b in range(B):
        for h in range(H):
            part = slice(h * size, (h + 1) * size)
            qh, kh, vh = (
                x[:, b] @ w[part].T + c[part] for x, w, c in ((q, wq, bq), (k, wk, bk), (v, wv, bv))
            )
            scores = qh @ kh.T / math.sqrt(size) + added[b, h]
            p = np.exp(scores)
            total = p.sum(-1, keepdims=True)
            weights[b, h] = p / np.where(total == 0, 1, total)
            out[:, b, part] = weights[b, h] @ vh
    out = out @ m.out_proj.weight.detach().numpy().T
    return out + (0 if m.out_proj.bias is None else m.out_proj.bias.detach().numpy()), weights


def additive(mask: Any) -> Any:
    return np.where(mask, -np.inf, 0.0) if mask.dtype == bool else mask


CASES: dict[str, dict[str, Any]] = {
    "no mask": {},
    "attn_mask": {"attn_mask": FUTURE},
    "added attn_mask": {"attn_mask": np.cos(np.arange(T * S)).reshape(T, S)},
    "attn_mask for each head": {"attn_mask": np.arange(B * H * T * S).reshape(-1, T, S) % 3 == 0},
    "padding": {"key_padding_mask": PADDING},
    "added padding": {"key_padding_mask": np.cos(np.arange(B * S)).reshape(B, S)},
    "both": {"attn_mask": FUTURE, "key_padding_mask": PADDING},
    "a shut row": {"attn_mask": np.array([[False] * S] * (T - 1) + [[True] * S])},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"kdim": 3, "vdim": 4}, {"kdim": 3}])
def test_values(name: str, options: dict[str, Any]) -> None:
    m = layer(**options)
    sizes = {key: n for key, n in options.items() if key != "bias"}
    q, k, v = inputs(**sizes)
    added = np.zeros((B, H, T, S))
    for key, mask in CASES[name].items():
        numbers = additive(mask)
        if key == "key_padding_mask":
            added += numbers[:, None, None]
        else:
            added += numbers if mask.ndim == 2 else numbers.reshape(B, H, T, S)
    expected, weights = by_hand(m, q.numpy(), k.numpy(), v.numpy(), added)
    masks = {key: tensor(mask) for key, mask in CASES[name].items()}
    y, found = m(q, k, v, **masks)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    np.testing.assert_allclose(found.detach().numpy(), weights.mean(1), 1e-10, 1e-12)
    _, each = m(q, k, v, average_attn_weights=False, **masks)
    np.testing.assert_allclose(each.detach().numpy(), weights, 1e-10, 1e-12)
    y, nothing = m(q, k, v, need_weights=False, **masks)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    assert nothing is None


@pytest.mark.parametrize("need_weights", [False, True])
def test_layouts_agree(need_weights: bool) -> None:
    m, first = layer(), layer(batch_first=True)
    first.load_state_dict(m.state_dict())
    q, k, v = inputs()
    y, w = m(q, k, v, need_weights=need_weights)
    z, u = first(*(x.transpose(0, 1) for x in (q, k, v)), need_weights=need_weights)
    np.testing.assert_allclose(z.transpose(0, 1).detach().numpy(), y.detach().numpy(), 1e-12)
    one, one_w = m(q[:, 1], k[:, 1], v[:, 1], need_weights=need_weights)
    np.testing.assert_allclose(one.detach().numpy(), y[:, 1].detach().numpy(), 1e-12)
    if need_weights:
        np.testing.assert_allclose(u.detach().numpy(), w.detach().numpy(), 1e-12)
        np.testing.assert_allclose(one_w.detach().numpy(), w[1].detach().numpy(), 1e-12)
        assert one_w.shape == (T, S)


@pytest.mark.parametrize("batch_first", [False, True])
def test_self_attention_takes_one_product(batch_first: bool) -> None:
    """Query, key and value of one input come from one call of linear, the output from another."""
    from tt_tensor import time_ops, untime_ops

    m, x = layer(batch_first=batch_first), inputs()[0]
    calls: list[str] = []
    time_ops(listener := lambda op, *rest: calls.append(op.name))
    try:
        together, _ = m(x, x, x)
        assert calls.count("linear") == 2
        apart, _ = m(x, x * 1, x * 1)
        assert calls.count("linear") == 6
    finally:
        untime_ops(listener)
    np.testing.assert_allclose(together.detach().numpy(), apart.detach().numpy(), 1e-12)


@pytest.mark.parametrize("need_weights", [False, True])
def test_gradients(need_weights: bool, leaf: Callable[..., Tensor]) -> None:
    m = layer(kdim=3)
    mask, padding = leaf(T, S), tensor(PADDING)

    named = dict(m.named_parameters())

    def function(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, *parameters: Tensor) -> Any:
        for name, parameter in zip(named, parameters, strict=True):
            owner, _, attribute = name.rpartition(".")
            vars(m.get_submodule(owner))[attribute] = parameter  # past the module's check
        results = m(q, k, v, padding, need_weights, mask)
        return [r for r in results if r is not None]

    given = (leaf(T, B, E), leaf(S, B, 3), leaf(S, B, E), mask, *named.values())
    assert gradcheck(function, given)


def test_every_parameter_is_reached() -> None:
    for m in (layer(), layer(kdim=3, vdim=4)):
        sizes = {"kdim": m.kdim, "vdim": m.vdim}
        m(*inputs(**sizes))[0].square().sum().backward()
        for name, parameter in m.named_parameters():
            assert parameter.grad is not None and parameter.grad.any(), name


def test_causality_can_be_promised() -> None:
    m, x = layer(), inputs()[0]
    mask = from_numpy(np.triu(np.ones((T, T), bool), 1))
    plain = m(x, x, x, attn_mask=mask, need_weights=False)[0].detach().numpy()
    for options in ({"need_weights": False}, {"need_weights": True}):
        y = m(x, x, x, attn_mask=mask, is_causal=True, **options)[0]
        np.testing.assert_allclose(y.detach().numpy(), plain, 1e-12)
    with pytest.raises(
        ValueError, match="is_causal promises that attn_mask is causal; pass the mask"
    ):
        m(x, x, x, is_causal=True)


def test_a_single_masked_position() -> None:
    """One text, one query, one key: a mask of one element still counts."""
    m = nn.MultiheadAttention(4, 1)
    x = ones(1, 4)
    y, weights = m(x, x, x, attn_mask=tensor([[True]]))
    assert weights.tolist() == [[0.0]]
    np.testing.assert_allclose(y.detach().numpy(), 0)


def test_dropout_only_in_training() -> None:
    m = layer(dropout=0.5)
    q, k, v = inputs()
    training = [m(q, k, v, need_weights=need)[0].tolist() for need in (True, True, False, False)]
    assert training[0] != training[1] and training[2] != training[3]
    m.eval()
    still = [m(q, k, v, need_weights=need)[0].detach().numpy() for need in (True, False)]
    np.testing.assert_allclose(*still, 1e-12)
    weights = layer(dropout=1.0)(q, k, v)[1]
    assert not weights.any(), "the weights returned are those that were used"


def test_state_and_first_values() -> None:
    m = nn.MultiheadAttention(40, 4)
    names = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    assert list(m.state_dict()) == names
    bound = math.sqrt(6 / (40 + 120))
    values = m.in_proj_weight.detach().numpy()
    assert 0.95 * bound < np.abs(values).max() <= bound
    assert not m.in_proj_bias.any() and not m.out_proj.bias.any()
    assert np.abs(m.out_proj.weight.detach().numpy()).max() <= 1 / math.sqrt(40)
    other = nn.MultiheadAttention(40, 4, bias=False, kdim=3)
    names = ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]
    assert list(other.state_dict()) == names
    assert "num_heads=4" in repr(m)


def test_dtype_is_kept() -> None:
    m, x = nn.MultiheadAttention(E, H), ones(T, B, E)
    mask = zeros(T, T)
    for need in (True, False):
        y, w = m(x, x, x, attn_mask=mask, need_weights=need)
        assert y.dtype == np.float32 and (w is None or w.dtype == np.float32)


def test_errors() -> None:
    m = layer()
    q, k, v = inputs()
    for bad in ((6, 4), (0, 1), (6, 0)):
        with pytest.raises(ValueError, match=f"multiple of num_heads, got {bad[0]} and {bad[1]}"):
            nn.MultiheadAttention(*bad)
    with pytest.raises(ValueError, match="no add_bias_kv"):
        nn.MultiheadAttention(E, H, add_bias_kv=True)
    with pytest.raises(ValueError, match=r"last sizes \(6, 6, 6\).*\(4, 2, 6\), \(5, 2, 3\)"):
        m(q, k[..., :3], v)
    with pytest.raises(ValueError, match="as many keys as values"):
        m(q, k, v[:3])
    with pytest.raises(ValueError, match="one batch size"):
        m(q, k[:, :1], v[:, :1])
    with pytest.raises(ValueError, match="3 dims, or of 2 without a batch"):
        m(q[:, 0], k, v)
    with pytest.raises(ValueError, match="3 dims, or of 2 without a batch"):
        m(q[0, 0], k[0, 0], v[0, 0])
    with pytest.raises(
        ValueError, match=r"attn_mask must have shape \(4, 5\) or \(4, 4, 5\), got \(5, 4\)"
    ):
        m(q, k, v, attn_mask=tensor(FUTURE.T))
    with pytest.raises(
        ValueError, match=r"key_padding_mask must have shape \(2, 5\), got \(5, 2\)"
    ):
        m(q, k, v, key_padding_mask=tensor(PADDING.T))
    with pytest.raises(TypeError, match="attn_mask must be bool or float64, got int64"):
        m(q, k, v, attn_mask=tensor(FUTURE).long())

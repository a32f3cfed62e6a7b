"""Scaled dot-product attention against the formula, with every kind of mask."""

import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import tt_nn.functional as F
from tt_autograd import gradcheck, gradgradcheck
from tt_tensor import Tensor, float16, float32, float64, manual_seed, ones, randn, tensor, zeros

OPEN = np.array([[True, False, True, True], [True] * 4, [False] * 4])  # (T, S), one row shut


def attention(q: Any, k: Any, v: Any, mask: Any = None, scale: float | None = None) -> Any:
    """softmax(q kᵀ · scale + mask) v, a row at a time."""
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = q @ np.swapaxes(k, -1, -2) * scale
    if mask is not None:
        scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
    weights = np.zeros_like(scores)
    for index in np.ndindex(scores.shape[:-1]):
        if np.isfinite(scores[index]).any():
            e = np.exp(scores[index] - scores[index].max())
            weights[index] = e / e.sum()
    return weights @ v


def check(inputs: tuple[Tensor, ...], expected: Any, **options: Any) -> None:
    """The value, and the gradients by finite differences."""
    y = F.scaled_dot_product_attention(*inputs, **options)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-10, 1e-12)
    assert gradcheck(lambda *x: F.scaled_dot_product_attention(*x, **options), inputs)


def arrays(inputs: tuple[Tensor, ...]) -> list[Any]:
    return [x.detach().numpy() for x in inputs]


@pytest.fixture
def qkv(leaf: Callable[..., Tensor]) -> Callable[..., tuple[Tensor, ...]]:
    """Queries (..., 3, 2), keys (..., 4, 2) and values (..., 4, 5)."""
    return lambda *batch: (leaf(*batch, 3, 2), leaf(*batch, 4, 2), leaf(*batch, 4, 5))


@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (1, 2, 2), (0, 2), (2, 0)])
@pytest.mark.parametrize("causal", [False, True])
def test_two_to_five_dims(batch: tuple[int, ...], causal: bool, qkv: Any) -> None:
    inputs = qkv(*batch)
    mask = np.tri(3, 4, dtype=bool) if causal else None
    check(inputs, attention(*arrays(inputs), mask), is_causal=causal)


@pytest.mark.parametrize(("t", "s"), [(2, 5), (5, 2), (1, 4), (4, 1)])
def test_a_causal_mask_is_aligned_at_the_top_left(
    t: int, s: int, leaf: Callable[..., Tensor]
) -> None:
    inputs = (leaf(2, t, 3), leaf(2, s, 3), leaf(2, s, 3))
    check(inputs, attention(*arrays(inputs), np.tri(t, s, dtype=bool)), is_causal=True)


MASKS = {
    "one for all": OPEN,
    "one for each head": np.stack([OPEN, ~OPEN]),
    "one for each text": np.stack([OPEN, ~OPEN])[:, None],
    "one for each": np.stack([OPEN, ~OPEN, OPEN, ~OPEN]).reshape(2, 2, 3, 4),
    "the same keys for all rows": OPEN[:1],
}


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("additive", [False, True])
def test_masks(name: str, additive: bool, qkv: Any) -> None:
    inputs, mask = qkv(2, 2), MASKS[name]
    if additive:
        mask = np.where(mask, np.cos(np.arange(mask.size)).reshape(mask.shape), -np.inf)
    expected = attention(*arrays(inputs), mask)
    check(inputs, expected, attn_mask=tensor(mask))


@pytest.mark.parametrize("shut", [False, True])
def test_a_mask_can_learn(shut: bool, qkv: Any, leaf: Callable[..., Tensor]) -> None:
    bias = leaf(3, 4)
    hidden = tensor(~OPEN) if shut else zeros(3, 4) > 0

    def function(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        mask = bias.masked_fill(hidden, -math.inf)
        return F.scaled_dot_product_attention(q, k, v, mask)

    inputs = (*qkv(2), bias)
    *qkv_, mask = arrays(inputs)
    expected = attention(*qkv_, np.where(hidden.numpy(), -np.inf, mask))
    np.testing.assert_allclose(function(*inputs).detach().numpy(), expected, 1e-10, 1e-12)
    assert gradcheck(function, inputs)


@pytest.mark.parametrize("way", ["bool", "additive", "learned", "dropout"])
def test_a_row_that_may_look_nowhere_gives_0(way: str) -> None:
    x = ones(2, 3, requires_grad=True)
    mask = tensor([[True, True], [False, False]])
    if way != "bool":
        mask = zeros(2, 2).masked_fill(~mask, -math.inf)
        mask.requires_grad = way == "learned"
    y = F.scaled_dot_product_attention(x, x, x, mask, dropout_p=1e-9 * (way == "dropout"))
    assert y[1].tolist() == [0, 0, 0] and y[0].tolist() == [1, 1, 1]
    y.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_scale(qkv: Any) -> None:
    inputs = qkv(2)
    for scale in (0.0, 0.3, -1.0):
        check(inputs, attention(*arrays(inputs), scale=scale), scale=scale)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("causal", [False, True])
def test_groups_of_query_heads(kv_heads: int, causal: bool, leaf: Callable[..., Tensor]) -> None:
    inputs = (leaf(2, 4, 3, 2), leaf(2, kv_heads, 3, 2), leaf(2, kv_heads, 3, 2))
    q, k, v = arrays(inputs)
    k, v = (np.repeat(x, 4 // kv_heads, axis=1) for x in (k, v))
    mask = np.tri(3, 3, dtype=bool) if causal else None
    check(inputs, attention(q, k, v, mask), enable_gqa=True, is_causal=causal)


@pytest.mark.parametrize("kv_heads", [1, 2])
def test_groups_and_masks(kv_heads: int, leaf: Callable[..., Tensor]) -> None:
    """A mask has a part for each query head, whatever they share; the batch broadcasts."""
    inputs = (leaf(2, 4, 3, 2), leaf(1, kv_heads, 4, 2), leaf(2, kv_heads, 4, 5))
    q, k, v = arrays(inputs)
    k, v = (np.repeat(x, 4 // kv_heads, axis=1) for x in (k, v))
    for mask in (OPEN, np.stack([OPEN, ~OPEN, OPEN[::-1], ~OPEN]), np.where(OPEN, 0.3, -np.inf)):
        expected = attention(q, k, v, mask)
        check(inputs, expected, enable_gqa=True, attn_mask=tensor(mask))


def test_keys_and_values_may_have_groups_of_their_own(leaf: Callable[..., Tensor]) -> None:
    inputs = (leaf(4, 3, 2), leaf(2, 4, 2), leaf(1, 4, 5))
    q, k, v = arrays(inputs)
    check(inputs, attention(q, k.repeat(2, 0), v.repeat(4, 0)), enable_gqa=True)


def test_groups_with_dropout_are_differentiated(leaf: Callable[..., Tensor]) -> None:
    def function(*inputs: Tensor) -> Tensor:
        manual_seed(1)
        return F.scaled_dot_product_attention(
            *inputs, dropout_p=0.3, is_causal=True, enable_gqa=True
        )

    assert gradcheck(function, (leaf(2, 4, 3, 2), leaf(2, 2, 3, 2), leaf(2, 2, 3, 2)))


# --- memory ---------------------------------------------------------------------------------------


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def more_bytes(function: Callable[[], Any]) -> tuple[Any, int, int]:
    """What it returns, the bytes that this holds, and the most held meanwhile."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    result = function()
    now, peak = tracemalloc.get_traced_memory()
    return result, now - before, peak - before


@pytest.mark.parametrize(
    "way", ["plain", "causal", "bool mask", "additive mask", "groups", "dropout"]
)
@pytest.mark.parametrize("record", [True, False])
def test_one_buffer_of_t_by_t_is_kept_and_no_second_is_made(
    way: str, record: bool, traced: None
) -> None:
    heads, t, d = 8, 512, 8
    q = randn(heads, t, d, requires_grad=record)
    k, v = (randn(heads // 4 if way == "groups" else heads, t, d) for _ in range(2))
    k.requires_grad = v.requires_grad = record
    mask = {"bool mask": ones(t, t) > 0, "additive mask": zeros(t, t)}.get(way)
    options = {"is_causal": way in ("causal", "groups"), "enable_gqa": way == "groups"}
    options["dropout_p"] = 0.5 * (way == "dropout")
    buffer, few = heads * t * t * 4, heads * t * d * 4

    def attend() -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, mask, **options)

    attend()  # so that what is kept for every call is there already
    y, kept, peak = more_bytes(attend)
    flags = heads * t * t if way == "dropout" else 0  # which weights were kept, a byte each
    assert kept < (buffer + flags if record else 0) + 2 * few, "the weights and the result"
    assert buffer <= peak < 1.3 * buffer + flags + 4 * few
    if record:
        g = ones(*y.shape)
        _, _, peak = more_bytes(lambda: y.backward(g))
        assert peak < 0.3 * buffer + 8 * few, "the gradients, and a piece of T by T at a time"


def test_shared_keys_and_values_are_not_repeated(traced: None) -> None:
    """One new token, many stored: the keys are the large part."""
    q, k, v = randn(1, 16, 1, 64), randn(1, 2, 4096, 64), randn(1, 2, 4096, 64)
    _, _, peak = more_bytes(lambda: F.scaled_dot_product_attention(q, k, v, enable_gqa=True))
    assert peak < k.array.nbytes / 2


def test_a_batch_is_broadcast(leaf: Callable[..., Tensor]) -> None:
    inputs = (leaf(2, 1, 3, 2), leaf(4, 3, 2), leaf(1, 1, 3, 2))
    check(inputs, attention(*arrays(inputs)))


@given(st.permutations(range(4)), st.booleans())
def test_the_order_in_memory_makes_no_difference(order: list[int], causal: bool) -> None:
    """Inputs that are transposed views of memory laid out in any other order."""
    draw = np.random.default_rng(1)
    shape = (2, 3, 4, 5)
    plain = [tensor(draw.standard_normal(shape)).requires_grad_() for _ in range(3)]
    back = np.argsort(order)
    views = [
        tensor(x.detach().numpy().transpose(order).copy()).permute(*back.tolist()).requires_grad_()
        for x in plain
    ]
    results = []
    for inputs in (plain, views):
        y = F.scaled_dot_product_attention(*inputs, is_causal=causal)
        y.square().sum().backward()
        results.append([y.detach().numpy(), *(x.grad.numpy() for x in inputs)])
    for expected, found in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, 1e-12, 1e-12)


@pytest.mark.parametrize(("t", "s"), [(400, 400), (300, 500), (500, 300), (1, 40000), (130, 700)])
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("way", ["causal", "plain", "mask"])
def test_large_ones_are_computed_in_pieces(t: int, s: int, heads: int, way: str) -> None:
    """Rows of one head, without the columns after them, give what the whole would."""
    draw = np.random.default_rng(0)
    shapes = ((1, 4, t, 3), (1, heads, s, 3), (1, heads, s, 2))
    q, k, v = (draw.standard_normal(shape) for shape in shapes)
    mask = {"causal": np.tri(t, s, dtype=bool), "mask": draw.random((t, s)) < 0.5}.get(way)
    inputs = [tensor(x).requires_grad_() for x in (q, k, v)]
    options = {"is_causal": True} if way == "causal" else {}
    if way == "mask":
        options = {"attn_mask": tensor(mask)}
    y = F.scaled_dot_product_attention(*inputs, enable_gqa=True, **options)
    repeated = [x.repeat(4 // heads, 1) for x in (k, v)]
    expected = attention(q, *repeated, mask)
    np.testing.assert_allclose(y.detach().numpy(), expected, 1e-9, 1e-12)
    g = draw.standard_normal(y.shape)
    y.backward(tensor(g))
    scores = q @ repeated[0].swapaxes(-1, -2) / math.sqrt(3)
    scores = scores if mask is None else np.where(mask, scores, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    dp = g @ repeated[1].swapaxes(-1, -2)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) / math.sqrt(3)
    grads = [ds @ repeated[0]]
    for product in (ds.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g):
        grads.append(product.reshape(1, heads, 4 // heads, s, -1).sum(2))
    for x, expected in zip(inputs, grads, strict=True):
        np.testing.assert_allclose(x.grad.numpy(), expected, 1e-8, 1e-11)


def test_nothing_to_look_at_and_nobody_to_look() -> None:
    y = F.scaled_dot_product_attention(ones(2, 3, 4), ones(2, 0, 4), ones(2, 0, 5))
    assert y.tolist() == zeros(2, 3, 5).tolist()
    assert F.scaled_dot_product_attention(ones(2, 0, 4), ones(2, 3, 4), ones(2, 3, 5)).shape == (
        2,
        0,
        5,
    )


@pytest.mark.parametrize("dtype", [float64, float32, float16])
def test_dtype_is_kept(dtype: Any) -> None:
    q = randn(2, 3, 4, dtype=dtype)
    for options in (
        {},
        {"is_causal": True},
        {"attn_mask": tensor(OPEN[:, :3])},
        {"dropout_p": 0.5},
    ):
        assert F.scaled_dot_product_attention(q, q, q, **options).dtype == dtype


def test_large_scores_do_not_overflow() -> None:
    x = (ones(2, 3, 4) * 1e18).requires_grad_()
    y = F.scaled_dot_product_attention(x, x, ones(2, 3, 4))
    assert y.tolist() == ones(2, 3, 4).tolist()


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"attn_mask": ones(20, 30) > 0}])
def test_dropout_drops_weights(options: dict[str, Any]) -> None:
    """With equal scores every weight is equal; what is left of 1 shows how many were dropped."""
    q, k, v = zeros(500, 20, 2), zeros(500, 30, 2), ones(500, 30, 1)
    y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.25, **options).numpy()
    assert y.mean() == pytest.approx(1, abs=0.02)
    assert y.std() > 0.01
    if not options:
        kept = y * 0.75 * 30
        np.testing.assert_allclose(kept, np.round(kept), atol=1e-3)


def test_dropout_is_differentiated(qkv: Any) -> None:
    def function(*inputs: Tensor) -> Tensor:
        manual_seed(1)
        return F.scaled_dot_product_attention(*inputs, dropout_p=0.3, is_causal=True)

    assert gradcheck(function, qkv(2))
    assert gradcheck(function, qkv())


def test_dropout_with_a_mask_that_learns(qkv: Any, leaf: Callable[..., Tensor]) -> None:
    def function(*inputs: Tensor) -> Tensor:
        manual_seed(1)
        return F.scaled_dot_product_attention(*inputs, dropout_p=0.3)

    assert gradcheck(function, (*qkv(2), leaf(3, 4)))
    assert gradgradcheck(function, (*qkv(2), leaf(3, 4)))


def test_everything_may_be_dropped() -> None:
    q = randn(2, 3, 4, requires_grad=True)
    y = F.scaled_dot_product_attention(q, q, q, dropout_p=1.0)
    y.sum().backward()
    assert not y.any() and not q.grad.any()


def test_a_second_derivative_is_refused(qkv: Any) -> None:
    with pytest.raises(RuntimeError, match="attention can be differentiated only once"):
        gradgradcheck(F.scaled_dot_product_attention, qkv(2))


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (
            ((3, 2), (4, 3), (4, 5)),
            r"expected query \(\.\.\., T, D\).*got \(3, 2\), \(4, 3\), \(4, 5\)",
        ),
        (((3, 2), (4, 2), (5, 5)), r"got \(3, 2\), \(4, 2\), \(5, 5\)"),
        (((3,), (3,), (3,)), r"got \(3,\), \(3,\), \(3,\)"),
    ],
)
def test_wrong_shapes(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        F.scaled_dot_product_attention(*(ones(shape) for shape in shapes))


def test_other_errors() -> None:
    x = ones(2, 4, 3, 2)
    attend = F.scaled_dot_product_attention
    with pytest.raises(ValueError, match="attn_mask or is_causal, not both"):
        attend(x, x, x, ones(3, 3) > 0, is_causal=True)
    with pytest.raises(TypeError, match="one floating dtype, got float64, float32 and float32"):
        attend(x.double(), x, x)
    with pytest.raises(TypeError, match="must be bool or float32, got int64"):
        attend(x, x, x, tensor([[1, 1, 0]]))
    with pytest.raises(TypeError, match="must be bool or float32, got float64"):
        attend(x, x, x, zeros(3, 3, dtype=float64))
    with pytest.raises(ValueError, match="4 query heads cannot share 3 key and value heads"):
        attend(x, x[:, :3], x[:, :3], enable_gqa=True)
    with pytest.raises(ValueError, match="4 query heads cannot share 0 key and value heads"):
        attend(x, x[:, :0], x[:, :0], enable_gqa=True)
    with pytest.raises(ValueError, match="enable_gqa needs heads"):
        attend(x[0, 0], x[0, 0], x[0, 0], enable_gqa=True)
    for p in (-0.1, 1.5):
        with pytest.raises(ValueError, match=f"dropout_p must lie in 0 to 1, got {p}"):
            attend(x, x, x, dropout_p=p)

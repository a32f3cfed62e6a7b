"""Every operation that tt_nn adds to the table of rules, on the samples listed here.

An operation without samples fails. A fused kernel must equal its definition in plain operations, in
values and in gradients; every rule must equal the finite differences, and so must the rule's own
gradient; dtypes are kept; memory order makes no difference; nothing writes into what it is given.
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
import pytest

import tt_nn.functional  # noqa: F401  registers the operations
from tt_autograd import grad, gradcheck, gradgradcheck
from tt_autograd.rule import Rules, table
from tt_tensor import Op, Tensor, apply, from_numpy, ops


class Sample(NamedTuple):
    """The inputs of one call, of which the floating ones get gradients, and its parameters."""

    op: str
    inputs: tuple[Any, ...]
    params: dict[str, Any]
    constant: tuple[int, ...] = ()  # floating inputs that have no gradient


def wave(*shape: int, phase: float = 0.0) -> Any:
    return 1.5 * np.sin(np.arange(np.prod(shape)) * 1.7 + 0.3 + phase).reshape(shape)


def sample(op: str, *inputs: Any, constant: tuple[int, ...] = (), **params: Any) -> Sample:
    return Sample(op, inputs, params, constant)


X, V = wave(3, 4), wave(4, phase=1)
Q, K, U = wave(2, 3, 5, 2), wave(2, 3, 4, 2, phase=1), wave(2, 3, 4, 3, phase=2)
MASK = np.array([[True, False, True, True]] * 4 + [[False] * 4])
ROW_WEIGHTS = np.array([0.5, 0.0, 1.5])
IDS = np.array([[0, 2, 2], [1, 0, 2]])
SDPA = "scaled_dot_product_attention"
IMAGES, KERNELS = wave(2, 4, 5, 4), wave(6, 2, 3, 2, phase=1)
PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
UNEVEN = {"stride": (2, 1), "padding": ((1, 1), (0, 1)), "dilation": (1, 2), "groups": 2}
HALVES = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1)}
OVERLAP = {"kernel": (3, 2), "stride": (1, 2), "padding": (1, 1), "dilation": (1, 1)}
SPREAD = {"kernel": (2, 3), "stride": (2, 1), "padding": (1, 0), "dilation": (2, 1)}

SAMPLES = [
    *(sample("gelu", x, approximate=a) for x in (X, V, X[:0]) for a in ("none", "tanh")),
    *(sample("silu", x) for x in (X, V, X[:0])),
    *(sample(op, X, dim=dim) for op in ("softmax", "log_softmax") for dim in (0, 1, -1)),
    *(sample(op, wave(2, 3, 4), dim=1) for op in ("softmax", "log_softmax")),
    sample("log_sigmoid", X),
    sample("log_sigmoid", V * 30),
    sample("binary_cross_entropy", np.abs(wave(3, 4)) / 2 + 0.1, np.abs(X) / 2),
    sample("linear", X, wave(5, 4)),
    sample("linear", X, wave(5, 4), wave(5)),
    sample("linear", wave(2, 3, 4), wave(5, 4), wave(5)),
    sample("linear", V, wave(5, 4), wave(5)),
    sample("linear", X[:0], wave(5, 4), wave(5)),
    sample("embedding", X, IDS, padding_idx=None),
    sample("embedding", X, IDS, padding_idx=2),
    sample("embedding", X, IDS[0, 0], padding_idx=None),
    sample("embedding", X, IDS[:0], padding_idx=1),
    sample("layer_norm", X, dims=1, eps=1e-5),
    sample("layer_norm", X, V, dims=1, eps=1e-5),
    sample("layer_norm", X, V, V + 1, dims=1, eps=0.1),
    sample("layer_norm", wave(2, 3, 4), X, X + 1, dims=2, eps=1e-5),
    sample("layer_norm", X[:0], V, V, dims=1, eps=1e-5),
    *(
        sample("cross_entropy", X, np.array([1, 0, 3]), ROW_WEIGHTS, constant=(2,), smoothing=s)
        for s in (0.0, 0.1, 1.0)
    ),
    sample("cross_entropy", X[:0], IDS[:0, 0], ROW_WEIGHTS[:0], constant=(2,), smoothing=0.0),
    *(
        sample("rotary", wave(2, 3, 4), X[:, :2], X[:, 2:], constant=(1, 2), interleaved=flag)
        for flag in (False, True)
    ),
    sample("rotary", X[:0], X[:0, :2], X[:0, 2:], constant=(1, 2), interleaved=True),
    *(sample("conv2d", IMAGES, k, **PLAIN) for k in (wave(3, 4, 3, 2), wave(3, 4, 1, 1))),
    sample("conv2d", IMAGES, wave(3, 4, 5, 4), wave(3), **PLAIN),
    sample("conv2d", IMAGES, KERNELS, wave(6), **UNEVEN),
    sample("conv2d", IMAGES, wave(4, 1, 2, 2), wave(4), **UNEVEN | {"groups": 4}),
    sample("conv2d", IMAGES[:0], KERNELS, wave(6), **UNEVEN),
    *(sample("max_pool2d", IMAGES, **w, ceil_mode=c) for w in (HALVES, SPREAD) for c in (0, 1)),
    sample("max_pool2d", IMAGES, **OVERLAP, ceil_mode=False),
    sample("max_pool2d", IMAGES[:0], **OVERLAP, ceil_mode=False),
    *(
        sample("avg_pool2d", IMAGES, **w, ceil_mode=c, include_pad=i, divisor=d)
        for w in (HALVES, OVERLAP)
        for c, i, d in ((False, True, None), (True, False, None), (True, True, 5))
    ),
    sample("avg_pool2d", IMAGES[:0], **HALVES, ceil_mode=False, include_pad=True, divisor=None),
    *(
        sample("batch_norm", x, *(wave(x.shape[1], phase=p) for p in range(n)), eps=0.1)
        for x in (X, wave(3, 2, 4), IMAGES)
        for n in range(3)
    ),
    sample(SDPA, Q, K, U, causal=False, scale=0.7),
    sample(SDPA, Q, K, U, causal=True, scale=0.7),
    sample(SDPA, Q, K, U, MASK, causal=False, scale=0.7),
    sample(SDPA, Q, K, U, np.where(MASK, 0.5, -np.inf), constant=(3,), causal=False, scale=0.7),
    sample(SDPA, Q[0, 0], K[0, 0], U[0, 0], causal=True, scale=0.7),
]


def ours(rules: Rules) -> bool:
    """Whether tt_nn wrote the rules."""
    functions = (rules.joint, *rules.each)
    return any(f is not None and f.__module__.startswith("tt_nn") for f in functions)


OPS: dict[str, Op] = {op.name: op for op, rules in table.items() if ours(rules)}
EACH = [
    pytest.param(s, id=f"{s.op}-{n}-{'-'.join(map(str, s.params.values()))}")
    for n, s in enumerate(SAMPLES)
]
FUSED = [case for case in EACH if table[OPS[case.values[0].op]].definition is not None]  # type: ignore[union-attr]
SMOOTH = [case for case in EACH if case.values[0].params.get("padding_idx") != 2]  # type: ignore[union-attr]
each = pytest.mark.parametrize("case", EACH)
each_smooth = pytest.mark.parametrize("case", SMOOTH)  # the row for padding has no gradient


def tensors(case: Sample, dtype: Any = np.float64, order: Any = np.copy) -> list[Any]:
    """The inputs as Tensors; the floating ones are leaves unless they are constant."""
    made = []
    for n, x in enumerate(case.inputs):
        floating = x.dtype.kind == "f"
        tensor = from_numpy(order(x.astype(dtype) if floating else np.array(x)))
        made.append(tensor.requires_grad_() if floating and n not in case.constant else tensor)
    return made


def call(case: Sample, inputs: list[Any]) -> Tensor:
    return apply(OPS[case.op], *inputs, **case.params)


def gradients(case: Sample, inputs: list[Any], defined: bool = False) -> list[Any]:
    """Of a weighted sum of the results, by the leaves."""
    run = table[OPS[case.op]].definition if defined else None
    out = call(case, inputs) if run is None else run(*inputs, **case.params)
    start = from_numpy(np.cos(np.arange(out.numel()) + 1.0).reshape(out.shape).astype(out.dtype))
    leaves = [x for x in inputs if x.requires_grad]
    return [g.numpy() for g in grad([out], leaves, [start])]


def as_function(case: Sample) -> tuple[Any, list[Any]]:
    inputs = tensors(case)
    places = [n for n, x in enumerate(inputs) if x.requires_grad]

    def function(*leaves: Tensor) -> Tensor:
        given = list(inputs)
        for place, leaf in zip(places, leaves, strict=True):
            given[place] = leaf
        return call(case, given)

    function.__name__ = case.op
    return function, [inputs[n] for n in places]


def strided(x: Any) -> Any:
    """The same numbers, each two places from the next, in column-major order."""
    wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype, order="F")
    view = wide[(..., *(slice(None, None, 2) for _ in x.shape))]
    view[...] = x
    return view


def test_every_operation_has_samples_and_every_sample_an_operation() -> None:
    assert {case.op for case in SAMPLES} == OPS.keys()


def test_no_rule_escapes_both_lists_of_samples() -> None:
    """tt-autograd's tests have samples for each op of ``tt_tensor.ops``, these for all others."""
    below = {op for name in ops.__all__ if isinstance(op := getattr(ops, name), Op)}
    others = {op for op in table.keys() - below if type(op) is Op and from_a_package(table[op])}
    assert others == set(OPS.values())


def from_a_package(rules: Rules) -> bool:
    """Whether a rule is one of our packages', and not one that a test or an example wrote."""
    functions = (rules.joint, *rules.each)
    return any(f is not None and f.__module__.startswith("tt_") for f in functions)


def test_only_attention_cannot_be_differentiated_twice() -> None:
    once = [op.name for op in OPS.values() if table[op].fused and table[op].definition is None]
    assert once == [SDPA]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", FUSED)
def test_a_fused_kernel_computes_its_definition(case: Sample, dtype: Any) -> None:
    inputs = tensors(case, dtype)
    definition = table[OPS[case.op]].definition
    assert definition is not None
    expected = definition(*inputs, **case.params)
    out = call(case, inputs)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    assert out.dtype == expected.dtype == dtype
    np.testing.assert_allclose(
        out.detach().numpy(), expected.detach().numpy(), tolerance, tolerance
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", FUSED)
def test_a_fused_rule_gives_its_definitions_gradients(case: Sample, dtype: Any) -> None:
    inputs = tensors(case, dtype)
    tolerance = 1e-12 if dtype is np.float64 else 1e-5
    for g, expected in zip(gradients(case, inputs), gradients(case, inputs, True), strict=True):
        np.testing.assert_allclose(g, expected, tolerance, tolerance)


@each_smooth
def test_gradients_are_the_finite_differences(case: Sample) -> None:
    function, leaves = as_function(case)
    assert gradcheck(function, leaves, atol=1e-7, rtol=1e-5)


@each_smooth
def test_second_derivatives_are_the_finite_differences(case: Sample) -> None:
    function, leaves = as_function(case)
    if case.op == SDPA:
        with pytest.raises(RuntimeError, match=f"{SDPA} can be differentiated only once"):
            gradgradcheck(function, leaves)
    else:
        assert gradgradcheck(function, leaves, atol=1e-6, rtol=1e-4)


@each
def test_float32_stays_float32(case: Sample) -> None:
    inputs = tensors(case, np.float32)
    assert call(case, inputs).dtype == np.float32
    for g, exact in zip(gradients(case, inputs), gradients(case, tensors(case)), strict=True):
        assert g.dtype == np.float32
        np.testing.assert_allclose(g, exact, 1e-4, 1e-5)


@each
def test_memory_order_makes_no_difference(case: Sample) -> None:
    plain, other = tensors(case), tensors(case, order=strided)
    out, expected = (call(case, inputs).detach().numpy() for inputs in (other, plain))
    np.testing.assert_allclose(out, expected, 1e-12, 1e-12)
    for g, exact in zip(gradients(case, other), gradients(case, plain), strict=True):
        np.testing.assert_allclose(g, exact, 1e-12, 1e-12)


@each
def test_each_gradient_alone_is_what_it_is_among_all(case: Sample) -> None:
    """Rules compute only what is needed; that must not change it."""
    together = gradients(case, tensors(case))
    leaves = [n for n, x in enumerate(tensors(case)) if x.requires_grad]
    for keep in itertools.chain.from_iterable(
        itertools.combinations(range(len(leaves)), size) for size in range(1, len(leaves))
    ):
        inputs = tensors(case)
        for position, n in enumerate(leaves):
            if position not in keep:
                inputs[n] = inputs[n].detach()
        for position, g in zip(keep, gradients(case, inputs), strict=True):
            np.testing.assert_allclose(g, together[position], 1e-12, 1e-12)


@each
def test_nothing_writes_into_its_inputs(case: Sample) -> None:
    inputs = tensors(case)
    before = [x.detach().numpy().copy() for x in inputs]
    gradients(case, inputs)
    for x, old in zip(inputs, before, strict=True):
        np.testing.assert_array_equal(x.detach().numpy(), old)

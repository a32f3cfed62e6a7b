"""Random programs with views, in-place changes and detours: never a silently wrong gradient.

Each program is a list of steps on a pool of tensors. Where both frameworks give gradients they
must agree; each may refuse what the other follows (we refuse to rewrite the history of views).
"""

from typing import Any

import numpy as np
import pytest

import tt_autograd
import tt_tensor

torch = pytest.importorskip("torch")

STEPS = [
    "{a} * {b}",
    "{a} + {b}",
    "{a} - 0.5",
    "{a}.sigmoid()",
    "{a}.tanh()",
    "{a}.square()",
    "{a}.exp().clamp(max=3.0)",
    "t.maximum({a}, {b})",
    "t.where({a} > 0, {a}, {b})",
    "{a} @ {b}",
    "{a}.T",
    "{a}.view(4).view(2, 2)",
    "{a}[:, [1, 0]]",
    "{a}.flip(0)",
    "t.cat([{a}[:1], {b}[1:]])",
    "{a}.detach() * {b}",
    "{a}.detach()",
    "{a}.clone()",
    "{a}.sum(0, keepdim=True) + {b}",
    "{a}.unbind(0)[1] + {b}",
    "{a}.expand(2, 2) * 1",
    "{a}.add_({b})",
    "{a}.mul_({b})",
    "{a}.mul_(0.5)",
    "{a}.sigmoid_()",
    "{a}.zero_()",
    "{a}.copy_({b})",
    "row({a})",
    "{a}.T.add_({b})",
    "set({a}, 0, {b}[1])",
    "set({a}, (slice(None), 1), 0.5)",
    "set({a}, {a} > 0.5, 0.1)",
    "quietly({a}, {b})",
]
NAMES = "abdefghi"


def make_program(seed: int) -> list[str]:
    """Some ten steps, each with operands that exist by then."""
    draw = np.random.default_rng(seed)
    pool, lines = ["p", "q", "c"], []
    for name in NAMES + NAMES.upper():
        step = STEPS[draw.integers(len(STEPS))]
        a, b = (pool[draw.integers(max(0, len(pool) - 6), len(pool))] for _ in range(2))
        lines.append(f"{name} = {step.format(a=a, b=b)}")
        pool.append(name)
    return lines[: 5 + int(draw.integers(8))]


def run(program: list[str], t: Any, ag: Any, dtype: Any) -> Any:
    """The result and the gradients by p and q, or None if the framework refuses."""

    def set_(x: Any, index: Any, value: Any) -> Any:
        x[index] = value
        return x

    def row(x: Any) -> Any:
        x[0].mul_(2)
        return x

    def quietly(x: Any, y: Any) -> Any:
        with ag.no_grad():
            x.add_(y)
        return x

    p = t.tensor([[0.3, -0.7], [0.9, 0.2]], dtype=dtype, requires_grad=True)
    q = t.tensor([[-0.4, 0.6], [0.1, -0.8]], dtype=dtype, requires_grad=True)
    c = t.tensor([[0.5, 1.5], [-1.0, 0.25]], dtype=dtype)
    names = {"t": t, "p": p, "q": q, "c": c, "set": set_, "row": row, "quietly": quietly}
    total = (p * q).sum()
    try:
        for line in program:
            exec(line, names)
        for i, name in enumerate(n for n in names if n in NAMES + NAMES.upper()):
            total = total + (names[name] * (0.3 + 0.1 * i)).sum()
        total.backward()
    except RuntimeError:
        return None
    return total.item(), [g if g is None else g.tolist() for g in (p.grad, q.grad)]


@pytest.mark.parametrize("block", range(10))
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices
def test_programs(block: int) -> None:
    compared = 0
    for seed in range(block * 150, block * 150 + 150):
        program = make_program(seed)
        ours = run(program, tt_tensor, tt_autograd, tt_tensor.float64)
        theirs = run(program, torch, torch.autograd, torch.float64)
        if ours is None or theirs is None:
            continue
        compared += 1
        text = "\n".join(program)
        assert ours[0] == pytest.approx(theirs[0], rel=1e-9, abs=1e-9), text
        for mine, expected in zip(ours[1], theirs[1], strict=True):
            np.testing.assert_allclose(mine, expected, 1e-7, 1e-9, err_msg=text)
    assert compared > 15, "programs that both run"

"""Random calls of single operations: shapes with 0 and 1, dims from both ends, other memory orders.

What PyTorch computes is computed here, with the same dtype, shape, values and gradients. (What it
refuses may be allowed here; errors.txt says what may not.)
"""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tt_autograd  # noqa: F401  switches gradients on
import tt_tensor

torch = pytest.importorskip("torch")

TWINS = Path(__file__).parents[3] / "tt-tensor" / "tests" / "twins"
_shared = runpy.run_path(str(TWINS / "conftest.py"))
plain, agree = _shared["plain"], _shared["agree"]

# x and y have dims that broadcast; d, e are dims; n is a small number; k positions, m a mask
ELEMENTWISE = """
    x+y x-y x*y x/y x.detach()//2 x%y.abs() x**2 y**3 2-x 1/x t.maximum(x,y) t.minimum(x,y)
    t.atan2(x,y)
    x<y x>=y x==y x.exp() x.abs() x.sign() x.floor() x.ceil() x.round() x.trunc() x.tanh() x.relu()
    x.sigmoid() x.erf() x.sin() x.atan() x.square() x.clamp(-1,1) x.clamp(min=0.5) x.expm1()
    x.abs().sqrt() (x.abs()+1).log() t.where(m,x,y) t.where(m,x,0.5) x.masked_fill(m,2)
    x.lerp(y,0.3) x.addcmul(x,y) x.isnan() x.logical_and(y) x.long()+y x.float()*y x.half().float()
"""
REDUCTIONS = """
    x.sum(d) x.sum(dim=d,keepdim=True) x.mean(d) x.mean() x.var(d,correction=0) x.std() x.amax(d)
    x.amin(dim=d,keepdim=True) x.max(d).values x.min(d,True).indices x.argmax(d) x.argmin()
    x.prod(d) x.cumsum(d) x.cumprod(d) x.logsumexp(d) x.norm(2,d) x.norm(1,d,True) x.any(d)
    x.all(dim=d,keepdim=True) x.sum((d,e)) x.mean((d,e)) x.amax((d,e)) x.count_nonzero(d)
    x.sort(dim=d,stable=True) x.argsort(dim=d,stable=True,descending=True)
"""
SHAPES = """
    x.transpose(d,e) x.movedim(d,e) x.flatten(d,e) x.squeeze(d) x.squeeze() x.unsqueeze(d) x.flip(d)
    x.roll(n,d) x.unbind(d) x.chunk(3,d) x.split(2,d) x.split(1,d) x.select(d,-1) x.narrow(d,0,1)
    x.repeat_interleave(n,d) x.tile(n) x.tile((n,2)) x.expand(2,*x.shape) x.reshape(-1) x.T
    x.contiguous().view(-1) x.unflatten(d,(1,-1)) x.tril(n-1) x.triu(n-1) x.diagonal(n-1,d,e)
    t.diag(x,n-1) t.trace(x) t.cat([x,x],d) t.stack([x,x],d) t.cat([x,y],d) t.hstack([x,x])
    t.vstack([x,x]) x[...,None] x[None,:,0] x[0] x[-1:] x[...,::2] x[k%x.shape[0]] x[:,k%x.shape[1]]
    x[...,k%x.shape[-1]] x[k%x.shape[0],:,0] x[0,...,k%x.shape[-1]] x[m] x.masked_select(m)
    x.index_select(d,k) x.index_add(d,k,x.index_select(d,k))
    x.gather(d,x.argsort(dim=d,stable=True)) x.scatter(d,x.argsort(dim=d,stable=True),x)
    x.scatter_add(d,x.argsort(dim=d,stable=True),x*2) x.take_along_dim(x.argmax(d,keepdim=True),d)
    x@x.mT x.mT@x t.matmul(x,y) t.einsum('...i,...i->...',x,x) x.broadcast_to((2,*x.shape))
"""


def operands(seed: int) -> dict[str, Any]:
    """Arrays and numbers for one call."""
    draw = np.random.default_rng(seed)
    sizes = tuple(draw.choice([0, 1, 2, 3, 4], draw.integers(0, 5), p=[0.06, 0.24, 0.3, 0.2, 0.2]))
    shape = tuple(int(n) for n in sizes)
    other = tuple(1 if draw.random() < 0.3 else n for n in shape)
    d, e = (int(draw.integers(-len(shape), len(shape))) if shape else -1 for _ in range(2))
    return {
        "x": np.round(draw.standard_normal(shape) * 3, draw.integers(0, 3)),
        "y": np.round(draw.standard_normal(other[draw.integers(0, len(other) + 1) :]) * 3, 1),
        "m": np.asarray(draw.random(shape) > 0.5),
        "k": np.asarray(draw.integers(0, 2, draw.integers(0, 4))),
        "d": d,
        "e": e,
        "n": int(draw.integers(0, 4)),
        "order": int(draw.integers(0, 3)),
    }


def laid_out(x: Any, order: int) -> Any:
    """The same numbers, as they are or in another order in memory."""
    if order == 1 and x.ndim > 1:
        return x.transpose(0, -1).contiguous().transpose(0, -1)
    return x.expand(1, *x.shape)[0] if order == 2 else x


def outcome(code: str, given: dict[str, Any], t: Any) -> Any:
    """The results and the gradients of a weighted sum of them."""
    leaves = [t.tensor(given[name]).requires_grad_() for name in ("x", "y")]
    names = {**given, "t": t, "x": laid_out(leaves[0], given["order"]), "y": leaves[1]}
    names |= {name: t.tensor(given[name]) for name in ("m", "k")}
    result = eval(code, names)
    outputs = result if isinstance(result, (tuple, list)) else [result]
    total = t.zeros((), dtype=t.float64)
    for o in outputs:
        if o.requires_grad:
            weight = np.cos(np.arange(o.numel()) + 1.0).reshape(tuple(o.shape))
            total = total + (o.to(t.float64) * t.tensor(weight)).sum()
    if total.requires_grad:
        total.backward()
    return plain(result), [None if x.grad is None else plain(x.grad) for x in leaves]


CALLS = [
    pytest.param(code, number, id=code)
    for number, code in enumerate([*ELEMENTWISE.split(), *REDUCTIONS.split(), *SHAPES.split()])
]


@pytest.mark.parametrize(("code", "number"), CALLS)
@pytest.mark.filterwarnings("ignore")  # PyTorch's own notices
def test_what_pytorch_computes(code: str, number: int) -> None:
    compared = 0
    for seed in range(number * 1000, number * 1000 + 60):
        given = operands(seed)
        try:
            expected, gradients = outcome(code, given, torch)
        except (RuntimeError, IndexError, ValueError, TypeError):
            continue
        compared += 1
        text = f"{code} with {given}"
        try:
            ours, found = outcome(code, given, tt_tensor)
            agree(ours, expected, 1e-6, 1e-7)
            for mine, theirs in zip(found, gradients, strict=True):
                assert (mine is None) == (theirs is None)
                if theirs is not None:
                    agree(mine, theirs, 1e-5, 1e-6)
        except Exception as error:
            raise AssertionError(text) from error
    assert compared > 2, "calls that PyTorch takes"

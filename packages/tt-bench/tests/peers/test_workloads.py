"""The workloads, on our side: they compute what they say, and training lowers the loss."""

import itertools

import numpy as np
import pytest

from tt_bench import peers
from tt_bench.peers.workloads import initialise
from tt_tensor import Op, listen, unlisten

TT = peers.load_framework("tt")
TINY, CHAIN, MLP, GPT = peers.WORKLOADS


def test_names_are_unique() -> None:
    assert len({workload.name for workload in peers.WORKLOADS}) == len(peers.WORKLOADS)


def test_tiny_has_the_right_value_and_gradients() -> None:
    out, by_x, by_y = TINY.build(TT)()
    x, y = by_y.numpy(), by_x.numpy() - 1  # d/dx (x y + x) = y + 1, d/dy = x
    assert x.shape == y.shape == (32,)
    assert out.item() == pytest.approx((x * y + x).sum(), rel=1e-5)


def test_the_chain_has_a_hundred_operations() -> None:
    names: list[str] = []

    def note(op: Op, *details: object) -> None:
        names.append(op.name)

    step = CHAIN.build(TT)
    listen(note)
    try:
        out, gradient = step()
    finally:
        unlisten(note)
    assert names == ["mul", "add", "tanh", "mul"] * 25 + ["sum"]
    assert np.isfinite(gradient.numpy()).all() and np.isfinite(out.item())


@pytest.mark.parametrize("workload", [MLP, GPT], ids=lambda w: w.name)
def test_training_lowers_the_loss(workload: peers.Workload) -> None:
    losses = [values[0] for values in peers.watch(workload.build(TT), 4)]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


def test_building_again_begins_again() -> None:
    assert peers.watch(MLP.build(TT), 2) == peers.watch(MLP.build(TT), 2)


def test_the_gpt_has_tied_embeddings_and_norms_of_one() -> None:
    model = peers.build_gpt(TT, vocabulary=11, length=8, layers=2, heads=2, width=16)
    initialise(TT, model, np.random.default_rng(0))
    assert model.wte.weight is model.lm_head.weight
    assert (model.ln_f.weight.detach().numpy() == 1).all()
    assert (model.ln_f.bias.detach().numpy() == 0).all()
    assert model(TT.torch.arange(6).view(2, 3)).shape == (2, 3, 11)


def test_other_frameworks_are_refused() -> None:
    with pytest.raises(ValueError, match='expected "tt" or "torch"'):
        peers.load_framework("jax")

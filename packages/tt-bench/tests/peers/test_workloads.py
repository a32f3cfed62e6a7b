"""The workloads, on our side: they compute what they say, and training lowers the loss."""

import itertools

import numpy as np
import pytest

from tt_bench import peers
from tt_bench.peers.workloads.workload import initialise
from tt_tensor import Op, listen, unlisten

TT = peers.load_framework("tt")
SMALL = [w for w in peers.WORKLOADS if "d384" not in w.name]
TRAINING = [w for w in SMALL if w.name.startswith(("MLP", "GPT", "micrograd"))]


def find(text: str) -> peers.Workload:
    (workload,) = (w for w in peers.WORKLOADS if text in w.name)
    return workload


def test_every_entry_is_sound() -> None:
    names = {peer.name for peer in peers.PEERS}
    assert len({workload.name for workload in peers.WORKLOADS}) == len(peers.WORKLOADS)
    for workload in peers.WORKLOADS:
        able = {peer.name for peer in peers.PEERS if peer.can(workload)}
        assert "tt" in workload.programs and able
        assert set(workload.goals) <= able <= names
        assert peers.find_workload(workload.name) is workload


def test_tiny_has_the_right_value_and_gradients() -> None:
    out, by_x, by_y = find("32 elements").build(TT)()
    x, y = by_y.numpy(), by_x.numpy() - 1  # d/dx (x y + x) = y + 1, d/dy = x
    assert x.shape == y.shape == (32,)
    assert out.item() == pytest.approx((x * y + x).sum(), rel=1e-5)


def test_the_chain_has_a_hundred_operations() -> None:
    names: list[str] = []

    def note(op: Op, *details: object) -> None:
        names.append(op.name)

    step = find("100 elementwise").build(TT)
    listen(note)
    try:
        out, gradient = step()
    finally:
        unlisten(note)
    assert names == ["mul", "add", "tanh", "mul"] * 25 + ["sum"]
    assert np.isfinite(gradient.numpy()).all() and np.isfinite(out.item())


@pytest.mark.parametrize("workload", TRAINING, ids=lambda w: w.name)
def test_training_lowers_the_loss(workload: peers.Workload) -> None:
    losses = [values[0] for values in peers.watch(workload.build(TT), 4)]
    assert all(later < earlier for earlier, later in itertools.pairwise(losses))


def test_three_programs_train_the_same_network() -> None:
    found = [
        np.array(peers.watch(find(name).build(TT), 20))
        for name in ("0-d tensors", "scalar.py", "Modules")
    ]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-10)


def test_building_again_begins_again() -> None:
    mlp = find("MLP 784")
    assert peers.watch(mlp.build(TT), 2) == peers.watch(mlp.build(TT), 2)


def test_adam_moves_four_million_parameters() -> None:
    step = find("4 M").build(TT)
    before = [p.detach().numpy().copy() for p in step()]
    after = [p.detach().numpy() for p in step()]
    assert sum(p.size for p in before) == 4_000_000
    for old, new in zip(before, after, strict=True):  # a steady gradient moves each by lr
        np.testing.assert_allclose(np.abs(new - old).mean(), 1e-3, rtol=1e-3)


def test_the_gpt_has_tied_embeddings_and_norms_of_one() -> None:
    model = peers.build_gpt(TT, vocabulary=11, length=8, layers=2, heads=2, width=16)
    initialise(TT, model, np.random.default_rng(0))
    assert model.wte.weight is model.lm_head.weight
    assert (model.ln_f.weight.detach().numpy() == 1).all()
    assert (model.ln_f.bias.detach().numpy() == 0).all()
    assert model(TT.torch.arange(6).view(2, 3)).shape == (2, 3, 11)


def test_text_is_learned_and_encoded() -> None:
    assert find("learn").build(TT)() == (1256,)
    new, known = find("new words").build(TT), find("known words").build(TT)
    (first,), (second,) = known(), known()
    np.testing.assert_array_equal(new()[0], first)
    np.testing.assert_array_equal(first, second)
    assert 200_000 < len(first) < 500_000  # two to five characters a token


def test_watching_tells_signs_and_places_apart() -> None:
    def seen(*numbers: float) -> list[list[float]]:
        return peers.watch(lambda: (np.array(numbers),), 1)

    assert seen(1.0, -2.0) == seen(1.0, -2.0)
    assert peers.disagreement(seen(1.0, -2.0), seen(1.0, 2.0)) > 0.1
    assert peers.disagreement(seen(1.0, 2.0), seen(2.0, 1.0)) > 1e-3
    assert peers.watch(lambda: (3.0,), 2) == [[3.0, 0.0]] * 2  # a number is watched as well


def test_other_frameworks_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of 'tt', 'torch', 'autograd'"):
        peers.load_framework("jax")
    micrograd = peers.Framework("micrograd", "0.1.0")
    with pytest.raises(ValueError, match="there is no program for 'micrograd', only for tt, torch"):
        find("MLP 784").build(micrograd)

"""Random numbers: their distributions, their seeds, their state."""

import numpy as np
import pytest

import tt_tensor as t

DRAWS = {
    "rand": lambda g: t.rand(3, 4, generator=g),
    "randn": lambda g: t.randn(3, 4, generator=g),
    "randn float64": lambda g: t.randn(3, 4, dtype=t.float64, generator=g),
    "randint": lambda g: t.randint(0, 100, (12,), generator=g),
    "randperm": lambda g: t.randperm(50, generator=g),
    "normal": lambda g: t.normal(1.0, 2.0, (5,), generator=g),
    "multinomial": lambda g: t.multinomial(t.ones(50), 20, generator=g),
    "multinomial with replacement": lambda g: t.multinomial(t.ones(2, 50), 20, True, generator=g),
    "uniform_": lambda g: t.zeros(9).uniform_(generator=g),
    "normal_": lambda g: t.zeros(9).normal_(generator=g),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_determines_everything(draw) -> None:
    g = t.Generator()
    first, second = draw(g.manual_seed(1)), draw(g)
    assert t.equal(first, draw(g.manual_seed(1)))
    assert t.equal(second, draw(g))
    assert not t.equal(first, second)
    assert not t.equal(first, draw(g.manual_seed(2)))


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_state_can_be_restored(draw) -> None:
    g = t.Generator().manual_seed(1)
    draw(g)
    state = g.get_state()
    assert state.dtype == t.uint8
    expected = [draw(g), draw(g)]
    other = t.Generator()
    assert other.set_state(t.tensor(state.tolist(), dtype=t.uint8)) is other
    assert all(t.equal(draw(other), e) for e in expected)
    assert other.initial_seed() == 1


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_default_generator(draw) -> None:
    t.manual_seed(5)
    first = draw(None)
    state = t.get_rng_state()
    second = draw(None)
    t.set_rng_state(state)
    assert t.equal(second, draw(None))
    assert t.manual_seed(5) is t.default_generator and t.initial_seed() == 5
    assert t.equal(first, draw(None))


def test_generators_do_not_disturb_each_other() -> None:
    t.manual_seed(5)
    expected = t.rand(3)
    t.manual_seed(5)
    t.rand(3, generator=t.Generator().manual_seed(9))
    assert t.equal(t.rand(3), expected)


def test_seeds() -> None:
    g = t.Generator()
    assert g.initial_seed() == 0
    assert g.seed() == g.initial_seed() != t.Generator().seed()
    assert g.manual_seed(-1).initial_seed() == -1
    for state in (t.zeros(3), t.zeros(3, dtype=t.uint8), t.tensor([123, 125], dtype=t.uint8)):
        with pytest.raises(ValueError, match=r"get_state\(\)"):
            g.set_state(state)
    with pytest.raises(RuntimeError, match=r"only device"):
        t.Generator("cuda")


def test_distributions() -> None:
    t.manual_seed(0)
    u, n = t.rand(20_000), t.randn(20_000)
    assert 0 <= u.min().item() and u.max().item() < 1
    assert u.mean().item() == pytest.approx(0.5, abs=0.01)
    assert u.var().item() == pytest.approx(1 / 12, abs=0.01)
    assert n.mean().item() == pytest.approx(0, abs=0.03)
    assert n.std().item() == pytest.approx(1, abs=0.03)
    assert (n > 1.96).float().mean().item() == pytest.approx(0.025, abs=0.005)
    m = t.normal(3.0, 0.1, (20_000,))
    assert m.mean().item() == pytest.approx(3, abs=0.01)
    assert m.std().item() == pytest.approx(0.1, abs=0.01)


def test_shapes_and_dtypes() -> None:
    x = t.zeros(2, 3, dtype=t.float64)
    assert t.rand(2, 3).shape == t.rand((2, 3)).shape == (2, 3)
    assert t.rand(()).shape == () and t.randn(0, 3).shape == (0, 3)
    assert t.rand(2).dtype == t.float32 and t.rand(2, dtype=t.float16).dtype == t.float16
    assert t.rand_like(x).dtype == t.randn_like(x).dtype == t.float64
    assert t.randn_like(x, dtype=t.float32).dtype == t.float32
    assert t.randint(5, (2,)).dtype == t.randperm(3).dtype == t.int64


def test_randint() -> None:
    x = t.randint(-2, 3, (1000,))
    assert sorted(set(x.tolist())) == [-2, -1, 0, 1, 2]
    assert t.randint(1, (3,)).tolist() == [0, 0, 0]
    assert t.randint(high=2, low=1, size=(2,)).tolist() == [1, 1]
    for arguments in ((5, 5, (2,)), (5, 2, (2,)), (0, (2,)), (5,)):
        with pytest.raises(ValueError, match=r"low < high and a size"):
            t.randint(*arguments)


def test_randperm() -> None:
    assert sorted(t.randperm(100).tolist()) == list(range(100))
    assert t.randperm(0).shape == (0,)
    with pytest.raises(ValueError, match=r"at least 0, got -1"):
        t.randperm(-1)


def test_multinomial_follows_its_probabilities() -> None:
    p = t.tensor([[1.0, 2.0, 0.0, 5.0], [0.0, 0.0, 3.0, 1.0]])
    g = t.Generator().manual_seed(0)
    drawn = t.multinomial(p, 20_000, replacement=True, generator=g)
    for row, probabilities in zip(drawn.numpy(), p.numpy(), strict=True):
        frequencies = np.bincount(row, minlength=4) / 20_000
        np.testing.assert_allclose(frequencies, probabilities / probabilities.sum(), atol=0.015)


def test_multinomial_without_replacement() -> None:
    g = t.Generator().manual_seed(0)
    first = np.zeros(3)
    for _ in range(3000):
        drawn = t.multinomial(t.tensor([1.0, 2.0, 3.0, 0.0]), 3, generator=g).tolist()
        assert sorted(drawn) == [0, 1, 2]
        first[drawn[0]] += 1
    np.testing.assert_allclose(first / 3000, [1 / 6, 2 / 6, 3 / 6], atol=0.03)


@pytest.mark.parametrize(
    ("p", "count", "message"),
    [
        ([0.0, 0.0], 1, "sum to more than 0"),
        ([-1.0, 2.0], 1, "not negative"),
        ([float("nan"), 1.0], 1, "finite"),
        ([1.0, 0.0], 2, "cannot draw 2 without replacement.*replacement=True"),
        ([1.0, 1.0], 0, "at least one sample"),
        ([1, 1], 1, "floating"),
        (1.0, 1, r"\(V,\) or \(B, V\)"),
    ],
)
def test_what_multinomial_refuses(p, count, message) -> None:
    with pytest.raises(ValueError, match=message):
        t.multinomial(t.tensor(p), count)


def test_rounding_never_picks_an_impossible_index() -> None:
    p = t.tensor([1e-30, 1.0, 1e-30, 0.0, 0.0])
    drawn = t.multinomial(p, 2000, replacement=True, generator=t.Generator().manual_seed(1))
    assert drawn.max().item() <= 2

"""From scores to a token: what each filter leaves, and how often each token comes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tt_models.sampling import next_token, top_k_logits, top_p_logits
from tt_tensor import Generator, Tensor, tensor, zeros

INF = math.inf


def logs(*probabilities: float) -> Tensor:
    return tensor([[math.log(p) if p else -INF for p in probabilities]])


def kept(logits: Tensor) -> list[int]:
    """The tokens of the first row that are still possible."""
    return [i for i, x in enumerate(logits[0].tolist()) if x > -INF]


def shares(logits: Tensor, draws: int = 20_000, **options: float) -> list[float]:
    """How often each token is drawn."""
    many = logits.expand(draws, logits.shape[1])
    tokens = next_token(many, generator=Generator().manual_seed(0), **options).numpy()  # type: ignore[arg-type]
    return (np.bincount(tokens, minlength=logits.shape[1]) / draws).tolist()


def test_top_k() -> None:
    logits = tensor([[1.0, 4.0, 2.0, 3.0], [0.0, -1.0, -2.0, -3.0]])
    assert top_k_logits(logits, 2).tolist() == [[-INF, 4, -INF, 3], [0, -1, -INF, -INF]]
    assert kept(top_k_logits(logits, 1)) == [1]
    assert top_k_logits(logits, 4).tolist() == top_k_logits(logits, 99).tolist() == logits.tolist()
    assert kept(top_k_logits(tensor([[2.0, 1.0, 2.0, 1.0]]), 1)) == [0, 2], "ties stay"


def test_top_p() -> None:
    logits = logs(0.1, 0.5, 0.15, 0.25)
    for p, expected in (
        (0.01, [1]),
        (0.49, [1]),
        (0.51, [1, 3]),
        (0.74, [1, 3]),
        (0.76, [1, 2, 3]),
    ):
        assert kept(top_p_logits(logits, p)) == expected
    assert kept(top_p_logits(logits, 1.0)) == [0, 1, 2, 3]
    both = top_p_logits(tensor([[0.0, 9.0], [9.0, 0.0]]), 0.5)
    assert both.tolist() == [[-INF, 9], [9, -INF]], "each row for itself"


@settings(deadline=None)
@given(
    st.lists(st.floats(-20, 20, width=32), min_size=1, max_size=8),
    st.floats(0.01, 1.0),
)
def test_top_p_keeps_the_smallest_set_that_reaches_p(scores: list[float], p: float) -> None:
    logits = tensor([scores])
    left = kept(top_p_logits(logits, p))
    e = np.exp(np.float64(scores) - max(scores))
    probabilities = e / e.sum()
    assert left and probabilities[left].sum() >= p - 1e-5
    smallest = min(left, key=lambda i: probabilities[i])
    assert probabilities[left].sum() - probabilities[smallest] < p + 1e-5
    assert min(probabilities[left]) >= max(np.delete(probabilities, left), default=0) - 1e-7


@pytest.mark.parametrize("p", [1.0, 0.99999, 0.9])
def test_top_p_adds_up_many_small_probabilities(p: float) -> None:
    """As many as float64 says, of vocabularies as large as Llama 3's."""
    draw = np.random.default_rng(0)
    for scores in (np.zeros(128_256), draw.normal(size=50_257)):
        probabilities = np.sort(np.exp(scores) / np.exp(scores).sum())[::-1]
        expected = 1 + np.count_nonzero(probabilities.cumsum() < p)
        found = len(kept(top_p_logits(tensor(scores[None].astype(np.float32)), p)))
        assert abs(found - min(expected, len(scores))) <= 1


def test_greedy_is_the_first_highest_score() -> None:
    logits = tensor([[1.0, 3.0, 3.0], [5.0, 3.0, 4.0]])
    token = next_token(logits, temperature=0)
    assert token.tolist() == [1, 0] and token.dtype == np.int64 and token.shape == (2,)
    assert next_token(logits, 0, top_k=2, top_p=0.5).tolist() == [1, 0]


def test_tokens_come_as_often_as_they_are_likely() -> None:
    p = (0.1, 0.5, 0.15, 0.25)
    np.testing.assert_allclose(shares(logs(*p)), p, atol=0.015)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_sharpens_and_flattens(temperature: float) -> None:
    p = np.array([0.1, 0.5, 0.15, 0.25]) ** (1 / temperature)
    found = shares(logs(0.1, 0.5, 0.15, 0.25), temperature=temperature)
    np.testing.assert_allclose(found, p / p.sum(), atol=0.015)


def test_filters_share_out_what_is_left() -> None:
    logits = logs(0.1, 0.5, 0.15, 0.25)
    np.testing.assert_allclose(shares(logits, top_k=2), [0, 2 / 3, 0, 1 / 3], atol=0.015)
    np.testing.assert_allclose(shares(logits, top_p=0.6), [0, 2 / 3, 0, 1 / 3], atol=0.015)
    np.testing.assert_allclose(shares(logits, top_k=3, top_p=0.5), [0, 1, 0, 0], atol=0)


def test_temperature_comes_before_the_filters() -> None:
    """A hot distribution is flatter, so more tokens are needed to reach p."""
    assert shares(logs(0.1, 0.5, 0.15, 0.25), temperature=50.0, top_p=0.6).count(0.0) == 1


def test_an_impossible_token_never_comes() -> None:
    assert shares(logs(0.5, 0.0, 0.5), temperature=100.0)[1] == 0


def test_extreme_temperatures_and_scores() -> None:
    for temperature in (1e-30, 1e-6):
        assert shares(tensor([[1.0, 3.0, 2.0]]), 100, temperature=temperature) == [0, 1, 0]
    np.testing.assert_allclose(shares(tensor([[1.0, 3.0]]), temperature=1e9), 0.5, atol=0.015)
    assert shares(tensor([[1e30, -1e30, 0.0]]), 100) == [1, 0, 0]


def test_a_seed_determines_the_token() -> None:
    logits = zeros(50, 9)
    one, again, other = (
        next_token(logits, generator=Generator().manual_seed(seed)).tolist() for seed in (1, 1, 2)
    )
    assert one == again != other


def test_errors() -> None:
    logits = zeros(1, 3)
    for temperature in (-1.0, math.nan, INF):
        with pytest.raises(ValueError, match="temperature must not be negative"):
            next_token(logits, temperature)
    for k in (0, -1, 2.5):
        with pytest.raises(ValueError, match=f"top_k must be positive and whole, got {k}"):
            next_token(logits, top_k=k)
        with pytest.raises(ValueError, match="top_k must be positive"):
            top_k_logits(logits, k)
    for p in (0.0, -0.1, 1.5):
        with pytest.raises(ValueError, match=rf"top_p must lie in \(0, 1\], got {p}"):
            next_token(logits, temperature=0, top_p=p)
        with pytest.raises(ValueError, match="top_p must lie in"):
            top_p_logits(logits, p)

"""Effect size and sign test, against counts by hand."""

import pytest

from tt_bench import sign_test, superiority


def test_superiority_of_pairs_and_of_all() -> None:
    a, b = [1.0, 2.0, 3.0], [3.0, 2.0, 1.0]
    assert superiority(a, b) == 0.5
    assert superiority(a, [4.0] * 3) == 1.0
    assert superiority([4.0] * 3, a) == 0.0
    assert superiority([1.0, 2.0], [2.0, 3.0, 1.0], paired=False) == pytest.approx(4 / 6)


def test_sign_test_counts_the_rarer_side() -> None:
    a, b = [1.0, 1.0, 1.0, 1.0, 2.0], [2.0, 2.0, 2.0, 2.0, 1.0]
    assert sign_test(a, b) == pytest.approx(2 * (1 + 5) / 32)
    assert sign_test(b, a) == sign_test(a, b)
    assert sign_test([1.0], [1.0]) == 1.0  # only ties: nothing speaks against equality


@pytest.mark.parametrize(("won", "p"), [(0, 2 / 1024), (3, 352 / 1024), (7, 352 / 1024), (5, 1.0)])
def test_sign_test_is_the_binomial_test_of_a_half(won: int, p: float) -> None:
    a, b = [0.0] * won + [2.0] * (10 - won), [1.0] * 10
    assert sign_test(a, b) == pytest.approx(p)


def test_sign_test_of_many_pairs() -> None:
    many = 2000  # 2 ** 2000 is no float
    assert sign_test([0.0] * many, [1.0] * many) == 0.0
    half = [0.0, 2.0] * (many // 2)
    assert sign_test(half, [1.0] * many) == 1.0
    won = [0.0] * 930 + [2.0] * 1070
    assert sign_test(won, [1.0] * many) == pytest.approx(0.00187, abs=2e-5)  # z = 3.11

"""Parts of a dataset."""

import pytest
from hypothesis import given, strategies as st

from tt_data import Subset, random_split
from tt_tensor import Generator, manual_seed


def test_subset_has_an_order_of_its_own() -> None:
    subset = Subset("abcdef", [5, 0, 0])
    assert list(subset) == ["f", "a", "a"]
    assert subset[-1] == "a"
    with pytest.raises(IndexError, match="Subset: expected an index from -3 to 2; got 3"):
        subset[3]


def test_subset_of_a_subset() -> None:
    assert list(Subset(Subset("abcdef", [1, 3, 5]), [2, 0])) == ["f", "b"]


@given(st.data(), st.integers(2, 200))
def test_parts_are_disjoint_and_complete(data: st.DataObject, n: int) -> None:
    first = data.draw(st.integers(0, n))
    parts = random_split(range(n), [first, n - first])
    assert [len(part) for part in parts] == [first, n - first]
    assert sorted(item for part in parts for item in part) == list(range(n))


@given(st.integers(100, 1000), st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_fractions(n: int, weights: list[int]) -> None:
    parts = random_split(range(n), [weight / sum(weights) for weight in weights])
    assert sum(len(part) for part in parts) == n
    for part, weight in zip(parts, weights, strict=True):
        assert abs(len(part) - n * weight / sum(weights)) <= 1 + 1e-6


def test_a_seed_fixes_the_parts() -> None:
    def split(seed: int) -> list[list[int]]:
        parts = random_split(range(50), [0.5, 0.5], generator=Generator().manual_seed(seed))
        return [list(part) for part in parts]

    assert split(1) == split(1) != split(2)
    manual_seed(3)
    by_default = [list(part) for part in random_split(range(50), [25, 25])]
    manual_seed(3)
    assert by_default == [list(part) for part in random_split(range(50), [25, 25], None)]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([7, 4], r"sum to len\(dataset\) = 10.*got \[7, 4\], which sum to 11"),
        ([5], r"which sum to 5"),
        ([12, -2], r"no negative length; got \[12, -2\]"),
        ([0.5, 0.4], r"fractions that sum to 1; got \[0.5, 0.4\]"),
        ([1.5, 8.5], "expected whole lengths"),
        ([1.5, -0.5], "no negative length"),
    ],
)
def test_bad_lengths(lengths: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        random_split(range(10), lengths)


def test_an_empty_part_by_a_fraction_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="part 2 .* gets none of 3 items"):
        random_split(range(3), [0.5, 0.4, 0.1])

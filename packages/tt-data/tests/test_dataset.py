"""What one writes to make a dataset."""

import pytest

from tt_data import ConcatDataset, DataLoader, Dataset, IterableDataset


class Letters(Dataset[str]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> str:
        return "abc"[index]


def test_sum_of_datasets() -> None:
    both = Letters() + Letters()
    assert isinstance(both, ConcatDataset)
    assert list(both) == list("abcabc")


@pytest.mark.parametrize(
    ("kind", "use", "method"),
    [(Dataset, lambda d: d[0], "__getitem__"), (IterableDataset, iter, "__iter__")],
)
def test_a_forgotten_method_is_named(kind, use, method) -> None:
    class Mine(kind):
        pass

    with pytest.raises(NotImplementedError, match=rf"Mine needs a method {method}"):
        use(Mine())


def test_a_plain_list_is_a_dataset() -> None:
    assert [batch.tolist() for batch in DataLoader([5, 6, 7], batch_size=2)] == [[5, 6], [7]]

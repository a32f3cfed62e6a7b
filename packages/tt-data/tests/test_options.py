"""Options that exclude each other, or are out of range."""

import pytest

from tt_data import DataLoader, IterableDataset

STREAM = IterableDataset()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected an int of at least 1; got 0"),
        ({"batch_size": -3}, "expected an int of at least 1; got -3"),
        ({"batch_size": 2.5}, r"expected an int of at least 1; got 2\.5"),
        ({"shuffle": True, "sampler": [0]}, "expected a sampler or shuffle=True, got both"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "no batch_size, .* got batch_size=2"),
        ({"batch_sampler": [[0]], "shuffle": True}, "got .*shuffle=True"),
        ({"batch_sampler": [[0]], "sampler": [0]}, r"got .*sampler=\[0\]"),
        ({"batch_sampler": [[0]], "drop_last": True}, "got .*drop_last=True"),
        ({"batch_size": None, "drop_last": True}, "no batches, so expected drop_last=False"),
        ({"dataset": STREAM, "shuffle": True}, "Shuffle inside the dataset"),
        ({"dataset": STREAM, "sampler": [0]}, "its own order"),
        ({"dataset": STREAM, "batch_sampler": [[0]]}, "its own order"),
        ({"num_workers": -1}, r"an int of at least 0 \(0: no workers\); got -1"),
        ({"num_workers": 1.5}, "num_workers: expected an int"),
        ({"prefetch_factor": 2}, "got num_workers=0, prefetch_factor=2.*num_workers to 1"),
        ({"persistent_workers": True}, "about workers, and there are none"),
        (
            {"num_workers": 1, "prefetch_factor": 0},
            "prefetch_factor: expected .* at least 1; got 0",
        ),
        ({"num_workers": 1, "timeout": 3}, "workers are threads.*got timeout=3"),
        ({"num_workers": 1, "timeout": -3}, "timeout: expected seconds, at least 0"),
        ({"num_workers": 1, "multiprocessing_context": "thread"}, "one of .*spawn.*got 'thread'"),
        ({"num_workers": 1, "multiprocessing_context": 3}, "a context of multiprocessing; got 3"),
        ({"multiprocessing_context": "spawn"}, "got num_workers=0, multiprocessing_context='sp"),
    ],
)
def test_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataLoader(**({"dataset": range(3)} | options))


def test_accepted_for_the_sake_of_other_programs() -> None:
    loader = DataLoader(range(3), pin_memory=True, num_workers=1, persistent_workers=True)
    assert [batch.item() for batch in loader] == [0, 1, 2]
    assert loader.prefetch_factor == 2

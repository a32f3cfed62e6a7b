"""Which options of a DataLoader go together."""

from __future__ import annotations

from typing import Any

from .sampler import check_positive

__all__ = ["check_options", "check_workers"]


def check_options(
    streams: bool,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: object,
    batch_sampler: object,
    drop_last: bool,
) -> None:
    """Raise a ValueError if the options that decide the order contradict each other.

    `streams` tells that the dataset is an IterableDataset, which has its own order. A sampler is an
    order, so it excludes shuffle; a batch sampler is an order in batches, so it excludes all else.
    """
    if streams and (shuffle or sampler is not None or batch_sampler is not None):
        raise ValueError(
            "DataLoader: an IterableDataset comes in its own order, so expected no shuffle, "
            f"sampler or batch_sampler; got shuffle={shuffle}, sampler={sampler}, "
            f"batch_sampler={batch_sampler}. Shuffle inside the dataset"
        )
    if sampler is not None and shuffle:
        raise ValueError(
            "DataLoader: expected a sampler or shuffle=True, got both. The sampler decides the "
            "order: RandomSampler(dataset) shuffles"
        )
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "DataLoader: a batch_sampler decides the batches, so expected no batch_size, "
                f"shuffle, sampler or drop_last beside it; got batch_size={batch_size}, "
                f"shuffle={shuffle}, sampler={sampler}, drop_last={drop_last}"
            )
    elif batch_size is None:
        if drop_last:
            raise ValueError(
                "DataLoader: with batch_size=None there are no batches, so expected "
                "drop_last=False; got True"
            )
    else:
        check_positive("batch_size", batch_size)


def check_workers(
    num_workers: int,
    prefetch_factor: int | None,
    persistent_workers: bool,
    timeout: float,
    multiprocessing_context: Any,
) -> None:
    """Raise a ValueError if the options about workers make no sense."""
    if not isinstance(num_workers, int) or isinstance(num_workers, bool) or num_workers < 0:
        raise ValueError(
            f"num_workers: expected an int of at least 0 (0: no workers); got {num_workers!r}"
        )
    if num_workers == 0 and (prefetch_factor is not None or persistent_workers):
        raise ValueError(
            "DataLoader: prefetch_factor and persistent_workers are about workers, and there are "
            f"none; got num_workers=0, prefetch_factor={prefetch_factor}, "
            f"persistent_workers={persistent_workers}. Set num_workers to 1 or more"
        )
    if prefetch_factor is not None:
        check_positive("prefetch_factor", prefetch_factor)
    if not isinstance(timeout, (int, float)) or timeout < 0:
        raise ValueError(f"timeout: expected seconds, at least 0 (0: any time); got {timeout!r}")
    if multiprocessing_context is None:
        if timeout:
            raise ValueError(
                "DataLoader: workers are threads, which share this process and cannot be stopped "
                f"from outside, so expected timeout=0; got timeout={timeout}. "
                'multiprocessing_context="spawn" makes them processes'
            )
        return
    if num_workers == 0:
        raise ValueError(
            "DataLoader: multiprocessing_context is about workers, and there are none; got "
            f"num_workers=0, multiprocessing_context={multiprocessing_context!r}. "
            "Set num_workers to 1 or more"
        )
    import multiprocessing
    from multiprocessing.context import BaseContext

    methods = multiprocessing.get_all_start_methods()
    if isinstance(multiprocessing_context, str):
        if multiprocessing_context not in methods:
            raise ValueError(
                f"multiprocessing_context: expected one of {', '.join(methods)}; got "
                f"{multiprocessing_context!r}"
            )
    elif not isinstance(multiprocessing_context, BaseContext):
        raise ValueError(
            f"multiprocessing_context: expected one of {', '.join(methods)}, or a context of "
            f"multiprocessing; got {multiprocessing_context!r}"
        )

"""Bytes held, on disk and at the peak."""

import functools
import tracemalloc

import numpy as np
import pytest

from tt_bench import disk_bytes, held_arrays, held_bytes, measure_peak
from tt_nn import Linear, Module, Parameter, Sequential, save
from tt_tensor import Tensor, from_numpy


def zeros(*shape: int, dtype: type = np.float32) -> Tensor:
    return from_numpy(np.zeros(shape, dtype))


class Quantized(Module):
    """int8 weights in a buffer, their scale in an array that is no parameter."""

    def __init__(self, keep_original: bool) -> None:
        super().__init__()
        self.register_buffer("weight", zeros(100, 10, dtype=np.int8))
        self.scale = np.ones(10, np.float32)
        self.original = zeros(100, 10) if keep_original else None


def test_parameters_count_by_their_dtype() -> None:
    assert held_bytes(Linear(10, 5)) == 4 * 55
    assert held_bytes(Linear(10, 5).half()) == 2 * 55
    assert held_bytes(Quantized(keep_original=False)) == 1000 + 40


def test_a_hidden_original_is_found() -> None:
    assert held_bytes(Quantized(keep_original=True)) == 1000 + 40 + 4000


def test_shared_memory_counts_once() -> None:
    flat = np.zeros(100, np.float32)
    tied = Parameter(from_numpy(flat[:60]))
    assert held_bytes([tied, tied], from_numpy(flat[60:])) == 400
    assert held_bytes(np.broadcast_to(flat, (1000, 100))) == 400


def test_a_small_view_keeps_a_large_array() -> None:
    assert held_bytes(np.zeros(1000, np.int8)[:1]) == 1000


def test_gradients_do_not_count() -> None:
    layer = Linear(4, 4)
    before = held_bytes(layer)
    layer(zeros(1, 4)).sum().backward()
    assert layer.weight.grad is not None
    assert held_bytes(layer) == before


def test_what_functions_hold_is_found() -> None:
    array = np.zeros(25, np.float32)

    class Model:
        __slots__ = ("table", "unset")

        def __init__(self) -> None:
            self.table = {"a": [array]}

        def predict(self, x: object) -> None:
            return None

    def closes_over(x: object) -> np.ndarray:
        return array

    def default(x: object, weight: np.ndarray = array) -> None:
        return None

    def keyword(x: object, *, weight: np.ndarray = array) -> None:
        return None

    partial = functools.partial(lambda weight, x: x, array)
    for holder in (
        Model(),
        Model().predict,
        closes_over,
        default,
        keyword,
        partial,
        {array.size: array},
    ):
        assert held_bytes(holder) == 100


def test_cycles_and_unset_names_do_no_harm() -> None:
    loop: list[object] = [np.zeros(3, np.int8)]
    loop.append(loop)

    def recursive() -> object:
        return recursive, later

    assert held_bytes(loop, recursive, None, "text", int) == 3
    later = 1


def test_arrays_of_objects_are_looked_into() -> None:
    inner = np.zeros(10, np.int8)
    outer = np.empty(2, object)
    outer[0] = inner
    assert held_bytes(outer) == outer.nbytes + 10
    assert len(held_arrays(outer)) == 2


def test_disk_bytes_are_those_of_the_file(tmp_path) -> None:
    model = Sequential(Linear(10, 5), Linear(5, 2))
    save(model.state_dict(), tmp_path / "model.safetensors")
    assert disk_bytes(model) == (tmp_path / "model.safetensors").stat().st_size
    assert 4 * (55 + 12) < disk_bytes(model)
    assert disk_bytes({"w": zeros(1000, dtype=np.int8)}) < 1200 < disk_bytes({"w": zeros(1000)})


def test_the_peak_is_above_what_is_kept() -> None:
    def spend() -> np.ndarray:
        temporary = np.ones(1_000_000, np.int8)
        return temporary[:1000].copy()

    memory = measure_peak(spend)
    assert 1_001_000 <= memory.peak_bytes < 1_100_000
    assert 1000 <= memory.kept_bytes < 100_000


def test_what_was_there_before_does_not_count() -> None:
    tracemalloc.start()
    try:
        before = np.ones(1_000_000, np.int8)
        np.ones(3_000_000, np.int8)  # a peak that is over
        assert measure_peak(lambda: before[:10].copy()).peak_bytes < 100_000
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_tracing_ends_with_an_error() -> None:
    with pytest.raises(ZeroDivisionError):
        measure_peak(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()

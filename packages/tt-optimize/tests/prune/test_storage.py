"""Sparse state dicts: bit for bit what was stored, in the fewest bytes, and nothing is trusted."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_nn import Linear, load, save
from tt_optimize import dense_state, prune, size_of, sparse_state
from tt_tensor import Tensor, from_numpy, tensor, zeros

DTYPES = ("float32", "float64", "float16", "int8", "uint8", "int32", "int64", "bool")


def through_a_file(state: dict[str, Any]) -> tuple[dict[str, Any], int]:
    file = io.BytesIO()
    save(state, file)
    size = file.tell()
    file.seek(0)
    return load(file), size


def random(density: float, size: int, dtype: str, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    values = generator.integers(1, 100, size).astype(dtype)
    return values * (generator.random(size) < density).astype(dtype)


@given(st.sampled_from(DTYPES), st.floats(0, 1), st.integers(0, 3000), st.integers(0, 99))
def test_what_comes_back_is_what_was_stored(
    dtype: str, density: float, size: int, seed: int
) -> None:
    array = random(density**3, size, dtype, seed)
    back = dense_state(sparse_state({"x": from_numpy(array)}))["x"].numpy()
    assert back.dtype == array.dtype and np.array_equal(back, array)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.001, 0.05, 0.3, 1.0])
def test_so_it_is_through_a_file(dtype: str, density: float) -> None:
    array = random(density, 6000, dtype).reshape(20, 30, 10)
    state, _ = through_a_file(sparse_state({"x": from_numpy(array), "b": tensor([0.0, 1.0])}))
    back = dense_state(state)
    assert np.array_equal(back["x"].numpy(), array) and back["x"].numpy().dtype == array.dtype
    assert back["b"].tolist() == [0.0, 1.0]


def test_negative_zeros_and_nan_come_back() -> None:
    array = np.zeros(2000, np.float32)
    array[[3, 700, 1999]] = [-0.0, np.nan, np.inf]
    back = dense_state(sparse_state({"x": from_numpy(array)}))["x"].numpy()
    assert back.tobytes() == array.tobytes()


def bytes_of(stored: Any) -> int:
    if isinstance(stored, Tensor):
        return stored.nbytes
    return sum(part.nbytes for part in stored.values() if isinstance(part, Tensor))


def test_the_forms_are_taken_where_the_formulas_say() -> None:
    n = 100_000
    for density, form in ((1.0, None), (0.98, None), (0.96, "mask"), (0.2, "mask"), (0.1, "gaps")):
        (stored,) = sparse_state({"x": from_numpy(random(density, n, "float32"))}).values()
        k = int(np.count_nonzero(dense_state({"x": stored})["x"].numpy()))
        if form is None:
            assert isinstance(stored, Tensor)
        elif form == "mask":
            assert "mask" in stored and bytes_of(stored) == 4 * k + n // 8
        else:
            assert "gaps" in stored and bytes_of(stored) == pytest.approx(5 * k, rel=0.001)


@given(st.floats(0, 1), st.sampled_from(["float32", "int8"]))
def test_it_never_takes_more_bytes(density: float, dtype: str) -> None:
    array = random(density, 5000, dtype)
    assert bytes_of(sparse_state({"x": from_numpy(array)})["x"]) <= array.nbytes


def test_a_pruned_model_takes_a_fraction_on_disk() -> None:
    model = prune(Linear(200, 100), amount=0.9)
    dense, dense_size = through_a_file(model.state_dict())
    sparse, size = through_a_file(sparse_state(model.state_dict()))
    assert size < 0.15 * dense_size and dense_size > size_of(model)
    for name, value in dense_state(sparse).items():
        assert np.array_equal(value.numpy(), dense[name].numpy())


def test_long_rows_of_zeros_need_few_bytes() -> None:
    (stored,) = sparse_state({"x": zeros(1_000_000)}).values()
    assert bytes_of(stored) < 20_000
    assert dense_state({"x": stored})["x"].shape == (1_000_000,)


VALUES, MASK = tensor([1.0, 2.0]), from_numpy(np.array([0b11000000], np.uint8))
GAPS = from_numpy(np.array([0, 3], np.uint8))


@pytest.mark.parametrize(
    "stored",
    [
        {},
        [1, 2],
        {"shape": (8,), "values": VALUES},
        {"shape": ("8",), "values": VALUES, "mask": MASK},
        {"shape": (-8, -1), "values": VALUES, "mask": MASK},
        {"shape": (17,), "values": VALUES, "mask": MASK},
        {"shape": (10**12,), "values": VALUES, "mask": MASK},
        {"shape": (8,), "values": tensor([1.0]), "mask": MASK},
        {"shape": (8,), "values": tensor([[1.0, 2.0]]), "mask": MASK},
        {"shape": (8,), "values": VALUES, "mask": tensor([192])},
        {"shape": (10**12,), "values": VALUES, "gaps": GAPS},
        {"shape": (4,), "values": VALUES, "gaps": GAPS},
        {"shape": (8,), "values": tensor([1.0]), "gaps": GAPS},
    ],
)
def test_parts_that_do_not_fit_are_refused(stored: Any) -> None:
    with pytest.raises(ValueError, match=r"layer\.weight is not what sparse_state makes"):
        dense_state({"layer.weight": stored})
    good = {"shape": (8,), "values": VALUES, "mask": MASK}
    assert dense_state({"x": good})["x"].tolist() == [1.0, 2.0, 0, 0, 0, 0, 0, 0]
    good = {"shape": (8,), "values": VALUES, "gaps": GAPS}
    assert dense_state({"x": good})["x"].tolist() == [1.0, 0, 0, 0, 2.0, 0, 0, 0]

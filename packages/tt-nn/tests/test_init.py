"""First values: their distributions, their seeds, what is refused."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tt_nn import Parameter, init
from tt_tensor import Generator, Tensor, empty, float16, float64, manual_seed

SIZE = (60, 90)  # out, in

# name: (call, mean, standard deviation, bound)
DRAWS: dict[str, tuple[Callable[[Tensor], Tensor], float, float, float]] = {
    "uniform": (init.uniform_, 0.5, 1 / math.sqrt(12), 1),
    "uniform within": (lambda w: init.uniform_(w, -3, 1), -1, 4 / math.sqrt(12), 3),
    "normal": (init.normal_, 0, 1, 6),
    "normal with": (lambda w: init.normal_(w, 2, 0.1), 2, 0.1, 2.6),
    "trunc_normal": (init.trunc_normal_, 0, 0.8796, 2),
    "trunc_normal within": (lambda w: init.trunc_normal_(w, 0, 1, -1, 0.5), -0.1901, 0.4201, 1),
    "xavier_uniform": (init.xavier_uniform_, 0, math.sqrt(2 / 150), math.sqrt(6 / 150)),
    "xavier_normal": (lambda w: init.xavier_normal_(w, 3), 0, 3 * math.sqrt(2 / 150), 2.1),
    "kaiming_uniform": (init.kaiming_uniform_, 0, math.sqrt(2 / 90), math.sqrt(6 / 90)),
    "kaiming_uniform as Linear": (
        lambda w: init.kaiming_uniform_(w, math.sqrt(5)), 0, 1 / math.sqrt(270), 1 / math.sqrt(90),
    ),
    "kaiming_normal": (
        lambda w: init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
        0, math.sqrt(2 / 60), 6 * math.sqrt(2 / 60),
    ),
    "orthogonal": (lambda w: init.orthogonal_(w, 2), 0, 2 / math.sqrt(90), 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_distributions(name: str) -> None:
    call, mean, std, bound = DRAWS[name]
    weight = Parameter(empty(*SIZE))
    assert call(weight) is weight
    values = weight.detach().numpy().astype(np.float64)
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.05)
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    assert weight.requires_grad and weight.is_leaf and weight.dtype == np.float32


@pytest.mark.parametrize("name", DRAWS)
def test_seeds(name: str) -> None:
    call = DRAWS[name][0]
    drawn = []
    for seed in (1, 1, 2):
        manual_seed(seed)
        drawn.append(call(empty(*SIZE)).tolist())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    "function",
    [init.uniform_, init.normal_, init.trunc_normal_, init.xavier_uniform_, init.xavier_normal_,
     init.kaiming_uniform_, init.kaiming_normal_, init.orthogonal_],
)  # fmt: skip
def test_a_generator_of_its_own(function: Callable[..., Tensor]) -> None:
    drawn = [
        function(empty(3, 4), generator=Generator().manual_seed(seed)).tolist()
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_constants() -> None:
    weight = Parameter(empty(2, 3))
    assert init.zeros_(weight).tolist() == [[0] * 3] * 2
    assert init.ones_(weight).tolist() == [[1] * 3] * 2
    assert init.constant_(weight, -0.5).tolist() == [[-0.5] * 3] * 2
    assert init.eye_(weight).tolist() == [[1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("shape", [(5, 5), (4, 9), (9, 4), (6, 2, 5), (12, 2, 5)])
def test_orthogonal_rows_or_columns(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(empty(*shape, dtype=float64), gain=3.0).numpy().reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 9 * np.eye(len(product)), atol=1e-10)


def test_fans_count_the_kernel() -> None:
    weight = init.kaiming_uniform_(empty(16, 8, 3, 3))
    bound = math.sqrt(6 / (8 * 9))
    assert 0.95 * bound < np.abs(weight.numpy()).max() <= bound


def test_gains() -> None:
    assert init.calculate_gain("relu") == math.sqrt(2)
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 1.0) == 1.0
    assert init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    with pytest.raises(ValueError, match="unknown nonlinearity 'swish'; expected one of linear"):
        init.calculate_gain("swish")


@pytest.mark.parametrize("dtype", [float16, float64])
def test_dtype_is_kept(dtype: object) -> None:
    for call, *_ in DRAWS.values():
        assert call(empty(3, 4, dtype=dtype)).dtype == dtype


def test_nothing_to_fill() -> None:
    for function in (init.kaiming_uniform_, init.xavier_normal_, init.uniform_):
        assert function(empty(3, 0)).shape == (3, 0)


def test_errors() -> None:
    vector = empty(3)
    for function in (init.xavier_uniform_, init.kaiming_normal_, init.orthogonal_):
        with pytest.raises(ValueError, match=r"at least 2 dims, got shape \(3,\)"):
            function(vector)
    with pytest.raises(ValueError, match=r"expected a matrix, got shape \(3,\)"):
        init.eye_(vector)
    with pytest.raises(ValueError, match="mode must be 'fan_in' or 'fan_out', got 'fan'"):
        init.kaiming_uniform_(empty(2, 2), mode="fan")
    with pytest.raises(ValueError, match="a must be less than b, got 1 and 1"):
        init.trunc_normal_(vector, a=1, b=1)
    with pytest.raises(ValueError, match="holds almost nothing of a normal distribution of mean 0"):
        init.trunc_normal_(vector, a=50, b=51)

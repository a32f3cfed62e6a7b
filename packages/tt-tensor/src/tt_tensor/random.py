"""Random numbers: seeded generators whose state can be saved and restored bit for bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .dtypes import canonical, default_dtype, float64, int64
from .shapes import sizes
from .tensor import Tensor, check_device, wrap

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "multinomial",
    "normal",
    "numpy_generator",
    "rand",
    "rand_like",
    "randint",
    "randn",
    "randn_like",
    "randperm",
    "set_rng_state",
]


class Generator:
    """A source of random numbers with a seed and a state of its own.

    >>> g = Generator().manual_seed(0)
    >>> first = rand(2, generator=g)
    >>> bool((rand(2, generator=g.manual_seed(0)) == first).all())
    True
    """

    __slots__ = ("_numpy", "_seed")

    def __init__(self, device: str = "cpu") -> None:
        check_device(device)
        self.manual_seed(0)

    def manual_seed(self, seed: int) -> Generator:
        """Start the sequence that belongs to ``seed`` and return the generator itself."""
        self._seed = int(seed)
        self._numpy = np.random.Generator(np.random.PCG64(self._seed % 2**64))
        return self

    def seed(self) -> int:
        """Start an unpredictable sequence and return its seed."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) >> 1)
        return self._seed

    def initial_seed(self) -> int:
        """The seed last set."""
        return self._seed

    def get_state(self) -> Tensor:
        """The state as a uint8 tensor, fit for a checkpoint."""
        state = json.dumps({"seed": self._seed, "numpy": self._numpy.bit_generator.state})
        return wrap(np.frombuffer(state.encode(), np.uint8).copy())

    def set_state(self, state: Tensor) -> Generator:
        """Go back to a state that ``get_state`` returned."""
        try:
            found = json.loads(state.array.tobytes())
            numpy_generator = np.random.Generator(np.random.PCG64())
            numpy_generator.bit_generator.state = found["numpy"]
            self._seed, self._numpy = int(found["seed"]), numpy_generator
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("expected a state that Generator.get_state() returned") from None
        return self


default_generator = Generator()


def numpy_generator(generator: Generator | None = None) -> np.random.Generator:
    """NumPy's generator behind a Generator (the default one if None)."""
    return (default_generator if generator is None else generator)._numpy


def manual_seed(seed: int) -> Generator:
    """Seed the default generator, which every function here uses unless told otherwise."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The default generator's seed."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Restore the default generator's state."""
    default_generator.set_state(new_state)


def _finish(array: Any, dtype: Any, requires_grad: bool, device: str | None) -> Tensor:
    check_device(device)
    result = wrap(np.asarray(array).astype(canonical(dtype or default_dtype), copy=False))
    if requires_grad:
        result.requires_grad = True
    return result


def _width(dtype: Any) -> Any:
    """Numbers are drawn in float64 for float64 and in float32 otherwise."""
    return np.float64 if dtype is not None and canonical(dtype) == float64 else np.float32


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    **named: Any,
) -> Tensor:
    """Numbers drawn evenly from [0, 1)."""
    drawn = numpy_generator(generator).random(sizes(size, named), _width(dtype))
    return _finish(drawn, dtype, requires_grad, device)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    **named: Any,
) -> Tensor:
    """Numbers drawn from the normal distribution of mean 0 and variance 1."""
    drawn = numpy_generator(generator).standard_normal(sizes(size, named), _width(dtype))
    return _finish(drawn, dtype, requires_grad, device)


def normal(
    mean: float | Tensor,
    std: float | Tensor = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """Numbers drawn from the normal distribution of the given mean and standard deviation.

    Both are numbers and the result has shape ``size``; or one or both are tensors, with a mean and
    standard deviation for each number of the result. No gradient passes through.
    """
    if size is None:
        given = [x for x in (mean, std) if isinstance(x, Tensor)]
        if not given:
            raise TypeError("normal: expected a size, or tensors for mean or std; got two numbers")
        size = np.broadcast_shapes(*(x.shape for x in given))
        dtype = given[0].dtype if dtype is None else dtype
    mean, std = (x.detach() if isinstance(x, Tensor) else x for x in (mean, std))
    return randn(size, generator=generator, dtype=dtype, device=device) * std + mean


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: str | None = None,
) -> Tensor:
    """Integers drawn evenly from low to high - 1: ``randint(low, high, size)`` or
    ``randint(high, size)``."""
    if not isinstance(high, (int, np.integer)):
        low, high, size = 0, low, (high if size is None else size)
    if size is None or low >= high:
        raise ValueError(
            f"randint(low, high, size) needs low < high and a size; got {low}, {high}, {size}"
        )
    drawn = numpy_generator(generator).integers(low, high, tuple(size))
    return _finish(drawn, dtype or int64, False, device)


def randperm(
    n: int, *, generator: Generator | None = None, dtype: Any = None, device: str | None = None
) -> Tensor:
    """The numbers 0 to n - 1 in random order."""
    if n < 0:
        raise ValueError(f"randperm: expected a count of at least 0, got {n}")
    return _finish(numpy_generator(generator).permutation(n), dtype or int64, False, device)


def rand_like(
    input: Tensor,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """``rand`` in the shape and dtype of ``input``."""
    return rand(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        requires_grad=requires_grad,
        device=device,
    )


def randn_like(
    input: Tensor,
    dtype: Any = None,
    requires_grad: bool = False,
    device: str | None = None,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """``randn`` in the shape and dtype of ``input``."""
    return randn(
        input.shape,
        generator=generator,
        dtype=dtype or input.dtype,
        requires_grad=requires_grad,
        device=device,
    )


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Ones with the given probabilities, zeros otherwise, in the dtype of ``input``."""
    if not input.is_floating_point():
        raise TypeError(f"bernoulli: expected floating probabilities, got {input.dtype}")
    p = input.array
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError(
            f"bernoulli: expected probabilities, 0 to 1, got {p.min():g} to {p.max():g}"
        )
    return wrap((numpy_generator(generator).random(p.shape) < p).astype(p.dtype))


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Indices drawn with probabilities proportional to each row of ``input``.

    Shape: input (V,) or (B, V), not negative -> (num_samples,) or (B, num_samples), int64.

    Raises:
        ValueError: a row is negative, not finite or all zero, or has too few non-zero entries to
            draw from without replacement.
    """
    if not input.is_floating_point() or num_samples < 1 or input.ndim not in (1, 2):
        raise ValueError(
            "multinomial: expected floating probabilities of shape (V,) or (B, V) and at least one "
            f"sample, got {input.dtype}{input.shape} and {num_samples}"
        )
    p = input.array.astype(np.float64)
    rows = p.reshape(-1, p.shape[-1])
    if not np.isfinite(rows).all() or (rows < 0).any() or (rows.sum(-1) <= 0).any():
        raise ValueError(
            "multinomial: each row must be finite, not negative and sum to more than 0"
        )
    if not replacement and ((rows > 0).sum(-1) < num_samples).any():
        raise ValueError(
            f"multinomial: cannot draw {num_samples} without replacement from a row with fewer "
            "non-zero entries; pass replacement=True"
        )
    rng = numpy_generator(generator)
    if replacement or num_samples == 1:
        edges = np.cumsum(rows, -1)
        points = rng.random((len(rows), num_samples)) * edges[:, -1:]
        drawn = np.stack(
            [np.searchsorted(e, q, "right") for e, q in zip(edges, points, strict=True)]
        )
        # rounding may carry a point onto the last edge, past the last non-zero entry
        last = rows.shape[1] - 1 - (rows[:, ::-1] > 0).argmax(1)
        drawn = np.minimum(drawn, last[:, None])
    else:
        # Efraimidis and Spirakis 2006: the k largest of u^(1/p) are a draw without replacement
        with np.errstate(divide="ignore"):
            keys = np.log(rng.random(rows.shape)) / rows
        keys[rows == 0] = -np.inf
        drawn = np.argsort(-keys, -1, kind="stable")[:, :num_samples]
    return wrap(drawn.astype(np.int64).reshape(*p.shape[:-1], num_samples))

"""What takes part in the Olympics, and how its answers are graded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Entry", "Queries", "alike", "exact_match", "in_batches"]


LONGEST_NAME = 100


def check_name(name: object) -> None:
    """Raise ValueError unless it is a name that can stand in a table: one line that prints."""
    fits = isinstance(name, str) and name.strip() and name.isprintable()
    if not fits or len(str(name)) > LONGEST_NAME:
        raise ValueError(
            "the name of an entry must be a text of one line, all of it printable, of at most "
            f"{LONGEST_NAME} characters; got {str(name)[:LONGEST_NAME]!r}"
        )


@dataclass(frozen=True)
class Entry:
    """A competitor: something that answers queries.

    It states no accuracy, latency or size: the judge measures them.

    Attributes:
        name: how the results call it.
        predict: from one query to its answer: a question (str) to a text (str), or a batch of
            inputs (an array) to their labels (an array).
        model: what the entry needs in memory: a Module, or a list of Modules, arrays, caches. What
            ``predict`` itself holds (see ``held_arrays``) is counted as well, and nothing twice.
        techniques: the optimisations in it, for the tables.

    >>> import numpy as np
    >>> weight = np.ones((4, 2), np.float32)
    >>> entry = Entry("linear", lambda batch: (batch @ weight).argmax(-1), model=weight)
    >>> entry.predict(np.ones((3, 4), np.float32))
    array([0, 0, 0])
    """

    name: str
    predict: Callable[[Any], Any]
    model: Any
    techniques: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        if not callable(self.predict):
            raise TypeError(f"{self.name}: predict must be callable, got {self.predict!r}")
        if isinstance(self.techniques, str):
            raise TypeError(
                f"{self.name}: techniques must be a tuple of names, got {self.techniques!r}; "
                f"did you mean ({self.techniques!r},)?"
            )


class Queries(NamedTuple):
    """What is asked, and the right answers."""

    inputs: list[Any]
    targets: list[Any]


def in_batches(inputs: Any, targets: Any, batch_size: int = 1) -> Queries:
    """A test set of arrays (or Tensors) cut into queries of ``batch_size`` items each.

    Shape: inputs (N, ...), targets (N,) -> ceil(N / batch_size) of (batch_size, ...) and
    (batch_size,)

    >>> import numpy as np
    >>> queries = in_batches(np.zeros((5, 8)), np.arange(5), batch_size=2)
    >>> [len(batch) for batch in queries.inputs], queries.targets[-1]
    ([2, 2, 1], array([4]))
    """
    if len(inputs) != len(targets) or batch_size < 1:
        raise ValueError(
            "in_batches: expected as many inputs as targets and batch_size >= 1, got "
            f"{len(inputs)}, {len(targets)} and {batch_size}"
        )
    starts = range(0, len(inputs), batch_size)
    return Queries(
        [inputs[i : i + batch_size] for i in starts], [targets[i : i + batch_size] for i in starts]
    )


def exact_match(answer: Any, target: Any) -> Sequence[bool]:
    """Which answers are right: one verdict for a text, one for each item of a batch.

    A text is right if it is the target, spaces and line breaks at the ends aside. Of arrays the
    items are compared; an answer of another shape is wrong everywhere.

    >>> exact_match("Paris. ", "Paris.")
    [True]
    >>> import numpy as np
    >>> exact_match(np.array([1, 2, 3]), np.array([1, 2, 4]))
    [True, True, False]
    """
    if isinstance(target, str):
        return [isinstance(answer, str) and answer.strip() == target.strip()]
    got, wanted = np.asarray(answer), np.asarray(target)
    if got.shape != wanted.shape:
        return [False] * wanted.size
    right: list[bool] = (got == wanted).ravel().tolist()
    return right


def alike(a: Any, b: Any) -> bool:
    """Is one answer the other, up to rounding?

    >>> import numpy as np
    >>> alike("yes", "yes"), alike(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-7]))
    (True, True)
    >>> alike(np.array([1]), np.array([2])), alike(np.array([1]), "1")
    (False, False)
    """
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    first, second = np.asarray(a), np.asarray(b)
    if first.shape != second.shape or first.dtype.kind != second.dtype.kind:
        return False
    if first.dtype.kind == "f":
        return bool(np.allclose(first, second, rtol=1e-3, atol=1e-6, equal_nan=True))
    return bool(np.array_equal(first, second))

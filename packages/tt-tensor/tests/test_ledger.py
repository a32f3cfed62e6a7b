"""The ledger of in-place writes."""

import gc

import numpy as np

import tt_tensor as t
from tt_tensor import ledger


def test_writes_are_noted_for_all_views() -> None:
    x = t.zeros(2, 3)
    view, other = x[0], t.zeros(3)
    before = ledger.tick()
    assert ledger.last_write(x.array) == 0
    view.add_(1)
    assert ledger.last_write(x.array) == ledger.last_write(view.array) > before
    assert ledger.last_write(x.T.array) == ledger.newest.write
    assert ledger.last_write(other.array) == 0
    first = ledger.last_write(x.array)
    x[1, 2] = 5.0
    assert ledger.last_write(view.array) > first


def test_every_way_of_writing_is_noted() -> None:
    x = t.ones(3)
    changes = [
        lambda: x.add_(1), lambda: x.zero_(), lambda: x.fill_(2), lambda: x.copy_(t.ones(3)),
        lambda: x.__setitem__(0, 1.0), lambda: x.exp_(), lambda: x.normal_(), lambda: x.uniform_(),
        lambda: x.clamp_(0, 1), lambda: x.masked_fill_(x > 0, 0), lambda: x.__imul__(2),
        lambda: x.scatter_add_(0, t.tensor([0]), t.ones(1)),
    ]  # fmt: skip
    for change in changes:
        before = ledger.tick()
        change()
        assert ledger.last_write(x.array) > before


def test_reading_is_not_writing() -> None:
    x = t.ones(3)
    before = ledger.newest.write
    x + 1, x.sum(), x[0], x.view(3), x.numpy(), x.clone()
    assert ledger.newest.write == before


def test_the_ledger_forgets_what_is_gone() -> None:
    x = t.ones(3)
    x.add_(1)
    key = id(ledger.owner(x.array))
    assert key in ledger._writes
    del x
    gc.collect()
    assert key not in ledger._writes


def test_the_owner_of_views() -> None:
    base = np.zeros((4, 4))
    assert ledger.owner(base[1:][0, ::2]) is base
    assert ledger.owner(base) is base

"""Memory of modules, against allocations of known size."""

import pytest

import tt_nn as nn
from tt_optimize import Profiler, profile
from tt_tensor import Tensor, ones

MEGABYTE = 250_000  # float32
SLACK = 60_000  # bytes of Python objects


class Hungry(nn.Module):
    """Needs ``peak`` MB for a moment, returns ``kept`` MB."""

    def __init__(self, peak: int, kept: int, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.peak, self.kept, self.inner = peak, kept, inner

    def forward(self, x: Tensor) -> Tensor:
        if self.inner is not None:
            self.inner(x)
        passing = ones(self.peak * MEGABYTE)
        del passing
        return ones(self.kept * MEGABYTE)


def test_peak_and_kept() -> None:
    model = Hungry(3, 2, Hungry(8, 1))
    with Profiler(memory=True) as p:
        before = ones(5 * MEGABYTE)
        out = model(before)
        ones(1 * MEGABYTE)
    outer, inner = p.result.modules["Hungry"], p.result.modules["Hungry.inner"]
    assert inner.peak_bytes == pytest.approx(8e6, abs=SLACK)
    assert inner.kept_bytes == pytest.approx(1e6, abs=SLACK)
    assert outer.peak_bytes == pytest.approx(8e6, abs=SLACK), "that of the inner one"
    assert outer.kept_bytes == pytest.approx(2e6, abs=SLACK), "what the inner one returned is gone"
    assert p.result.peak_bytes == pytest.approx(5e6 + 8e6, abs=SLACK)
    assert out.numel() == 2 * MEGABYTE
    line = p.result.memory_table().splitlines()[1].split()
    assert line[0] == "Hungry" and line[2:] == [
        f"{outer.kept_bytes / 1e6:.2f}", f"{outer.peak_bytes / 1e6:.2f}"
    ]  # fmt: skip


def test_what_is_kept_for_backward() -> None:
    model = nn.Sequential(nn.Linear(1000, 1000), nn.GELU())
    x = ones(500, 1000)
    result, _ = profile(lambda: model(x))
    assert result.modules["Sequential.0"].kept_bytes == pytest.approx(2e6, abs=SLACK)
    assert result.modules["Sequential"].kept_bytes == pytest.approx(4e6, abs=SLACK), "x of GELU"
    result, _ = profile(lambda: model(x).detach())
    assert result.modules["Sequential"].kept_bytes == pytest.approx(4e6, abs=SLACK)
    result, _ = profile(lambda: model.requires_grad_(False)(x))
    assert result.modules["Sequential"].kept_bytes == pytest.approx(2e6, abs=SLACK), "the result"


def test_a_profiler_of_memory_inside_another() -> None:
    with Profiler(memory=True) as outer:
        large = ones(6 * MEGABYTE)
        del large
        with Profiler(memory=True) as inner:
            ones(2 * MEGABYTE)
    assert outer.result.peak_bytes == pytest.approx(6e6, abs=SLACK)
    assert inner.result.peak_bytes == pytest.approx(2e6, abs=SLACK)


def test_without_memory_nothing_is_measured() -> None:
    with Profiler() as p:
        nn.Linear(2, 2)(ones(1, 2))
    assert p.result.peak_bytes is None and p.result.modules["Linear"].peak_bytes is None
    assert p.result.memory_table().splitlines()[1].split()[2:] == ["-", "-"]

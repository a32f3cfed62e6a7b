"""What each module did: itself, with those inside, forward and backward."""

from collections.abc import Callable
from time import sleep

import pytest

import tt_nn as nn
from tt_autograd import Function, checkpoint
from tt_models import CNN, GPT, MLP, GPTConfig
from tt_nn.hooks import after_all, before_all
from tt_nn.optim import AdamW
from tt_optimize import Profile, Profiler
from tt_tensor import Tensor, ones, rand, randint


class Slow(nn.Module):
    """Sleeps, then calls what is inside."""

    def __init__(self, seconds: float, inner: nn.Module | None = None) -> None:
        super().__init__()
        self.seconds = seconds
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        sleep(self.seconds)
        return x if self.inner is None else self.inner(x)


def test_self_time_and_total() -> None:
    model = Slow(0.02, Slow(0.03))
    with Profiler() as p:
        model(ones(1))
        sleep(0.01)
    outer, inner = p.result.modules["Slow"], p.result.modules["Slow.inner"]
    assert outer.self_seconds >= 0.02 and inner.self_seconds == inner.seconds >= 0.03
    assert outer.seconds == pytest.approx(outer.self_seconds + inner.self_seconds)
    assert (outer.depth, inner.depth, inner.calls) == (0, 1, 1)
    assert p.result.python_seconds == pytest.approx(outer.seconds), "there are no operations"
    assert p.result.outside_seconds >= 0.01
    rest = p.result.outside_seconds + p.result.profiler_seconds
    assert outer.seconds + rest == pytest.approx(p.result.seconds), "nothing is counted twice"


def models() -> dict[str, tuple[nn.Module, Callable[[nn.Module], Tensor]]]:
    idx = randint(0, 11, (2, 8))
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16)
    images, digits, labels = rand(4, 3, 32, 32), rand(8, 64), randint(0, 10, (8,))
    return {
        "MLP": (MLP([64, 32, 10]), lambda m: nn.CrossEntropyLoss()(m(digits), labels)),
        "CNN": (CNN(), lambda m: m(images).square().mean()),
        "GPT": (GPT(config), lambda m: m(idx, targets=idx)[1]),
    }  # fmt: skip


def add_up(result: Profile) -> None:
    """All lines of both tables are the whole, to the last microsecond."""
    lines = [op.seconds for op in result.ops.values()]
    rest = [result.python_seconds, result.outside_seconds, result.profiler_seconds]
    assert sum(lines) + sum(rest) == pytest.approx(result.seconds, abs=1e-9)
    assert min(*lines, *rest) >= 0
    by_module = [op for m in result.modules.values() for op in m.ops.values()]
    outside = list(result.outside.values())
    for key, total in result.ops.items():
        same = [op for op in by_module + outside if (op.name, op.phase) == key]
        for field in ("calls", "flops", "bytes", "moved_bytes"):
            assert sum(getattr(op, field) for op in same) == getattr(total, field), (key, field)
        assert sum(op.seconds for op in same) == pytest.approx(total.seconds)
    own = sum(m.self_seconds for m in result.modules.values())
    inside = sum(op.seconds for op in by_module if op.phase == "forward")
    assert own == pytest.approx(inside + result.python_seconds)


@pytest.mark.parametrize("name", ["MLP", "CNN", "GPT"])
@pytest.mark.parametrize("training", [False, True])
def test_models(name: str, training: bool) -> None:
    model, loss_of = models()[name]
    optimizer = AdamW(model.parameters())
    with Profiler() as p:
        loss = loss_of(model)
        if training:
            loss.backward()
            with p.region("optimizer"):
                optimizer.step()
    result = p.result
    add_up(result)
    assert result.uncounted == []
    top = result.modules[name]
    assert top.calls == 1 and top.parameters == sum(p.numel() for p in model.parameters())
    assert {m for m in result.modules if m.startswith(f"{name}.")} <= {
        f"{name}.{path}" for path, _ in model.named_modules()
    }
    leaves = [m for m, module in model.named_modules() if m and not [*module.children()]]
    assert all(f"{name}.{leaf}" in result.modules for leaf in leaves)
    outermost = [m for m in result.modules.values() if not m.depth and m.kind != "region"]
    flops = sum(op.flops for op in result.outside.values() if op.phase == "forward")
    assert sum(m.flops for m in outermost) + flops == result.flops
    if training:
        assert top.backward_seconds > 0 and top.backward_flops > top.flops
        seen = sum(m.backward_seconds for m in outermost)
        rules = sum(op.seconds for op in result.outside.values() if op.phase == "backward")
        assert seen + rules == pytest.approx(result.backward_seconds)
        region = result.modules["optimizer"]
        assert region.kind == "region" and 0 < region.seconds < result.seconds
    else:
        assert result.backward_seconds == 0 == top.backward_flops


def test_a_rule_belongs_to_the_module_that_recorded_it() -> None:
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    with Profiler() as p:
        model(ones(3, 4)).sum().backward()
    modules = p.result.modules
    assert set(modules["Sequential.0"].ops) == {("linear", "forward"), ("linear", "backward")}
    assert modules["Sequential.0"].backward_flops == 2 * 60 + 15, "the data needs no gradient"
    assert modules["Sequential.2"].backward_flops == 2 * 2 * 30 + 6
    assert modules["Sequential.1"].backward_flops == 3 * 15
    assert set(p.result.outside) == {("sum", "forward"), ("sum", "backward")}
    assert modules["Sequential"].backward_flops == p.result.backward_flops


def test_what_was_recorded_before_belongs_to_none() -> None:
    model = nn.Linear(2, 2)
    loss = model(ones(1, 2)).sum()
    with Profiler() as p:
        loss.backward()
    assert not p.result.modules and ("linear", "backward") in p.result.outside


def test_modules_of_one_class_are_told_apart() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 3)
    with Profiler() as p:
        second(first(ones(1, 2)))
        first(ones(1, 2))
    assert {name: m.calls for name, m in p.result.modules.items()} == {"Linear": 2, "Linear-2": 1}


def test_a_shared_module_goes_by_its_first_name() -> None:
    layer = nn.Linear(2, 2)
    with Profiler() as p:
        nn.Sequential(layer, nn.ReLU(), layer)(ones(1, 2))
    assert p.result.modules["Sequential.0"].calls == 2
    assert p.result.modules["Sequential"].parameters == 6
    assert "Sequential.2" not in p.result.modules


def test_a_part_called_by_itself_is_part_of_the_whole() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with Profiler() as p:
        model[0](ones(1, 2))
        model(ones(1, 2))
    assert {n: m.calls for n, m in p.result.modules.items()} == {
        "Sequential": 1, "Sequential.0": 2, "Sequential.1": 1
    }  # fmt: skip


def test_checkpointed_modules_run_twice() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    with Profiler() as p:
        checkpoint(model, ones(1, 2)).sum().backward()
    add_up(p.result)
    assert p.result.modules["Sequential.0"].calls == 2, "that is what a checkpoint costs"


class Cube(Function):
    """x³, of two operations inside one."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        sleep(0.01)
        return x * x * x

    @staticmethod
    def backward(ctx, g):  # type: ignore[no-untyped-def]
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def test_operations_inside_operations_are_not_counted_twice() -> None:
    x = ones(1000, requires_grad=True)
    with Profiler() as p:
        Cube.apply(x).sum().backward()
    add_up(p.result)
    assert p.result.ops["mul", "forward"].calls == 5
    assert p.result.ops["Cube", "forward"].seconds >= 0.01
    assert p.result.uncounted == ["Cube"], "nobody counts what it does besides"


def test_a_region_contains_the_rules_but_does_not_own_them() -> None:
    model = nn.Linear(50, 50)
    with Profiler() as p:
        loss = model(ones(20, 50)).sum()
        with p.region("backward"):
            loss.backward()
    add_up(p.result)
    region = p.result.modules["backward"]
    assert region.ops == {} and region.seconds >= p.result.backward_seconds
    rest = region.seconds - p.result.backward_seconds
    assert region.self_seconds == pytest.approx(rest, abs=1e-9)


def test_regions_need_a_name_and_a_block() -> None:
    p = Profiler()
    with pytest.raises(RuntimeError, match="is not running"), p.region("x"):
        pass
    with p, pytest.raises(ValueError, match="expected a name, got ''"), p.region(""):
        pass


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise ZeroDivisionError


def test_a_module_that_raises_is_left() -> None:
    model = nn.Sequential(Failing())
    with Profiler() as p:
        with pytest.raises(ZeroDivisionError):
            model(ones(1))
        ones(1) + 1
    add_up(p.result)
    assert p.result.modules["Sequential.0"].calls == 1
    assert ("add", "forward") in p.result.outside, "and not in the module that failed"
    assert not before_all and not after_all


class Inside(nn.Module):
    """A module that enters or leaves a profiler in the midst of its forward."""

    def __init__(self, change: Callable[[], object]) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        y = x + 1
        self.change()
        return y * 2


def test_a_block_that_begins_or_ends_within_a_module() -> None:
    p = Profiler()
    Inside(p.__enter__)(ones(1))
    p.__exit__()
    assert set(p.result.ops) == {("mul", "forward")} and not p.result.modules
    p = Profiler()
    p.__enter__()
    Inside(p.__exit__)(ones(1))
    assert set(p.result.modules["Inside"].ops) == {("add", "forward")}
    add_up(p.result)
    assert not before_all and not after_all

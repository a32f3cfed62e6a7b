"""Hooks around a module's forward."""

from typing import Any

import pytest

import tt_nn as nn
from tt_nn import Module
from tt_nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from tt_tensor import Tensor, ones


class Double(Module):
    """Twice x, or as often as told."""

    def forward(self, x: Tensor, times: float = 2.0) -> Tensor:
        return x * times


def test_a_forward_hook_sees_and_may_replace_the_output() -> None:
    seen: list[Any] = []
    module = Double()
    module.register_forward_hook(lambda m, args, out: seen.append((m, args, out)))
    x = ones(2)
    y = module(x)
    ((m, (argument,), out),) = seen
    assert m is module and argument is x and out is y and y.tolist() == [2, 2]
    module.register_forward_hook(lambda m, args, out: out + 1)
    assert module(x).tolist() == [3, 3]
    assert module(x, times=5).tolist() == [6, 6]


def test_a_pre_hook_sees_and_may_replace_the_arguments() -> None:
    module = Double()
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    assert module(ones(2)).tolist() == [4, 4]
    module.register_forward_pre_hook(lambda m, args: (args[0], 10.0))
    assert module(ones(2)).tolist() == [20, 20]


def test_hooks_run_in_order_and_can_be_removed() -> None:
    calls: list[str] = []
    module = Double()
    handles = [
        module.register_forward_hook(lambda m, args, out, name=name: calls.append(name))
        for name in "abc"
    ]
    module(ones(1))
    handles[1].remove()
    handles[1].remove()
    module(ones(1))
    assert calls == ["a", "b", "c", "a", "c"]


def test_hooks_whose_handles_nobody_keeps_stay() -> None:
    calls: list[int] = []
    module = Double()
    for n in range(20):
        module.register_forward_hook(lambda m, args, out, n=n: calls.append(n))
        module.register_forward_pre_hook(lambda m, args, n=n: calls.append(-n))
    module(ones(1))
    assert calls == [-n for n in range(20)] + list(range(20))


def test_a_hook_may_remove_itself() -> None:
    module = Double()
    calls: list[int] = []

    def once(m: Module, args: Any, out: Any) -> None:
        calls.append(1)
        handle.remove()

    handle = module.register_forward_hook(once)
    module(ones(1))
    module(ones(1))
    assert calls == [1]


def test_hooks_are_no_children_and_no_state() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    model.register_forward_hook(lambda m, args, out: None)
    model[0].register_forward_pre_hook(lambda m, args: None)
    assert [name for name, _ in model.named_modules()] == ["", "0"]
    assert list(model.state_dict()) == ["0.weight", "0.bias"]


def test_a_hook_may_come_first_and_see_the_keywords() -> None:
    seen: list[Any] = []

    class Scale(Module):
        def forward(self, x: Tensor, *, by: float = 1.0) -> Tensor:
            return x * by

    layer = Scale()
    layer.register_forward_hook(lambda module, args, out: seen.append("last"))
    layer.register_forward_hook(lambda module, args, out: seen.append("first"), prepend=True)
    layer.register_forward_hook(
        lambda module, args, kwargs, out: seen.append(kwargs), with_kwargs=True
    )
    layer.register_forward_pre_hook(
        lambda module, args, kwargs: (args, {"by": 2 * kwargs["by"]}), with_kwargs=True
    )
    assert layer(ones(2), by=3.0).tolist() == [6.0, 6.0]
    assert seen == ["first", "last", {"by": 6.0}]


# --- of all modules -------------------------------------------------------------------------------


def test_hooks_of_all_modules_surround_those_of_one() -> None:
    seen: list[str] = []
    module = nn.Sequential(Double())
    module[0].register_forward_pre_hook(lambda m, args: seen.append("own before"))
    module[0].register_forward_hook(lambda m, args, out: seen.append("own after"))
    first = register_module_forward_pre_hook(lambda m, args: seen.append(f"> {type(m).__name__}"))
    last = register_module_forward_hook(lambda m, args, out: seen.append(f"< {type(m).__name__}"))
    module(ones(2))
    assert seen == [
        "> Sequential", "> Double", "own before", "< Double", "own after", "< Sequential"
    ]  # fmt: skip
    first.remove()
    last.remove()
    del seen[:]
    module(ones(2))
    assert seen == ["own before", "own after"]


def test_hooks_of_all_modules_may_replace_arguments_and_output() -> None:
    before = register_module_forward_pre_hook(lambda m, args: args[0] + 1)
    after = register_module_forward_hook(lambda m, args, out: out + 10)
    try:
        assert Double()(ones(2)).tolist() == [14, 14]
        assert Double()(ones(2), times=5).tolist() == [20, 20]
    finally:
        before.remove()
        after.remove()


class Failing(Module):
    """Its forward raises."""

    def forward(self, x: Tensor) -> Tensor:
        raise ZeroDivisionError


def test_a_hook_of_all_modules_may_be_called_whatever_happens() -> None:
    seen: list[Any] = []
    handles = [
        register_module_forward_hook(lambda m, args, out: seen.append(("always", m, out)),
                                     always_call=True),
        register_module_forward_hook(lambda m, args, out: seen.append(("if it went well", m, out))),
    ]  # fmt: skip
    failing, fine = nn.Sequential(Failing()), Double()
    try:
        with pytest.raises(ZeroDivisionError):
            failing(ones(1))
        assert seen == [("always", failing[0], None), ("always", failing, None)]
        del seen[:]
        out = fine(ones(1))
        assert [what for what, *_ in seen] == ["always", "if it went well"], "once each"
        assert all(given is out for *_, given in seen)
    finally:
        for handle in handles:
            handle.remove()

"""Layers are replaced wherever a model keeps them; the model itself stays as it is."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tt_models import GPT
from tt_nn import GELU, Identity, Linear, Module, ReLU, Sequential
from tt_optimize import low_rank, quantize, replace_layers
from tt_tensor import Tensor, randn


class Everywhere(Module):
    """Layers in an attribute, a list, a dict, a tuple, and one of them twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Linear(4, 4)
        self.others: list[Any] = [Linear(4, 4), {"deep": Linear(4, 4)}]
        self.fixed = (Linear(4, 4), "a word")
        self.again = self.inner
        self.act = self.rectified

    def rectified(self, x: Tensor) -> Tensor:
        return x.clamp(min=0)


def to_identity(name: str, layer: Module) -> Module | None:
    return Identity() if isinstance(layer, Linear) else None


def test_it_finds_layers_wherever_they_are_kept() -> None:
    model = Everywhere()
    new = replace_layers(model, to_identity)
    places = (new.inner, new.others[0], new.others[1]["deep"], new.fixed[0], new.again)
    assert all(isinstance(layer, Identity) for layer in places)
    assert new.fixed[1] == "a word"
    old = (model.inner, model.others[0], model.others[1]["deep"], model.fixed[0], model.again)
    assert all(isinstance(layer, Linear) for layer in old)


def test_names_are_those_of_named_modules_from_the_outside_in() -> None:
    model, asked = Everywhere(), []

    def record(name: str, layer: Module) -> None:
        asked.append((name, layer))

    replace_layers(model, record)
    assert asked == list(model.named_modules())


def test_a_layer_in_two_places_is_replaced_once() -> None:
    model, asked = Everywhere(), []

    def make(name: str, layer: Module) -> Module | None:
        asked.append(name)
        return to_identity(name, layer)

    new = replace_layers(model, make)
    assert new.inner is new.again
    assert asked == ["", "inner", "others.0", "others.1.deep", "fixed.0"]


def test_what_is_inside_a_replaced_layer_is_left_alone() -> None:
    model = Sequential(Sequential(Linear(2, 2), ReLU()), ReLU())
    asked = []

    def make(name: str, layer: Module) -> Module | None:
        asked.append(name)
        return GELU() if name == "0" else None

    new = replace_layers(model, make)
    assert isinstance(new[0], GELU) and isinstance(new[1], ReLU)
    assert asked == ["", "0", "1"]


def test_the_model_itself_may_be_replaced() -> None:
    made = Identity()
    assert replace_layers(Linear(2, 2), lambda name, layer: made) is made


def test_modules_are_new_and_tensors_the_same(gpt: GPT) -> None:
    new = replace_layers(gpt, lambda name, layer: None)
    for old_module, new_module in zip(gpt.modules(), new.modules(), strict=True):
        assert old_module is not new_module and type(old_module) is type(new_module)
    for old, now in zip(gpt.parameters(), new.parameters(), strict=True):
        assert old is now
    own = copy.deepcopy(new)
    assert own.lm_head.weight is own.transformer["wte"].weight  # a tie survives
    assert own.lm_head.weight is not gpt.lm_head.weight


def test_a_method_kept_as_an_attribute_belongs_to_the_new_model() -> None:
    new = replace_layers(Everywhere(), to_identity)
    assert new.act.__self__ is new


def test_modes_buffers_and_hooks_stay_apart() -> None:
    model = Sequential(Linear(3, 3), ReLU()).eval()
    new = replace_layers(model, lambda name, layer: None)
    new.train()
    new.register_buffer("mark", randn(1))
    new[0].register_forward_hook(lambda module, args, out: out * 0)
    assert not model.training and new.training
    assert "mark" not in model.state_dict()
    x = randn(2, 3)
    assert not new(x).detach().numpy().any()
    assert model(x).detach().numpy().any()


def test_only_modules_are_put_in() -> None:
    with pytest.raises(TypeError, match=r"'0' expected a Module or None, got int"):
        replace_layers(Sequential(ReLU()), lambda name, layer: 3 if name else None)  # type: ignore[arg-type,return-value]


def test_hooks_go_to_what_is_put_in() -> None:
    model = Sequential(Linear(3, 3), ReLU())
    seen: list[str] = []
    handle = model[0].register_forward_hook(lambda layer, *_: seen.append(type(layer).__name__))
    model[0].register_forward_pre_hook(lambda layer, args: (args[0] * 0,))
    new = replace_layers(
        model, lambda name, layer: Linear(3, 3, bias=False) if name == "0" else None
    )
    assert not new(randn(2, 3)).detach().numpy().any()
    assert seen == ["Linear"]
    handle.remove()  # the model's; the new one has its own
    new(randn(2, 3)), model(randn(2, 3))
    assert seen == ["Linear", "Linear"]
    for small in (quantize(new), low_rank(Sequential(*new, Linear(3, 3)), rank=1)):
        small(randn(2, 3))
    assert len(seen) == 4

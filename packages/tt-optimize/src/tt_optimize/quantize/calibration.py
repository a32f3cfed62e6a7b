"""The ranges of activations, measured by running the model on sample batches.

Static quantization rounds inputs by fixed scales, so it must know beforehand which values come.
Hooks look at the input of each layer while the model works on data like those it will meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tt_autograd import no_grad
from tt_nn import Module
from tt_tensor import Tensor

from ..replace import replace_layers
from .affine import scale_and_zero_point
from .observers import Observer

__all__ = ["measured_ranges"]

Ranges = dict[str, tuple[Tensor, Tensor]]


def measured_ranges(
    model: Module, names: Iterable[str], calibration: Any, observer: Callable[[], Observer]
) -> Ranges:
    """For each layer named, the scale and zero point that fit its inputs.

    Args:
        calibration: batches: Tensors, or tuples that begin with one (labels are ignored); or the
            ``state_dict`` of a model quantized before, whose ranges are taken.

    Raises:
        ValueError: there are no batches, the model fails on one, or one holds nan or inf; a layer
            named was never reached.
    """
    names = list(names)
    if isinstance(calibration, Mapping):
        return _saved_ranges(calibration, names)
    if calibration is None:
        raise ValueError(
            "quantize: scheme='static' needs calibration=[batch, ...], some inputs as the model "
            "will meet them. scheme='dynamic' needs none"
        )
    if isinstance(calibration, Tensor):
        calibration = [calibration]
    runner = replace_layers(model, lambda name, layer: None).eval()  # hooks for this one alone
    observers = {name: observer() for name in names}
    reached: set[str] = set()
    for name, layer in runner.named_modules():
        if name in observers:
            layer.register_forward_pre_hook(_watching(name, observers[name], reached))
    _run(runner, calibration)
    if missed := [name for name in names if name not in reached]:
        raise ValueError(
            f"quantize: the calibration batches never reached {', '.join(missed)}, so the ranges "
            "there are unknown. Give batches that use all layers, or skip=(...) those"
        )
    return {name: scale_and_zero_point(*seen.range()) for name, seen in observers.items()}


def _watching(name: str, observer: Observer, reached: set[str]) -> Callable[..., None]:
    """A hook that shows a layer's input to its observer."""

    def hook(layer: Module, args: tuple[Any, ...]) -> None:
        reached.add(name)
        observer.observe(args[0])

    return hook


def _run(model: Module, batches: Iterable[Any]) -> None:
    count = 0
    with no_grad():
        for batch in batches:
            x = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
            if not isinstance(x, Tensor):
                raise TypeError(
                    "quantize: a calibration batch must be a Tensor or a tuple that begins with "
                    f"one, got {type(batch).__name__}"
                )
            try:
                model(x)
            except (ValueError, TypeError, IndexError, RuntimeError) as error:
                raise ValueError(
                    f"quantize: the model fails on calibration batch {count}, of shape {x.shape} "
                    f"and dtype {x.dtype}: {error}"
                ) from error
            count += 1
    if not count:
        raise ValueError("quantize: calibration holds no batches; give at least one")


def _saved_ranges(state: Mapping[str, Tensor], names: list[str]) -> Ranges:
    ranges = {}
    for name in names:
        keys = [f"{name}.{what}".removeprefix(".") for what in ("input_scale", "input_zero_point")]
        if missing := [key for key in keys if key not in state]:
            raise ValueError(
                f"quantize: the state given as calibration has no {missing[0]}; is it of a model "
                "quantized with scheme='static'?"
            )
        ranges[name] = (state[keys[0]].clone(), state[keys[1]].clone())
    return ranges

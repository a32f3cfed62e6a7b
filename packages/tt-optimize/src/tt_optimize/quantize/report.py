"""What a quantized model holds, layer by layer, and what was left in float."""

from __future__ import annotations

from dataclasses import dataclass

from tt_nn import Module

from .layers.int8 import Int8Layer
from .layers.packed import PackedLayer

__all__ = ["LayerBytes", "QuantizationReport", "quantization_report"]


@dataclass(frozen=True, slots=True)
class LayerBytes:
    """One layer that holds numbers: how they are stored, and in how many bytes."""

    name: str
    kind: str
    stored: str
    bytes: int


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """The layers of a model that hold numbers."""

    layers: tuple[LayerBytes, ...]

    @property
    def quantized(self) -> tuple[LayerBytes, ...]:
        """Those whose weights are integers or float16."""
        return tuple(layer for layer in self.layers if layer.stored != "float")

    @property
    def left(self) -> tuple[LayerBytes, ...]:
        """Those left in float: small ones (norms), and ones that ``quantize`` has no form of."""
        return tuple(layer for layer in self.layers if layer.stored == "float")

    def __str__(self) -> str:
        rows = [("layer", "kind", "stored as", "bytes")]
        rows += [(row.name, row.kind, row.stored, f"{row.bytes:,}") for row in self.layers]
        wide = [max(len(row[i]) for row in rows) for i in range(4)]
        return "\n".join(
            f"{name:<{wide[0]}}  {kind:<{wide[1]}}  {stored:<{wide[2]}}  {size:>{wide[3]}}"
            for name, kind, stored, size in rows
        )


def quantization_report(model: Module) -> QuantizationReport:
    """How each layer of a model stores its numbers.

    A weight that two layers share is counted with the first.

    >>> from tt_nn import LayerNorm, Linear, Sequential
    >>> from tt_optimize import quantize
    >>> model = quantize(Sequential(Linear(64, 64), LayerNorm(64)))
    >>> print(quantization_report(model))
    layer  kind             stored as          bytes
    0      QuantizedLinear  int8, weight_only  4,608
    1      LayerNorm        float                512
    """
    seen: set[int] = set()
    rows = []
    for name, layer in model.named_modules():
        tensors = (
            [*layer.parameters(recurse=False), *layer.buffers()]
            if _is_leaf(layer)
            else [*layer.parameters(recurse=False)]
        )
        if not tensors:
            continue
        new = [tensor for tensor in tensors if id(tensor) not in seen]
        seen.update(map(id, new))
        size = sum(tensor.nbytes for tensor in new)
        rows.append(LayerBytes(name, type(layer).__name__, _stored(layer), size))
    return QuantizationReport(tuple(rows))


def _is_leaf(layer: Module) -> bool:
    return next(layer.children(), None) is None


def _stored(layer: Module) -> str:
    if isinstance(layer, Int8Layer):
        return f"int8, {layer.scheme}"
    if isinstance(layer, PackedLayer):
        return f"int{layer.bits}" if layer.bits < 16 else "float16"
    return "float"

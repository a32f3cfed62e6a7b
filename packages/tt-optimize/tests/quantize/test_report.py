"""The report names every layer that holds numbers, and its bytes add up."""

from __future__ import annotations

import pytest

from tt_models import CNN, GPT
from tt_nn import Conv1d, Linear, Module, MultiheadAttention, Sequential
from tt_optimize import quantization_report, quantize, size_of
from tt_tensor import randn


@pytest.mark.parametrize("options", [{}, {"bits": 4}, {"scheme": "float16"}, {"scheme": "dynamic"}])
def test_the_bytes_are_the_models(gpt: GPT, options: dict[str, object]) -> None:
    for model in (gpt, CNN(1, widths=(4, 8))):
        small = quantize(model, **options)
        report = quantization_report(small)
        assert sum(layer.bytes for layer in report.layers) == size_of(small)
        assert len(report.quantized) + len(report.left) == len(report.layers)


def test_what_was_left_is_listed(gpt: GPT) -> None:
    left = {layer.kind for layer in quantization_report(quantize(gpt)).left}
    assert left == {"LayerNorm"}
    model = Sequential(Linear(4, 4), Conv1d(4, 4, 3), MultiheadAttention(4, 2))
    report = quantization_report(quantize(model))
    assert [layer.name for layer in report.left] == ["1", "2"]
    assert [layer.name for layer in report.quantized] == ["0", "2.out_proj"]


def test_a_static_layer_and_a_float_model() -> None:
    model = Linear(4, 4)
    assert [row.stored for row in quantization_report(model).layers] == ["float"]
    small = quantize(model, "static", calibration=[randn(2, 4)])
    assert [row.stored for row in quantization_report(small).layers] == ["int8, static"]
    assert size_of(small) == quantization_report(small).layers[0].bytes


def test_it_prints_a_table(gpt: GPT) -> None:
    text = str(quantization_report(quantize(gpt, bits=4)))
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1 and "int4" in text
    assert lines[0].split() == ["layer", "kind", "stored", "as", "bytes"]
    assert str(quantization_report(Module())).split() == lines[0].split()

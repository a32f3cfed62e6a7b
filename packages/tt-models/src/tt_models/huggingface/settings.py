"""config.json and GPTConfig, each from the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import GPTConfig
from .forms import FORMS, Form

__all__ = ["read_settings", "write_settings"]

ROPE = {"rope_type": ("default",), "type": ("default",), "partial_rotary_factor": (1.0,)}


def read_settings(
    data: Mapping[str, Any], place: str, dropout: float | None = None
) -> tuple[Form, GPTConfig]:
    """The form and the GPTConfig that a config.json describes.

    Args:
        place: the file's name, for error messages.
        dropout: the rate to use; None: the file's.

    Raises:
        ValueError: the file asks for something that our GPT does not do; names it.
    """
    form = FORMS.get(str(data.get("model_type")))
    if form is None:
        expected = " or ".join(map(repr, FORMS))
        raise ValueError(f"{place}: expected model_type {expected}, got {data.get('model_type')!r}")
    _check(data, {**form.supported, "quantization_config": (None,)}, place)
    fields = {ours: data.get(name, value) for name, (ours, value) in form.settings.items()}
    if form.model_type == "llama":
        if data.get("mlp_bias", False) != fields["bias"]:
            raise ValueError(
                f"{place}: attention_bias={fields['bias']!r} with mlp_bias="
                f"{data.get('mlp_bias', False)!r} is not supported, only both or neither"
            )
        fields["rope_theta"] = _rope_theta(data, place)
    if dropout is None:
        dropout = _dropout(data, form, place)
    try:
        return form, GPTConfig(**form.choices, **fields, dropout=dropout)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: {error}") from None


def _check(data: Mapping[str, Any], supported: Mapping[str, tuple[Any, ...]], place: str) -> None:
    """Raise if a setting that is there has another value than the supported ones."""
    for name, values in supported.items():
        if data.get(name, values[0]) not in values:
            expected = " or ".join(map(repr, values))
            raise ValueError(f"{place}: {name}={data[name]!r} is not supported, only {expected}")


def _rope_theta(data: Mapping[str, Any], place: str) -> Any:
    """The base of the rotary angles: in rope_parameters now, beside the other settings before."""
    theta = data.get("rope_theta", 10000.0)
    for name in ("rope_scaling", "rope_parameters"):  # the later one counts
        given = data.get(name)
        if given is None:
            continue
        if not isinstance(given, Mapping):
            raise ValueError(f"{place}: expected an object as {name}, got {given!r}")
        _check(given, ROPE, f"{place}: {name}")
        if unknown := [key for key in given if key not in (*ROPE, "rope_theta")]:
            raise ValueError(f"{place}: {name} has {', '.join(unknown)}, which is not supported")
        theta = given.get("rope_theta", theta)
    return theta


def _dropout(data: Mapping[str, Any], form: Form, place: str) -> Any:
    """The one rate of all places."""
    rates = {name: data.get(name, value) for name, value in form.dropout.items()}
    rate = next(iter(rates.values()))
    if any(other != rate for other in rates.values()):
        raise ValueError(
            f"{place}: different rates of dropout are not supported, got {rates}. "
            "help: choose one: GPT.from_pretrained(folder, dropout=...)"
        )
    return rate


def write_settings(form: Form, config: GPTConfig) -> dict[str, Any]:
    """The config.json of a GPTConfig."""
    data: dict[str, Any] = {"model_type": form.model_type, "architectures": [form.architecture]}
    for name, (ours, _) in form.settings.items():
        data[name] = getattr(config, ours)
    data |= {name: values[0] for name, values in form.supported.items()}
    data |= dict.fromkeys(form.dropout, config.dropout)
    data |= {"bos_token_id": None, "eos_token_id": None}  # which tokens those are, we do not know
    if form.model_type == "llama":
        data |= {"num_key_value_heads": config.kv_heads, "head_dim": config.head_size}
        data |= {"intermediate_size": config.inner_size, "mlp_bias": config.bias}
        # both places: readers before 2025 know the first, later ones the second
        data["rope_theta"] = config.rope_theta
        data["rope_parameters"] = {"rope_type": "default", "rope_theta": config.rope_theta}
    return data

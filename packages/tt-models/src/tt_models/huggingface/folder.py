"""Reading and writing the folders. Nothing in them is trusted before it is checked.

The tensors' names and shapes are compared with what config.json makes of them before a model is
built, so that no setting alone can ask for more memory than the files fill.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tt_nn import save
from tt_nn.serialization.reader import read_safetensors
from tt_tensor.tensor import wrap

from ..config import GPTConfig
from .forms import Form, Weight, form_of
from .settings import read_settings, write_settings

__all__ = ["read_folder", "write_folder"]

Array = np.ndarray[Any, np.dtype[Any]]

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
HEAD = "lm_head.weight"


def read_folder(folder: Path, dropout: float | None = None) -> tuple[GPTConfig, dict[str, Array]]:
    """The GPTConfig and the arrays of its GPT's state_dict.

    Raises:
        FileNotFoundError: naming each file that is missing.
        ValueError: naming every setting, file or tensor that cannot be used.
    """
    if not (folder / CONFIG).is_file():
        raise FileNotFoundError(f"{folder}: expected a folder with {CONFIG} and {WEIGHTS}")
    form, config = read_settings(_read_json(folder / CONFIG), str(folder / CONFIG), dropout)
    return config, _ours(form, config, _read_tensors(folder), folder)


def write_folder(folder: Path, config: GPTConfig, state: Mapping[str, Array]) -> None:
    """The opposite of ``read_folder``."""
    form = form_of(config)
    dtype = state["transformer.wte.weight"].dtype
    tensors = {}
    for weight in form.weights(config):
        array = state.get(weight.ours)
        if array is None:  # a GPT-2 without biases
            array = np.zeros(sum(weight.rows), dtype)
        parts = np.split(array, np.cumsum(weight.rows)[:-1])
        for name, part in zip(weight.theirs, parts, strict=True):
            tensors[_full(name, form)] = wrap(part.T if weight.transposed else part)
    folder.mkdir(parents=True, exist_ok=True)
    save(tensors, folder / WEIGHTS)
    text = json.dumps(write_settings(form, config), indent=2)
    (folder / CONFIG).write_text(text + "\n", encoding="utf-8", newline="\n")


def _full(name: str, form: Form) -> str:
    """A tensor's whole name."""
    return name if name == HEAD else form.prefix + name


# --- files ----------------------------------------------------------------------------------------


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON; got {str(error)[:200]}") from None
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(data).__name__}")
    return data


def _read_file(path: Path) -> dict[str, Array]:
    with open(path, "rb") as file:
        return read_safetensors(file, os.fstat(file.fileno()).st_size, str(path))[0]


def _read_tensors(folder: Path) -> dict[str, Array]:
    """All tensors of a folder, from one file or from the several that the index names."""
    if (folder / WEIGHTS).is_file():
        return _read_file(folder / WEIGHTS)
    if not (folder / INDEX).is_file():
        pickles = [path.name for path in sorted(folder.glob("*.bin"))]
        advice = (
            f". {', '.join(pickles)} may be pickles, which are never read, as they can run code; "
            "help: convert them where they come from: save_pretrained(folder)"
        )
        raise FileNotFoundError(
            f"{folder}: expected {WEIGHTS}, or {INDEX} and the files it names"
            + (advice if pickles else "")
        )
    return _read_shards(folder)


def _read_shards(folder: Path) -> dict[str, Array]:
    """The tensors of several files; each must hold just what the index says."""
    index = _read_json(folder / INDEX).get("weight_map")
    shards: dict[str, set[str]] = {}
    for name, file in index.items() if isinstance(index, dict) else ():
        if not isinstance(file, str) or Path(file).name != file or "\\" in file or file == "..":
            raise ValueError(f"{folder / INDEX}: expected names of files beside it, got {file!r}")
        shards.setdefault(file, set()).add(name)
    if not shards:
        raise ValueError(f"{folder / INDEX}: expected a weight_map from each tensor to its file")
    if missing := [file for file in sorted(shards) if not (folder / file).is_file()]:
        raise FileNotFoundError(f"{folder}: missing {', '.join(missing)}, which {INDEX} names")
    tensors: dict[str, Array] = {}
    for file, names in sorted(shards.items()):
        found = _read_file(folder / file)
        _raise_if(
            f"{folder / file}: the tensors are not those that {INDEX} names",
            names - found.keys(),
            found.keys() - names,
        )
        tensors |= found
    return tensors


# --- tensors --------------------------------------------------------------------------------------


def _raise_if(title: str, missing: Any, unexpected: Any, problems: Any = ()) -> None:
    """Raise ValueError with all that is wrong, if anything is."""
    lines = [f"{title}."]
    if missing:
        lines.append(f"missing: {', '.join(sorted(missing))}")
    if unexpected:
        lines.append(f"unexpected: {', '.join(sorted(unexpected))}")
    lines += problems
    if len(lines) > 1:
        raise ValueError("\n  ".join(lines))


def _ours(
    form: Form, config: GPTConfig, tensors: Mapping[str, Array], folder: Path
) -> dict[str, Array]:
    """The state_dict's arrays: names without the prefix, checked, and put together."""
    found = {
        name.removeprefix(form.prefix): array
        for name, array in tensors.items()
        if not name.endswith(form.ignored)
    }
    if config.n_layer > len(found):
        raise ValueError(
            f"{folder}: {CONFIG} says {config.n_layer} layers, but there are {len(found)} tensors"
        )
    weights = list(form.weights(config))
    _check(form, config, weights, tensors, found, folder)
    state = {}
    for weight in weights:
        parts = [found[name].T if weight.transposed else found[name] for name in weight.theirs]
        state[weight.ours] = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if config.tie_weights:
        state[HEAD] = state["transformer.wte.weight"]
    return state


def _check(
    form: Form,
    config: GPTConfig,
    weights: list[Weight],
    tensors: Mapping[str, Array],
    found: Mapping[str, Array],
    folder: Path,
) -> None:
    """Raise unless the tensors found are just the expected ones, in name, shape and kind."""
    shapes = {name: weight.shape(i) for weight in weights for i, name in enumerate(weight.theirs)}
    problems = [
        f"{_full(name, form)}: expected floating numbers of shape {shapes[name]}, got "
        f"{array.dtype} of {array.shape}"
        for name, array in found.items()
        if name in shapes and (array.shape != shapes[name] or array.dtype.kind != "f")
    ]
    twice = [name for name in tensors if name in found and form.prefix + name in tensors]
    problems += [f"{name}: there both with {form.prefix!r} before it and without" for name in twice]
    unexpected = {name: array for name, array in found.items() if name not in shapes}
    if config.tie_weights and HEAD in unexpected:  # a copy of the other end
        table = found.get(weights[0].theirs[0])
        if table is not None and not np.array_equal(unexpected.pop(HEAD), table):
            problems.append(
                f"{HEAD}: differs from {_full(weights[0].theirs[0], form)}, though {CONFIG} says "
                "tie_word_embeddings"
            )
    _raise_if(
        f"{folder}: the tensors do not fit {CONFIG}",
        [_full(name, form) for name in shapes.keys() - found.keys()],
        [_full(name, form) for name in unexpected],
        problems,
    )

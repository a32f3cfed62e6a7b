"""Folders of Hugging Face's format: read back, in every spelling, and refused by name."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tt_models import GPT, GPTConfig
from tt_tensor import Tensor, from_numpy

Files = dict[str, np.ndarray[Any, Any]]


@pytest.fixture
def model(form: dict[str, Any]) -> GPT:
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=4, n_embd=16, **form)
    return randomised(GPT(config))


def randomised(model: GPT) -> GPT:
    """No value is left where it began: no bias 0, no scale 1."""
    draw = np.random.default_rng(0)
    for p in model.parameters():
        p.data += from_numpy(draw.normal(0, 0.2, p.shape).astype(p.dtype))
    return model.eval()


@pytest.fixture
def folder(model: GPT, tmp_path: Path) -> Path:
    model.save_pretrained(tmp_path)
    return tmp_path


def logits(model: GPT) -> Any:
    idx: Tensor = from_numpy(np.arange(16).reshape(2, 8) * 3 % 11)
    return model(idx)[0].detach().numpy()


def read(folder: Path) -> Files:
    return safetensors.numpy.load_file(folder / "model.safetensors")


def write(folder: Path, files: Files) -> None:
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(array) for name, array in files.items()},
        folder / "model.safetensors",
    )


def change(folder: Path, **settings: Any) -> None:
    path = folder / "config.json"
    data = json.loads(path.read_text()) | settings
    path.write_text(json.dumps({name: value for name, value in data.items() if value != "gone"}))


def refused(folder: Path, *parts: str, kind: type[Exception] = ValueError) -> None:
    with pytest.raises(kind) as error:
        GPT.from_pretrained(folder)
    for part in parts:
        assert part in str(error.value)


# --- what is written is read ----------------------------------------------------------------------


def test_a_folder_gives_the_model_back(model: GPT, folder: Path) -> None:
    again = GPT.from_pretrained(folder)
    assert (logits(again) == logits(model)).all() and not again.training
    assert {**again.state_dict()}.keys() == model.state_dict().keys()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    again.save_pretrained(str(folder / "new" / "deep"))
    assert (logits(GPT.from_pretrained(str(folder / "new" / "deep"))) == logits(model)).all()


@pytest.mark.parametrize("tie_weights", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_heads_and_biases(
    tie_weights: bool, bias: bool, form: dict[str, Any], tmp_path: Path
) -> None:
    form = {**form, "tie_weights": tie_weights, "bias": bias, "intermediate_size": 24}
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=8, **form)
    model = randomised(GPT(replace(config, norm_eps=0.01)))
    model.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    np.testing.assert_allclose(logits(again), logits(model), 1e-6, 1e-7)
    assert ("lm_head.weight" in read(tmp_path)) is not tie_weights
    assert (again.lm_head.weight is again.transformer.wte.weight) is tie_weights


def test_a_llama_with_heads_of_their_own_size_and_theta(tmp_path: Path) -> None:
    config = GPTConfig(
        vocab_size=11,
        block_size=8,
        n_layer=1,
        n_head=4,
        n_embd=8,
        n_kv_head=1,
        head_dim=6,
        norm="rms",
        mlp="swiglu",
        position="rotary",
        rope_theta=50.0,
    )
    model = randomised(GPT(config))
    model.save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    assert (logits(again) == logits(model)).all()
    assert (again.config.head_size, again.config.kv_heads, again.config.rope_theta) == (6, 1, 50.0)


def test_double_stays_double(model: GPT, tmp_path: Path) -> None:
    model.double().save_pretrained(tmp_path)
    again = GPT.from_pretrained(tmp_path)
    assert logits(again).dtype == np.float64 and (logits(again) == logits(model)).all()


def test_dropout_comes_with_the_folder_or_is_chosen(form: dict[str, Any], tmp_path: Path) -> None:
    config = GPTConfig(11, 8, 1, 4, 16, dropout=0.25, **form)
    GPT(config).save_pretrained(tmp_path)
    assert GPT.from_pretrained(tmp_path).config.dropout == 0.25
    model = GPT.from_pretrained(tmp_path, dropout=0.5)
    assert model.config.dropout == 0.5 and model.transformer.h[0].attn.dropout == 0.5


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"norm": "rms"}, "norm='rms'"),
        ({"mlp": "swiglu"}, "mlp='swiglu'"),
        ({"n_kv_head": 1}, "n_kv_head=1"),
        ({"head_dim": 2}, "head_dim=2"),
        ({"position": "rotary"}, "norm='layer', mlp='gelu'"),
    ],
)
def test_a_form_of_ones_own_cannot_be_written(
    options: dict[str, Any], named: str, tmp_path: Path
) -> None:
    config = replace(GPTConfig(11, 8, 1, 2, 8), **options)
    with pytest.raises(ValueError, match=r"save_pretrained: with position=.*tt_nn\.save") as error:
        GPT(config).save_pretrained(tmp_path / "never")
    assert named in str(error.value) and not (tmp_path / "never").exists()


# --- spellings ------------------------------------------------------------------------------------


def test_names_without_their_prefix(model: GPT, folder: Path) -> None:
    prefix = "transformer." if model.config.position == "learned" else "model."
    files = read(folder)
    write(folder, {name.removeprefix(prefix): array for name, array in files.items()})
    assert (logits(GPT.from_pretrained(folder)) == logits(model)).all()
    write(folder, files | {name.removeprefix(prefix): array for name, array in files.items()})
    refused(folder, "there both with", "ln_f.weight" if prefix[0] == "t" else "norm.weight")


def test_tensors_that_hold_nothing_learned(model: GPT, folder: Path) -> None:
    if model.config.position == "learned":
        more = {"transformer.h.0.attn.bias": np.tri(8)[None, None], "h.1.attn.masked_bias": -1e4}
    else:
        more = {"model.layers.0.self_attn.rotary_emb.inv_freq": np.ones(2)}
    write(folder, read(folder) | {name: np.asarray(array) for name, array in more.items()})
    assert (logits(GPT.from_pretrained(folder)) == logits(model)).all()


def test_half_precision(model: GPT, folder: Path) -> None:
    files = read(folder)
    write(folder, {name: array.astype(np.float16) for name, array in files.items()})
    again = logits(GPT.from_pretrained(folder))
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, logits(model), 0, 0.02)
    rounded = {name: array.view(np.uint32) & 0xFFFF0000 for name, array in files.items()}
    write(folder, {name: array.view(np.float32) for name, array in rounded.items()})
    expected = logits(GPT.from_pretrained(folder))
    header, data = {}, b""
    for name, array in rounded.items():
        upper = (array >> 16).astype("<u2").tobytes()
        offsets = [len(data), len(data) + len(upper)]
        header[name] = {"dtype": "BF16", "shape": array.shape, "data_offsets": offsets}
        data += upper
    text = json.dumps(header).encode()
    content = struct.pack("<Q", len(text)) + text + data
    (folder / "model.safetensors").write_bytes(content)
    assert (logits(GPT.from_pretrained(folder)) == expected).all()


def shard(folder: Path, count: int = 3) -> dict[str, str]:
    """The weights in several files and an index."""
    files, weight_map = read(folder), {}
    (folder / "model.safetensors").unlink()
    for n in range(count):
        name = f"model-{n + 1:05}-of-{count:05}.safetensors"
        part = {key: files[key] for key in sorted(files)[n::count]}
        safetensors.numpy.save_file(part, folder / name)
        weight_map |= dict.fromkeys(part, name)
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return weight_map


def test_shards(model: GPT, folder: Path) -> None:
    shard(folder)
    assert (logits(GPT.from_pretrained(folder)) == logits(model)).all()


def test_every_place_of_rope_theta(tmp_path: Path) -> None:
    form = {"norm": "rms", "mlp": "swiglu", "position": "rotary", "bias": False}
    GPT(GPTConfig(11, 8, 1, 2, 8, **form)).save_pretrained(tmp_path)
    places: list[tuple[dict[str, Any], float]] = [
        ({"rope_theta": "gone", "rope_parameters": "gone"}, 10000.0),
        ({"rope_theta": 500.0}, 500.0),
        ({"rope_theta": 500.0, "rope_scaling": None, "rope_parameters": None}, 500.0),
        ({"rope_scaling": {"type": "default"}}, 500.0),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 70.0}}, 70.0),
        ({"rope_theta": "gone", "rope_scaling": "gone"}, 70.0),
    ]
    for settings, theta in places:
        change(tmp_path, **settings)
        model = GPT.from_pretrained(tmp_path)
        assert model.config.rope_theta == theta == model.transformer.h[0].attn.rotary.theta


def test_a_window_too_large_to_fill_costs_nothing(tmp_path: Path) -> None:
    form = {"norm": "rms", "mlp": "swiglu", "position": "rotary", "bias": False}
    GPT(GPTConfig(11, 8, 1, 2, 8, **form)).save_pretrained(tmp_path)
    expected = logits(GPT.from_pretrained(tmp_path))
    change(tmp_path, max_position_embeddings=10**12)
    assert (logits(GPT.from_pretrained(tmp_path)) == expected).all()


# --- what is refused ------------------------------------------------------------------------------


def test_missing_and_unexpected_tensors_are_all_named(model: GPT, folder: Path) -> None:
    files, prefix = read(folder), "transformer." if model.config.position == "learned" else "model."
    names = [name for name in files if "1" in name][:3]
    extra = {"score.weight": np.zeros((2, 2)), prefix + "more": np.zeros(3)}
    write(folder, {name: files[name] for name in files if name not in names} | extra)
    refused(folder, "missing: " + ", ".join(sorted(names)), "unexpected: ", *extra)


def test_misshapen_tensors_are_all_named(folder: Path) -> None:
    files = read(folder)
    wrong = [name for name in files if name.endswith("weight")][:3]
    files |= {name: files[name][1:] for name in wrong[:2]}
    files[wrong[2]] = files[wrong[2]].astype(np.int8)
    write(folder, files)
    refused(folder, "do not fit config.json", "got int8", *(f"{name}: expected" for name in wrong))


@pytest.mark.parametrize("size", ["n_layer", "n_embd", "vocab_size"])
def test_sizes_that_the_files_do_not_have(size: str, model: GPT, folder: Path) -> None:
    """However large config.json says the model is, no memory is asked for."""
    theirs = {"n_layer": "num_hidden_layers", "n_embd": "hidden_size"}
    name = size if model.config.position == "learned" else theirs.get(size, size)
    for value in (16_000_000_000, 32):
        change(folder, **{name: value})
        refused(folder, "layers" if size == "n_layer" else "expected floating numbers of shape")


def test_a_tied_head_that_differs(folder: Path) -> None:
    change(folder, tie_word_embeddings=True)
    files = read(folder)
    table = files.get("transformer.wte.weight", files.get("model.embed_tokens.weight"))
    write(folder, files | {"lm_head.weight": table})
    assert GPT.from_pretrained(folder).config.tie_weights
    write(folder, files | {"lm_head.weight": table + 1})
    refused(folder, "lm_head.weight: differs from", "tie_word_embeddings")


def test_an_untied_head_that_is_not_there(folder: Path) -> None:
    change(folder, tie_word_embeddings=False)
    write(folder, {name: a for name, a in read(folder).items() if name != "lm_head.weight"})
    refused(folder, "missing: lm_head.weight")


def test_missing_shards_are_all_named(folder: Path) -> None:
    weight_map = shard(folder)
    gone = sorted(set(weight_map.values()))[:2]
    for name in gone:
        (folder / name).unlink()
    refused(folder, "missing " + ", ".join(gone), kind=FileNotFoundError)


def test_shards_that_hold_other_tensors_than_the_index_says(folder: Path) -> None:
    weight_map = shard(folder)
    one, two = sorted(set(weight_map.values()))[:2]
    names = {file: [n for n, f in weight_map.items() if f == file] for file in (one, two)}
    (folder / one).write_bytes((folder / two).read_bytes())
    refused(folder, one, f"missing: {names[one][0]}", f"unexpected: {names[two][0]}")


@pytest.mark.parametrize("name", ["../out.safetensors", "/etc/passwd", "a\\b", "..", 3, None])
def test_an_index_stays_in_its_folder(name: Any, folder: Path) -> None:
    shard(folder)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": name}}))
    refused(folder, "expected names of files beside it", repr(name))
    for content in ({}, {"weight_map": {}}, {"weight_map": [1]}):
        index.write_text(json.dumps(content))
        refused(folder, "expected a weight_map")


def test_a_header_that_lies_about_sizes(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    name = next(name for name in header if name.endswith("weight"))
    for lie in ({"shape": [10**6, 10**6]}, {"data_offsets": [0, 10**15]}, {"dtype": "F64"}):
        text = json.dumps(header | {name: header[name] | lie}).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
        refused(folder, "model.safetensors: expected", name)
    for start in (struct.pack("<Q", 2**62), b"PK\x03\x04", b"", struct.pack("<Q", length + 5)):
        path.write_bytes(start + content[8 : 8 + length] * bool(start))
        refused(folder, "model.safetensors: expected")
    path.write_bytes(content[:-1])
    refused(folder, "model.safetensors: expected")


def test_nothing_to_read(tmp_path: Path, folder: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path / "config.json"):
        refused(place, "expected a folder with config.json", kind=FileNotFoundError)
    (folder / "model.safetensors").unlink()
    refused(folder, "expected model.safetensors, or", kind=FileNotFoundError)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04")
    refused(folder, "pytorch_model.bin", "never read", kind=FileNotFoundError)


UNSUPPORTED: list[tuple[dict[str, Any], str]] = [
    ({"model_type": "mamba"}, "expected model_type 'gpt2' or 'llama', got 'mamba'"),
    ({"model_type": "gone"}, "got None"),
    ({"quantization_config": {"bits": 4}}, "quantization_config"),
    ({"vocab_size": 0}, "vocab_size=0"),
    ({"vocab_size": "11"}, "vocab_size='11'"),
    ({"vocab_size": 11.0}, "vocab_size=11.0"),
]
UNSUPPORTED_GPT2: list[tuple[dict[str, Any], str]] = [
    ({"activation_function": "relu"}, "activation_function='relu' is not supported"),
    ({"scale_attn_weights": False}, "scale_attn_weights=False"),
    ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx=True"),
    ({"add_cross_attention": True}, "add_cross_attention=True"),
    ({"resid_pdrop": 0.3}, "different rates of dropout"),
    ({key: [0.1] for key in ("resid_pdrop", "embd_pdrop", "attn_pdrop")}, "got [0.1], "),
    ({"n_head": 3}, "n_embd a multiple of n_head"),
    ({"layer_norm_epsilon": "small"}, "norm_eps above 0; got 0.0, 10000.0 and 'small'"),
]
UNSUPPORTED_LLAMA: list[tuple[dict[str, Any], str]] = [
    ({"hidden_act": "gelu"}, "hidden_act='gelu'"),
    ({"mlp_bias": True}, "mlp_bias=True"),
    ({"attention_bias": True}, "attention_bias=True with mlp_bias=False is not supported"),
    ({"attention_bias": True, "mlp_bias": "gone"}, "attention_bias=True with mlp_bias=False is"),
    ({"num_key_value_heads": 3}, "n_head must be a multiple of n_kv_head"),
    ({"partial_rotary_factor": 0.5}, "partial_rotary_factor=0.5"),
    ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling: type='linear'"),
    (
        {"rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0}},
        "rope_parameters: rope_type='llama3' is not supported, only 'default'",
    ),
    ({"rope_parameters": {"rope_type": "default", "factor": 8.0}}, "rope_parameters has factor"),
    ({"rope_parameters": {"partial_rotary_factor": 0.25}}, "partial_rotary_factor=0.25"),
    ({"rope_parameters": 3}, "expected an object as rope_parameters, got 3"),
    ({"rope_theta": -1.0, "rope_parameters": None}, "rope_theta and norm_eps above 0"),
    ({"rope_parameters": {"rope_theta": "x"}}, "rope_theta and norm_eps above 0; got 0.0, 'x'"),
]


def test_settings_that_are_not_supported_are_named(model: GPT, folder: Path) -> None:
    path = folder / "config.json"
    text, gpt2 = path.read_text(), model.config.position == "learned"
    for settings, named in UNSUPPORTED + (UNSUPPORTED_GPT2 if gpt2 else UNSUPPORTED_LLAMA):
        path.write_text(text)
        change(folder, **settings)
        refused(folder, named, "config.json")
    for broken in ("{", "[1]", '"x"', ""):
        path.write_text(broken)
        refused(folder, "config.json: expected")

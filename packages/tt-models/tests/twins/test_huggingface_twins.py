"""Folders go both ways between `transformers` and here: the same logits and the same text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tt_tensor
from tt_models import GPT, GPTConfig, generate

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

V, T = 31, 24
IDX = np.random.default_rng(0).integers(0, V, (3, T))

GPT2: list[dict[str, Any]] = [
    {},
    {"tie_word_embeddings": False},
    {"n_inner": 40, "activation_function": "gelu_pytorch_tanh", "layer_norm_epsilon": 1e-3},
]
LLAMA: list[dict[str, Any]] = [
    {},
    {"num_key_value_heads": 2, "tie_word_embeddings": True},
    {"num_key_value_heads": 1, "head_dim": 12, "attention_bias": True, "mlp_bias": True},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rms_norm_eps": 1e-3},
]
CASES = [
    *(pytest.param("gpt2", options, id=f"gpt2-{n}") for n, options in enumerate(GPT2)),
    *(pytest.param("llama", options, id=f"llama-{n}") for n, options in enumerate(LLAMA)),
]
each = pytest.mark.parametrize(("kind", "options"), CASES)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def theirs(kind: str, options: dict[str, Any]) -> Any:
    """A small random model with no value left where it began."""
    special = {"bos_token_id": None, "eos_token_id": None}
    if kind == "gpt2":
        sizes = {"n_positions": T, "n_embd": 32, "n_layer": 3, "n_head": 4}
        config = transformers.GPT2Config(vocab_size=V, **sizes, **special, **options)
        model = transformers.GPT2LMHeadModel(config)
    else:
        sizes = {"hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 3}
        sizes |= {"num_attention_heads": 4, "max_position_embeddings": T}
        config = transformers.LlamaConfig(vocab_size=V, **sizes, **special, **options)
        model = transformers.LlamaForCausalLM(config)
    draw = np.random.default_rng(1)
    for p in model.parameters():
        p.data += torch.tensor(draw.normal(0, 0.15, tuple(p.shape)).astype(np.float32))
    return model.eval()


def their_logits(model: Any) -> Any:
    with torch.no_grad():
        return model(torch.tensor(IDX)).logits.float().numpy()


def our_logits(model: GPT) -> Any:
    return model(tt_tensor.tensor(IDX))[0].detach().numpy()


def same(found: Any, expected: Any, tolerance: float = 1e-5) -> None:
    """Within so much of the largest score."""
    assert found.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(found, expected, 0, tolerance * scale)


@each
def test_their_folder_here(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = theirs(kind, options)
    model.save_pretrained(tmp_path)
    same(our_logits(GPT.from_pretrained(tmp_path)), their_logits(model))


@each
def test_the_same_loss_and_gradients(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Each of our parameters, put together from theirs as the folder's tensors are."""
    model = theirs(kind, options).double()
    model.save_pretrained(tmp_path)
    ours = GPT.from_pretrained(tmp_path)
    loss = model(torch.tensor(IDX), labels=torch.tensor(IDX)).loss
    our_loss = ours(tt_tensor.tensor(IDX[:, :-1]), targets=tt_tensor.tensor(IDX[:, 1:]))[1]
    assert our_loss.item() == pytest.approx(loss.item(), rel=1e-5)
    loss.backward()
    our_loss.backward()
    body = model.base_model
    for i, block in enumerate(ours.transformer.h):
        if kind == "gpt2":
            grads = [body.h[i].attn.c_attn.weight.grad.T, body.h[i].mlp.c_proj.weight.grad.T]
            found = [block.attn.c_attn.weight, block.mlp.c_proj.weight]
        else:
            layer = body.layers[i]
            parts = (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
            grads = [
                torch.cat([part.weight.grad for part in parts]),
                layer.mlp.gate_proj.weight.grad,
            ]
            found = [block.attn.c_attn.weight, block.mlp.w1.weight]
        for p, grad in zip(found, grads, strict=True):
            same(p.grad.numpy(), grad.numpy())
    same(ours.transformer.wte.weight.grad.numpy(), model.get_input_embeddings().weight.grad.numpy())
    same(ours.lm_head.weight.grad.numpy(), model.get_output_embeddings().weight.grad.numpy())


@each
def test_our_folder_there(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    theirs(kind, options).save_pretrained(tmp_path / "theirs")
    model = GPT.from_pretrained(tmp_path / "theirs")
    model.save_pretrained(tmp_path / "ours")
    loader = transformers.AutoModelForCausalLM
    again, loading = loader.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not loading["missing_keys"] and not loading["unexpected_keys"]
    assert not loading["mismatched_keys"]
    same(their_logits(again), our_logits(model))


@pytest.mark.parametrize("bias", [False, True])
def test_a_model_born_here(bias: bool, form: dict[str, Any], tmp_path: Path) -> None:
    config = GPTConfig(V, T, 2, 4, 32, **{**form, "bias": bias})
    model = GPT(config).eval()
    for p in model.parameters():
        p.data += tt_tensor.randn(*p.shape) * 0.2
    model.save_pretrained(tmp_path)
    same(
        their_logits(transformers.AutoModelForCausalLM.from_pretrained(tmp_path)), our_logits(model)
    )


@each
def test_the_same_greedy_text(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    model = theirs(kind, options)
    model.save_pretrained(tmp_path)
    ours = GPT.from_pretrained(tmp_path)
    prompts = [[3, 1, 4, 1, 5], [9, 2], [6]]
    written = generate(ours, prompts, 15, temperature=0)
    for prompt, row in zip(prompts, written, strict=True):
        inputs = torch.tensor([prompt])
        out = model.generate(
            inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=15, do_sample=False
        )
        assert row.tolist() == out[0].tolist()


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(kind: str, dtype: str, tmp_path: Path) -> None:
    """Their rounded weights, in float32 on both sides."""
    theirs(kind, {}).to(getattr(torch, dtype)).save_pretrained(tmp_path)
    loader = transformers.AutoModelForCausalLM
    model = loader.from_pretrained(tmp_path, dtype=torch.float32)
    same(our_logits(GPT.from_pretrained(tmp_path)), their_logits(model))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_shards(kind: str, tmp_path: Path) -> None:
    model = theirs(kind, {})
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    same(our_logits(GPT.from_pretrained(tmp_path)), their_logits(model))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_body_without_a_head(kind: str, tmp_path: Path) -> None:
    """Saved alone, its tensors have no prefix."""
    model = theirs(kind, {"tie_word_embeddings": True})
    model.base_model.save_pretrained(tmp_path)
    same(our_logits(GPT.from_pretrained(tmp_path)), their_logits(model))


def test_rope_theta_as_it_was_written_before(tmp_path: Path) -> None:
    model = theirs("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 77.0}})
    model.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    data = json.loads(path.read_text())
    del data["rope_parameters"]
    path.write_text(json.dumps(data | {"rope_theta": 77.0, "rope_scaling": None}))
    same(our_logits(GPT.from_pretrained(tmp_path)), their_logits(model))

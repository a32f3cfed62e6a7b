"""The two families of models that a folder may hold: GPT-2 and Llama.

A form knows the settings of its ``config.json``, by their names there, and the tensors of its
files, by theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..config import GPTConfig

__all__ = ["FORMS", "Form", "Weight", "form_of"]


class Weight(NamedTuple):
    """One of our parameters and its tensors in the files, which lie below each other in ours."""

    ours: str
    theirs: tuple[str, ...]
    rows: tuple[int, ...]  # of each of theirs
    columns: tuple[int, ...] = ()  # none: a vector
    transposed: bool = False  # (columns, rows) in the file

    def shape(self, index: int) -> tuple[int, ...]:
        """The shape of one of theirs."""
        shape = (self.rows[index], *self.columns)
        return shape[::-1] if self.transposed else shape


class Form(NamedTuple):
    """A family of models.

    Args:
        choices: what its GPTConfig always says.
        settings: by the name in config.json, the field of GPTConfig and what holds without it.
        supported: by the name in config.json, the values that our GPT does; the first is written.
        dropout: the names of its dropout rates, and what holds without them.
        prefix: what the tensors' names begin with, except the head's; some files leave it out.
        ignored: the ends of names of tensors that hold nothing learned.
    """

    model_type: str
    architecture: str
    choices: dict[str, Any]
    settings: dict[str, tuple[str, Any]]
    supported: dict[str, tuple[Any, ...]]
    dropout: dict[str, float]
    prefix: str
    ignored: tuple[str, ...]
    weights: Callable[[GPTConfig], Iterator[Weight]]


def gpt2_weights(config: GPTConfig) -> Iterator[Weight]:
    """Our names are theirs; their linear layers are stored as (in, out)."""
    c, inner = config.n_embd, config.inner_size
    yield Weight("transformer.wte.weight", ("wte.weight",), (config.vocab_size,), (c,))
    yield Weight("transformer.wpe.weight", ("wpe.weight",), (config.block_size,), (c,))
    linears = {
        "attn.c_attn": (3 * c, c),
        "attn.c_proj": (c, c),
        "mlp.c_fc": (inner, c),
        "mlp.c_proj": (c, inner),
    }
    for i in range(config.n_layer):
        for name, (rows, columns) in linears.items():
            name = f"h.{i}.{name}"
            weight, bias = (f"{name}.weight",), (f"{name}.bias",)
            yield Weight(f"transformer.{name}.weight", weight, (rows,), (columns,), transposed=True)
            yield Weight(f"transformer.{name}.bias", bias, (rows,))
    norms = [f"h.{i}.ln_{n}" for i in range(config.n_layer) for n in (1, 2)]
    for name in (f"{norm}.{part}" for norm in (*norms, "ln_f") for part in ("weight", "bias")):
        yield Weight(f"transformer.{name}", (name,), (c,))
    if not config.tie_weights:
        yield Weight("lm_head.weight", ("lm_head.weight",), (config.vocab_size,), (c,))


def llama_weights(config: GPTConfig) -> Iterator[Weight]:
    """Three of their projections are one of ours."""
    c, inner = config.n_embd, config.inner_size
    queries, keys = config.n_head * config.head_size, config.kv_heads * config.head_size
    yield Weight("transformer.wte.weight", ("embed_tokens.weight",), (config.vocab_size,), (c,))
    linears = {
        "attn.c_attn": (
            ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
            (queries, keys, keys),
            c,
        ),
        "attn.c_proj": (("self_attn.o_proj",), (c,), queries),
        "mlp.w1": (("mlp.gate_proj",), (inner,), c),
        "mlp.w3": (("mlp.up_proj",), (inner,), c),
        "mlp.w2": (("mlp.down_proj",), (c,), inner),
    }
    norms = {"ln_1": "input_layernorm", "ln_2": "post_attention_layernorm"}
    for i in range(config.n_layer):
        ours, theirs = f"transformer.h.{i}", f"layers.{i}"
        for name, (parts, rows, columns) in linears.items():
            weights = tuple(f"{theirs}.{part}.weight" for part in parts)
            yield Weight(f"{ours}.{name}.weight", weights, rows, (columns,))
            if config.bias:
                biases = tuple(f"{theirs}.{part}.bias" for part in parts)
                yield Weight(f"{ours}.{name}.bias", biases, rows)
        for name, part in norms.items():
            yield Weight(f"{ours}.{name}.weight", (f"{theirs}.{part}.weight",), (c,))
    yield Weight("transformer.ln_f.weight", ("norm.weight",), (c,))
    if not config.tie_weights:
        yield Weight("lm_head.weight", ("lm_head.weight",), (config.vocab_size,), (c,))


GPT2 = Form(
    model_type="gpt2",
    architecture="GPT2LMHeadModel",
    choices={"norm": "layer", "mlp": "gelu", "position": "learned"},
    settings={
        "vocab_size": ("vocab_size", 50257),
        "n_positions": ("block_size", 1024),
        "n_layer": ("n_layer", 12),
        "n_head": ("n_head", 12),
        "n_embd": ("n_embd", 768),
        "n_inner": ("intermediate_size", None),
        "layer_norm_epsilon": ("norm_eps", 1e-5),
        "tie_word_embeddings": ("tie_weights", True),
    },
    supported={
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
        "add_cross_attention": (False,),
    },
    dropout={"resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1},
    prefix="transformer.",
    ignored=(".attn.bias", ".attn.masked_bias"),  # the causal mask
    weights=gpt2_weights,
)

LLAMA = Form(
    model_type="llama",
    architecture="LlamaForCausalLM",
    choices={"norm": "rms", "mlp": "swiglu", "position": "rotary"},
    settings={
        "vocab_size": ("vocab_size", 32000),
        "max_position_embeddings": ("block_size", 2048),
        "num_hidden_layers": ("n_layer", 32),
        "num_attention_heads": ("n_head", 32),
        "num_key_value_heads": ("n_kv_head", None),
        "head_dim": ("head_dim", None),
        "hidden_size": ("n_embd", 4096),
        "intermediate_size": ("intermediate_size", 11008),
        "rms_norm_eps": ("norm_eps", 1e-6),
        "attention_bias": ("bias", False),
        "tie_word_embeddings": ("tie_weights", False),
    },
    supported={"hidden_act": ("silu", "swish"), "partial_rotary_factor": (1.0,)},
    dropout={"attention_dropout": 0.0},
    prefix="model.",
    ignored=(".rotary_emb.inv_freq",),  # the frequencies that rope_theta gives
    weights=llama_weights,
)

FORMS: Mapping[str, Form] = {form.model_type: form for form in (GPT2, LLAMA)}


def form_of(config: GPTConfig) -> Form:
    """The form whose choices a GPTConfig has made.

    Raises:
        ValueError: neither's; names the choices.
    """
    form = GPT2 if config.position == "learned" else LLAMA
    wrong = [
        f"{name}={getattr(config, name)!r}"
        for name, choice in form.choices.items()
        if getattr(config, name) != choice
    ]
    if form is GPT2:
        if config.kv_heads != config.n_head:
            wrong.append(f"n_kv_head={config.n_kv_head}")
        if config.head_size * config.n_head != config.n_embd:
            wrong.append(f"head_dim={config.head_dim}")
    if wrong:
        raise ValueError(
            f"save_pretrained: with position={config.position!r} only the form of "
            f"{form.architecture} can be written, which has no {', '.join(wrong)}. "
            "help: keep the weights with tt_nn.save(model.state_dict(), path)"
        )
    return form

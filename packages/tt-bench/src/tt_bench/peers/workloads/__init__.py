"""The workloads, an entry each: a name, its programs, and the goals that it has."""

from .elementwise import chain, chain_autograd, tiny, tiny_autograd
from .frameworks import Framework, load_framework
from .gpt import build_gpt, gpt_step
from .mlp import mlp_step
from .parts import adam_step, cross_entropy
from .scalars import numbers_micrograd, numbers_scalar, numbers_tensor, tensors
from .text import encode_tiktoken, encode_tt, train_huggingface, train_tt
from .vision import forward_pass, lenet, small_cnn, training_step
from .workload import Build, Step, Workload, both, watch

__all__ = [
    "WORKLOADS",
    "Build",
    "Framework",
    "Step",
    "Workload",
    "both",
    "build_gpt",
    "find_workload",
    "load_framework",
    "watch",
]

FUSED = ("fused",)
IMAGES = ("fused", "channels_last")

WORKLOADS = (
    Workload("(x*y+x).sum(), 32 elements", both(tiny, autograd=tiny_autograd), {"torch": 3.0}),
    Workload("100 elementwise ops in a row", both(chain, autograd=chain_autograd), {"torch": 2.0}),
    Workload(
        "micrograd's MLP, 0-d tensors",
        both(numbers_tensor, micrograd=numbers_micrograd),
    ),
    Workload(
        "micrograd's MLP, scalar.py",
        {"tt": numbers_scalar, "micrograd": numbers_micrograd},
        {"micrograd": 5.0},
    ),
    Workload("micrograd's MLP, Modules", both(tensors, micrograd=numbers_micrograd)),
    Workload(
        "MLP 784-128-10 B64, Adam",
        both(mlp_step),
        {"torch": 1.3},
        options=FUSED,
        memory_steps=1_100,
    ),
    Workload(
        "GPT d128 L4 H4 T64 B16, AdamW",
        both(gpt_step(width=128, layers=4, heads=4, length=64, batch=16)),
        {"torch": 0.9},
        options=FUSED,
        memory_steps=3,
    ),
    Workload(
        "GPT d384 L6 H6 T256 B4, AdamW",
        both(gpt_step(width=384, layers=6, heads=6, length=256, batch=4)),
        {"torch": 0.95},
        options=FUSED,
        memory_steps=3,
    ),
    Workload("Adam step, 4 M parameters", both(adam_step), {"torch": 0.9}, options=FUSED),
    Workload("cross-entropy 1024×1000", both(cross_entropy), {"torch": 1.1}),
    Workload("LeNet-5 B64, SGD", both(training_step(lenet)), {"torch": 0.8}, IMAGES),
    Workload("CNN 16-32-64 B64, SGD", both(training_step(small_cnn)), {"torch": 0.9}, IMAGES),
    Workload(
        "CNN 16-32-64 B64, forward",
        both(forward_pass(small_cnn)),
        {"torch": 1.3},
        options=("channels_last",),
    ),
    Workload(
        "BPE 1 MB, learn 1,000 merges",
        {"tt": train_tt, "tokenizers": train_huggingface},
        {"tokenizers": 1.2},
    ),
    Workload(
        "BPE 1 MB, encode new words",
        {"tt": encode_tt(warm=False), "tiktoken": encode_tiktoken},
        {"tiktoken": 0.35},
    ),
    Workload(
        "BPE 1 MB, encode known words",
        {"tt": encode_tt(warm=True), "tiktoken": encode_tiktoken},
        {"tiktoken": 0.8},
    ),
)


def find_workload(name: str) -> Workload:
    """The workload of that name.

    Raises:
        ValueError: there is none.
    """
    for workload in WORKLOADS:
        if workload.name == name:
            return workload
    raise ValueError(f"no workload {name!r}; there are {[w.name for w in WORKLOADS]}")

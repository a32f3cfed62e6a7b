"""What the capstone trains: a GPT on the corpus, and smaller ones that learn from it.

All of them learn from the same dialogues, by the same recipe, before the same dashboard. What
differs is how large they are, how long they learn, and whether they have a teacher.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dashboard import Dashboard
from story import console, say

import tt_tensor as tt
from tt_autograd import no_grad
from tt_data import DataLoader, TensorDataset
from tt_data.tinytalks import Question, exam, grade, load_tinytalks
from tt_models import GPT, GPTConfig
from tt_models.recipes import tinytalks
from tt_models.recipes.tinytalks import Recipe, packed_rows, write_answers
from tt_nn import Module, load, save
from tt_optimize import KVCache, accelerate, distillation_loss, prune
from tt_tensor import Tensor
from tt_text import BPETokenizer

__all__ = ["QUICK", "Plan", "examine", "keep", "kept", "learn", "pruned", "student_of", "taught_by"]

LossStep = Callable[[Any, Any], Tensor]
SHOWN = (
    "What is your name?",
    "What is the capital of France?",
    "What is 3 + 4?",
    "Which animal says moo?",
)


@dataclass(frozen=True)
class Plan:
    """How long and how large. ``QUICK`` has the same stations on a shorter way.

    Attributes:
        recipe: of the teacher, which is the baseline of the games.
        layers: of the teacher, with which the smaller model that it teaches begins.
        student: how that one learns.
        mending: how a pruned model is trained on.
        neurons: the share of the neurons that pruning removes.
        seen_questions: how many of the seen questions the exam asks.
        olympic_questions: how many the judge asks, at most.
        show_every: steps between two rounds of questions on the dashboard.
        claims: whether the run has claims to keep.
    """

    recipe: Recipe = field(default_factory=Recipe)
    layers: tuple[int, ...] = (0,)
    student: Recipe = field(default_factory=lambda: Recipe(epochs=1, learning_rate=2e-3))
    mending: Recipe = field(
        default_factory=lambda: Recipe(packings=2, epochs=1, learning_rate=1e-3)
    )
    neurons: float = 0.5
    seen_questions: int = 1000
    olympic_questions: int = 120
    show_every: int = 100
    claims: bool = True


QUICK = Plan(
    recipe=Recipe(n_layer=2, n_head=2, n_embd=64, packings=1, epochs=2),
    layers=(0,),
    student=Recipe(packings=1, epochs=1),
    mending=Recipe(packings=1, epochs=1, learning_rate=1e-3),
    seen_questions=60,
    olympic_questions=12,
    show_every=20,
    claims=False,
)


# ---- learning ------------------------------------------------------------------------------------


def learn(
    model: GPT,
    tokenizer: BPETokenizer,
    recipe: Recipe,
    *,
    title: str,
    seed: int,
    show_every: int,
    loss_step: LossStep | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Dashboard:
    """Train a model on packed dialogues, showing how it gets on.

    Args:
        loss_step: in the place of the model's own loss, see ``taught_by``.
        checkpoint: the folder in which Ctrl-C leaves a checkpoint, from which ``resume`` goes on.
    """
    dialogues = load_tinytalks("train")
    rows = packed_rows(dialogues, tokenizer, recipe.block_size, recipe.packings, seed)
    batches = DataLoader(
        TensorDataset(*rows),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        generator=tt.Generator().manual_seed(seed),
    )
    steps = recipe.epochs * len(batches)
    tokens = recipe.batch_size * recipe.block_size
    say(
        f"  {model.num_parameters():,} parameters, {steps} steps of "
        f"{recipe.batch_size} x {recipe.block_size} tokens"
    )

    def ask(questions: Sequence[str]) -> list[str]:
        prompts = [f"Q: {question}\nA:" for question in questions]
        return write_answers(model, tokenizer, prompts, cache=lambda b: KVCache(model, b))

    dashboard = Dashboard(console, steps, tokens, SHOWN, ask, show_every, title=title)
    tinytalks.train(
        model,
        batches,
        recipe,
        loss_step=loss_step,
        callbacks=[dashboard],
        checkpoint=checkpoint,
        resume=resume,
        progress=False,
    )
    model.eval()
    return dashboard


def taught_by(teacher: GPT, temperature: float = 2.0, alpha: float = 0.5) -> LossStep:
    """The loss of a student: half of it says which token is right, half what the teacher thinks.

    The teacher is asked at each step, so it had better be fast.
    """
    fast = accelerate(teacher.eval())

    def loss_step(student: Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        inputs, targets = batch
        with no_grad():
            goal = fast(inputs)[0]
        logits = student(inputs)[0]
        return distillation_loss(
            logits, goal, targets, temperature, alpha, ignore_index=tinytalks.IGNORED
        )

    return loss_step


def student_of(teacher: GPT, layers: Sequence[int]) -> GPT:
    """A GPT of fewer layers: it begins with these of the teacher's, and with all that is around
    them.

    They were not made to stand next to each other, but it is a better beginning than chance.

    Source: Sanh, Debut, Chaumond and Wolf 2019, "DistilBERT", §2.
    """
    student = GPT(replace(teacher.config, n_layer=len(layers)))
    theirs: Any = teacher.transformer
    ours: Any = student.transformer
    for name, part in theirs.items():
        if name != "h":
            ours[name].load_state_dict(part.state_dict())
    for block, layer in zip(ours["h"], layers, strict=True):
        block.load_state_dict(theirs["h"][layer].state_dict())
    return student


def pruned(teacher: GPT, share: float) -> GPT:
    """The teacher without that share of the neurons in its MLPs; it has yet to be mended."""
    smaller: GPT = prune(teacher, amount=share, method="structured", units=("neurons",))
    return smaller


# ---- the exam ------------------------------------------------------------------------------------


def examine(model: GPT, tokenizer: BPETokenizer, plan: Plan) -> dict[str, tuple[int, int]]:
    """For each kind of question how many were answered exactly right, of how many."""
    seen = exam(load_tinytalks("train"))
    kinds: dict[str, list[Question]] = {"seen": seen[:: max(1, len(seen) // plan.seen_questions)]}
    for question in exam(load_tinytalks("test")):
        kinds.setdefault(question.kind, []).append(question)
    results = {}
    for kind, questions in kinds.items():
        prompts = [question.prompt for question in questions]
        answers = write_answers(model, tokenizer, prompts, cache=lambda b: KVCache(model, b))
        right = round(grade(questions, answers) * len(questions))
        results[kind] = (right, len(questions))
        say(f"  {kind:<16} {right / len(questions):6.1%}   {right} of {len(questions)}")
    return results


# ---- models in files -----------------------------------------------------------------------------


def keep(model: GPT, folder: Path, name: str) -> None:
    """Write the weights, and the sizes beside them. What is used afterwards is what was saved."""
    (folder / f"{name}.json").write_text(json.dumps(asdict(model.config), indent=1) + "\n")
    save(model.state_dict(), folder / f"{name}.safetensors")
    model.load_state_dict(load(folder / f"{name}.safetensors"))


def kept(folder: Path | None, name: str) -> GPT | None:
    """The model that ``keep`` wrote into a folder; None without a folder, or if it has none."""
    if folder is None or not (folder / f"{name}.json").is_file():
        return None
    config = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    model = GPT(GPTConfig(**config))
    model.load_state_dict(load(folder / f"{name}.safetensors"))
    return model.eval()

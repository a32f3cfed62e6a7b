"""The capstone: TinyGPT and the TorchPerf Olympics, across all packages.

1. Train a tokenizer on TinyTalks, a corpus of questions and answers (tt-data, tt-text).
2. Train a small GPT on it (tt-models, tt-nn, tt-autograd, tt-tensor) and watch it learn to answer.
3. Examine it: on questions it has seen, on facts in wordings it has not, on sums it has not.
4. Profile it, optimise it, and enter all versions in the five Olympic events (tt-optimize,
tt-bench). 5. Write down what was found: report.json and report.md.

Claim: the trained model answers at least 90 % of the questions it has seen exactly right, and its
optimised versions give the answers that the judge saw. The script fails if not.

    nox -s capstone                      all of it, some minutes
    nox -s capstone -- --quick           a look at the whole way, with a model that has hardly
    learned
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where dashboard.py is

from dashboard import Dashboard
from report import Findings, write_report
from rich.console import Console

import tt_tensor as tt
from tt_bench import Entry, OlympicResults, Olympics
from tt_data import DataLoader, TensorDataset
from tt_data.tinytalks import Question, exam, grade, load_tinytalks
from tt_models import GPT
from tt_models.recipes import tinytalks
from tt_models.recipes.tinytalks import Recipe, packed_rows, train_tokenizer, write_answers
from tt_nn import load, save
from tt_optimize import KVCache, Profiler, flops, quantize, size_of
from tt_text import BPETokenizer

SHOWN = (
    "What is your name?",
    "What is the capital of France?",
    "What is 3 + 4?",
    "Which animal says moo?",
)


@dataclass(frozen=True)
class Plan:
    """How long and how large. ``quick`` has the same stations on a shorter way."""

    recipe: Recipe = field(default_factory=Recipe)
    seen_questions: int = 1000  # how many of the seen ones the exam asks
    olympic_questions: int = 120
    show_every: int = 100
    claim: float | None = 0.90


QUICK = Plan(
    recipe=Recipe(n_layer=2, n_head=2, n_embd=64, packings=1, epochs=2),
    seen_questions=60,
    olympic_questions=12,
    show_every=20,
    claim=None,
)


def train(
    model: GPT,
    tokenizer: BPETokenizer,
    plan: Plan,
    options: argparse.Namespace,
    console: Console,
) -> Dashboard:
    """Train the model on packed dialogues, showing how it gets on.

    Ctrl-C keeps a checkpoint in the report's folder, from which ``--resume`` goes on.
    """
    recipe = plan.recipe
    dialogues = load_tinytalks("train")
    x, y = packed_rows(dialogues, tokenizer, recipe.block_size, recipe.packings, options.seed)
    loader = DataLoader(
        TensorDataset(x, y),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        generator=tt.Generator().manual_seed(options.seed),
    )
    steps = recipe.epochs * len(loader)
    console.print(
        f"  {model.num_parameters():,} parameters, {steps} steps of "
        f"{recipe.batch_size} x {recipe.block_size} tokens",
        highlight=False,
    )

    def ask(questions: Sequence[str]) -> list[str]:
        prompts = [f"Q: {question}\nA:" for question in questions]
        return write_answers(model, tokenizer, prompts, cache=lambda b: KVCache(model, b))

    tokens = recipe.batch_size * recipe.block_size
    dashboard = Dashboard(console, steps, tokens, SHOWN, ask, plan.show_every)
    tinytalks.train(
        model,
        loader,
        recipe,
        callbacks=[dashboard],
        checkpoint=options.out / "checkpoint",
        resume=options.resume,
        progress=False,
    )
    return dashboard


def examine(
    model: GPT, tokenizer: BPETokenizer, plan: Plan, console: Console
) -> dict[str, tuple[int, int]]:
    """For each kind of question how many were answered exactly right, of how many."""
    seen = exam(load_tinytalks("train"))
    held_out = exam(load_tinytalks("test"))
    kinds = {"seen": seen[:: max(1, len(seen) // plan.seen_questions)]}
    for question in held_out:
        kinds.setdefault(question.kind, []).append(question)
    results = {}
    for kind, questions in kinds.items():
        answers = write_answers(
            model,
            tokenizer,
            [q.prompt for q in questions],
            cache=lambda b: KVCache(model, b),
        )
        right = round(grade(questions, answers) * len(questions))
        results[kind] = (right, len(questions))
        console.print(
            f"  {kind:<16} {right / len(questions):6.1%}   {right} of {len(questions)}",
            highlight=False,
        )
    return results


def olympics(
    model: GPT, tokenizer: BPETokenizer, plan: Plan, console: Console
) -> tuple[OlympicResults, list[Question]]:
    """Baseline and optimised versions before the judge, on held-out wordings of known facts."""
    candidates = [q for q in exam(load_tinytalks("test")) if q.kind == "unseen-wording"]
    questions = candidates[:: max(1, len(candidates) // plan.olympic_questions)]
    int8 = quantize(model)

    def entry(name: str, version: GPT, cached: bool, techniques: tuple[str, ...]) -> Entry:
        cache = KVCache(version) if cached else None

        def predict(prompt: str) -> str:
            factory = None if cache is None else (lambda _: cache)
            return write_answers(version, tokenizer, [prompt], cache=factory)[0]

        return Entry(name, predict, [version] if cache is None else [version, cache], techniques)

    results = Olympics(
        [q.prompt for q in questions],
        [q.answer for q in questions],
        progress=_progress(console),
    ).run(
        entry("baseline", model, False, ()),
        [
            entry("kv cache", model, True, ("kv cache",)),
            entry("int8", int8, False, ("int8 weights",)),
            entry("int8 + kv cache", int8, True, ("int8 weights", "kv cache")),
        ],
    )
    return results, questions


def _progress(console: Console) -> object:
    """A line for every tenth that the judge has done; nothing more, so as not to disturb him."""
    shown = -1

    def report(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // total
        if tenth > shown and tenth % 2 == 0:
            shown = tenth
            console.print(f"  {10 * tenth} % of the questions asked", highlight=False)

    return report


def profile(model: GPT, recipe: Recipe) -> str:
    """Where one training step spends its time, and what it costs."""
    idx = tt.randint(0, recipe.vocab_size, (recipe.batch_size, recipe.block_size))
    model.train()
    model(idx, idx)[1].backward()  # warm up
    with Profiler() as timed:
        model(idx, idx)[1].backward()
    with Profiler(memory=True) as traced:
        model(idx, idx)[1].backward()
    timed.result.peak_bytes = traced.result.peak_bytes
    model.zero_grad()
    model.eval()
    return (
        f"{timed.result.table()}\n"
        f"one forward pass on {idx.numel()} tokens: {flops(model, idx) / 1e9:.3f} GFLOP counted"
    )


def station(console: Console, number: int, title: str) -> None:
    """A heading."""
    console.print(f"\n[bold]{number}. {title}[/bold]", highlight=False)


def main() -> int:
    """Run all stations; 0 if the claim holds."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0, help="of weights and order (0)")
    parser.add_argument("--quick", action="store_true", help="a small model, hardly trained")
    parser.add_argument("--resume", action="store_true", help="go on where Ctrl-C ended training")
    parser.add_argument("--out", type=Path, default=Path("capstone-report"), help="for the report")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    console = Console()
    start = time.perf_counter()
    tt.manual_seed(options.seed)

    station(console, 1, "A tokenizer, learned from TinyTalks")
    dialogues = load_tinytalks("train")
    tokenizer = train_tokenizer(dialogues, plan.recipe.vocab_size)
    characters = sum(len(d.text) for d in dialogues)
    tokens = sum(len(tokenizer.encode(d.text)) for d in dialogues)
    console.print(
        f"  {len(dialogues)} dialogues, {characters:,} characters, {tokens:,} tokens of "
        f"{tokenizer.vocab_size}: {characters / tokens:.2f} characters a token",
        highlight=False,
    )

    station(console, 2, "TinyGPT learns to talk")
    model = GPT(plan.recipe.config(tokenizer))
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        training = train(model, tokenizer, plan, options, console)
    except KeyboardInterrupt as stopped:
        console.print(f"\n{stopped}\nTo go on: the same command with --resume", highlight=False)
        return 130
    tokenizer.save(options.out / "tokenizer")
    save(model.state_dict(), options.out / "tinygpt.safetensors")
    model.load_state_dict(load(options.out / "tinygpt.safetensors"))  # what is examined is saved

    station(console, 3, "The exam: exactly right answers")
    results = examine(model, tokenizer, plan, console)

    station(console, 4, "Where a training step spends its time")
    profiled = profile(model, plan.recipe)
    console.print(profiled, markup=False, highlight=False, soft_wrap=True)

    station(console, 5, "The TorchPerf Olympics")
    medals, asked = olympics(model, tokenizer, plan, console)
    medals.print(console)

    findings = Findings(
        seed=options.seed,
        quick=options.quick,
        parameters=model.num_parameters(),
        bytes=size_of(model),
        losses=training.losses,
        training_seconds=training.seconds,
        tokens_per_second=training.tokens_per_second,
        exam=results,
        answers=dict(zip(training.questions, training.answers, strict=True)),
        profile=profiled,
        olympics=medals,
        olympic_questions=len(asked),
        total_seconds=time.perf_counter() - start,
    )
    write_report(options.out, findings)
    console.print(
        f"\n{findings.total_seconds:.0f} s in all. The report is in "
        f"{options.out / 'report.md'}, its data in {options.out / 'report.json'}",
        highlight=False,
        soft_wrap=True,
    )
    return verdict(console, plan, results)


def verdict(console: Console, plan: Plan, results: dict[str, tuple[int, int]]) -> int:
    """Say whether the claim holds; the exit code."""
    right, asked = results["seen"]
    if plan.claim is None:
        console.print("Quick run: the way works from end to end; it claims nothing of the model.")
        return 0
    holds = right / asked >= plan.claim
    console.print(
        f"Claim: at least {plan.claim:.0%} of the seen questions answered exactly right. "
        f"Measured: {right / asked:.1%}. {'It holds.' if holds else 'It FAILS.'}",
        highlight=False,
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())

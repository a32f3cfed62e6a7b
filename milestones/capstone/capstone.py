"""The capstone: TinyGPT and the TorchPerf Olympics, across all packages.

1. Train a tokenizer on TinyTalks, a corpus of questions and answers (tt-data, tt-text).
2. Train a small GPT on it (tt-models, tt-nn, tt-autograd, tt-tensor) and watch it learn to answer.
3. Examine it: on questions it has seen, on facts in wordings it has not, on sums it has not.
4. Profile it: where does the time go, and what limits it?
5. Make it smaller (tt-optimize): it teaches a student of a quarter of its layers, and is pruned.
6. Enter all versions in the five Olympic events (tt-bench), and see what each technique buys.
7. Write down what was found: report.html, report.md and report.json.

It claims: the trained model answers at least 90 % of the questions it has seen exactly right. The
winner of the Latency Sprint is 5 times as fast as it (3 times without numba), and the winner of the
Memory Challenge takes at most 0.3 times its memory, while both answer at least 85 % of questions in
wordings they have never met. It exits non-zero if one of these fails.

    nox -s capstone                      all of it, some minutes
    nox -s capstone -- --quick           a look at the whole way, with models that have hardly
    learned
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py and dashboard.py are

from report import Findings, Learned, write_report
from story import Claim, chapter, conclude, console, say
from techniques import backend, bought, enter, profiled, weights_table
from training import QUICK, Plan, examine, keep, kept, learn, pruned, student_of, taught_by

import tt_tensor as tt
from tt_bench import OlympicEvent, OlympicResults, Olympics
from tt_bench.games import tell_tenths
from tt_bench.standard import find_task
from tt_data.tinytalks import load_tinytalks
from tt_models import GPT
from tt_models.recipes.tinytalks import train_tokenizer
from tt_text import BPETokenizer

# ---- the stations --------------------------------------------------------------------------------


def tokenizer_for(plan: Plan, options: argparse.Namespace) -> BPETokenizer:
    """A tokenizer trained on the corpus; or that of an earlier run."""
    if options.model is not None:
        file: Path = options.model / "tokenizer" / "tokenizer.json"
        if not file.is_file() or kept(options.model, "tinygpt") is None:
            sys.exit(
                f"{options.model} has no tokenizer/tokenizer.json, tinygpt.json and "
                "tinygpt.safetensors.\nhelp: name the folder that an earlier run wrote (its --out)"
            )
        say(f"  read from {options.model}")
        return BPETokenizer.from_file(file)
    dialogues = load_tinytalks("train")
    tokenizer = train_tokenizer(dialogues, plan.recipe.vocab_size)
    characters = sum(len(d.text) for d in dialogues)
    tokens = sum(len(tokenizer.encode(d.text)) for d in dialogues)
    say(
        f"  {len(dialogues)} dialogues, {characters:,} characters, {tokens:,} tokens of "
        f"{tokenizer.vocab_size}: {characters / tokens:.2f} characters a token"
    )
    return tokenizer


def teacher_for(
    plan: Plan, tokenizer: BPETokenizer, options: argparse.Namespace
) -> tuple[GPT, Learned]:
    """The GPT that learned from the corpus; or that of an earlier run."""
    if options.model is not None:
        model = kept(options.model, "tinygpt")
        assert model is not None  # its tokenizer was there
        say(f"  trained by an earlier run, read from {options.model}")
        return model, Learned(model.num_parameters(), [], [], {}, 0.0, 0.0)
    model = GPT(plan.recipe.config(tokenizer))
    board = learn(
        model,
        tokenizer,
        plan.recipe,
        title="TinyGPT learns to talk",
        seed=options.seed,
        show_every=plan.show_every,
        checkpoint=options.out / "checkpoint",
        resume=options.resume,
    )
    return model, Learned.from_dashboard(model.num_parameters(), board)


def smaller_models(
    teacher: GPT, tokenizer: BPETokenizer, plan: Plan, seed: int
) -> tuple[dict[str, GPT], dict[str, Learned]]:
    """The student, taught by the teacher, and the teacher without some of its neurons."""
    say(f"A student begins as layer {' and '.join(map(str, plan.layers))} of its teacher:")
    student = student_of(teacher, plan.layers)
    thinner = pruned(teacher, plan.neurons)
    learned = {}
    for name, model, recipe in (
        ("student", student, plan.student),
        ("pruned", thinner, plan.mending),
    ):
        if name == "pruned":
            say(f"\n{plan.neurons:.0%} of the teacher's neurons are removed, and it is mended:")
        board = learn(
            model,
            tokenizer,
            recipe,
            title=f"The {name} model learns from its teacher",
            seed=seed,
            show_every=plan.show_every,
            loss_step=taught_by(teacher),
        )
        learned[name] = Learned.from_dashboard(model.num_parameters(), board)
    return {"student": student, "pruned": thinner}, learned


def olympics(
    models: dict[str, GPT], tokenizer: BPETokenizer, plan: Plan, fast: str, folder: Path
) -> OlympicResults:
    """All versions as folders, before a judge who runs each in a process of its own."""
    entries = enter(folder, models, tokenizer, fast)
    task = find_task("tinytalks-gpt")  # facts it knows, in wordings that it has never met
    games = Olympics(
        *task.queries(plan.olympic_questions),
        fresh=task.fresh(max(8, plan.olympic_questions // 4)),
        progress=tell_tenths(console),
    )
    return games.run(entries[0], entries[1:])


def claims(exam: dict[str, tuple[int, int]], medals: OlympicResults, fast: str) -> list[Claim]:
    """What a full run has to show."""
    right, asked = exam["seen"]
    sprint, memory, push = (
        medals.standings(event)[0]
        for event in (
            OlympicEvent.LATENCY_SPRINT,
            OlympicEvent.MEMORY_CHALLENGE,
            OlympicEvent.EXTREME_PUSH,
        )
    )
    fastest = 5.0 if fast == "numba" else 3.0
    return [
        Claim("seen questions answered exactly right", 100 * right / asked, 90, unit=" %"),
        Claim(f"{sprint.entry!r} wins the Sprint: times as fast", sprint.score or 0, fastest),
        Claim(
            f"{memory.entry!r} wins the Memory Challenge: share of the bytes",
            1 / memory.score if memory.score else 1.0,
            at_most=0.3,
        ),
        Claim(f"{push.entry!r} wins the Extreme Push: speed-up x reduction", push.score or 0, 10),
        Claim("entries that the judge has sent off", len(medals.disqualified), at_most=0),
    ]


# ---- the story -----------------------------------------------------------------------------------


def main() -> int:
    """Run all stations; 0 if the claims hold."""
    try:
        return stations()
    except KeyboardInterrupt:
        say(
            "\nStopped. What has been learned is in the folder that --out names: --model with that "
            "folder goes on\nafter the teacher's training."
        )
        return 130


def stations() -> int:
    """All stations, one after another."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--seed", type=int, default=0, help="of weights and order (0)")
    add("--quick", action="store_true", help="small models, hardly trained; it claims nothing")
    add("--resume", action="store_true", help="go on where Ctrl-C ended training")
    add("--model", type=Path, metavar="FOLDER", help="the teacher of an earlier run: its --out")
    add("--out", type=Path, default=Path("capstone-report"), help="for the report")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    fast = backend(compiled=not options.quick)
    start = time.perf_counter()
    tt.manual_seed(options.seed)

    chapter("1. A tokenizer, learned from TinyTalks")
    tokenizer = tokenizer_for(plan, options)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(options.out / "tokenizer")

    chapter("2. TinyGPT learns to talk")
    try:
        teacher, taught = teacher_for(plan, tokenizer, options)
    except KeyboardInterrupt as stopped:
        say(f"\n{stopped}\nTo go on: the same command with --resume")
        return 130
    keep(teacher, options.out, "tinygpt")

    chapter("3. The exam: exactly right answers")
    exam = examine(teacher, tokenizer, plan)

    chapter("4. Where a training step spends its time")
    profile = profiled(teacher, plan.recipe, seconds=0.05 if options.quick else 0.3)
    say("", profile.roofline.table(rows=5), "", profile.profile.amdahl_table(rows=3))

    chapter("5. Smaller models")
    others, learned = smaller_models(teacher, tokenizer, plan, options.seed)
    for name, model in others.items():
        keep(model, options.out, name)
    models = {"teacher": teacher, **others}
    weights = weights_table(models)
    say("")
    weights.print(console)

    chapter("6. The TorchPerf Olympics")
    if fast != "numba":
        why = "compiling takes longer than a quick run" if options.quick else "pip install numba"
        say(f"Fast entries run on NumPy alone ({why}).")
    medals = olympics(models, tokenizer, plan, fast, options.out / "entries")
    medals.measurements_table().print(console)
    if medals.disqualified:
        medals.disqualifications_table().print(console)
    medals.podium().print(console)
    gains = bought(medals, fast)
    gains.print(console)

    chapter("7. The report")
    seconds = time.perf_counter() - start
    claimed = claims(exam, medals, fast) if plan.claims else []
    findings = Findings(
        seed=options.seed,
        quick=options.quick,
        backend=fast,
        learned={"teacher": taught, **learned},
        exam=exam,
        profiled=profile,
        weights=weights,
        olympics=medals,
        bought=gains,
        claims=tuple(claimed),
        total_seconds=seconds,
    )
    write_report(options.out, findings)
    files = ", ".join(str(options.out / f"report.{kind}") for kind in ("html", "md", "json"))
    say(f"{seconds:.0f} s in all. Written: {files}")
    if not claimed:
        say("Quick run: the way works from end to end; it claims nothing of the models.")
        return 0
    conclude(*claimed)


if __name__ == "__main__":
    sys.exit(main())

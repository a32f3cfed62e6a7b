"""2018: games with a judge.

Whoever sells a fast machine says that it is fast. MLPerf, founded in 2018 by
people of Google, Baidu, Stanford, Harvard and Berkeley, lets all run the same
tasks, by the same rules, to the same quality, and publishes the times. These
are smaller games with the same idea: an entry is a folder, the judge runs it
in a process of its own, asks it what it has not seen, and believes nothing
that he has not measured.

The baseline is the reference of the standard suite, a CNN that reads digits.
Four versions of it take part: int8, accelerated, pruned, and a perceptron that
was its student. Folders that you name compete as well.

It claims: the fastest entry that reads at least 85 % needs at most half of the
baseline's time, the smallest at most 0.3 of its memory, and the judge has
nothing to object to any of the four.
"""

import json
import shutil
import sys
from argparse import Namespace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where story.py is

from measuring import moved_digits, table, thousands, train_reader
from story import Claim, begin, chapter, conclude, options, reading_data, say, stoppable

import tt_tensor as torch
from tt_bench import (
    EntryFolder,
    OlympicEvent,
    OlympicResults,
    Olympics,
    keep_records,
    olympics_page,
    write_entry,
)
from tt_bench.arguments import read_entries
from tt_bench.standard import find_task
from tt_models import CNN, MLP
from tt_nn import Module, load, save
from tt_optimize import distill, prune, quantize

WIDTHS, HALF, STUDENT = (16, 32, 64), (8, 16, 32), (64, 64, 10)
OWN = ("int8", "accelerated", "pruned", "student")
CODE = Path(__file__).parents[1] / "digits_entry.py"


def main() -> None:
    """Run the milestone."""
    parser = options(__doc__)
    parser.add_argument("entries", nargs="*", type=Path, metavar="ENTRY", help="folders that enter")
    parser.add_argument("--out", type=Path, default=Path("olympics"), help="for all it writes")
    args = parser.parse_args()
    strangers = read_entries(parser, args.entries, ["digits-cnn", *OWN])
    time, share = (0.7, 0.5) if args.quick else (0.5, 0.3)
    quick = f"less training, 120 digits; it claims {time:g} and {share:g}."
    begin(__doc__, quick if args.quick else "")
    torch.manual_seed(args.seed)
    task = find_task("digits-cnn")
    with reading_data():
        digits, fresh = task.queries(120 if args.quick else 360), task.fresh(60)

    chapter("The reference")
    baseline = task.reference(args.out / "references")
    teacher = CNN(1, widths=WIDTHS)
    teacher.load_state_dict(load(baseline.path / "weights.safetensors"))
    say(f"A CNN of {sum(p.numel() for p in teacher.parameters()):,} numbers, trained and kept.")

    chapter("The entries")
    entries = enter(teacher.eval(), args)
    for entry in (*entries, *strangers):
        say(f"  {entry.name}: {', '.join(entry.techniques) or 'no technique named'}")

    chapter("The games")
    say(f"{len(digits.inputs)} digits that nobody has seen, one at a time.")
    results = Olympics(*digits, fresh=fresh).run(baseline, [*entries, *strangers])
    tell(results)

    new = keep_records(results, args.out / "bests.json")
    page = args.out / "report.html"
    olympics_page(results).write(page)
    (args.out / "report.json").write_text(results.to_json() + "\n", encoding="utf-8")
    say("", f"{len(new)} personal bests, kept for the next games. The report is", str(page))

    sprint = results.standings(OlympicEvent.LATENCY_SPRINT)[0]
    memory = results.standings(OlympicEvent.MEMORY_CHALLENGE)[0]
    own = {entry.name for entry in entries}
    off = sum(one.entry in own for one in results.disqualified)
    conclude(
        Claim(f"time of {sprint.entry}, of the baseline's", 1 / (sprint.score or 1), at_most=time),
        Claim(f"memory of {memory.entry}, of its", 1 / (memory.score or 1), at_most=share),
        Claim("of these four the judge has sent off", off, 0, 0),
    )


def enter(teacher: CNN, args: Namespace) -> list[EntryFolder]:
    """Four versions of the reference, in folders that anyone may copy and change."""
    epochs = 5 if args.quick else 10
    pruned: CNN = prune(teacher, amount=0.5, method="structured")
    train_reader(pruned, epochs, args.seed, peak=0.05)
    student: MLP = distill(
        MLP(list(STUDENT)),
        teacher,
        moved_digits(args.seed),
        epochs=3 * epochs,
        lr=0.01,
        temperature=3.0,
        alpha=0.7,
        progress=False,
    )
    versions: list[tuple[str, Module, tuple[int, ...], int, str]] = [
        ("int8", teacher, WIDTHS, 8, ""),
        ("accelerated", teacher, WIDTHS, 0, "numpy"),
        ("pruned", pruned, HALF, 8, "numpy"),
        ("student", student, STUDENT, 8, "numpy"),
    ]
    return [write(args.out / "entries" / version[0], *version) for version in versions]


def write(
    folder: Path, name: str, model: Module, sizes: tuple[int, ...], bits: int, backend: str
) -> EntryFolder:
    """A folder with the code, the weights, and what is to be done with them."""
    shutil.rmtree(folder, ignore_errors=True)
    done = {"int8": bits, "accelerated": backend, "pruned": name == "pruned"}
    techniques = [technique for technique, yes in done.items() if yes]
    techniques += ["distilled"] * (name == "student")
    entry = write_entry(folder, name, CODE.read_text(encoding="utf-8"), techniques)
    settings = {"model": type(model).__name__, "sizes": sizes, "bits": bits, "backend": backend}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    stored = quantize(model, bits=bits) if bits else model
    save(stored.state_dict(), folder / "weights.safetensors")
    return entry


def tell(results: OlympicResults) -> None:
    """What was measured, the podium, and who was sent off."""
    first = results.baseline
    table(
        ("entry", "reads", "latency", "speed", "memory", "gold"),
        [
            (
                one.entry,
                f"{one.accuracy:.1%}",
                f"{1e6 * one.latency_seconds:.0f} us",
                f"{first.latency_seconds / one.latency_seconds:.2f}",
                thousands(one.memory_bytes),
                str(results.medals()[one.entry].count("gold") or "-"),
            )
            for one in results.measured
        ],
    )
    say("")
    for event in OlympicEvent:
        winners = [s.entry for s in results.standings(event) if s.medal == "gold"]
        say(f"{event.rules.title + ':':<18}{' and '.join(winners) or 'nobody'}")
    for off in results.disqualified:
        say(f"Sent off: {off.entry}. {off.reason}")


if __name__ == "__main__":
    with stoppable():
        main()

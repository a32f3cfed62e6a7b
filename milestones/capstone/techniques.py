"""What can be done to a trained GPT, as switches of an entry; what it weighs; where its time goes.

An ablation asks what each switch buys: alone, and when all the others are on. So the games need
entries with none, with each alone, with all but one, and with all of them.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from story import say

import tt_tensor as tt
from tt_bench import (
    EntryFolder,
    OlympicResults,
    Table,
    ablation_table,
    combinations,
    disk_bytes,
    held_bytes,
    write_gpt_entry,
)
from tt_bench.units import show_bytes
from tt_models import GPT
from tt_models.recipes.tinytalks import Recipe
from tt_optimize import Profile, Profiler, Roofline, quantize, roofline
from tt_text import BPETokenizer

__all__ = ["SWITCHES", "Profiled", "backend", "bought", "enter", "profiled", "weights_table"]

CACHE, INT8, FASTER, STUDENT = SWITCHES = ("kv cache", "int8", "backend", "distilled")
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    CACHE: {"cache": True},
    INT8: {"quantize": {"bits": 8}},
    STUDENT: {},  # another model
}


def backend(compiled: bool = True) -> str:
    """The fastest there is: compiled loops if numba is installed and wanted, else NumPy's."""
    return "numba" if compiled and importlib.util.find_spec("numba") else "numpy"


# ---- entries -------------------------------------------------------------------------------------


def enter(
    folder: Path, models: Mapping[str, GPT], tokenizer: BPETokenizer, backend: str
) -> list[EntryFolder]:
    """Write the entries into folders; the first is the baseline, the trained model as it is.

    Args:
        models: "teacher", "student" and "pruned".
        backend: the name for ``tt_optimize.accelerate``.
    """
    shutil.rmtree(folder, ignore_errors=True)
    options = {**OPTIONS, FASTER: {"backend": backend}}
    written: list[EntryFolder] = []
    compiled: list[Path] = []  # what numba compiled so far is of use to all that follow

    def write(name: str, model: GPT, techniques: Sequence[str], **switches: Any) -> EntryFolder:
        known = compiled[-1] if compiled and switches.get("backend") == "numba" else None
        entry = write_gpt_entry(
            folder / name.replace(" ", "-").replace(",", ""),
            name,
            model,
            tokenizer,
            techniques,
            compiled=known,
            **switches,
        )
        written.append(entry)
        if (entry.path / "compiled").is_dir():
            compiled.append(entry.path / "compiled")
        return entry

    for chosen in combinations(SWITCHES):
        switches: dict[str, Any] = {}
        for technique in chosen:
            switches |= options[technique]
        model = models["student" if STUDENT in chosen else "teacher"]
        shown = [backend if technique == FASTER else technique for technique in chosen]
        write(_called(shown, backend), model, shown, **switches)
    write("int4", models["teacher"], ["int4"], quantize={"bits": 4})
    write("distilled, int4", models["student"], [STUDENT, "int4"], quantize={"bits": 4})
    everything = {"cache": True, "quantize": {"bits": 8}, "backend": backend}
    write("pruned", models["pruned"], [CACHE, INT8, backend, "pruned"], **everything)
    all_five = [CACHE, INT8, backend, STUDENT, "lean loop"]
    lean = write("lean loop", models["student"], all_five, **everything)
    shutil.copy(Path(__file__).with_name("lean_entry.py"), lean.path / lean.code)
    return written


def _called(techniques: Sequence[str], backend: str) -> str:
    """A short name: what it has, or the one thing that it has not."""
    switches = [backend if switch == FASTER else switch for switch in SWITCHES]
    absent = [switch for switch in switches if switch not in techniques]
    if not techniques:
        return "baseline"
    if len(techniques) == 1:
        return techniques[0]
    return f"all but {absent[0]}" if absent else "all four"


def bought(results: OlympicResults, backend: str) -> Table:
    """What each of the four switches buys, from the entries that differ in nothing else."""
    switches = {backend if switch == FASTER else switch for switch in SWITCHES}
    measured = tuple(one for one in results.measured if switches.issuperset(one.techniques))
    return ablation_table(replace(results, measured=measured))


# ---- what they weigh -----------------------------------------------------------------------------


def weights_table(models: Mapping[str, GPT]) -> Table:
    """Each model's numbers, and their bytes in float32, int8 and int4."""
    rows = []
    first = held_bytes(models["teacher"])
    for name, model in models.items():
        for bits, held in (
            ("float32", model),
            ("int8", quantize(model, bits=8)),
            ("int4", quantize(model, bits=4)),
        ):
            memory, disk = held_bytes(held), disk_bytes(held)
            numbers = f"{model.num_parameters():,}"
            share = f"{memory / first:.3f}"
            rows.append((name, bits, numbers, show_bytes(memory), show_bytes(disk), share))
    return Table(
        "What the weights take",
        ("model", "stored as", "numbers", "in memory", "on disk", "share"),
        tuple(rows),
        "share: of the teacher's bytes in memory. One scale for each row of int8, for every 32 "
        "numbers of int4; biases and norms stay float32.",
    )


# ---- where the time goes -------------------------------------------------------------------------


@dataclass(frozen=True)
class Profiled:
    """A training step: what it spends its time on, and what limits that."""

    profile: Profile
    roofline: Roofline

    def text(self) -> str:
        """All tables."""
        faster = self.profile.amdahl_table(rows=5)
        return f"{self.profile.table()}\n\n{self.roofline.table()}\n\n{faster}"


def profiled(model: GPT, recipe: Recipe, seconds: float) -> Profiled:
    """Profile a training step, and measure for so long what the machine can do at best."""
    from tt_optimize import measure_ceilings

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
    say(timed.result.table(rows=8))
    return Profiled(timed.result, roofline(timed.result, measure_ceilings(seconds)))

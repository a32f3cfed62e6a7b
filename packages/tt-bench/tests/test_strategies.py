"""Ablations: which entries they need, what is read off, and entries that are made of a GPT."""

import pytest

from tt_bench import (
    EntryProcess,
    Machine,
    Measured,
    OlympicResults,
    ablation_table,
    combinations,
    write_gpt_entry,
)
from tt_models import GPT, GPTConfig
from tt_models.recipes.tinytalks import train_tokenizer, write_answers
from tt_tensor import manual_seed
from tt_text import BPETokenizer


def measured(techniques: tuple[str, ...], latency: float, correct: int, memory: int) -> Measured:
    name = " + ".join(techniques) or "baseline"
    return Measured(name, techniques, correct, 100, (latency,) * 10, memory, 0)


def test_an_ablation_needs_two_entries_a_technique_and_two_more() -> None:
    assert combinations([]) == [()]
    assert combinations(["a"]) == [(), ("a",)]
    assert combinations(["a", "b"]) == [(), ("a",), ("b",), ("a", "b")]
    assert len(combinations("abcd")) == 10
    with pytest.raises(ValueError, match="every technique once"):
        combinations(["a", "a"])


def test_the_table_shows_what_each_buys_alone_and_in_company() -> None:
    entries = (
        measured((), 0.080, 95, 4000),
        measured(("cache",), 0.010, 95, 5000),
        measured(("int8",), 0.080, 94, 1000),
        measured(("cache", "int8"), 0.008, 94, 2000),
    )
    table = ablation_table(OlympicResults(entries, (), Machine.here(), 13, 3, 1))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["cache"][:3] == ("8×", "1.25×", "+0.0 (95.0 %)")
    assert rows["cache"][3:] == ("0.1×", "0.5×", "+0.0 (94.0 %)")
    assert rows["int8"][:3] == ("1× (no difference found)", "0.25×", "-1.0 (94.0 %)")
    assert rows["int8"][3:] == ("0.8×", "2.5×", "+1.0 (95.0 %)")
    assert rows["all together"] == ("10×", "0.5×", "-1.0 (94.0 %)", "–", "–", "–")


def test_what_was_not_measured_is_a_dash() -> None:
    entries = (measured((), 0.08, 95, 4000), measured(("a", "b"), 0.01, 95, 4000))
    table = ablation_table(OlympicResults(entries, (), Machine.here(), 13, 3, 1))
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["a"] == ("–",) * 6
    assert rows["all together"][0] == "8×"


class Dialogue:
    """As tt_data.tinytalks has them."""

    text = "Q: What is your name?\nA: I am a small language model.\n"
    turns = ()


@pytest.fixture(scope="module")
def tokenizer() -> BPETokenizer:
    return train_tokenizer([Dialogue()], 280)


@pytest.fixture(scope="module")
def model(tokenizer: BPETokenizer) -> GPT:
    manual_seed(0)
    sizes = {"block_size": 64, "n_layer": 2, "n_head": 2, "n_embd": 32}
    return GPT(GPTConfig(vocab_size=tokenizer.vocab_size, **sizes)).eval()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cache": True},
        {"quantize": {"scheme": "weight_only", "bits": 8}, "cache": True},
        {"backend": "numpy", "cache": True},
    ],
    ids=["plain", "cache", "int8", "numpy"],
)
def test_an_optimised_gpt_answers_like_the_plain_one(tmp_path, model, tokenizer, options) -> None:
    prompts = ["Q: What is your name?\nA:", "Q: name is What?\nA:"]
    entry = write_gpt_entry(tmp_path, "x", model, tokenizer, tuple(options), **options)
    assert entry.techniques == tuple(options)
    expected = write_answers(model, tokenizer, prompts)
    with EntryProcess(entry) as process:
        answers = [process.predict(prompt) for prompt in prompts]
        together = process.predict(prompts)
    assert together == answers
    if "quantize" not in options:  # eight bits may change the words of a model that learned nothing
        assert answers == expected


def test_quantized_weights_are_stored_quantized_and_held_so(tmp_path, model, tokenizer) -> None:
    plain = write_gpt_entry(tmp_path / "a", "plain", model, tokenizer)
    small = write_gpt_entry(tmp_path / "b", "small", model, tokenizer, quantize={"bits": 8})
    sizes = [(entry.path / "weights.safetensors").stat().st_size for entry in (plain, small)]
    assert sizes[1] < 0.45 * sizes[0]  # of so small a model, names and norms are a good part
    held = []
    for entry in (plain, small):
        with EntryProcess(entry, traced=True) as process:
            held.append(process.weigh(["Q: name?\nA:"])[0])
    assert held[1] < 0.6 * held[0]

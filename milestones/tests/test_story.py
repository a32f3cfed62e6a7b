"""What the milestones share: claims that can fail, and pictures."""

import importlib
from types import ModuleType

import pytest

import tt_tensor as torch


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """The module, as a script imports it."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.syspath_prepend(request.path.parents[1])
    return importlib.import_module("story")


@pytest.mark.parametrize(
    ("measured", "bounds", "holds"),
    [
        (96.0, {"at_least": 96}, True),
        (95.99, {"at_least": 96}, False),
        (15.0, {"at_most": 15}, True),
        (15.01, {"at_most": 15}, False),
        (50.0, {"at_least": 45, "at_most": 55}, True),
        (55.1, {"at_least": 45, "at_most": 55}, False),
        (76.0, {"at_least": 75, "at_most": 75}, False),
        (float("nan"), {"at_least": 0}, False),
        (float("nan"), {"at_most": 100}, False),
        (float("nan"), {}, False),
    ],
)
def test_a_claim_holds_within_its_bounds(
    story: ModuleType,
    capsys: pytest.CaptureFixture[str],
    measured: float,
    bounds: dict[str, float],
    holds: bool,
) -> None:
    claim = story.Claim("something", measured, **bounds)
    assert claim.holds is holds
    assert ("It holds." in str(claim), "IT FAILS." in str(claim)) == (holds, not holds)
    with pytest.raises(SystemExit) as end:
        story.conclude(story.Claim("sure", 1, at_least=0), claim)
    assert end.value.code == (0 if holds else 1)
    assert str(claim) in capsys.readouterr().out


def test_a_claim_says_what_was_wanted_and_measured(story: ModuleType) -> None:
    assert str(story.Claim("digits read", 97.5, at_least=96, unit=" %")) == (
        "Claim: digits read: at least 96 %.\n       Measured: 97.5 %. It holds."
    )
    assert "exactly 14." in str(story.Claim("functions", 14, 14, 14))
    assert "at least 1 and at most 2." in str(story.Claim("either", 1, 1, 2))


def test_who_claims_nothing_fails(story: ModuleType) -> None:
    with pytest.raises(SystemExit) as end:
        story.conclude()
    assert end.value.code == 1


def test_pictures_show_each_number(story: ModuleType) -> None:
    ink = story.picture(torch.tensor([[0.0, 8.0], [16.0, 0.0]]), "a digit")
    assert ink.plain == "a digit\n. ++\n@@. "
    signed = story.picture(torch.tensor([[-2.0, -1.0, 0.0, 1.0, 2.0]]))
    assert signed.plain == "= - . + # "
    assert story.picture(torch.zeros(1, 2)).plain == ". . "


def test_a_surface_has_x1_to_the_right_and_x2_upwards(story: ModuleType) -> None:
    rows = story.surface(lambda x: x[:, 0] > 0.5).plain.split("\n")
    assert {(row[0], row[-2]) for row in rows} == {(".", "+")}
    rows = story.surface(lambda x: x[:, 1] > 0.5).plain.split("\n")
    assert (set(rows[0].split()), set(rows[-1].split())) == ({"+"}, {"."})
    marks = [character for row in rows for character in row if character in "01"]
    assert marks == ["1", "0", "0", "1"]  # what XOR wants at 01, 11, 00, 10


def test_many_bars_are_cut_in_the_middle(
    story: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    story.bars([(f"{n:>2}", n) for n in range(50)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == " 0   0"
    assert lines[-1] == f"49  {'#' * 40} 49"
    assert len(lines) == 16
    assert lines.count("...") == 1

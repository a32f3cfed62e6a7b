"""The page: everything in one file, and nothing that could do harm."""

from html.parser import HTMLParser

import pytest

from tt_bench import Page, Table

SVG = (
    '<?xml version="1.0"?><!DOCTYPE svg PUBLIC "x" "http://elsewhere/svg.dtd">'
    '<svg width="10"><metadata><a href="http://elsewhere"/></metadata>'
    '<defs><path id="m1" d="M0 0"/></defs><use xlink:href="#m1"/>'
    '<g clip-path="url(#m1)"></g></svg>'
)


VOID = {"meta", "link", "br"}


class Checker(HTMLParser):
    """Do all tags close, and does any name an address?"""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not (value or "").startswith(
                ("#", "data:")
            ):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page() -> Page:
    page = Page("A <title> & more", "Lead.")
    page.add_text("Words", "one < two", "second paragraph")
    page.add_table(Table("T", ("name", "n"), (("<b>x</b>", "1"), ("y", "2")), note="a & b"))
    page.add_plot("First", SVG, 'what it "shows"')
    page.add_plot("Second", SVG)
    page.add_output("Printed", "a  b\n<c>")
    page.add_data("All data", '{"x": "</script><script>alert(1)</script>"}')
    return page


def test_it_is_whole_and_names_no_address(page) -> None:
    checker = Checker()
    checker.feed(page.html())
    assert checker.open == [] and checker.addresses == []
    assert len(set(checker.ids)) == len(checker.ids) == 2  # of both drawings
    assert "http" not in page.html().replace("http-equiv", "")


def test_text_stays_text(page) -> None:
    text = page.html()
    assert "<script" not in text and "<b>x" not in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text and "one &lt; two" in text
    assert "A &lt;title&gt; &amp; more" in text
    assert "what it &quot;shows&quot;" in text


def test_numbers_are_to_the_right(page) -> None:
    assert '<td class="number">2</td>' in page.html()
    assert "<td>y</td>" in page.html()


@pytest.mark.parametrize(
    "svg",
    [
        "no drawing",
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="alert(1)"></svg>',
        '<svg><a xlink:href="javascript:alert(1)"></a></svg>',
    ],
)
def test_drawings_with_scripts_are_refused(svg: str) -> None:
    with pytest.raises(ValueError, match="expected an SVG drawing without scripts"):
        Page("x").add_plot("x", svg)


def test_it_is_written(tmp_path, page) -> None:
    page.write(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html()


def test_letters_in_drawings_are_left_alone() -> None:
    page = Page("x")
    said = 'a onload=1 javascript: say "#1", url(#2), it\'s'
    page.add_plot("x", f'<svg><!-- it\'s --><text id="t">{said}</text><use href="#t"/></svg>')
    text = page.html()
    assert f'<text id="p0-t">{said}</text><use href="#p0-t"/>' in text


@pytest.mark.parametrize(
    "svg",
    [
        '<svg><g a=">" onload="x"></g></svg>',
        "<svg/onload=x></svg>",
        '<svg><image href="https://elsewhere/x.png"/></svg>',
        "<svg><a href=elsewhere></a></svg>",
        "<svg><foreignObject></foreignObject></svg>",
        '<svg><g a="</svg>',
    ],
)
def test_drawings_that_hide_something_are_refused(svg: str) -> None:
    with pytest.raises(ValueError, match="expected an SVG drawing without scripts"):
        Page("x").add_plot("x", svg)

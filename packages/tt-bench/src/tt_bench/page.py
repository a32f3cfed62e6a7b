"""A report as one HTML file: tables, plots and all data in it, nothing to be fetched.

It can be sent by mail and opened in ten years: no script, no font, no picture comes from anywhere
else, and its content security policy forbids that any should.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

from .tables import Table

__all__ = ["Page"]

STYLE = """
:root { color-scheme: light dark; --ink: #1d2530; --paper: #fff; --line: #d5dae2; --soft: #f4f6f9;
        --mark: #0b6bcb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --paper: #14181e; --line: #39424f; --soft: #1d232c; --mark: #6db3ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.25rem 4rem; color: var(--ink);
       background: var(--paper); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .6rem; }
p, .note { max-width: 46rem; }
.note { color: color-mix(in srgb, var(--ink) 72%, var(--paper)); font-size: .85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .8rem; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; }
th { background: var(--soft); white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
tbody tr:hover { background: var(--soft); }
figure { margin: 0; background: #fff; border: 1px solid var(--line); border-radius: .5rem;
         padding: .75rem; overflow-x: auto; }
figure svg { max-width: 100%; height: auto; display: block; margin: 0 auto; }
pre { background: var(--soft); border-radius: .5rem; padding: 1rem; overflow-x: auto;
      font: .85rem/1.45 ui-monospace, monospace; }
summary { cursor: pointer; color: var(--mark); margin-top: 1rem; }
details pre { max-height: 30rem; overflow: auto; }
"""
HIDDEN = r"<!--.*?-->|<metadata>.*?</metadata>"
TAG = re.compile(r"""<(?:[^<>"']|"[^"<]*"|'[^'<]*')*>""")
HARMFUL = re.compile(
    r"""^<\s*(script|foreignobject|iframe|object|embed)\b|[\s"'/]on\w+\s*=|javascript:"""
    r"""|href\s*=\s*["']?(?!["']?(\#|data:image/))""",
    re.IGNORECASE,
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"


@dataclass
class Page:
    """A page that grows part by part.

    Args:
        title: its heading, and the browser's.
        lead: the first paragraph.

    >>> page = Page("Speed", "All of it was measured.")
    >>> page.add_table(Table("Two", ("what", "seconds"), (("ours", "1.5"), ("theirs", "12"))))
    >>> text = page.html()
    >>> "<h2>Two</h2>" in text and '<td class="number">1.5</td>' in text
    True
    """

    title: str
    lead: str = ""
    parts: list[str] = field(default_factory=list)

    def add_text(self, heading: str, *paragraphs: str) -> None:
        """A section of plain text."""
        shown = "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs)
        self.parts.append(f"<section><h2>{html.escape(heading)}</h2>{shown}</section>")

    def add_output(self, heading: str, text: str) -> None:
        """What a program printed, as it printed it."""
        shown = f"<pre>{html.escape(text)}</pre>"
        self.parts.append(f"<section><h2>{html.escape(heading)}</h2>{shown}</section>")

    def add_table(self, table: Table) -> None:
        """A table under its title, its note below."""
        numbers = table.numbers()
        head = "".join(
            f'<th scope="col"{_class(right)}>{html.escape(name)}</th>'
            for name, right in zip(table.columns, numbers, strict=True)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f"<td{_class(right)}>{html.escape(cell)}</td>"
                for cell, right in zip(row, numbers, strict=True)
            )
            + "</tr>"
            for row in table.rows
        )
        note = f'<p class="note">{html.escape(table.note)}</p>' if table.note else ""
        self.parts.append(
            f'<section><h2>{html.escape(table.title)}</h2><div class="wide"><table><thead><tr>'
            f"{head}</tr></thead><tbody>{body}</tbody></table></div>{note}</section>"
        )

    def add_plot(self, heading: str, svg: str, caption: str = "") -> None:
        """A drawing. Of the SVG only the drawing is taken: no scripts, no links to elsewhere.

        Args:
            caption: what it shows, for those who see it and those who do not.

        Raises:
            ValueError: there is no drawing in it, or it has scripts or links to elsewhere.
        """
        found = re.search(r"<svg\b.*</svg>", svg, re.DOTALL)
        drawing = re.sub(HIDDEN, "", found[0] if found else "", flags=re.DOTALL)
        tags = TAG.findall(drawing)
        if not tags or "<" in TAG.sub("", drawing) or any(map(HARMFUL.search, tags)):
            raise ValueError(
                "add_plot: expected an SVG drawing without scripts and links to elsewhere"
            )
        prefix = f"p{len(self.parts)}-"  # drawings by one program use the same names
        drawing = TAG.sub(
            lambda tag: re.sub(r'(\bid="|"#|url\(#)', rf"\g<1>{prefix}", tag[0]), drawing
        )
        label = html.escape(caption or heading)
        drawing = drawing.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
        note = f'<p class="note">{html.escape(caption)}</p>' if caption else ""
        self.parts.append(
            f"<section><h2>{html.escape(heading)}</h2><figure>{drawing}</figure>{note}</section>"
        )

    def add_data(self, heading: str, text: str) -> None:
        """All that was measured, as JSON, folded away."""
        self.parts.append(
            f"<details><summary>{html.escape(heading)}</summary>"
            f"<pre>{html.escape(text)}</pre></details>"
        )

    def html(self) -> str:
        """The whole file."""
        lead = f"<p>{html.escape(self.lead)}</p>" if self.lead else ""
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<link rel="icon" href="data:,">\n'
            f"<title>{html.escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
            f"<main>\n<h1>{html.escape(self.title)}</h1>\n{lead}\n"
            + "\n".join(self.parts)
            + "\n</main>\n</body>\n</html>\n"
        )

    def write(self, path: str | Path) -> None:
        """Write the file."""
        Path(path).write_text(self.html(), encoding="utf-8")


def _class(right: bool) -> str:
    return ' class="number"' if right else ""

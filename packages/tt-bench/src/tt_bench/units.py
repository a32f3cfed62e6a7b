"""Numbers with units, as people read them; and texts that others wrote, so that they do no harm."""

from __future__ import annotations

__all__ = ["one_line", "show_bytes", "show_percent", "show_seconds"]


def one_line(text: str, most: int | None = None) -> str:
    """A text on one line, at most so long: what a terminal would obey is shown as an escape.

    >>> one_line("first\\nsecond \\x1b[2J")
    'first second \\\\x1b[2J'
    """
    kept = text if most is None or len(text) <= most else text[:most] + "…"
    return "".join(
        letter if letter.isprintable() else " " if letter.isspace() else ascii(letter)[1:-1]
        for letter in kept
    )


def show_seconds(seconds: float) -> str:
    """Seconds in the unit that fits, with three digits.

    >>> show_seconds(0.0000123), show_seconds(0.5), show_seconds(12)
    ('12.3 µs', '500 ms', '12 s')
    """
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if abs(seconds) >= size:
            return f"{_three(seconds / size)} {unit}"
    return f"{_three(seconds / 1e-9)} ns"


def show_bytes(count: float) -> str:
    """Bytes in the unit that fits, with three digits; 1 kB is 1000 bytes, 1 MB a million.

    >>> show_bytes(512), show_bytes(2_500_000)
    ('512 B', '2.5 MB')
    """
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(count) >= size:
            return f"{_three(count / size)} {unit}"
    return f"{_three(count)} B"


def show_percent(fraction: float) -> str:
    """A fraction in percent.

    >>> show_percent(0.8571)
    '85.7 %'
    """
    return f"{100 * fraction:.1f} %"


def _three(value: float) -> str:
    """Three digits that count, and no exponent."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"

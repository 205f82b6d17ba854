"""A line chart as SVG, readable on a light and on a dark page."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 120, 40, 40
COLOURS = (
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#9c755f", "#edc948",
)  # fmt: skip
GREY = "#888888"


@dataclass(frozen=True)
class Series:
    """A named line."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def line_chart(title: str, series: Sequence[Series], band: tuple[float, float]) -> str:
    """Lines from (0, 0) up, their names at their ends, and a band over a range of x (seconds)."""
    far = max(max(one.x) for one in series) or 1.0
    high = _round_up(max(max(one.y) for one in series))

    def at(x: float, y: float) -> tuple[float, float]:
        across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return round(LEFT + across * x / far, 1), round(HEIGHT - BOTTOM - up * y / high, 1)

    (begin, _), (end, _), (_, top) = at(band[0], 0), at(band[1], 0), at(0, high)
    parts = [
        f'<rect x="{begin}" y="{top}" width="{end - begin:.1f}" height="{HEIGHT - BOTTOM - top}"'
        f' fill="{GREY}" opacity="0.15"/>',
        _text(LEFT, 22, title, GREY, 14),
    ]
    for n in range(5):
        _, y = at(0, high * n / 4)
        parts.append(f'<path d="M{LEFT} {y}H{WIDTH - RIGHT}" stroke="{GREY}" opacity="0.4"/>')
        parts.append(_text(8, y + 4, f"{high * n / 4:g}", GREY))
        parts.append(_text(at(far * n / 4, 0)[0] - 8, HEIGHT - 16, f"{far * n / 4:.0f} s", GREY))
    ends = _apart([at(one.x[-1], one.y[-1])[1] for one in series])
    for number, one in enumerate(series):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(f"{x},{y}" for x, y in map(at, one.x, one.y))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(_text(WIDTH - RIGHT + 6, ends[number] + 4, one.name, colour))
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return "\n".join([f'{frame} font-family="sans-serif">', *parts, "</svg>", ""])


def _text(x: float, y: float, words: str, colour: str, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}">{escape(words)}</text>'


def _apart(places: Sequence[float], gap: float = 14.0) -> list[float]:
    """The same places, moved down where two would overlap."""
    moved, free = dict[int, float](), 0.0
    for number in sorted(range(len(places)), key=lambda n: places[n]):
        moved[number] = max(places[number], free)
        free = moved[number] + gap
    return [moved[number] for number in range(len(places))]


def _round_up(value: float) -> float:
    step = 100.0
    while value > 4 * step:
        step += 50.0
    return 4 * step

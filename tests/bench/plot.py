"""A plot of lines on two logarithmic axes, as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

WIDTH, HEIGHT = 860, 560
LEFT, RIGHT, TOP, BOTTOM = 70, 230, 20, 50


@dataclass(frozen=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]


def plot(lines: Sequence[Line], *, across: str, up: str) -> str:
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    horizontal = _Axis(math.log10(min(xs)), math.log10(max(xs)) or 1, LEFT, WIDTH - RIGHT)
    vertical = _Axis(math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys))), HEIGHT - BOTTOM, TOP)
    box = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="11"'
    middle = f'x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})"'
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f"<text {middle}>{escape(up)}</text>",
    ]
    for power in range(int(vertical.first), int(vertical.last) + 1):
        y = vertical.at(10.0**power)
        made.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        made.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10**power:,}</text>')
    for x in sorted(set(xs)):
        made.append(f'<text x="{horizontal.at(x):.1f}" y="{HEIGHT - 30}" text-anchor="middle">{x:,.0f}</text>')
    labels = _apart([vertical.at(line.points[-1][1]) for line in lines])
    for place, (line, label) in enumerate(zip(lines, labels, strict=True)):
        colour = f"hsl({place * 360 // len(lines)} 65% 42%)"
        path = " ".join(f"{horizontal.at(x):.1f},{vertical.at(y):.1f}" for x, y in line.points)
        made.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        made.append(f'<text x="{WIDTH - RIGHT + 10}" y="{label + 4:.1f}" fill="{colour}">{escape(line.name)}</text>')
    return "\n".join([*made, "</svg>", ""])


@dataclass(frozen=True)
class _Axis:
    """`first` and `last` are powers of ten; `begin` and `end` where they stand."""

    first: float
    last: float
    begin: float
    end: float

    def at(self, value: float) -> float:
        span = self.last - self.first or 1
        return self.begin + (math.log10(value) - self.first) / span * (self.end - self.begin)


def _apart(wanted: Sequence[float], gap: float = 13) -> list[float]:
    """As near as can be to where they are wanted, and yet legible."""
    placed = list(wanted)
    for before, after in pairwise(sorted(range(len(placed)), key=placed.__getitem__)):
        placed[after] = max(placed[after], placed[before] + gap)
    return placed

"""The costs of `benchmarks.growth` as a drawing: one panel for each thing that grows.

Pure. A panel shows processor time per command, all processes together and the nodes alone; its
vertical axis begins at zero and is the same in all panels.
"""

from collections.abc import Sequence
from typing import Protocol

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

PANEL_WIDTH, PANEL_HEIGHT = 300, 190
PANELS_IN_A_ROW = 3
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 30, 34, 30
_LEGEND_HEIGHT = 26


class Costs(Protocol):
    """What is drawn of each size."""

    @property
    def series(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def cpu_us(self) -> float: ...
    @property
    def node_us(self) -> float: ...


class Point(Struct, frozen=True):
    """One size in a panel; `y_all` and `y_node` are the two curves there."""

    label: str
    x: float
    y_all: float
    y_node: float
    all_us: float


class Panel(Struct, frozen=True):
    """One series; `x` and `y` are its upper left corner, `ticks` the lines of its axis."""

    title: str
    x: int
    y: int
    points: list[Point]
    ticks: list[tuple[float, str]]

    def curve(self, name: str) -> str:
        """The points of one curve as SVG wants them."""
        return " ".join(f"{point.x:.1f},{getattr(point, name):.1f}" for point in self.points)


def panels_of(costs: Sequence[Costs]) -> list[Panel]:
    """A panel for each series, in the order in which they come."""
    top_us = max(cost.cpu_us for cost in costs) * 1.1
    names = list(dict.fromkeys(cost.series for cost in costs))
    return [
        _panel(place, [cost for cost in costs if cost.series == name], top_us)
        for place, name in enumerate(names)
    ]


def _panel(place: int, costs: Sequence[Costs], top_us: float) -> Panel:
    row, column = divmod(place, PANELS_IN_A_ROW)
    step = (PANEL_WIDTH - _LEFT - _RIGHT) / max(1, len(costs) - 1)

    def height(us: float) -> float:
        return PANEL_HEIGHT - _BOTTOM - us / top_us * (PANEL_HEIGHT - _TOP - _BOTTOM)

    points = [
        Point(
            f"{cost.at:,}",
            _LEFT + number * step,
            height(cost.cpu_us),
            height(cost.node_us),
            cost.cpu_us,
        )
        for number, cost in enumerate(costs)
    ]
    ticks = [(height(us), f"{us:.0f}") for us in (0.0, top_us / 2, top_us)]
    return Panel(
        costs[0].series, column * PANEL_WIDTH, _LEGEND_HEIGHT + row * PANEL_HEIGHT, points, ticks
    )


def draw(costs: Sequence[Costs]) -> str:
    """The whole drawing as SVG."""
    panels = panels_of(costs)
    environment = Environment(
        loader=PackageLoader("benchmarks"), autoescape=True, undefined=StrictUndefined
    )
    rows = -(-len(panels) // PANELS_IN_A_ROW)
    return environment.get_template("growth.svg").render(
        panels=panels,
        width=PANEL_WIDTH * min(PANELS_IN_A_ROW, len(panels)),
        height=_LEGEND_HEIGHT + PANEL_HEIGHT * rows,
        left=_LEFT,
        right=PANEL_WIDTH - _RIGHT,
        base=PANEL_HEIGHT - _BOTTOM,
    )

"""A price chart as points of an SVG, drawn on the server so that it needs no script.

Pure. The path is a step: a price stands until the next one was seen.
"""

from collections.abc import Sequence

from msgspec import Struct

from web.prices import SeenPrice

WIDTH, HEIGHT, MARGIN = 640, 200, 8


class Chart(Struct, frozen=True):
    """What the template draws; coordinates are whole, in the units of the view box.

    :ivar line: the points of the polyline.
    :ivar area: the same, closed at the bottom.
    """

    symbol: str
    line: str
    area: str
    lowest_cents: int
    highest_cents: int
    first_ms: int
    last_ms: int
    last_cents: int
    change_cents: int
    count: int


def chart_of(symbol: str, seen: Sequence[SeenPrice]) -> Chart | None:
    """Draw what was seen, the oldest first; None where there was nothing."""
    if not seen:
        return None
    first_ms, last_ms = seen[0].at_ms, seen[-1].at_ms
    prices = [each.price_cents for each in seen]
    lowest, highest = min(prices), max(prices)

    def x_of(at_ms: int) -> int:
        return 0 if last_ms == first_ms else (at_ms - first_ms) * WIDTH // (last_ms - first_ms)

    def y_of(price_cents: int) -> int:
        room = HEIGHT - 2 * MARGIN
        if highest == lowest:
            return HEIGHT // 2
        return HEIGHT - MARGIN - (price_cents - lowest) * room // (highest - lowest)

    points: list[tuple[int, int]] = []
    for each in seen:
        if points:
            points.append((x_of(each.at_ms), points[-1][1]))
        points.append((x_of(each.at_ms), y_of(each.price_cents)))
    points.append((WIDTH, points[-1][1]))
    line = " ".join(f"{x},{y}" for x, y in points)
    return Chart(
        symbol,
        line,
        f"0,{HEIGHT} {line} {WIDTH},{HEIGHT}",
        lowest,
        highest,
        first_ms,
        last_ms,
        prices[-1],
        prices[-1] - prices[0],
        len(seen),
    )

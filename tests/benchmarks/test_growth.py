"""What growth is measured at, what is made of it, and the ledger that a size asks for."""

from xml.etree import ElementTree

import psycopg2
import pytest

from benchmarks.figures import LoadResult
from benchmarks.furnishing import Furnishing, furnish
from benchmarks.growth import Cost, Size, all_sizes, cost_of
from benchmarks.growth_chart import draw, panels_of
from tests.benchmarks.test_figures import round_of
from tests.ledger.postgres_bench import copy_database

SVG = "{http://www.w3.org/2000/svg}"


def cost(series: str, at: int, cpu_us: float) -> Cost:
    return Cost(series, at, 5.0, 2.0, cpu_us, cpu_us / 2, cpu_us / 4, 90.0)


COSTS = [cost("users", 10, 60.0), cost("users", 100, 40.0), cost("nodes", 1, 40.0)]


def test_every_series_grows() -> None:
    sizes = all_sizes()
    for series in {size.series for size in sizes}:
        grown = [size.at for size in sizes if size.series == series]
        assert len(grown) > 1
        assert grown == sorted(set(grown))


def test_a_cost_is_that_of_all_processes() -> None:
    seen = cost_of(Size("users", 10), LoadResult(Size("users", 10).load, [round_of(100, 20)]))
    assert (seen.cpu_us, seen.node_us, seen.postgres_us) == (21.0, 12.0, 9.0)
    assert seen.times_pgbench == 5.0


def test_a_dearer_size_stands_higher_and_all_panels_share_one_axis() -> None:
    users, nodes = panels_of(COSTS)
    assert [point.label for point in users.points] == ["10", "100"]
    assert users.points[0].y_all < users.points[1].y_all < users.points[1].y_node
    assert users.points[1].y_all == nodes.points[0].y_all


def test_the_drawing_is_svg_with_a_curve_for_all_and_one_for_the_nodes() -> None:
    drawing = ElementTree.fromstring(draw(COSTS))
    assert drawing.tag == f"{SVG}svg"
    assert len(drawing.findall(f".//{SVG}polyline")) == 4
    assert {"users", "nodes"} <= {text.text for text in drawing.iter(f"{SVG}text")}


@pytest.mark.postgres
def test_a_ledger_is_furnished_as_asked(ledger_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = copy_database(ledger_dsn, "furnished")
    monkeypatch.setattr("benchmarks.furnishing.time.sleep", lambda _s: None)
    furnishing = Furnishing(holdings=3, triggers=5, journal_rows=7)
    furnish(dsn, furnishing, ["ann", "bob"], ["ABC", "XYZ"])
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT user_name, count(*) FROM holding GROUP BY 1 ORDER BY 1")
        assert cursor.fetchall() == [("ann", 3), ("bob", 3)]
        cursor.execute("SELECT seq, opened FROM account")
        assert cursor.fetchall() == [(1, True)] * 2
        cursor.execute("SELECT count(*), count(DISTINCT symbol) FROM standing_trigger")
        assert cursor.fetchall() == [(5, 2)]
        cursor.execute("SELECT count(*), max(number), count(DISTINCT command_id) FROM journal")
        assert cursor.fetchall() == [(7, 7, 7)]

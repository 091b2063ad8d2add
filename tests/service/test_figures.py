"""What is counted is read when it is asked for, and told as Prometheus and the console want it."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from service.figures import Figure, FigureCollector, Histogram, plain

BOUNDS = (1.0, 2.0, 4.0)


def histogram(*values: float) -> Histogram:
    made = Histogram(BOUNDS)
    for value in values:
        made.observe(value)
    return made


def told(*figures: Figure) -> dict[tuple[str, str], float]:
    """What Prometheus itself would read, by sample and label."""
    registry = CollectorRegistry()
    registry.register(FigureCollector(figures))
    text = generate_latest(registry).decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_value_at_a_bound_counts_under_it() -> None:
    made = histogram(1.0, 1.5, 4.0, 4.5)
    assert made.counts == [1, 1, 1, 1]
    assert (made.count, made.total) == (4, 11.0)


def test_a_quantile_is_the_bound_under_which_that_share_lies() -> None:
    made = histogram(0.5, 0.5, 0.5, 3.0)
    assert [made.quantile(share) for share in (0.0, 0.5, 0.75, 0.76, 1.0)] == [1, 1, 1, 4, 4]
    assert histogram(5.0).quantile(0.5) == float("inf")
    assert histogram().quantile(0.99) == 0.0


@given(st.lists(st.floats(0, 10)), st.lists(st.floats(0, 10)))
def test_two_histograms_together_are_that_of_all_values(one: list[float], two: list[float]) -> None:
    both = histogram(*one).plus(histogram(*two))
    assert both.counts == histogram(*one, *two).counts


def test_prometheus_reads_each_kind() -> None:
    figures = [
        Figure("counter", "hits", "Hits.", lambda: 3),
        Figure("gauge", "lag_bytes", "Lag.", lambda: {"a": 1, "b": 2}, "stream"),
        Figure("histogram", "wait_seconds", "Waits.", lambda: histogram(0.5, 3.0, 9.0)),
    ]
    assert told(*figures) == {
        ("hits_total", ""): 3,
        ("lag_bytes", "a"): 1,
        ("lag_bytes", "b"): 2,
        ("wait_seconds_bucket", "1.0"): 1,
        ("wait_seconds_bucket", "2.0"): 1,
        ("wait_seconds_bucket", "4.0"): 2,
        ("wait_seconds_bucket", "+Inf"): 3,
        ("wait_seconds_count", ""): 3,
        ("wait_seconds_sum", ""): 12.5,
    }


def test_a_value_may_have_several_labels_and_a_single_one_may_hold_commas() -> None:
    figures = [
        Figure("counter", "commands", "Commands.", lambda: {"BUY,accepted": 2}, "command,outcome"),
        Figure("counter", "refusals", "Refusals.", lambda: {"late, and wrong": 1}, "reason"),
    ]
    assert told(*figures) == {
        ("commands_total", "BUY,accepted"): 2,
        ("refusals_total", "late, and wrong"): 1,
    }


def test_a_figure_is_read_anew_each_time() -> None:
    numbers = iter([1, 2])
    figure = Figure("gauge", "number", "A number.", lambda: next(numbers))
    assert [told(figure)["number", ""] for _ in range(2)] == [1, 2]


def test_the_console_gets_plain_numbers() -> None:
    figures = [
        Figure("counter", "hits", "Hits.", lambda: {"x": 3}, "layer"),
        Figure("histogram", "wait_seconds", "Waits.", lambda: histogram(0.5, 9.0)),
    ]
    assert plain(figures) == {
        "hits": {"x": 3},
        "wait_seconds_count": {"": 2},
        "wait_seconds_p50": {"": 1.0},
        "wait_seconds_p99": {"": 8.0},
    }


def test_the_console_gets_histograms_of_all_labels_together_as_well() -> None:
    waits = {"BUY": histogram(0.5), "ADD": histogram(3.0, 3.0)}
    figure = Figure("histogram", "wait_seconds", "Waits.", lambda: waits, "command")
    assert plain([figure])["wait_seconds_count"] == {"BUY": 1, "ADD": 2, "": 3}
    assert plain([figure])["wait_seconds_p50"] == {"BUY": 1.0, "ADD": 4.0, "": 4.0}

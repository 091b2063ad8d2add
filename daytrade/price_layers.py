"""What the caches of prices of a stack have come to: asked of the daemons before they stop.

Used by the commands that run a workload.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from twisted.internet.interfaces import IReactorTime

from daytrade.errors import StackError
from daytrade.stack import LocalStack
from generator.result import LayerUse
from protocol.authentication import AccessRole
from protocol.messages import Operate, Report
from service.client import connect

Figures = dict[str, dict[str, float]]

_AGENT = "daytrade"


async def price_layers(clock: IReactorTime, stack: LocalStack) -> dict[str, LayerUse]:
    """How many prices each layer was asked for, and how many of them it had to ask for itself.

    L1 are the nodes' caches, L2 those of the proxies, L3 the shelf behind these, where there is
    one. Raises what connecting to a daemon raises.
    """
    nodes = [await ask_figures(clock, stack, at) for at in stack.addresses.nodes.values()]
    proxies = [await ask_figures(clock, stack, at) for at in stack.addresses.quotes.values()]
    layers = {"L1": _cache_use(nodes), "L2": _cache_use(proxies)}
    if any("daytrade_shelf" in figures for figures in proxies):
        looks = [figures.get("daytrade_shelf", {}) for figures in proxies]
        found, missed = (_sum(looks, outcome) for outcome in ("found", "missed"))
        layers["L3"] = LayerUse(found + missed, missed)
    return layers


async def ask_figures(clock: IReactorTime, stack: LocalStack, address: str) -> Figures:
    """What a daemon counts, by name and label; raises what connecting to it raises."""
    credential = stack.credential(AccessRole.ADMINISTRATOR)
    daemon = await connect(stack.endpoint(address), clock, _AGENT, credential)
    try:
        report = await daemon.request(Operate("status", [], _AGENT))
    finally:
        daemon.close()
    if not isinstance(report, Report):
        raise StackError(f"{address} does not tell its figures")
    status: dict[str, Any] = msgspec.json.decode(report.document)
    figures: Figures = status["figures"]
    return figures


def _cache_use(daemons: Iterable[Figures]) -> LayerUse:
    ways = [figures["daytrade_quotes"] for figures in daemons]
    missed = _sum(ways, "missed")
    return LayerUse(_sum(ways, "fresh") + _sum(ways, "coalesced") + missed, missed)


def _sum(counts: Iterable[dict[str, float]], label: str) -> int:
    return round(sum(each.get(label, 0.0) for each in counts))

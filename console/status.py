"""The verb `status`: how all daemons are, from two looks at their figures.

Used by `console.verbs` and by `top`.
"""

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from console.daemons import Daemons
from console.tables import away, is_away, lasting, table

LOOK_S = 0.5
"""The pause between the two looks, over which rates are measured."""


class Status:
    """Looks at all daemons; rates are those since the look before.

    :param clock: for the pause before the first rates.
    """

    def __init__(self, clock: IReactorTime, daemons: Daemons) -> None:
        self._clock = clock
        self._daemons = daemons
        self._before: dict[str, Any] = {}

    async def look(self) -> dict[str, Any]:
        """How each daemon is now."""
        if not self._before:
            self._before = await self._all()
            await deferLater(self._clock, LOOK_S)
        before, now = self._before, await self._all()
        self._before = now
        return {name: _summary(answer, before.get(name)) for name, answer in now.items()}

    async def _all(self) -> dict[str, Any]:
        return await self._daemons.ask_all(self._daemons.names, "status")


def _summary(now: Any, before: Any) -> dict[str, Any]:
    if is_away(now):
        return dict(now)
    figures = now["figures"]
    commands = _sum(figures, "daytrade_commands")
    summary: dict[str, Any] = {
        "ready": now["ready"],
        "reason": now["reason"],
        "up_s": now["up_s"],
        "pid": now["pid"],
        "connections": _single(figures, "daytrade_connections"),
        "outstanding": _single(figures, "daytrade_requests_outstanding"),
        "audit_lag": _sum(figures, "daytrade_audit_lag_entries"),
        "lanes": figures.get("daytrade_audit_lag_entries", {}),
        "quotes": figures.get("daytrade_quotes", {}),
        "quotes_held": _single(figures, "daytrade_quotes_held"),
        "legacy_hits": _single(figures, "daytrade_legacy_hits"),
        "breaker_open": bool(_single(figures, "daytrade_legacy_breaker_open")),
    }
    if "daytrade_commands" in figures:
        summary |= {
            "commands": commands,
            "commands_per_s": _rate(now, before, commands),
            "command_ms": _quantiles(figures, "daytrade_command_seconds"),
            "commit_ms": _quantiles(figures, "daytrade_commit_seconds"),
            "batch": _quantiles(figures, "daytrade_batch_commands", 1),
            "conflicts": _single(figures, "daytrade_conflicts"),
        }
    return summary


def _single(figures: dict[str, dict[str, float]], name: str) -> float:
    return figures.get(name, {}).get("", 0.0)


def _sum(figures: dict[str, dict[str, float]], name: str) -> float:
    return sum(figures.get(name, {}).values())


def _rate(now: Any, before: Any, commands: float) -> float:
    if before is None or is_away(before) or now["time_s"] <= before["time_s"]:
        return 0.0
    done = commands - _sum(before["figures"], "daytrade_commands")
    past_s: float = now["time_s"] - before["time_s"]
    return round(done / past_s, 1)


def _quantiles(figures: dict[str, Any], name: str, scale: int = 1000) -> dict[str, float]:
    return {
        share: round(_single(figures, f"{name}_{share}") * scale, 1) for share in ("p50", "p99")
    }


def show_status(status: dict[str, Any]) -> list[str]:
    """Three small tables."""
    there = {name: each for name, each in status.items() if not is_away(each)}
    lines = table(
        ["daemon", "ready", "up", "conn", "waiting", "audit lag", "note"],
        [
            [name, "yes" if each["ready"] else "NO", lasting(each["up_s"]),
             round(each["connections"]), round(each["outstanding"]), round(each["audit_lag"]),
             each["reason"]]
            for name, each in there.items()
        ],
    )  # fmt: skip
    nodes = {name: each for name, each in there.items() if "commands" in each}
    lines += ["", *table(
        ["node", "commands", "per s", "p50 ms", "p99 ms", "commit p99", "batch p50", "p99"],
        [
            [name, round(each["commands"]), each["commands_per_s"], each["command_ms"]["p50"],
             each["command_ms"]["p99"], each["commit_ms"]["p99"],
             round(each["batch"]["p50"]), round(each["batch"]["p99"])]
            for name, each in nodes.items()
        ],
    )]  # fmt: skip
    caches = {name: each for name, each in there.items() if each["quotes"]}
    lines += ["", *table(
        ["prices at", "kept", "fresh", "coalesced", "fetched", "failed", "hits", "breaker"],
        [
            [name, round(each["quotes_held"]),
             *(round(each["quotes"].get(layer, 0))
               for layer in ("fresh", "coalesced", "fetched", "failed")),
             round(each["legacy_hits"]), "OPEN" if each["breaker_open"] else "closed"]
            for name, each in caches.items()
        ],
    )]  # fmt: skip
    return [*lines, *away(status)]

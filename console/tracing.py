"""The verb `trace`: every stage of one command's way, from three who know of it.

Used by the console's verbs. The journal knows what was decided and when; who wrote it remembers,
for the newest batches, when they came, left, were committed, shipped and acknowledged; the audit
daemon knows where it stands in the log.
"""

from typing import Any

from console.daemons import Daemons
from console.tables import at, cut, table
from protocol.errors import TradeError

_OF_ITS_BATCH = {
    "received": "a command of its batch came in",
    "sent": "its batch left for Postgres",
    "shipped": "its batch left for the audit daemon",
    "acknowledged": "durable at the audit daemon",
}
_ORDER = (
    "order",
    "price",
    "received",
    "decided",
    "sent",
    "committed",
    "shipped",
    "acknowledged",
    "audited",
)
_FORGOTTEN = "times between are kept of the newest batches only, by the process that wrote them"


async def trace(daemons: Daemons, command_id: str) -> Any:
    """All that is known of a command; raises `TradeError`."""
    told = await daemons.ask_first("node", "trace", command_id)
    stages = {stage["stage"]: stage for stage in told["stages"]}
    times_ms = await _times_ms(daemons, told["stream"], told["number"])
    stages["committed"]["at_ms"] = times_ms.get("committed", 0)
    for stage, what in _OF_ITS_BATCH.items():
        if stage in times_ms:
            stages[stage] = {"stage": stage, "at_ms": times_ms[stage], "what": what}
    stages["audited"] = await _audited(daemons, told["user"], told["command_id"])
    told["stages"] = [stages[stage] for stage in _ORDER if stage in stages]
    told["note"] = "" if times_ms else _FORGOTTEN
    return told


async def _times_ms(daemons: Daemons, stream: str, number: int) -> dict[str, int]:
    """When a stream's entry passed the stages that its writer remembers."""
    owner, _, _ = stream.rpartition("/")
    asked = [name for name in daemons.names if name.startswith(owner)]
    times_ms: dict[str, int] = {}
    for answer in (await daemons.ask_all(asked, "times", stream, str(number))).values():
        if "away" not in answer:
            times_ms |= answer
    return times_ms


async def _audited(daemons: Daemons, user: str, command_id: str) -> dict[str, Any]:
    try:
        place = await daemons.ask_first("audit", "place", user, command_id)
        what = f"number {place['number']} of stream {place['stream']}"
    except TradeError as missing:
        what = missing.message
    return {"stage": "audited", "at_ms": 0, "what": what}


def show_trace(told: Any) -> list[str]:
    """The stages of one command."""
    head = f"{told['command']} of {told['user']} ({told['cause']}), code {told['code']}"
    lines = [cut(f"{head} {told['message']}".rstrip())]
    lines += table(
        ["stage", "time", ""], [[s["stage"], at(s["at_ms"]), s["what"]] for s in told["stages"]]
    )
    return lines + ([told["note"]] if told["note"] else [])

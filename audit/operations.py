"""What operators may ask of the audit daemon.

Used by `twistd_plugins.trade_audit`.
"""

from contextlib import closing

from audit.store import Store
from protocol.errors import Code, TradeError
from service.operations import Answer, Verb


class AuditVerbs:
    """Questions to the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def verbs(self) -> list[Verb]:
        """All of them."""
        return [
            Verb("audit", "", "how far each stream is stored", self._audit),
            Verb("place", "USER COMMAND-ID", "where a command stands in the log", self._place),
        ]

    def _audit(self) -> Answer:
        return {
            "streams": dict(sorted(self._store.positions.items())),
            "trouble": self._store.trouble,
        }

    async def _place(self, user: str, command_id: str) -> Answer:
        def find() -> Answer:
            with closing(self._store.read(user, None)) as entries:
                for stored in entries:
                    if stored.entry.command_id.hex() == command_id:
                        return {"stream": stored.stream, "number": stored.number}
            raise TradeError(Code.UNKNOWN_VERB, "the audit log does not have it yet")

        return await self._store.in_reader(find)

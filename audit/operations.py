"""What operators may ask of the audit daemon.

Used by `twistd_plugins.trade_audit`.
"""

from contextlib import closing
from pathlib import Path

from audit.chain_check import check_links
from audit.findings import Finding, FindingKind
from audit.security import is_security_stream
from audit.store import Store
from audit.verify import LogCheck
from protocol.errors import Code, TradeError
from service.operations import Answer, Verb

_JUDGED = frozenset(
    [
        FindingKind.BROKEN_CHAIN,
        FindingKind.MISSING_ENTRY,
        FindingKind.DOUBLED_DECISION,
        FindingKind.TIME_WENT_BACK,
        FindingKind.WRONG_HIT,
    ]
)


class AuditVerbs:
    """Questions to the log.

    :param path: the file that keeps it.
    """

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path

    def verbs(self) -> list[Verb]:
        """All of them."""
        return [
            Verb("audit", "", "how far each stream is stored", self._audit),
            Verb("verify", "", "look through the whole log for what is missing", self._verify),
            Verb("place", "USER COMMAND-ID", "where a command stands in the log", self._place),
        ]

    def _audit(self) -> Answer:
        return {
            "streams": dict(sorted(self._store.positions.items())),
            "head": f"row {self._store.link.number} {self._store.link.digest.hex()}",
            "trouble": self._store.trouble,
        }

    async def _verify(self) -> Answer:
        """Look at what can be judged while the system runs: the ledger is compared at rest."""
        positions = {
            stream: number
            for stream, number in self._store.positions.items()
            if not is_security_stream(stream)
        }

        def look() -> list[Finding]:
            check = LogCheck()
            with closing(self._store.read("", positions)) as stored:
                for each in stored:
                    check.take(each)
            return check_links(self._path) + check.findings(positions, {})

        findings = await self._store.in_reader(look)
        wrong = [each for each in findings if each.kind in _JUDGED]
        return {
            "entries": sum(positions.values()),
            "streams": len(positions),
            "findings": len(wrong),
            "first": "" if not wrong else f"{wrong[0].kind}: {wrong[0].where}: {wrong[0].what}",
        }

    async def _place(self, user: str, command_id: str) -> Answer:
        def find() -> Answer:
            with closing(self._store.read(user, None)) as entries:
                for stored in entries:
                    if stored.entry.command_id.hex() == command_id:
                        return {"stream": stored.stream, "number": stored.number}
            raise TradeError(Code.UNKNOWN_VERB, "the audit log does not have it yet")

        return await self._store.in_reader(find)

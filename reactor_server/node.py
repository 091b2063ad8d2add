"""The node as a service of the wire protocol: who may ask what, and where it goes.

Used by `twistd_plugins.trade_server` and the tests.
"""

from twisted.logger import Logger

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.fields import is_reserved_id
from protocol.messages import Command, DumpLog, Error, Health, Message
from reactor_server.desk import TradingDesk
from reactor_server.dumping import Dumping
from service.server import Link

_ANY_USER = (AccessRole.WORKLOAD, AccessRole.ADMINISTRATOR)


class TradingNode:
    """Answers logged-in clients: see `service.server.Service`."""

    log = Logger()

    def __init__(self, desk: TradingDesk, dumping: Dumping) -> None:
        self._desk = desk
        self._dumping = dumping
        self.is_well = True

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Pass commands on to the desk, if the client may give them."""
        if not isinstance(request, Command):
            name = type(request).__name__
            link.reply(request_id, Error(Code.UNKNOWN_KIND, f"a trading node takes no {name}"))
        elif is_reserved_id(request_id):
            link.reply(request_id, _RESERVED)
        elif _may(link, request):
            self._desk.submit(link, request_id, request)
        else:
            self.log.warn(
                "{name} ({role}) may not {command} for {user}: {command_id}",
                name=link.name,
                role=link.role.value,
                command=request.NAME,
                user=request.user,
                command_id=request_id.hex(),
            )
            link.reply(request_id, _not_permitted(link, request))

    def link_lost(self, link: Link) -> None:
        """What the client asked for goes on; only a log that it was being sent stops."""
        self._dumping.link_lost(link)

    def congestion_changed(self, link: Link) -> None:
        """Send the log no faster than the client reads."""
        self._dumping.congestion_changed(link)

    def health(self) -> Health:
        """Ready as long as the node has its streams."""
        return Health(self.is_well, "" if self.is_well else "the node has lost its stream")


_RESERVED = Error(
    Code.RESERVED_ID, "ids with the two highest bits of the ninth byte set are ours: use UUIDs"
)


def _may(link: Link, command: Command) -> bool:
    if isinstance(command, DumpLog) and command.user == "":
        return link.role is AccessRole.ADMINISTRATOR
    if link.role is AccessRole.USER:
        return command.user == link.name
    return link.role in _ANY_USER


def _not_permitted(link: Link, command: Command) -> Error:
    if isinstance(command, DumpLog) and command.user == "":
        return Error(Code.NOT_PERMITTED, "only the administrator may have everybody's log")
    if link.role is AccessRole.USER:
        return Error(Code.NOT_PERMITTED, "you may act for yourself only")
    return Error(Code.NOT_PERMITTED, f"the role {link.role.value} may not trade")

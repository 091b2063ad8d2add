"""The node as a service of the wire protocol: who may ask what, and where it goes.

Used by `twistd_plugins.trade_server` and the tests.
"""

from twisted.logger import Logger

from protocol.authentication import AccessRole
from protocol.errors import Code
from protocol.fields import is_reserved_id, is_symbol, is_user
from protocol.messages import (
    Command,
    DumpLog,
    Error,
    Health,
    Message,
    WatchAccount,
    WatchPrice,
)
from reactor_server.account_news import AccountNews
from reactor_server.desk import TradingDesk
from reactor_server.dumping import Dumping
from reactor_server.price_news import PriceNews
from service.server import Link

_ANY_USER = frozenset([AccessRole.WORKLOAD, AccessRole.ADMINISTRATOR])


class TradingNode:
    """Answers logged-in clients: see `service.server.Service`."""

    log = Logger()

    def __init__(
        self,
        desk: TradingDesk,
        dumping: Dumping,
        account_news: AccountNews,
        price_news: PriceNews,
    ) -> None:
        self._desk = desk
        self._dumping = dumping
        self._account_news = account_news
        self._price_news = price_news
        self.is_well = True

    def request_received(self, link: Link, request_id: bytes, request: Message) -> None:
        """Pass commands on to the desk, if the client may give them."""
        if not isinstance(request, Command):
            self._watch(link, request_id, request)
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

    def _watch(self, link: Link, request_id: bytes, request: Message) -> None:
        if isinstance(request, WatchAccount):
            self._watch_account(link, request_id, request)
        elif isinstance(request, WatchPrice):
            self._watch_price(link, request_id, request)
        else:
            name = type(request).__name__
            link.reply(request_id, Error(Code.UNKNOWN_KIND, f"a trading node takes no {name}"))

    def _watch_account(self, link: Link, request_id: bytes, request: WatchAccount) -> None:
        if not _may_act_for(link, request.user):
            link.reply(request_id, _not_permitted(link))
        elif not is_user(request.user):
            refusal = "a user's name is 1 to 64 of A-Z a-z 0-9 _ - . @"
            link.reply(request_id, Error(Code.BAD_USER, refusal))
        elif request.wanted:
            self._account_news.watch(link, request_id, request.user)
        else:
            self._account_news.unwatch(link, request_id, request.user)

    def _watch_price(self, link: Link, request_id: bytes, request: WatchPrice) -> None:
        symbol = request.symbol.upper()
        if not _may_act_for(link, request.user):
            link.reply(request_id, _not_permitted(link))
        elif not is_symbol(symbol):
            link.reply(request_id, Error(Code.BAD_SYMBOL, "a stock symbol is 1 to 3 letters"))
        elif request.wanted and not request.passive:
            refusal = "prices are charged: watch passively, and QUOTE what you need"
            link.reply(request_id, Error(Code.NOT_PERMITTED, refusal))
        elif request.wanted:
            self._price_news.watch(link, request_id, symbol)
        else:
            self._price_news.unwatch(link, request_id, symbol)

    def link_lost(self, link: Link) -> None:
        """What the client asked for goes on; what it was being told stops."""
        self._dumping.link_lost(link)
        self._account_news.link_lost(link)
        self._price_news.link_lost(link)

    def congestion_changed(self, link: Link) -> None:
        """Send no faster than the client reads."""
        self._dumping.congestion_changed(link)
        self._account_news.congestion_changed(link)
        self._price_news.congestion_changed(link)

    def health(self) -> Health:
        """Ready as long as the node has its streams."""
        return Health(self.is_well, "" if self.is_well else "the node has lost its stream")


_RESERVED = Error(
    Code.RESERVED_ID, "ids with the two highest bits of the ninth byte set are ours: use UUIDs"
)


def _may(link: Link, command: Command) -> bool:
    if command.user == "" and isinstance(command, DumpLog):
        return link.role is AccessRole.ADMINISTRATOR
    return _may_act_for(link, command.user)


def _may_act_for(link: Link, user: str) -> bool:
    return link.role in _ANY_USER or (link.role is AccessRole.USER and user == link.name)


def _not_permitted(link: Link, command: Command | None = None) -> Error:
    if isinstance(command, DumpLog) and command.user == "":
        return Error(Code.NOT_PERMITTED, "only the administrator may have everybody's log")
    if link.role is AccessRole.USER:
        return Error(Code.NOT_PERMITTED, "you may act for yourself only")
    return Error(Code.NOT_PERMITTED, f"the role {link.role.value} may not trade")

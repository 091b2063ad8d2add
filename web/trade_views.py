"""The trading page and what it sends: commands, the order ticket, history and log.

Views for `web.assembly`. A command that was carried out answers with another page, so that a reload
does not send it again; if it is sent again all the same, its key makes it the same command.
"""

from http import HTTPStatus
from urllib.parse import urlencode

from msgspec import Struct

from protocol.errors import Code, TradeError
from protocol.messages import HistoryLine, Receipt, Refused
from protocol.money import parse_amount
from web.account_view import AccountView
from web.accounts import Accounts
from web.chart import chart_of
from web.commands import (
    DUMPLOG,
    FORMS,
    LOG_NAME,
    QUOTE,
    SUMMARY,
    Form,
    form_of,
    read_arguments,
)
from web.downloads import Download, Downloads
from web.histories import History
from web.pages import Pages, money
from web.prices import Prices
from web.problems import status_of
from web.sessions import Sessions
from web.trading import Done, Trading, is_worth_telling
from web.visit import Door, Reply, Route, Stream, Visit, see_other, whole_number

REGIONS = ("stats", "holdings", "orders", "triggers", "recent")
"""The parts of the trading page that change by themselves; a template each."""

HISTORY_LINES = 25

KINDS = {
    "": "Everything",
    "trades": "Trades",
    "money": "Money",
    "triggers": "Triggers",
    "quotes": "Quotes",
    "refused": "Refused",
}


class Ticket(Struct, frozen=True):
    """An order that is thought about: at this price it would be so many whole shares."""

    side: str
    symbol: str
    amount_cents: int
    price_cents: int
    valid_until_ms: int

    @property
    def shares(self) -> int:
        """Whole shares that the amount is enough for."""
        return self.amount_cents // self.price_cents

    @property
    def total_cents(self) -> int:
        """What the shares cost or bring."""
        return self.shares * self.price_cents


class TradeViews:
    """Pages for whoever is logged in."""

    def __init__(
        self,
        pages: Pages,
        trading: Trading,
        prices: Prices,
        accounts: Accounts,
        downloads: Downloads,
        sessions: Sessions,
    ) -> None:
        self._pages = pages
        self._trading = trading
        self._prices = prices
        self._accounts = accounts
        self._downloads = downloads
        self._sessions = sessions

    def routes(self) -> list[Route]:
        """Where these views are found."""
        return [
            Route("GET", "/", Door.USER, self.trade),
            Route("POST", "/command", Door.USER, self.command),
            Route("POST", "/ticket", Door.USER, self.ticket),
            Route("POST", "/trigger", Door.USER, self.trigger),
            Route("GET", "/history", Door.USER, self.history),
            Route("POST", "/log", Door.USER, self.download),
        ]

    # Looking.

    async def trade(self, visit: Visit) -> Reply:
        """The whole of trading at a glance."""
        return await self._trade_page(visit)

    async def _trade_page(
        self,
        visit: Visit,
        status: int = HTTPStatus.OK,
        problem: TradeError | None = None,
        ticket: Ticket | None = None,
    ) -> Reply:
        glance = await self._accounts.look(visit.known.user.name)
        view = self._accounts.view(glance)
        symbol = visit.query.get("symbol", "").upper()[:3] or self._busiest(view)
        return self._pages.page(
            "trade.html",
            visit,
            status,
            view=view,
            regions=REGIONS,
            problem=problem,
            done=_done(visit, glance.history),
            ticket=ticket,
            symbol=symbol,
            chart=chart_of(symbol, self._prices.of(symbol)),
        )

    def _busiest(self, view: AccountView) -> str:
        """A stock whose chart is worth a look when none was asked for."""
        named = [line.symbol for line in view.recent if line.symbol]
        return (named + sorted(view.symbols) + [""])[0]

    async def history(self, visit: Visit) -> Reply:
        """What was done, newest first, in pages, and as little of it as is wanted."""
        kind, symbol = visit.query.get("kind", ""), visit.query.get("symbol", "").strip().upper()
        before_seq = whole_number(visit.query.get("before", "")) or 0

        def is_wanted(line: HistoryLine) -> bool:
            fits = not symbol or line.symbol == symbol
            return fits and is_worth_telling(line) and is_of_kind(line, kind)

        page = await self._trading.history(
            visit.known.user.name, before_seq, HISTORY_LINES, is_wanted
        )
        more = ""
        if page.before_seq:
            more = urlencode({"kind": kind, "symbol": symbol, "before": page.before_seq})
        return self._pages.page(
            "history.html", visit, page=page, kinds=KINDS, kind=kind, symbol=symbol, more=more
        )

    # Doing.

    async def command(self, visit: Visit) -> Reply:
        """One of the sixteen."""
        try:
            form = form_of(visit.form.get("command", ""))
            if form.name == DUMPLOG:
                return await self.download(visit)
            if form.name == SUMMARY:
                return see_other("/")
            done = await self._carry_out(visit, form, visit.form)
        except TradeError as refusal:
            return await self._trade_page(visit, status_of(refusal.code), refusal)
        return _shown(done)

    async def trigger(self, visit: Visit) -> Reply:
        """Set an amount aside, then the price that it waits for: two commands in one form."""
        side = "SELL" if visit.form.get("side") == "sell" else "BUY"
        try:
            await self._carry_out(visit, FORMS[f"SET_{side}_AMOUNT"], visit.form)
            price = {**visit.form, "amount": visit.form.get("price", "")}
            done = await self._carry_out(visit, FORMS[f"SET_{side}_TRIGGER"], price)
        except TradeError as refusal:
            return await self._trade_page(visit, status_of(refusal.code), refusal)
        return _shown(done)

    async def _carry_out(self, visit: Visit, form: Form, fields: dict[str, str]) -> Done:
        """A command of this form; raises `TradeError` also where the node refuses it for good."""
        given = {name: fields.get(name, "") for name in form.fields}
        key = "\0".join([visit.form.get("key", ""), form.name, *given.values()])
        done = await self._trading.carry_out(visit.known.user.name, form, given, key)
        if isinstance(done.reply, Refused):
            raise refusal_of(done.reply)
        return done

    async def ticket(self, visit: Visit) -> Reply:
        """Show what an order would come to, by a quote, before it is placed."""
        side = "sell" if visit.form.get("side") == "sell" else "buy"
        try:
            read_arguments(FORMS[side.upper()], visit.form)
            amount_cents = parse_amount(visit.form["amount"].strip())
            given = {"symbol": visit.form["symbol"]}
            done = await self._trading.carry_out(visit.known.user.name, FORMS[QUOTE], given)
            if isinstance(done.reply, Refused):
                raise refusal_of(done.reply)
            assert isinstance(done.reply, Receipt)
            ticket = Ticket(
                side,
                done.symbol,
                amount_cents,
                done.reply.price_cents,
                done.reply.valid_until_ms,
            )
            if ticket.shares < 1:
                raise TradeError(
                    Code.AMOUNT_TOO_SMALL_FOR_A_SHARE,
                    f"{done.symbol} stands at {money(ticket.price_cents)}: that is no whole share",
                )
        except TradeError as refusal:
            return await self._trade_page(visit, status_of(refusal.code), refusal)
        visit.query["symbol"] = ticket.symbol
        return await self._trade_page(visit, ticket=ticket)

    async def download(self, visit: Visit) -> Reply:
        """The user's own log as a file; raises `TradeError`."""
        await self._sessions.allow_log(visit.known.user.name)
        command_id, command = await self._trading.log_command(visit.known.user.name)
        return log_reply(await self._downloads.begin(command_id, command))


def _shown(done: Done) -> Reply:
    """The trading page, which tells of a command by its journal number."""
    shown = {"seq": str(done.seq)} | ({"symbol": done.symbol} if done.symbol else {})
    return see_other("/?" + urlencode(shown))


def log_reply(download: Download) -> Reply:
    """A log that has begun to come, as a file to keep."""
    headers = {"Content-Disposition": f'attachment; filename="{LOG_NAME}"'}
    return Reply(body=Stream(download.run), content_type="application/xml", headers=headers)


def refusal_of(refused: Refused) -> TradeError:
    """A refusal as an error; a newer node may know more codes than we do."""
    try:
        return TradeError(Code(refused.code), refused.message)
    except ValueError:
        return TradeError(Code.INTERNAL, refused.message)


def is_of_kind(line: HistoryLine, kind: str) -> bool:
    """Tell whether a line is of one of `KINDS`; an unknown kind holds everything."""
    name = line.name.partition(" ")[0]
    if kind == "refused":
        return line.code != Code.OK
    if kind == "trades":
        return name.rpartition("_")[2] in ("BUY", "SELL") and not name.startswith("CANCEL_SET")
    if kind == "money":
        return name == "ADD"
    if kind == "triggers":
        return "SET_" in name
    if kind == "quotes":
        return name == QUOTE
    return True


def _done(visit: Visit, history: History) -> HistoryLine | None:
    """The command that this page follows on, if its number is one of the user's."""
    seq = whole_number(visit.query.get("seq", ""))
    return None if seq is None else history.line(seq)

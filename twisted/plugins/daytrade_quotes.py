from twisted.application.service import ServiceMaker

trade_quotes = ServiceMaker(
    "DayTrade quotes",
    "twistd_plugins.trade_quotes",
    "The quote proxy: one cache for all nodes, the fewest hits.",
    "trade-quotes",
)

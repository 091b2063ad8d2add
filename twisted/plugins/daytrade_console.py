from twisted.application.service import ServiceMaker

trade_console = ServiceMaker(
    "DayTrade console",
    "twistd_plugins.trade_console",
    "The operators' console over telnet.",
    "trade-console",
)

from twisted.application.service import ServiceMaker

trade_server = ServiceMaker(
    "DayTrade server", "twistd_plugins.trade_server", "A trading node.", "trade-server"
)

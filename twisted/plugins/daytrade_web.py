from twisted.application.service import ServiceMaker

trade_web = ServiceMaker(
    "DayTrade web client",
    "twistd_plugins.trade_web",
    "Pages and a JSON API for people and programs.",
    "trade-web",
)

from twisted.application.service import ServiceMaker

trade_triggers = ServiceMaker(
    "DayTrade triggers",
    "twistd_plugins.trade_triggers",
    "The trigger service: fires what prices meet, lapses what nobody holds.",
    "trade-triggers",
)

from twisted.application.service import ServiceMaker

trade_audit = ServiceMaker(
    "DayTrade audit",
    "twistd_plugins.trade_audit",
    "The audit daemon: keeps every decision for good, and tells the log as XML.",
    "trade-audit",
)

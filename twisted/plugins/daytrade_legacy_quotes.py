from twisted.application.service import ServiceMaker

legacy_quotes = ServiceMaker(
    "DayTrade legacy quotes",
    "twistd_plugins.legacy_quotes",
    "The legacy quote server's double: slow, charged by the answer, faulty on demand.",
    "legacy-quotes",
)

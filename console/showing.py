"""What the verbs' answers look like on a terminal.

Used by `console.verbs`. Pure; each takes what its verb answered.
"""

from typing import Any

from console.tables import at, away, cut, is_away, lasting, money, pairs, table


def show_help(verbs: Any) -> list[str]:
    """What can be typed."""
    lines = table(
        ["verb", "", ""],
        [[f"{v[0]} {v[1]}".strip(), "*" if v[2] == "administrator" else "", v[3]] for v in verbs],
    )
    return [*lines, "* administrators only"]


def show_pairs(values: Any) -> list[str]:
    """Names and values as they are."""
    return pairs(values)


def show_by_daemon(answers: Any) -> list[str]:
    """Names and values of several daemons."""
    lines: list[str] = []
    for name, answer in answers.items():
        if not is_away(answer):
            lines += [f"{name}:", *(f"  {line}"[:80] for line in pairs(answer))]
    return lines + away(answers)


def show_users(users: Any) -> list[str]:
    """Accounts, one on a line."""
    lines = table(
        ["user", "cash", "reserve", "stocks", "orders", "triggers", "journal"],
        [
            [u["user"], money(u["cash_cents"]), money(u["reserve_cents"]), u["holdings"],
             u["orders"], u["triggers"], u["seq"]]
            for u in users
        ],
    )  # fmt: skip
    return [*lines, f"users {users[-1]['user']}  shows more"] if len(users) >= 100 else lines


def show_user(user: Any) -> list[str]:
    """All of one account."""
    note = "" if user["exists"] else "  (no account: only refusals)"
    lines = [
        cut(f"{user['user']}{note}"),
        f"cash {money(user['cash_cents'])}  reserve {money(user['reserve_cents'])}",
        "holdings: " + (", ".join(f"{s} {n}" for s, n in user["holdings"].items()) or "none"),
        "orders:",
    ]
    lines += table(
        ["side", "stock", "shares", "price", "until"],
        [
            [o["side"], o["symbol"], o["shares"], money(o["price_cents"]), at(o["valid_until_ms"])]
            for o in user["orders"]
        ],
    )
    lines += ["triggers:", *table(
        ["side", "stock", "amount", "price", "shares held"],
        [
            [t["side"], t["symbol"], money(t["amount_cents"]),
             money(t["price_cents"]) if t["price_cents"] else "not armed", t["shares"]]
            for t in user["triggers"]
        ],
    )]  # fmt: skip
    return [cut(line) for line in [*lines, "journal, newest first:", *_journal(user["journal"])]]


def _journal(journal: Any) -> list[str]:
    return table(
        ["no", "time", "command", "stock", "amount", "price", "shares", "code"],
        [
            [j["seq"], at(j["decided_ms"]), j["name"], j["symbol"], money(j["amount_cents"]),
             money(j["price_cents"]) if j["price_cents"] else "", j["shares"], j["code"] or "ok"]
            for j in journal
        ],
    )  # fmt: skip


def show_sessions(answers: Any) -> list[str]:
    """Connections of all daemons."""
    lines = table(
        ["daemon", "session", "name", "role", "waiting", "state", "peer"],
        [
            [name, s["session"], s["name"], s["role"], s["outstanding"], s["state"], s["peer"]]
            for name, sessions in answers.items()
            if not is_away(sessions)
            for s in sessions
        ],
    )
    return lines + away(answers)


def show_quotes(answers: Any) -> list[str]:
    """Prices and where they are kept."""
    lines = table(
        ["kept at", "stock", "price", "quoted", "usable for"],
        [
            [name, q["symbol"], money(q["price_cents"]) if q["price_cents"] else "not kept",
             at(q["quoted_ms"]), lasting(q["usable_ms"] / 1000)]
            for name, answer in answers.items()
            if not is_away(answer)
            for q in answer["quotes"]
        ],
    )  # fmt: skip
    return lines + away(answers)


def show_triggers(answer: Any) -> list[str]:
    """Armed triggers."""
    lines = table(
        ["stock", "side", "price", "user", "armed"],
        [
            [t["symbol"], t["side"], money(t["price_cents"]), t["user"], at(t["armed_ms"])]
            for t in answer["triggers"]
        ],
    )
    return [f"{answer['armed']} armed", *lines]


def show_legacy(answers: Any) -> list[str]:
    """The ways to the legacy server."""
    lines = table(
        ["daemon", "breaker", "requests", "hits", "cost"],
        [
            [name, a["breaker"], a["requests"], a["hits"], money(a["cost_cents"])]
            for name, a in answers.items()
            if not is_away(a)
        ],
    )
    for name, answer in answers.items():
        refused = {} if is_away(answer) else answer["refused"]
        lines += [cut(f"{name}: {count} times: {why}") for why, count in refused.items()]
    return lines + away(answers)


def show_audit(answer: Any) -> list[str]:
    """How far the log has come."""
    log, lags = answer["log"], answer["lag"]
    lines = table(["stream", "stored"], list(log.pop("streams").items()))
    lines += [*pairs(log), "not acknowledged yet:"]
    return lines + table(["by", "entries"], list(lags.items()))


def show_lines(text: Any) -> list[str]:
    """Text as it is."""
    return str(text).splitlines()

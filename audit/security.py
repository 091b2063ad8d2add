"""Events of the security log: who did, or tried to do, what, when, from where, and how it ended.

Pure; may be imported by everyone above `ledger`. Log-ins, console commands and what administrators
do go here, and never into DUMPLOG (SPEC section 4).
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

SECURITY_STREAM = "/security-"
"""What the name of a stream holds that carries security events, and nothing else."""

AT_MS_MAX = 253_402_300_799_999
"""The last millisecond of the year 9999, after which no date can be written."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TEXT_MAX = 255
DETAIL_MAX = 1_000


def is_security_stream(name: str) -> bool:
    """Tell whether a stream carries security events."""
    return SECURITY_STREAM in name


class Outcome(StrEnum):
    """How it ended: done, not allowed, or not done for another reason."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class SecurityEvent(Struct, frozen=True, gc=False, array_like=True):
    """One event; every text is printable.

    :ivar at_ms: when, Unix ms.
    :ivar service: the process that tells it, such as node-1.
    :ivar actor: who, by the name given, known or not; empty where nobody said a name.
    :ivar role: the role that the actor had, empty before log-in.
    :ivar action: what was done or tried, such as `log in` or `freeze user`.
    :ivar origin: from where: the peer's address, such as 127.0.0.1:40404.
    :ivar detail: the arguments, and the reason of a refusal; never a secret.
    """

    at_ms: int
    service: str
    actor: str
    role: str
    action: str
    origin: str
    outcome: Outcome
    detail: str = ""

    @property
    def can_be_told(self) -> bool:
        """Whether the event is fit for the log."""
        texts = (self.service, self.actor, self.role, self.action, self.origin, self.detail)
        return 0 <= self.at_ms <= AT_MS_MAX and all(map(str.isprintable, texts))

    @property
    def line(self) -> str:
        """The event as one line of text; texts of several words are in quotes."""
        at = (_EPOCH + timedelta(milliseconds=self.at_ms)).isoformat(timespec="milliseconds")
        fields = [
            ("actor", self.actor),
            ("role", self.role),
            ("action", self.action),
            ("from", self.origin),
            ("outcome", self.outcome),
            ("detail", self.detail),
        ]
        told = [f"{name}={_quoted(text)}" for name, text in fields if text]
        return " ".join([at.replace("+00:00", "Z"), self.service, *told])


encode_event = msgspec.msgpack.Encoder().encode
decode_event = msgspec.msgpack.Decoder(SecurityEvent).decode


def escaped(text: str, characters_max: int = TEXT_MAX) -> str:
    """The text as it may stand in a log: what is not printable as its Python escape, and cut short.

    A backslash is doubled, so that no text can pass for the escape of another.
    """
    if not text.isprintable() or "\\" in text:
        text = "".join(map(_escaped_character, text[:characters_max]))
    if len(text) > characters_max:
        text = text[: characters_max - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return text


def _quoted(text: str) -> str:
    if text.isascii() and not set(text) & set(' "='):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _escaped_character(character: str) -> str:
    if character.isprintable() and character != "\\":
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

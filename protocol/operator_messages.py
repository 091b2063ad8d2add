"""What operators ask of a daemon: one question and one answer, for all that can be asked.

Declared here, imported from `protocol.messages` by everybody else. What a daemon shows is for
people and their scripts, and grows more freely than the wire should: so verbs and reports are text
and JSON, and not messages of their own.
"""

from typing import Annotated

from msgspec import Meta

from protocol.declaration import Message, message
from protocol.fields import Text


@message(0x60)
class Operate(Message):
    """Asks a daemon to show or to do something; taken while it drains, too.

    :ivar operator: who asks, where a console asks for somebody; for the record only.
    """

    verb: Text
    words: Annotated[list[Text], Meta(max_length=16)]
    operator: Text


@message(0x61)
class Report(Message):
    """What the daemon shows, as a JSON document."""

    document: bytes

"""What a trigger service counts.

Used by `twistd_plugins.trade_triggers`.
"""

from service.figures import Figure
from trigger.standby import Standby
from trigger.trading import TriggerService


def trigger_figures(triggers: TriggerService, standby: Standby) -> list[Figure]:
    """The figures of one trigger service."""
    return [
        Figure("gauge", "daytrade_triggers_active", "1 if this service fires, 0 if it stands by.",
               lambda: int(standby.is_active)),
        Figure("gauge", "daytrade_triggers_armed", "Armed triggers that it knows of.",
               lambda: len(triggers.book)),
        Figure("counter", "daytrade_triggers_fired", "Triggers that fired.",
               lambda: triggers.firing.fired),
    ]  # fmt: skip

"""All receivers that the settings name, each with its messenger."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import Severity
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify.mail import Mail
from services.monitor.notify.memory import Memory
from services.monitor.notify.messenger import Messenger
from services.monitor.notify.receiver import Receiver
from services.monitor.notify.schedule import Schedule
from services.monitor.notify.webhook import Webhook
from shared.clock import Clock
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.faults import Faults
from shared.records.heartbeats import MonitorStatus
from shared.redis.link import RedisLink


def receivers_of(settings: NoticeSettings) -> list[Receiver]:
    """Return who is told: none, a webhook, mail, or both."""
    receivers: list[Receiver] = []
    if settings.alert_webhook_url is not None:
        receivers.append(Webhook(settings.current_webhook_url, settings.alert_webhook_format))
    if settings.alert_smtp_host:
        receivers.append(Mail(settings))
    return receivers


def messengers_of(
    settings: NoticeSettings, link: RedisLink, keys: Keys, state: Callable[[], State], events: EventLog, clock: Clock
) -> list[Messenger]:
    """Return a messenger for each receiver; what they remember stands at `keys`."""
    return [
        Messenger(
            receiver,
            Schedule(Severity(settings.alert_severity), settings.alert_repeat_minutes * 60),
            Memory(link, keys, receiver.identity, clock),
            state,
            clock=clock,
            faults=Faults(events, clock, f"notices by {receiver.kind}", ends_the_process=False),
            pipeline=settings.redis_namespace,
            dashboard=settings.alert_dashboard_url,
        )
        for receiver in receivers_of(settings)
    ]


def status_of(messengers: Sequence[Messenger]) -> MonitorStatus:
    """Return how they fare, for the heartbeat."""
    return MonitorStatus(
        **{f"{each.kind}_{name}": figure for each in messengers for name, figure in asdict(each.fares).items()}
    )

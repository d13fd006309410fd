"""All receivers that the settings name: each with its messenger, or tried once by the command `notify --test`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

from services.monitor.api.state import State
from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify.mail import Mail
from services.monitor.notify.memory import Memory
from services.monitor.notify.messenger import Messenger
from services.monitor.notify.notice import News, Notice, What
from services.monitor.notify.receiver import NotTakenError, Receiver
from services.monitor.notify.schedule import Schedule
from services.monitor.notify.webhook import Webhook
from shared.clock import Clock
from shared.errors import FatalError
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


def told_of(settings: NoticeSettings) -> list[Receiver]:
    """Return who is told, for a command that is about them. Raises: FatalError: nobody is."""
    receivers = receivers_of(settings)
    if not receivers:
        raise FatalError("Nobody is told of alerts: set ALERT_WEBHOOK_URL or ALERT_SMTP_HOST (docs/operations.md)")
    return receivers


def try_all(settings: NoticeSettings, clock: Clock) -> list[str]:
    """Send a test notice to every receiver; return a line for each.

    Raises: FatalError: there is no receiver, or one took nothing.
    """
    lines, failed = [], []
    for receiver in told_of(settings):
        try:
            complaint = receiver.send(_test_notice(settings, clock.now().timestamp()))
        except NotTakenError as error:
            failed.append(f"the {receiver.kind} took nothing: {error}")
        else:
            lines.append(f"The {receiver.kind} took a test notice{complaint and f', but {complaint}'}")
    if failed:
        raise FatalError("; ".join([*lines, *failed]))
    return lines


def _test_notice(settings: NoticeSettings, now: float) -> Notice:
    alert = Alert("test", Severity.WARNING, now, "Alerts of this pipeline arrive here. Nothing is wrong.", "Nothing.")
    return Notice(settings.redis_namespace, now, [News(What.TEST, alert)], settings.alert_dashboard_url)

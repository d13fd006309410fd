"""`python -m services.monitor notify`: who is told of alerts, and a try that says whether they are reached."""

from services.monitor.assess.alert_kinds import Severity
from services.monitor.assess.assessment import Alert
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify.notice import News, Notice, What
from services.monitor.notify.office import receivers_of
from services.monitor.notify.receiver import NotTakenError
from shared.clock import Clock
from shared.errors import FatalError

#: What is said where there is no receiver.
NOBODY = "Nobody is told of alerts: set ALERT_WEBHOOK_URL or ALERT_SMTP_HOST (docs/operations.md)"


def try_all(settings: NoticeSettings, clock: Clock) -> list[str]:
    """Send a test notice to every receiver; return a line for each.

    Raises: FatalError: there is no receiver, or one took nothing.
    """
    receivers = receivers_of(settings)
    if not receivers:
        raise FatalError(NOBODY)
    lines, failed = [], []
    for receiver in receivers:
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

"""What is due to be told: first, again, worse, resolved. No I/O, no clock; times in seconds since 1970.

What comes and goes is damped twice: nothing is told that did not last, and an alert counts as resolved only once it has
stayed away. The more often it came back within an hour, the longer it must: then it is one alert that is told again at
each repeat interval, and not a hundred.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.monitor.assess.alert_kinds import KINDS, Severity
from services.monitor.assess.assessment import Alert
from services.monitor.notify.notice import News, What
from shared.backoff import doubled_s
from shared.records.notices import Told

#: Seconds that an alert must last before it is told.
LASTS_S = {Severity.CRITICAL: 10.0, Severity.WARNING: 60.0}

#: Seconds that it must have stayed away to be resolved: doubled each time that it came back.
CALM_S, MOST_CALM_S = 60.0, 3600.0

#: Seconds that a monitor watches before what an earlier life of it, or another one, told counts as over because it sees
#: nothing of it: some causes show over more than a minute alone.
LEARNS_S = 180.0

#: Seconds from its end within which an alert that comes again came back.
CAME_BACK_S = 3600.0

#: Seconds that another's clock may be ahead of ours.
_AHEAD_S = 60.0

#: How bad each severity is.
_RANK = {Severity.WARNING: 0, Severity.CRITICAL: 1}


@dataclass
class _Watched:
    """An alert as it was last seen."""

    alert: Alert
    seen_at: float  #: since when it stands, as far as this monitor saw it
    gone_at: float | None = None
    was_due: bool = False  #: it was to be told while it stood
    is_inherited: bool = False  #: another told it, and this monitor has not seen it

    def put_back(self, now: float) -> None:
        """Take what was seen in the future for seen now: the clock was put back, and nobody should wait for that."""
        self.seen_at = min(self.seen_at, now)
        if self.gone_at is not None:
            self.gone_at = min(self.gone_at, now)


class Schedule:
    """Decides what one receiver is told and when; for one thread."""

    def __init__(self, least: Severity, repeat_s: float) -> None:
        """Tell alerts of this severity and worse, those that stand on each `repeat_s` seconds; 0: only once."""
        self._least = least
        self._repeat_s = repeat_s
        self._watched: dict[str, _Watched] = {}
        #: What was told, by `key_of`: of alerts that stand, and of those that ended within the hour.
        self.told: dict[str, Told] = {}

    def see(self, alerts: Iterable[Alert], stale: frozenset[int | None], now: float) -> None:
        """Take note of what is raised; what is not any more is gone, but for partitions that can't be read now."""
        raised = {key_of(alert): alert for alert in alerts if _RANK[alert.severity] >= _RANK[self._least]}
        for key, alert in raised.items():
            watched = self._watched.setdefault(key, _Watched(alert, now))
            watched.alert, watched.gone_at, watched.is_inherited = alert, None, False
        for key, told in self.told.items():
            # Told by an earlier life or another monitor, and over since.
            known = _alert_of(key, told)
            if told.is_open and known is not None and key not in self._watched:
                self._watched[key] = _Watched(known, now, is_inherited=True)
        for key, watched in self._watched.items():
            watched.put_back(now)
            if key not in raised and watched.gone_at is None and watched.alert.partition not in stale:
                watched.gone_at = now

    def due(self, now: float) -> list[News]:
        """Return what is to be told now, what stands before what is over, and the worst first."""
        self._forget(now)
        news = [found for key, watched in self._watched.items() if (found := self._news(key, watched, now))]
        return sorted(news, key=lambda each: (each.is_over, -_RANK[each.alert.severity], each.alert.since))

    def tell(self, news: Iterable[News], now: float) -> None:
        """Take note that this was told."""
        for each in news:
            key = key_of(each.alert)
            told = self.told.get(key)
            if each.is_over:
                del self._watched[key]
            if each.what is What.OVER:
                continue
            self.told[key] = Told(
                severity=each.alert.severity,
                since=each.alert.since,
                message=each.message,
                told_at=now,
                ended_at=each.ended_at,
                times=told.times if told and told.is_open else (told.times if told else 0) + 1,
            )

    def stand_by(self) -> None:
        """Forget what is over: another monitor tells it."""
        self._watched = {key: watched for key, watched in self._watched.items() if watched.gone_at is None}

    def _news(self, key: str, watched: _Watched, now: float) -> News | None:
        told, alert = self.told.get(key), watched.alert
        if watched.gone_at is not None:
            if told is None or not told.is_open:
                return News(What.OVER, alert, watched.gone_at) if watched.was_due else None
            calm_s = doubled_s(CALM_S, told.times, MOST_CALM_S)
            if now - watched.gone_at >= (max(calm_s, LEARNS_S) if watched.is_inherited else calm_s):
                return News(What.RESOLVED, alert, watched.gone_at)
            return None
        if told is None or not told.is_open:
            watched.was_due = now - watched.seen_at >= LASTS_S[alert.severity]
            return News(What.RAISED, alert) if watched.was_due else None
        if _RANK[alert.severity] > _RANK[_severity(told)]:
            return News(What.WORSE, alert)
        return News(What.STILL, alert) if self._is_time_again(told, now) else None

    def _is_time_again(self, told: Told, now: float) -> bool:
        # Told in the future: a clock was wrong, and nobody should wait for that.
        return self._repeat_s > 0 and not -_AHEAD_S <= now - told.told_at < self._repeat_s

    def _forget(self, now: float) -> None:
        """Forget what is long over, and what stayed away before it had lasted."""
        self.told = {
            key: told
            for key, told in self.told.items()
            if told.ended_at is None or -_AHEAD_S <= now - told.ended_at < CAME_BACK_S
        }
        self._watched = {
            key: watched
            for key, watched in self._watched.items()
            if watched.gone_at is None
            or watched.was_due
            or (key in self.told and self.told[key].is_open)
            or now - watched.gone_at < CALM_S
        }


def key_of(alert: Alert) -> str:
    """Return by what an alert is known: its code, and its partition where there are several."""
    return alert.code if alert.partition is None else f"{alert.partition}:{alert.code}"


def _alert_of(key: str, told: Told) -> Alert | None:
    """Return the alert that was told; None where this version knows none of that name."""
    partition, _, code = key.rpartition(":")
    if code not in KINDS:
        return None
    where = int(partition) if partition.isascii() and partition.isdecimal() else None
    alert = Alert(code, _severity(told), told.since, told.message, KINDS[code].remedy, where)
    return alert if key_of(alert) == key else None


def _severity(told: Told) -> Severity:
    return Severity.CRITICAL if told.severity == Severity.CRITICAL else Severity.WARNING

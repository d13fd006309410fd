"""What every service has in Redis: the way there, its keys, what it tells people, its heartbeat."""

from typing import NamedTuple, Self

from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.records.events import Away, Event
from shared.redis.link import RedisLink
from shared.settings.models import ServiceSettings


class Presence(NamedTuple):
    """One process in one partition's Redis."""

    link: RedisLink
    keys: Keys
    events: EventLog
    heartbeat: Heartbeat

    @classmethod
    def of(cls, settings: ServiceSettings, role: str, client_name: str | None = None) -> Self:
        """Return what these settings ask for; opens no connection yet.

        client_name: as Redis lists it; else the role behind `tagpipe-`.
        """
        keys, link = Keys(settings.namespace), RedisLink.of(settings, client_name or f"tagpipe-{role}")
        events = EventLog(link, keys, role)
        link.when_back(
            lambda away_s: events.add(Event.REDIS_BACK, f"Redis is back after {away_s:.1f} s", Away(away_s=away_s))
        )
        return cls(link, keys, events, Heartbeat.of(settings, link, keys, events, role))

"""What is shown: the newest view, and what is wrong with it."""

from services.monitor.api.feed import Blame, Failure, Feed
from services.monitor.assess.assessment import Alert, View, Watch, alert_of
from services.monitor.assess.finding import Finding
from services.monitor.read.overview import Overview


class Board:
    """The newest view with its alerts; stays at the last one while Redis is away, and says so."""

    def __init__(self, feed: Feed, watch: Watch) -> None:
        self._feed = feed
        self._watch = watch

    @property
    def overview(self) -> Overview | None:
        """The last overview, however old; None before the first."""
        return self._feed.last

    @property
    def view(self) -> View | None:
        """The last view, however old; None before the first."""
        overview = self._feed.last
        return self._watch.look(overview) if overview is not None else None

    def look(self, overview: Overview) -> View:
        """Return the view of an overview."""
        return self._watch.look(overview)

    @property
    def failure(self) -> Failure | None:
        """Why the view is not fresh; None when it is."""
        return self._feed.failure

    @property
    def age_s(self) -> float:
        """Seconds since the view was read."""
        return self._feed.age_s

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """What is wrong; while there is nothing fresh that first, and then the last known."""
        view, failure = self.view, self.failure
        known = view.alerts if view is not None else ()
        if failure is None:
            return known
        return (alert_of(_finding(failure), self._feed.failed_at), *known)

    async def wait_for_first(self) -> None:
        """Wait for the first overview or the first failure, right after the start; not for long."""
        await self._feed.wait_for_first()


def _finding(failure: Failure) -> Finding:
    if failure.blame is Blame.REDIS:
        kind = "redis_refuses" if failure.refused else "redis_away"
        return Finding(kind, f"Redis can't be read: {failure.reason}")
    return Finding("monitor_behind", f"What is shown is old: {failure.reason}")

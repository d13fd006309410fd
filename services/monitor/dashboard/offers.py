"""What somebody who may act is offered to ask for, beside the thing that it is about. No I/O, no clock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from services.monitor.api.answers.listings import BackupFile
from services.monitor.api.asking import LEAST_SILENCE_S
from services.monitor.assess.writers import is_paused
from services.monitor.dashboard.language import Language
from services.monitor.read.groups import Group
from services.monitor.read.overview import Service
from shared.records.actions import Action, ActionKind
from shared.records.files import FileKind, FileStage
from shared.records.heartbeats import ConsumerStatus, ServiceStatus, WriterStatus

#: Alerts that end when a person says that the loss is known.
_OF_LOSSES = {
    "ledger_unbalanced", "values_lost", "redis_went_back", "oracle_went_back", "readings_lost", "rejected_dropped",
    "rejected_rows_dropped", "backup_lost", "recovered_exceeds",
}  # fmt: skip

#: What can be done with rejected rows, and with rejected messages and tags.
_OF_ROWS = (ActionKind.RETRY_REJECTED_FILE, ActionKind.SET_ASIDE_REJECTED_FILE)
_OF_MESSAGES = (ActionKind.RETRY_MESSAGES, ActionKind.DROP_MESSAGES)

#: What is asked for beside, of files to be recovered.
_OF_RECOVER = ("rate", "dry_run")

#: What takes something away that does not come back by itself.
_DESTROYING = {ActionKind.DROP_MESSAGES, ActionKind.SET_ASIDE_REJECTED_FILE, ActionKind.FORGET_GROUP,
               ActionKind.FORGET_SERVICE, ActionKind.ACKNOWLEDGE}  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """A button, and what is asked before it is done."""

    key: str  #: tells it from the others of a page
    path: str  #: where it is posted
    body: str  #: JSON
    label: Markup
    title: Markup
    explain: Markup
    name: Markup  #: of what is asked for
    fields: Sequence[str] = ()  #: what is asked for beside: rate, dry_run
    takes_selected: bool = False  #: it is about what is ticked around it
    destroys: bool = False


@dataclass(frozen=True)
class Offers:
    """What there is to be offered; nothing to who may not act."""

    t: Language
    may_act: bool = False

    def for_all_files(self, files: int) -> Sequence[Offer]:
        """Offer to put all backup files that wait into the table."""
        return self._offer([ActionKind.RECOVER], "all", {}, which="all", fields=_OF_RECOVER) if files else ()

    def for_file(self, file: BackupFile) -> Sequence[Offer]:
        """Offer what can be done with a file that waits."""
        if file.state == FileStage.RECOVERED:
            return ()
        if file.kind == FileKind.BACKUP:
            return self._offer([ActionKind.RECOVER], file.name, {"target": file.name}, fields=_OF_RECOVER)
        return self.for_rejected_file(file.name)

    def for_rejected_file(self, name: str) -> Sequence[Offer]:
        """Offer what can be done with a file of rejected rows."""
        return self._offer(_OF_ROWS, name, {"target": name})

    def for_service(self, service: Service[ServiceStatus]) -> Sequence[Offer]:
        """Offer to pause what runs, to let it go on, or to forget what is dead."""
        target = f"{service.role}:{service.instance}"
        if service.process is None:
            return self._offer([ActionKind.FORGET_SERVICE], target, {"target": target})
        if not isinstance(service.status, WriterStatus | ConsumerStatus):
            return ()
        return self._offer([ActionKind.RESUME if is_paused(service) else ActionKind.PAUSE], target, {"target": target})

    def for_group(self, group: Group, age_s: float | None) -> Sequence[Offer]:
        """Offer to forget a polling group that nobody polls any more."""
        if group.own is not None or age_s is None or age_s <= LEAST_SILENCE_S:
            return ()
        plc, name = group.seen.plc_code, group.seen.group_name
        body = {"plc_code": plc, "group_name": name}
        return self._offer([ActionKind.FORGET_GROUP], f"{plc}\n{name}", body, target=f"{plc} {name}")

    def for_messages(self, code: str) -> Sequence[Offer]:
        """Offer what can be done with the messages and tags that were rejected with a code."""
        return self._offer(_OF_MESSAGES, code, {"codes": [code]}, which="code", target=code)

    def for_selected_messages(self, code: str) -> Sequence[Offer]:
        """Offer the same for those that are ticked."""
        return self._offer(_OF_MESSAGES, f"{code}:selected", {}, which="selected")

    def for_selected_rows(self, code: str) -> Sequence[Offer]:
        """Offer what can be done with the rows that are ticked."""
        return self._offer(_OF_ROWS, f"{code}:selected", {}, which="selected")

    def for_alert(self, code: str) -> Sequence[Offer]:
        """Offer to say that a loss is known."""
        return self._offer([ActionKind.ACKNOWLEDGE], code, {}) if code in _OF_LOSSES else ()

    def for_action(self, action: Action) -> Sequence[Offer]:
        """Offer to stop an action that is open."""
        if action.has_ended or action.ended_at is not None or action.stop_asked_by:
            return ()
        return self._offer(["stop"], action.id, {}, path=f"{quote(action.id, safe='')}/stop", target=action.title)

    def _offer(
        self,
        kinds: Sequence[str],
        key: str,
        body: Mapping[str, Any],
        *,
        which: str = "",
        path: str = "",
        target: str = "",
        fields: Sequence[str] = (),
    ) -> Sequence[Offer]:
        """Return a button for each kind of action; `which` ends the keys of its texts: of what it is about."""
        t, about = self.t, Markup.escape(target or body.get("target", ""))
        said = [(kind, f"{kind}_{which}" if which else kind) for kind in kinds if self.may_act]
        return [
            Offer(
                key=f"{kind}:{key}",
                path=f"/api/actions/{path or kind}",
                body=json.dumps(body),
                label=t(f"offer.{texts}"),
                title=t(f"offer_title.{texts}", target=about),
                explain=t(f"offer_explain.{texts}"),
                name=t.word("offer_done", kind),
                fields=fields,
                takes_selected=which == "selected",
                destroys=kind in _DESTROYING,
            )
            for kind, texts in said
        ]

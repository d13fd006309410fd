"""What somebody who may act is offered to ask for, beside the thing that it is about. No I/O, no clock."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from services.monitor.api.answers.listings import BackupFile
from services.monitor.api.asking import LEAST_SILENCE_S
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

#: What can be done with rejected rows.
_OF_ROWS = (ActionKind.RETRY_REJECTED_FILE, ActionKind.SET_ASIDE_REJECTED_FILE)

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
        return self._offer(ActionKind.RECOVER, "all", {}, ("rate", "dry_run"), name="recover_all") if files else ()

    def for_file(self, file: BackupFile) -> Sequence[Offer]:
        """Offer what can be done with a file that waits."""
        if file.state == FileStage.RECOVERED:
            return ()
        if file.kind == FileKind.BACKUP:
            return self._offer(ActionKind.RECOVER, file.name, {"target": file.name}, ("rate", "dry_run"))
        return self.for_rejected_file(file.name)

    def for_rejected_file(self, name: str) -> Sequence[Offer]:
        """Offer what can be done with a file of rejected rows."""
        return [offer for kind in _OF_ROWS for offer in self._offer(kind, name, {"target": name})]

    def for_service(self, service: Service[ServiceStatus]) -> Sequence[Offer]:
        """Offer to pause what runs, to let it go on, or to forget what is dead."""
        target = f"{service.role}:{service.instance}"
        body = {"target": target}
        if service.process is None:
            return self._offer(ActionKind.FORGET_SERVICE, target, body)
        if not isinstance(service.status, WriterStatus | ConsumerStatus):
            return ()
        is_paused = service.process.state == "paused"
        return self._offer(ActionKind.RESUME if is_paused else ActionKind.PAUSE, target, body)

    def for_group(self, group: Group, age_s: float | None) -> Sequence[Offer]:
        """Offer to forget a polling group that nobody polls any more."""
        if group.own is not None or age_s is None or age_s <= LEAST_SILENCE_S:
            return ()
        plc, name = group.seen.plc_code, group.seen.group_name
        body = {"plc_code": plc, "group_name": name}
        return self._offer(ActionKind.FORGET_GROUP, f"{plc}\n{name}", body, target=f"{plc} {name}")

    def for_messages(self, code: str) -> Sequence[Offer]:
        """Offer what can be done with the messages and tags that were rejected with a code."""
        return self._messages(code, {"codes": [code]}, "code")

    def for_selected_messages(self, code: str) -> Sequence[Offer]:
        """Offer the same for those that are ticked."""
        return self._messages(f"{code}:selected", {}, "selected", takes_selected=True)

    def for_selected_rows(self, code: str) -> Sequence[Offer]:
        """Offer what can be done with the rows that are ticked."""
        return [
            offer
            for kind in _OF_ROWS
            for offer in self._offer(kind, f"{code}:selected", {}, name=f"{kind}_selected", takes_selected=True)
        ]

    def _messages(
        self, key: str, body: Mapping[str, Any], which: str, *, takes_selected: bool = False
    ) -> Sequence[Offer]:
        return [
            offer
            for kind in (ActionKind.RETRY_MESSAGES, ActionKind.DROP_MESSAGES)
            for offer in self._offer(kind, key, body, name=f"{kind}_{which}", target=key, takes_selected=takes_selected)
        ]

    def for_alert(self, code: str) -> Sequence[Offer]:
        """Offer to say that a loss is known."""
        return self._offer(ActionKind.ACKNOWLEDGE, code, {}) if code in _OF_LOSSES else ()

    def for_action(self, action: Action) -> Sequence[Offer]:
        """Offer to stop an action that is open."""
        if action.has_ended or action.ended_at is not None or action.stop_asked_by:
            return ()
        return self._offer(
            "stop", action.id, {}, path=f"/api/actions/{quote(action.id, safe='')}/stop", target=action.title
        )

    def _offer(
        self,
        kind: str,
        key: str,
        body: Mapping[str, Any],
        fields: Sequence[str] = (),
        *,
        path: str = "",
        name: str = "",
        target: str = "",
        takes_selected: bool = False,
    ) -> Sequence[Offer]:
        if not self.may_act:
            return ()
        t, said = self.t, name or kind
        return [
            Offer(
                key=f"{kind}:{key}",
                path=path or f"/api/actions/{kind}",
                body=json.dumps(body),
                label=t(f"offer.{said}"),
                title=t(f"offer_title.{said}", target=Markup.escape(target or body.get("target", ""))),
                explain=t(f"offer_explain.{said}"),
                name=t.word("offer_done", kind),
                fields=fields,
                takes_selected=takes_selected,
                destroys=kind in _DESTROYING,
            )
        ]

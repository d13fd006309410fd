"""What a person is told, where a remedy is long."""

import re

import pytest

from services.monitor.assess.alert_kinds import KINDS, Severity
from services.monitor.assess.assessment import Alert
from services.monitor.assess.commands import Commands
from services.monitor.notify.notice import News, What

_COMMAND = re.compile(r"`[^`]*`")

#: A namespace as long as Kubernetes lets one be.
_NAMESPACE = "n" * 63

PLACES = {
    "kubernetes": Commands(
        f"kubectl get pod -n {_NAMESPACE} -o name -l app.kubernetes.io/component={{service}} "
        f"| xargs -I POD kubectl exec -n {_NAMESPACE} POD -- python -m services.{{service}}",
        f"kubectl describe pod -n {_NAMESPACE} -l app.kubernetes.io/component={{service}}",
    ),
    "systemd": Commands(
        "sudo -u tagpipe env -C /var/lib/tagpipe /opt/tagpipe/bin/python -m services.{service}",
        "sudo systemctl start tagpipe-{service}@1",
    ),
}


def told(what_to_do: str) -> str:
    return News(What.RAISED, Alert("no_writer", Severity.CRITICAL, 0.0, "", what_to_do)).remedy


@pytest.mark.parametrize("here", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("code", KINDS)
def test_no_command_of_a_remedy_is_cut_in_a_notice(code: str, here: Commands) -> None:
    """Kind: what is cut to fit is another thing. On Kubernetes a command is long: of seven alerts the notice
    ended in the middle of one, and `recover FILE` without its file recovers all.
    """
    whole = here.said(KINDS[code].remedy)
    assert _COMMAND.findall(told(whole)) == _COMMAND.findall(whole)
    assert told(whole).count("`") % 2 == 0


def test_a_remedy_that_is_longer_than_any_ends_before_the_command_that_does_not_fit() -> None:
    remedy = told("Look. " * 197 + "Then `python -m services.writer recover rejected_....csv`.")
    assert remedy.endswith("Look. Then ... (docs/alerts.md has the rest)")

"""The Kubernetes manifests: true to the schemas, to the services' settings and to the monitor's metrics."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]
from cloudcoil.models.keda.v1alpha1 import ScaledObject

from services.monitor.assess.commands import Commands
from services.monitor.settings import MonitorSettings
from shared.settings.loading import load_settings
from tools.redis_rights import USERS
from tools.settings_table import SERVICES

_ROOT = Path(__file__).parents[3]
_DEPLOY = _ROOT / "deploy/kubernetes"
_BUILT = [_DEPLOY / "base", *sorted((_DEPLOY / "overlays").iterdir())]

#: What a container finds at its paths and in its secrets: anything of the right form.
_SECRETS = {
    "redis_url": "redis://tagpipe-writer:secret@tagpipe-redis:6379/0",
    "password": "secret",
    "token": "a-token-that-is-long-enough",
    # As `kubectl create secret --from-file` takes it over from a file of one line.
    "operator_token": "a-token-of-those-who-may-act\n",
    "dsn": "db.plant:1521/PROD",
    "alert_webhook_url": "https://chat.example/hook\n",
    "alert_smtp_password": "p",
}


def documents(*files: Path) -> list[dict[str, Any]]:
    return [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]


def manifests() -> list[dict[str, Any]]:
    """Return every manifest that is written here; not kustomize's own files."""
    found = documents(*sorted(_DEPLOY.rglob("*.yaml")))
    return [document for document in found if not document["apiVersion"].startswith("kustomize")]


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each pod's spec with each of its containers."""
    for manifest in manifests():
        pod = manifest.get("spec", {}).get("template", {}).get("spec")
        for container in (pod or {}).get("containers", ()):
            yield pod, container


def pods(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    specs = (document.get("spec", {}).get("template", {}).get("spec") for document in documents)
    return [spec for spec in specs if spec]


def ours() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(pod, container) for pod, container in containers() if container["image"] == "tagpipe"]


def ids(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", [m for m in manifests() if "keda" not in m["apiVersion"]], ids=ids)
def test_a_manifest_is_what_kubernetes_understands(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.33", strict=True)


@pytest.mark.parametrize("manifest", [m for m in manifests() if "keda" in m["apiVersion"]], ids=ids)
def test_a_scaled_object_is_what_keda_understands_and_asks_for_metrics_that_there_are(manifest: dict[str, Any]) -> None:
    # KEDA's models take what they do not know without a word: what they made of it has to be the same again.
    scaled = ScaledObject.model_validate(manifest).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert scaled["spec"] == manifest["spec"]
    exposed = "".join(file.read_text() for file in (_ROOT / "services/monitor").rglob("*.py"))
    for trigger in manifest["spec"]["triggers"]:
        assert trigger["type"] == "prometheus"
        # docs of KEDA's Prometheus scaler: these three it needs.
        assert set(trigger["metadata"]) == {"serverAddress", "query", "threshold"}
        assert float(trigger["metadata"]["threshold"]) > 0
        names = re.findall(r"tagpipe_\w+", trigger["metadata"]["query"])
        assert names
        assert all(f'"{name}"' in exposed for name in names)
    target = manifest["spec"]["scaleTargetRef"]
    kind = target.get("kind", "Deployment")
    assert (kind, target["name"]) in {(each["kind"], each["metadata"]["name"]) for each in manifests()}


@pytest.mark.parametrize(("pod", "container"), ours(), ids=[container["name"] for _, container in ours()])
def test_a_service_starts_with_the_settings_of_its_manifest(
    pod: dict[str, Any], container: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops a start (a slip of a name, a value of the wrong form) is found here and not in the cluster."""
    environ = start_with(pod, container, generated_settings(), tmp_path, monkeypatch)
    assert container["args"] == [f"services.{container['name']}"]
    known = {name.upper() for each in SERVICES.values() for name in each.model_fields}
    assert {name.removesuffix("_FILE") for name in environ} <= known | {"ORACLE_PASSWORD", "POD_NAMESPACE"}


def test_remedies_reach_every_pod_of_the_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: a command that works where it was written: elsewhere it found no pod, and of two writers' files one's."""
    ((pod, container),) = [each for each in ours() if each[1]["name"] == "monitor"]
    environ = start_with(pod, container, generated_settings(), tmp_path, monkeypatch)
    (tmp_path / "kubectl").write_text(
        """#!/bin/sh
        case "$*" in
            "get pod -n plant -o name -l app.kubernetes.io/component=writer") printf 'pod/%s\n' writer-0 writer-1 ;;
            "exec -n plant "*) echo "$*" ;;
            *) exit 1 ;;
        esac
        """
    )
    (tmp_path / "kubectl").chmod(0o755)
    here = Commands(environ["MONITOR_COMMAND"], environ["MONITOR_START_COMMAND"])
    told = here.said("`python -m services.writer recover`").strip("`")
    run = subprocess.run(
        ["sh", "-c", told], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=True
    )
    assert run.stdout.splitlines() == [
        f"exec -n plant pod/writer-{number} -- python -m services.writer recover" for number in (0, 1)
    ]
    assert "-n plant " in here.said("`python -m services.writer`")


def generated_settings() -> dict[str, dict[str, str]]:
    """Return the contents of the ConfigMaps that hold settings, by the name that manifests know them by."""
    found: dict[str, dict[str, str]] = {}
    for file in _DEPLOY.rglob("kustomization.yaml"):
        for each in yaml.safe_load(file.read_text()).get("configMapGenerator", ()):
            texts = [(file.parent / name).read_text() for name in each.get("envs", ())]
            lines = [*each.get("literals", ()), *(line for text in texts for line in text.splitlines())]
            found[each["name"]] = dict(line.split("=", 1) for line in lines)
    return found


def start_with(
    pod: dict[str, Any],
    container: dict[str, Any],
    maps: dict[str, dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """Load a service's settings as its container would at the start; return its environment."""
    environ = {
        name: value for source in container["envFrom"] for name, value in maps[source["configMapRef"]["name"]].items()
    }
    for variable in container["env"]:
        name, value = variable["name"], variable.get("value")
        if value is None:
            source = variable["valueFrom"]
            value = "plant" if "fieldRef" in source else _SECRETS[source["secretKeyRef"]["key"]]
        value = re.sub(r"\$\((\w+)\)", lambda named: environ[named[1]], value)
        if name.endswith("_FILE"):
            assert any(value.startswith(mount["mountPath"]) for mount in container["volumeMounts"])
            (tmp_path / name).write_text(_SECRETS[Path(value).name])
            value = str(tmp_path / name)
        if name.endswith("_SECRETS_DIR"):
            value = str(optional_secrets(pod, container, value, tmp_path))
        environ[name] = value
    if "POLLER_CONFIG" in environ:
        environ["POLLER_CONFIG"] = str(_DEPLOY / "overlays/single" / Path(environ["POLLER_CONFIG"]).name)
    for name in SERVICES[container["name"]].model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    load_settings(SERVICES[container["name"]])
    # A Service named `oracle` or `redis` would set ORACLE_PORT and REDIS_PORT.
    assert pod["enableServiceLinks"] is False
    return environ


def optional_secrets(pod: dict[str, Any], container: dict[str, Any], mounted_at: str, tmp_path: Path) -> Path:
    """Put files where a container would find what its secret holds; return the directory."""
    (mount,) = [mount for mount in container["volumeMounts"] if mount["mountPath"] == mounted_at]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == mount["name"]]
    directory = tmp_path / "optional"
    directory.mkdir(exist_ok=True)
    for item in volume["secret"]["items"]:
        (directory / item["path"]).write_text(_SECRETS[item["key"]])
    return directory


def test_no_secret_stands_in_an_environment() -> None:
    """Kind: a secret where a crash report, `describe` or a child process shows it, and that a restart alone renews."""
    for _, container in containers():
        assert [each["name"] for each in container["env"] if "secretKeyRef" in each.get("valueFrom", {})] == []


def test_the_monitor_finds_what_its_secret_has_and_does_without_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pod, container) = next(each for each in ours() if each[1]["name"] == "monitor")
    environ = start_with(pod, container, generated_settings(), tmp_path, monkeypatch)
    settings = load_settings(MonitorSettings)
    assert settings.current_operator_token() == _SECRETS["operator_token"].strip()
    assert settings.current_webhook_url() == _SECRETS["alert_webhook_url"].strip()
    assert settings.current_smtp_password() == _SECRETS["alert_smtp_password"]
    # Each is read again: a secret that is replaced needs no restart.
    directory = Path(environ["MONITOR_SECRETS_DIR"])
    (directory / "monitor_operator_token").write_text("another-one-of-sixteen")
    (directory / "alert_webhook_url").write_text("https://chat.example/other")
    (directory / "alert_smtp_password").write_text("q")
    assert settings.current_operator_token() == "another-one-of-sixteen"
    assert settings.current_webhook_url() == "https://chat.example/other"
    assert settings.current_smtp_password() == "q"
    for file in directory.iterdir():
        file.unlink()
    settings = load_settings(MonitorSettings)
    assert not settings.has_operators
    assert settings.alert_webhook_url is None


@pytest.mark.parametrize(("pod", "container"), list(containers()), ids=[c["name"] for _, c in containers()])
def test_a_pod_is_confined_and_bounded(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    assert "memory" in container["resources"]["limits"]
    assert "livenessProbe" in container


def test_who_logs_in_at_one_of_several_monitors_stays_there() -> None:
    """Kind: what one knows is asked of another: with two behind one address the form came back after each login."""
    (service,) = (each for each in manifests() if ids(each) == "Service-tagpipe-monitor")
    assert service["spec"]["sessionAffinity"] == "ClientIP"


def test_a_service_has_the_memory_that_it_has_in_compose() -> None:
    compose = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())["services"]
    for _, container in ours():
        limit = container["resources"]["limits"]["memory"]
        assert limit.removesuffix("i").lower() == compose[container["name"]]["mem_limit"]


def secrets_by_hand() -> dict[str, set[str]]:
    """Return the keys of the secrets that the README has people make."""
    found = re.findall(r"create secret generic (\S+) +-n tagpipe (.*)", (_DEPLOY / "README.md").read_text())
    return {name: set(re.findall(r"--from-file=(\w+)", files)) for name, files in found}


def test_every_service_has_a_user_of_redis_and_sees_no_other_ones_password() -> None:
    """Kind: one secret for all, with a right to everything: who reads one pod's files has them all."""
    seen = {
        container["name"]: {
            volume["secret"]["secretName"]
            for volume in pod["volumes"]
            if volume.get("secret", {}).get("secretName", "").startswith("tagpipe-redis")
        }
        for pod, container in ours()
    }
    assert seen == {role: {f"tagpipe-redis-{role}"} for role in ("consumer", "monitor", "poller", "writer")}


def test_where_passwords_are_made_is_not_committed() -> None:
    """Kind: a folder of secrets beside the code, and `git add .`."""
    (folder,) = set(re.findall(r"SECRETS_DIR=(\S+)", (_DEPLOY / "README.md").read_text()))
    ignored = [line.strip("/") for line in (_ROOT / ".gitignore").read_text().splitlines()]
    assert any(fnmatch(folder, pattern) for pattern in ignored)
    assert any(fnmatch("secrets", pattern) for pattern in ignored)


def test_whatever_is_referred_to_is_there() -> None:
    made_by_hand = secrets_by_hand()
    generated = {
        each["name"]
        for file in [*_DEPLOY.rglob("kustomization.yaml"), _ROOT / "deploy/redis/kustomization.yaml"]
        for each in yaml.safe_load(file.read_text()).get("configMapGenerator", ())
    }
    services = {each["metadata"]["name"] for each in manifests() if each["kind"] == "Service"}
    accounts = {each["metadata"]["name"] for each in manifests() if each["kind"] == "ServiceAccount"}
    for pod, container in containers():
        for volume in pod["volumes"]:
            sources = [source["secret"] for source in volume.get("projected", {}).get("sources", ())]
            for secret in [volume["secret"]] if "secret" in volume else sources:
                name = secret.get("secretName") or secret["name"]
                keys = {item["key"] for item in secret.get("items", ())}
                assert keys <= made_by_hand[name] if name in made_by_hand else secret["optional"]
            if "configMap" in volume:
                assert volume["configMap"]["name"] in generated
        for variable in container.get("env", ()):
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                assert reference["key"] in made_by_hand[reference["name"]]
        for source in container.get("envFrom", ()):
            assert source["configMapRef"]["name"] in generated
        assert pod.get("serviceAccountName", "tagpipe") in accounts
    for manifest in manifests():
        if manifest["kind"] == "StatefulSet":
            assert manifest["spec"]["serviceName"] in services


@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: nothing here builds the overlays"
)
@pytest.mark.parametrize("folder", _BUILT, ids=[folder.name for folder in _BUILT])
def test_an_overlay_builds_into_what_kubernetes_understands_and_what_starts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=True, timeout=60)
    found = [document for document in yaml.safe_load_all(built.stdout) if document]
    for manifest in found:
        if "keda" not in manifest["apiVersion"]:
            kubernetes_validate.validate(manifest, "1.33", strict=True)
        # A generated ConfigMap has its contents' hash in its name: who refers to it must have been given the new one.
        assert manifest["metadata"]["labels"]["app.kubernetes.io/name"] == "tagpipe"
    maps = {each["metadata"]["name"]: each["data"] for each in found if each["kind"] == "ConfigMap"}
    if folder.name == "single":
        # What makes Redis' users is what `make rights` wrote, and is mounted under the name that it was given.
        (users,) = [data for data in maps.values() if "start.sh" in data]
        assert users == {name: (_ROOT / "deploy/redis" / name).read_text() for name in users}
        assert {f"{user}.acl" for user in USERS} <= set(users)
    mounted = {each["configMap"]["name"] for pod in pods(found) for each in pod["volumes"] if "configMap" in each}
    assert mounted <= set(maps)
    claims = {each["metadata"]["name"] for each in found if each["kind"] == "PersistentVolumeClaim"}
    started = []
    for manifest in found:
        pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
        claimed = {
            each["persistentVolumeClaim"]["claimName"]
            for each in pod.get("volumes", ())
            if "persistentVolumeClaim" in each
        }
        assert claimed <= claims
        for container in pod.get("containers", ()):
            if container["image"].startswith("tagpipe"):
                environ = start_with(pod, container, maps, tmp_path, monkeypatch)
                started.append((container["name"], environ.get("PARTITIONS", "1"), environ.get("PARTITION", "")))
    if folder.name == "partitioned":
        # One number of partitions for all, and each of them with consumers and writers.
        in_each = [(role, "4", str(number)) for role in ("consumer", "writer") for number in range(4)]
        assert sorted(started) == sorted([*in_each, ("monitor", "4", "")])
    else:
        assert {"consumer", "writer", "monitor"} <= {role for role, *_ in started}


@pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")
@pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="kubectl is not installed: nothing here builds the overlays"
)
def test_podman_makes_pods_of_the_deployments(tmp_path: Path) -> None:
    """Another reader than a schema. The pods are made and not started: there is no Redis and no image of ours here."""
    place = Path(tempfile.mkdtemp())  # podman wants a short path
    podman = ["podman", "--root", str(place / "root"), "--runroot", str(place / "run"), "--storage-driver", "vfs"]

    def run(*arguments: str | Path, standard_input: bytes = b"") -> str:
        done = subprocess.run(
            [*podman, *arguments], input=standard_input, capture_output=True, check=False, timeout=100
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    built = subprocess.run(["kubectl", "kustomize", _BUILT[0]], capture_output=True, text=True, check=True, timeout=60)
    played = [each for each in yaml.safe_load_all(built.stdout) if each and each["kind"] in {"Deployment", "ConfigMap"}]
    secrets = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": _SECRETS}
        for name in secrets_by_hand()
    ]
    for pod in pods(played):
        for variable in pod["containers"][0].get("env", ()):
            if "fieldRef" in variable.get("valueFrom", ()):
                # Podman knows no namespaces.
                variable |= {"value": "plant", "valueFrom": None}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([*secrets, *played]))
    try:
        run("import", "-", "localhost/tagpipe:dev", standard_input=bytes(1024))  # the end of an empty archive
        run("kube", "play", "--start=false", tmp_path / "all.yaml")
        made = run("ps", "--all", "--format", "{{.Command}}").split("\n")
        assert {"services.consumer", "services.monitor"} <= set(made)
    finally:
        subprocess.run([*podman, "pod", "rm", "--all", "--force"], capture_output=True, check=False, timeout=100)
        shutil.rmtree(place)

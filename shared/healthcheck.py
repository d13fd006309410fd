"""`python -m shared.healthcheck writer`: do the loops of this machine's writer turn? For a container's health check.

It looks at the file that the process touches (`shared/life/sign.py`) and asks nobody: whoever restarts what is
unhealthy must not do so because Redis fails over. `--ready` also asks whether Redis takes the process's heartbeats.
Exit status: 0 it turns; 1 it does not, or not yet; 2 it was called wrongly.
"""

import os
import sys
from collections.abc import Mapping

from shared.life.sign import life_sign_path, read_life_sign
from shared.partitions import namespace_of

_ROLES = ("consumer", "writer", "monitor", "poller")


def main(arguments: list[str]) -> int:
    """Check the service that the arguments name; return the exit status."""
    roles = [argument for argument in arguments if argument != "--ready"]
    if len(roles) != 1 or roles[0] not in _ROLES:
        sys.stderr.write(f"usage: python -m shared.healthcheck {'|'.join(_ROLES)} [--ready]\n")
        return 2
    finding = problem_of(roles[0], _settings(roles[0]), must_be_ready="--ready" in arguments)
    sys.stdout.write(f"{finding or 'ok'}\n")
    return 1 if finding else 0


def problem_of(role: str, settings: Mapping[str, str | None], *, must_be_ready: bool = False) -> str:
    """Return what is wrong with this machine's service of a role; an empty text when it turns."""
    try:
        partition, partitions = (int(settings.get(name) or default) for name, default in _PARTITION)
        namespace = namespace_of(settings.get("REDIS_NAMESPACE") or "tagpipe", partition, partitions)
        path = life_sign_path(settings.get("RUN_DIR"), namespace, role, settings.get("INSTANCE_NAME"))
        seen = read_life_sign(path)
    except ValueError as error:
        return f"PARTITION, PARTITIONS: {error}"
    except OSError as error:
        return f"no sign of life of a {role}: {error}"
    if not seen.is_fresh:
        return f"no sign of life of a {role}: {path} was touched {seen.age_s:.0f} s ago"
    if must_be_ready and not seen.is_ready:
        return f"the {role} turns, and waits for Redis"
    return ""


_PARTITION = (("PARTITION", "0"), ("PARTITIONS", "1"))


def _settings(role: str) -> Mapping[str, str | None]:
    """Return what the service itself reads: the environment goes before `.env`, whose import is only paid if needed."""
    given: dict[str, str | None] = {}
    for file in filter(os.path.isfile, (".env", f".env.{role}")):
        from dotenv import dotenv_values  # noqa: PLC0415

        given |= {name.upper(): value for name, value in dotenv_values(file, encoding="utf-8-sig").items()}
    return given | {name.upper(): value for name, value in os.environ.items()}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

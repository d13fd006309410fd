"""HTML by templates, with everything escaped that is put into them. No I/O once they are loaded, no clock."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.monitor.assess import humanize
from services.monitor.assess.stats import percent
from services.monitor.dashboard.language import Language

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(number=humanize.number, percent=percent)


def render(template: str, t: Language, **parts: object) -> str:
    """Return a template filled with these parts; `t` says its texts.

    Raises: jinja2.UndefinedError: the template wants a part that is not given.
    """
    return _TEMPLATES.get_template(template).render(parts, t=t)

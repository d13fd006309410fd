"""Django's Oracle backend against the stand-in: prints what it found as JSON. Arguments: DSN, user, password."""

import json
import sys
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any


def main(dsn: str, user: str, password: str) -> dict[str, Any]:
    """Make a model's table, fill it, ask and change it."""
    database = {"ENGINE": "django.db.backends.oracle", "NAME": dsn, "USER": user, "PASSWORD": password}
    import_module("django.conf").settings.configure(DATABASES={"default": database}, USE_TZ=True)
    import_module("django").setup()
    # only now, with its settings
    db = import_module("django.db")
    models = db.models
    meta = type("Meta", (), {"app_label": "plant"})
    columns = {
        "name": models.CharField(max_length=40, primary_key=True),
        "value": models.FloatField(null=True),
        "at": models.DateTimeField(db_index=True),
        "good": models.BooleanField(default=True),
    }
    tag = type("Tag", (models.Model,), {"__module__": __name__, "Meta": meta, **columns})
    with db.connection.schema_editor() as editor:
        editor.create_model(tag)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [tag(name=f"t{n}", value=n / 2, at=start + timedelta(seconds=n)) for n in range(300)]
    tags = tag.objects  # type: ignore[attr-defined]
    return {
        "created": len(tags.bulk_create(rows)),
        "tables": db.connection.introspection.table_names(),
        "last": [each.name for each in tags.filter(value__gt=3).order_by("-at")[:2]],
        "average": tags.aggregate(models.Avg("value")),
        "at": str(tags.get(name="t3").at),
        "like": [tags.filter(name__startswith="t29").count(), tags.filter(name__icontains="T29").count()],
        "updated": tags.filter(name="t3").update(value=None),
        "without": tags.filter(value__isnull=True).count(),
        "deleted": tags.filter(name__in=["t1", "t2"]).delete()[0],
        "grouped": list(tags.values("good").annotate(n=models.Count("name"))),
    }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))

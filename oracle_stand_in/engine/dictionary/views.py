"""All dictionary views by name."""

from oracle_stand_in.engine.dictionary import schema_views, server_views
from oracle_stand_in.engine.dictionary.dictionary import VIEWS

#: short names of some
VIEWS |= {"TABS": VIEWS["USER_TABLES"], "COLS": VIEWS["USER_TAB_COLUMNS"], "IND": VIEWS["USER_INDEXES"]}

__all__ = ["VIEWS", "schema_views", "server_views"]

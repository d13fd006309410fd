"""How tests of the stand-in log on."""

import oracledb

from oracle_stand_in.process import OracleStandIn


def connect(stand_in: OracleStandIn, **changes: str) -> oracledb.Connection:
    """Return a connection of the driver. Args: changes: of user, password or dsn."""
    return oracledb.connect(**{"user": stand_in.user, "password": stand_in.password, "dsn": stand_in.dsn, **changes})

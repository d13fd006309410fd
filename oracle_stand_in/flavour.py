"""Which Oracle the stand-in behaves like: the numbers that are negotiated and thereby decide the messages' fields."""

from dataclasses import dataclass

#: thresholds of the TTC field version at which messages gain fields (capabilities in the driver's own sources)
FV_11, FV_12_2, FV_12_2_EXT, FV_20_1, FV_23_1, FV_TOKEN, FV_ANNOTATIONS, FV_VECTOR = 11, 8, 9, 14, 17, 18, 20, 24


@dataclass(frozen=True)
class Flavour:
    """One server version, as far as the protocol shows it."""

    name: str
    #: Oracle Net version: 318 behaves like 19c, 319 allows the end-of-response mark
    net_version: int
    #: TTC field version: the highest the server knows
    field_version: int
    end_of_response: bool
    version: tuple[int, int, int, int, int]

    @property
    def version_number(self) -> int:
        """The version packed as AUTH_VERSION_NO carries it since 18c."""
        major, minor, update, x, y = self.version
        return major << 24 | minor << 16 | update << 12 | x << 4 | y

    @property
    def version_text(self) -> str:
        """The version with dots."""
        return ".".join(map(str, self.version))


FLAVOURS = {
    "19c": Flavour("19c", 318, 12, end_of_response=False, version=(19, 3, 0, 0, 0)),
    "23ai": Flavour("23ai", 319, 24, end_of_response=True, version=(23, 5, 0, 24, 7)),
}

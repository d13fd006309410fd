"""SQL text into tokens, and a cursor over them for the parsers."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any

from oracle_stand_in.errors import OracleError, unsupported


class TokenKind(Enum):
    """What a token is."""

    WORD = "word"
    QUOTED = "quoted name"
    NUMBER = "number"
    STRING = "string"
    BIND = "bind"
    SYMBOL = "symbol"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token: `text` is the word in upper case, the string without its quotes, or the symbol."""

    kind: TokenKind
    text: str
    #: offset in the statement
    position: int
    #: offset of the first character behind it
    end: int


TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"[^"]+")
    |(?P<bind>:\s*(?:"[^"]+"|\w[\w$\#]*))
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d_][\w$\#]*)
    |(?P<symbol><>|!=|\^=|<=|>=|\|\||=>|[-+*/=<>(),.;@])""",
    re.VERBOSE | re.DOTALL,
)
#: enough for a statement with all the binds it can have; all sessions wait while one is read
MOST_TOKENS = 200_000
RETURNING = re.compile(r"\breturn(ing)?\b", re.IGNORECASE)
KINDS = {
    "string": TokenKind.STRING,
    "quoted": TokenKind.QUOTED,
    "bind": TokenKind.BIND,
    "number": TokenKind.NUMBER,
    "word": TokenKind.WORD,
    "symbol": TokenKind.SYMBOL,
}
#: words that cannot be names without quotes
RESERVED = frozenset((
    "ALL", "AND", "ANY", "AS", "ASC", "BETWEEN", "BY", "CHECK", "CREATE", "DATE", "DEFAULT", "DELETE", "DESC",
    "DISTINCT", "DROP", "ELSE", "EXISTS", "FOR", "FROM", "GRANT", "GROUP", "HAVING", "IN", "INDEX", "INSERT",
    "INTERSECT", "INTO", "IS", "LIKE", "MINUS", "NOT", "NULL", "NUMBER", "ON", "OR", "ORDER", "SELECT", "SET",
    "SIZE", "TABLE", "THEN", "TO", "UNION", "UNIQUE", "UPDATE", "VALUES", "VARCHAR", "VARCHAR2", "VIEW", "WHERE",
    "WITH",
))  # fmt: skip


def tokenize(sql: str) -> list[Token]:
    """Split a statement into tokens, the last of which is an END.

    Raises: OracleError: 911 for a character, 1756 for a string without an end; 900: it has too many.
    """
    tokens: list[Token] = []
    pos = 0
    while pos < len(sql):
        if len(tokens) == MOST_TOKENS:
            raise unsupported(f"statements of more than {MOST_TOKENS} words and signs", pos)
        match = TOKEN.match(sql, pos)
        if match is None:
            raise OracleError(1756 if sql[pos] == "'" else 911, position=pos)
        group = match.lastgroup or ""
        text = match[0]
        if group == "string":
            text = text[1:-1].replace("''", "'")
        elif group == "quoted":
            text = text[1:-1]
        elif group == "word":
            text = text.upper()
        if group != "space":
            tokens.append(Token(KINDS[group], text, pos, match.end()))
        pos = match.end()
    tokens.append(Token(TokenKind.END, "", len(sql), len(sql)))
    return tokens


def returning_binds(sql: str) -> int:
    """Return how many binds stand behind RETURNING ... INTO: they have no values."""
    if not RETURNING.search(sql):
        return 0
    try:
        tokens = tokenize(sql)
    except OracleError:
        return 0
    words = [token.text if token.kind is TokenKind.WORD else "" for token in tokens]
    start = next((place for place, word in enumerate(words) if word in ("RETURNING", "RETURN")), None)
    if start is None or words[0] not in ("INSERT", "UPDATE", "DELETE", "MERGE") or "INTO" not in words[start:]:
        return 0
    return sum(token.kind is TokenKind.BIND for token in tokens[words.index("INTO", start) :])


class TokenStream:
    """A cursor over a statement's tokens; it also numbers the binds, in the order in which they occur."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.tokens = tokenize(sql)
        self.index = 0
        self.binds = 0
        #: queries that WITH has given a name; what they are made of is the parser's business
        self.named_queries: dict[str, Any] = {}

    @property
    def current(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    @property
    def at_end(self) -> bool:
        """Whether nothing comes any more."""
        return self.current.kind is TokenKind.END

    def peek(self, ahead: int = 1) -> Token:
        """Return a token further on."""
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def next(self) -> Token:
        """Consume the token that comes next; the END is never consumed."""
        token = self.current
        if token.kind is not TokenKind.END:
            self.index += 1
        if token.kind is TokenKind.BIND:
            self.binds += 1
        return token

    def at(self, *words: str) -> bool:
        """Whether these words come next."""
        return all(self.peek(i).kind is TokenKind.WORD and self.peek(i).text == word for i, word in enumerate(words))

    def at_any(self, *words: str) -> bool:
        """Whether one of these words comes next."""
        return self.current.kind is TokenKind.WORD and self.current.text in words

    def at_symbol(self, symbol: str) -> bool:
        """Whether this symbol comes next."""
        return self.current.kind is TokenKind.SYMBOL and self.current.text == symbol

    def accept(self, *words: str) -> bool:
        """Consume these words if they come next."""
        if not self.at(*words):
            return False
        self.index += len(words)
        return True

    def accept_symbol(self, symbol: str) -> bool:
        """Consume this symbol if it comes next."""
        if not self.at_symbol(symbol):
            return False
        self.index += 1
        return True

    def expect(self, *words: str, code: int = 905) -> None:
        """Consume these words. Raises: OracleError: something else is there."""
        if not self.accept(*words):
            raise OracleError(code, position=self.current.position)

    def expect_symbol(self, symbol: str, code: int = 900) -> None:
        """Consume this symbol. Raises: OracleError: something else is there."""
        if not self.accept_symbol(symbol):
            raise OracleError(907 if symbol == ")" else code, position=self.current.position)

    def at_name(self) -> bool:
        """Whether a name comes next."""
        token = self.current
        return token.kind is TokenKind.QUOTED or (token.kind is TokenKind.WORD and token.text not in RESERVED)

    def name(self, code: int = 903) -> str:
        """Consume a name. Raises: OracleError: there is none."""
        if not self.at_name():
            raise OracleError(code, position=self.current.position)
        return self.next().text

    def integer(self) -> int:
        """Consume an unsigned integer. Raises: OracleError: there is none."""
        token = self.next()
        if token.kind is not TokenKind.NUMBER or not token.text.isdigit():
            raise unsupported(f"{token.text!r} where an integer belongs", token.position)
        return int(token.text)

    def finish(self) -> None:
        """Check that the statement ends here. Raises: OracleError: 933."""
        self.accept_symbol(";")
        if self.current.kind is not TokenKind.END:
            raise OracleError(933, position=self.current.position)

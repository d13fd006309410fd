"""Logon by O5LOGON with the 12c verifier: neither side ever sends the password in the clear.

Source: python-oracledb, src/oracledb/impl/thin/messages/auth.pyx and crypto.pyx (the client's half of it).
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from oracle_stand_in.data.wire import Reader, clr, clr2, ub
from oracle_stand_in.errors import OracleError
from oracle_stand_in.flavour import Flavour

#: PBKDF2 rounds: for the password, and for the session key
PASSWORD_ROUNDS, SESSION_ROUNDS = 4096, 3
#: what kind of verifier AUTH_VFR_DATA belongs to: 12c, and that of an account whose password is older than 11g
VERIFIER_12C, VERIFIER_10G = 0x4815, 0x939
#: what a session may have open at once; 0 would switch the driver's statement cache off
MAX_OPEN_CURSORS = 1000
SERVER_PROOF = b"SERVER_TO_CLIENT"
BLOCK = 16


def encrypt(key: bytes, text: bytes) -> bytes:
    """Encrypt whole blocks."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK))).encryptor()
    return cipher.update(text) + cipher.finalize()


def decrypt(key: bytes, text: bytes) -> bytes:
    """Decrypt whole blocks."""
    cipher = Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK))).decryptor()
    return cipher.update(text) + cipher.finalize()


def password_hash(password: str, salt: bytes) -> bytes:
    """Return what encrypts both halves of a session's key."""
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt + b"AUTH_PBKDF2_SPEEDY_KEY", PASSWORD_ROUNDS, 64)
    return hashlib.sha512(key + salt).digest()[:32]


def session_key(client_part: bytes, server_part: bytes, salt: bytes) -> bytes:
    """Return a session's key from its halves."""
    joined = (client_part + server_part).hex().upper().encode()
    return hashlib.pbkdf2_hmac("sha512", joined, salt, SESSION_ROUNDS, 32)


@dataclass(frozen=True)
class Verifier:
    """What the server stores in place of a password: a salt and the hash that both sides can work out."""

    salt: bytes
    password_hash: bytes

    @classmethod
    def of(cls, password: str) -> "Verifier":
        """Make a verifier. It costs some milliseconds, so keep it."""
        salt = secrets.token_bytes(BLOCK)
        return cls(salt, password_hash(password, salt))


@dataclass
class Challenge:
    """The server's half of one logon: what it sends first, and the check of what comes back."""

    verifier: Verifier
    kind: int = VERIFIER_12C
    key_part: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    session_salt: bytes = field(default_factory=lambda: secrets.token_bytes(BLOCK))

    def pairs(self) -> list[tuple[str, str, int]]:
        """Return the answer to the first logon message: keys, values, flags."""
        return [
            ("AUTH_SESSKEY", encrypt(self.verifier.password_hash, self.key_part).hex().upper(), 1),
            ("AUTH_VFR_DATA", self.verifier.salt.hex().upper(), self.kind),
            ("AUTH_PBKDF2_CSK_SALT", self.session_salt.hex().upper(), 0),
            ("AUTH_PBKDF2_VGEN_COUNT", str(PASSWORD_ROUNDS), 0),
            ("AUTH_PBKDF2_SDER_COUNT", str(SESSION_ROUNDS), 0),
            ("AUTH_GLOBALLY_UNIQUE_DBID\x00", secrets.token_hex(BLOCK).upper(), 0),
        ]

    def proof(self, answers: dict[str, str], password: str) -> str | None:
        """Return the server's own proof if the client knows the password, else None."""
        try:
            client_part = decrypt(self.verifier.password_hash, bytes.fromhex(answers["AUTH_SESSKEY"]))
            key = session_key(client_part, self.key_part, self.session_salt)
            salted = decrypt(key, bytes.fromhex(answers["AUTH_PASSWORD"]))
        except (KeyError, ValueError):
            return None
        padding = salted[-1] if salted else 0
        if not 1 <= padding <= BLOCK or salted[BLOCK:-padding] != password.encode():
            return None
        proof = secrets.token_bytes(BLOCK) + SERVER_PROOF + bytes((BLOCK,)) * BLOCK
        return encrypt(key, proof).hex().upper()


@dataclass(frozen=True)
class AuthMessage:
    """One of the two logon messages."""

    user: str
    values: dict[str, str]
    #: what the client's contexts are to hold: namespace and name -> value
    contexts: dict[tuple[str, str], str]


def read_auth_message(reader: Reader, *, has_lengths: bool = True) -> AuthMessage:
    """Read a logon message's body; keys and values may end in a zero byte."""
    has_user = reader.u8()
    size = reader.ub()
    reader.skip("ub")  # mode
    pairs = reader.ub()
    reader.skip("bb")
    user = reader.characters(size, has_length=has_lengths) if has_user else b""
    values: dict[str, str] = {}
    contexts = {}
    for _ in range(pairs):
        key = reader.clr2().rstrip(b"\x00").decode()
        values[key] = reader.clr2().rstrip(b"\x00").decode("utf-8", "replace")
        reader.ub()
        if key == "AUTH_APPCTX_VALUE":  # the last of three, which are sent again for each
            place = (values.get("AUTH_APPCTX_NSPACE", "").upper(), values.get("AUTH_APPCTX_ATTR", "").upper())
            contexts[place] = values[key]
    return AuthMessage(user.decode().strip('"').upper(), values, contexts)


def parameters(pairs: list[tuple[str, str, int]]) -> bytes:
    """Build the key-value item that answers a logon message."""
    parts = [b"\x08", ub(len(pairs))]
    for key, value, flags in pairs:
        parts += (clr2(key.encode()), clr2(value.encode()), ub(flags))
    return b"".join(parts)


def warning(error: OracleError) -> bytes:
    """Build the item that says something of an account which may log on all the same."""
    text = error.text.encode()
    return b"\x0f" + ub(error.code) + ub(len(text)) + ub(0) + clr(text)


def session_pairs(flavour: Flavour, service: str, session_id: int, proof: str) -> list[tuple[str, str, int]]:
    """Return the answer to the second logon message."""
    name = service.upper()
    values = {
        "AUTH_VERSION_NO": str(flavour.version_number),
        "AUTH_VERSION_STRING": "- stand-in",
        "AUTH_SESSION_ID": str(session_id),
        "AUTH_SERIAL_NUM": str(1 + session_id % 60_000),
        "AUTH_SVR_RESPONSE": proof,
        "AUTH_MAX_OPEN_CURSORS": str(MAX_OPEN_CURSORS),
        "AUTH_MAX_IDEN_LENGTH": "128",
        "AUTH_SC_SERVICE_NAME": service,
        "AUTH_INSTANCENAME": "STANDIN",
        "AUTH_SC_DBUNIQUE_NAME": name,
        "AUTH_SC_REAL_DBUNIQUE_NAME": name,
        "AUTH_DBNAME": name,
    }
    return [(key, value, 0) for key, value in values.items()]

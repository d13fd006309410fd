"""What an error means for people: by its code, or by its text where that says no more than "cannot connect". Pure."""

import re

from services.writer.oracle.codes import CODES, LOST, TABLESPACE, Meaning
from services.writer.sink import SinkError, Verdict

_CODE = re.compile(r"(?:ORA|DPY)-\d{4,5}")

_CONFIGURATION, _TRANSIENT = Verdict.CONFIGURATION, Verdict.TRANSIENT

#: "Cannot connect" (DPY-6005, or what the driver lets through) says why in its text: words of the operating system and
#: of OpenSSL, the most telling first.
_WHY_NOT_CONNECTED: tuple[tuple[str, Verdict, str, str], ...] = (
    (r"Name or service not known|nodename nor servname|name resolution|gaierror", _TRANSIENT,
     "nobody knows a host of this name",
     "ORACLE_HOST (or ORACLE_DSN); can this machine resolve it? A container that was stopped has no name any more"),
    (r"certificate has expired", _CONFIGURATION,
     "the certificate has expired", "DBA: renew the listener's certificate; is this machine's clock right?"),
    (r"Hostname mismatch|IP address mismatch|DPY-6002|DPY-6006", _CONFIGURATION,
     "the server's certificate is for another name",
     "ORACLE_DSN with the name that the certificate has, or with ?ssl_server_cert_dn=CN=... as it says"),
    (r"CERTIFICATE_VERIFY_FAILED", _CONFIGURATION,
     "the server's certificate is signed by somebody whom this machine does not trust",
     "ORACLE_WALLET_LOCATION: a directory with the authority's certificate as ewallet.pem"),
    (r"DPY-2018", _CONFIGURATION, "there is no ewallet.pem", "ORACLE_WALLET_LOCATION: the directory that holds it"),
    (r"NO_CERTIFICATE_OR_CRL_FOUND|NO_START_LINE|PEM lib|X509", _CONFIGURATION,
     "ewallet.pem holds no certificate", "ORACLE_WALLET_LOCATION: an ewallet.pem in PEM form (orapki ... -pem)"),
    (r"EOF occurred in violation|CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|UNKNOWN_CA|BAD_CERTIFICATE", _TRANSIENT,
     "the server ended the TLS handshake: it wants a certificate of ours (mTLS), or another one",
     "ORACLE_WALLET_LOCATION: the wallet with our key and certificate"),
    (r"WRONG_VERSION_NUMBER|RECORD_LAYER", _CONFIGURATION,
     "that port does not speak TLS", "ORACLE_DSN: the port of the listener's TCPS address, or without tcps://"),
    (r"Too many open files", _TRANSIENT, "this process has no file descriptor left",
     "ulimit -n, or LimitNOFILE= of its unit; `ls -l /proc/PID/fd` shows what holds them"),
    (r"Permission denied|Operation not permitted", _TRANSIENT, "this machine forbids the connection",
     "SELinux, a firewall rule here, or a network policy of the cluster"),
    (r"Cannot assign requested address", _TRANSIENT, "no local port is left for another connection",
     "who opens so many here? net.ipv4.ip_local_port_range"),
    (r"Connection refused", _TRANSIENT, "nothing accepts connections there",
     "ORACLE_HOST, ORACLE_PORT (or ORACLE_DSN); is the listener up?"),
    (r"timed out|No route to host|Network is unreachable|Host is down", _TRANSIENT,
     "no answer from there", "ORACLE_HOST, ORACLE_PORT (or ORACLE_DSN); is the host up, is there a firewall?"),
    (r"DPY-4011", _TRANSIENT, "it accepts connections and closes them again",
     "is that Oracle's listener? TLS alone: ORACLE_DSN=tcps://...; for mTLS: a wallet with our key and certificate"),
)  # fmt: skip

#: Codes under which it comes.
_CANNOT_CONNECT = ("DPY-6005", "UNKNOWN")

_BY_VERDICT = {
    Verdict.SPACE: Meaning(Verdict.SPACE, *TABLESPACE),
    Verdict.CONNECTION_LOST: Meaning(Verdict.CONNECTION_LOST, *LOST),
    _TRANSIENT: Meaning(_TRANSIENT, "Oracle can't do it now", "try again"),
}


def meaning_of(error: SinkError) -> Meaning:
    """Return what an error means; for one that nobody foresaw, Oracle's own words and where they are explained."""
    known = _known_meaning(error) or _BY_VERDICT.get(error.verdict)
    if known is not None:
        return known
    if _CODE.fullmatch(error.code):
        return Meaning(error.verdict, "see the text", f"https://docs.oracle.com/error-help/db/{error.code.lower()}/")
    return Meaning(error.verdict, "see the text", "send it to who maintains tagpipe")


def hint_of(error: SinkError) -> str:
    """Return in a line what an error means and what to do; empty where only its own text is known."""
    known = _known_meaning(error)
    return f"{known.cause}: {known.remedy}" if known is not None else ""


def _known_meaning(error: SinkError) -> Meaning | None:
    if error.code in _CANNOT_CONNECT:
        for pattern, verdict, cause, remedy in _WHY_NOT_CONNECTED:
            if re.search(pattern, str(error)):
                return Meaning(verdict, cause, remedy)
    # "Cannot connect" says in its text why not.
    inner = [code for code in _CODE.findall(str(error)) if code in CODES and code != "DPY-6005"]
    code = inner[-1] if error.code == "DPY-6005" and inner else error.code
    return CODES.get(code)

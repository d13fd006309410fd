"""TLS as a listener's TCPS address speaks it."""

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TlsFiles:
    """What a server needs for TLS, all in PEM form."""

    #: its certificate, and after it those that lead to its authority
    certificate: Path
    key: Path
    #: of the authority that a client's certificate must be signed by (mTLS); None: clients show none
    client_authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return what connections are made with. Raises: OSError: a file is missing, or is not what it should be."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if self.client_authority is not None:
            context.load_verify_locations(self.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def arguments(self) -> list[str]:
        """Return the command line's options that say the same."""
        named = {
            "--tls-cert": self.certificate,
            "--tls-key": self.key,
            "--tls-client-ca": self.client_authority,
        }
        return [word for option, file in named.items() if file is not None for word in (option, str(file))]

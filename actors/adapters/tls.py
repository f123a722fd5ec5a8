"""TLS as our HTTP servers speak it."""

from __future__ import annotations

import ssl


def server_context(certificate: str, key: str, client_ca: str = "") -> ssl.SSLContext | None:
    """The TLS of a server with these PEM files; None without a certificate.

    With `client_ca` clients need a certificate of it. Raises OSError for files that cannot be used.
    """
    if not certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # OpenSSL would ask the terminal for the password of a key that is encrypted.
    context.load_cert_chain(certificate, key, password="")
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

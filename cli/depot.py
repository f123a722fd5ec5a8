"""`hab depot`: a folder of packages, served over HTTP as Builder would."""

from __future__ import annotations

import logging
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.output import say
from cli.problem import Failure
from cli.values import is_loopback, split_host

if TYPE_CHECKING:
    import ssl

PORT = 9636  # beside 9631 to 9638, which are a supervisor's


@click.group()
def depot() -> None:
    """Serve packages to other machines."""


@depot.command()
@click.argument("directory", metavar="DIR")
@click.option(
    "--listen",
    default=f"127.0.0.1:{PORT}",
    metavar="HOST[:PORT]",
    help=f"Address to listen on; port 0 takes a free one.  [default: 127.0.0.1:{PORT}]",
)
@click.option(
    "--tokens",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Who may write: a line `TOKEN [ORIGIN...]` each, read anew at each request. Without it "
    "the depot is only read.",
)
@click.option(
    "--certs",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Certificates (PEM) to serve over TLS with; --key is needed with it.",
)
@click.option(
    "--key",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Private key (PEM) of the certificate; --certs is needed with it.",
)
def serve(
    directory: str, *, listen: str, tokens: str | None, certs: str | None, key: str | None
) -> None:
    """Serve the folder DIR as a depot, in the foreground, until Ctrl-C or TERM.

    Clients name it by HAB_BLDR_URL or --url: http://HOST:PORT, with --certs and --key https://.
    They believe the authorities of their system, of SSL_CERT_FILE, and of the .pem and .crt files
    in cache/ssl below their root. The folder can be used without a server too, also while one runs:
    HAB_BLDR_URL=file:///DIR.

    \b
    DIR/harts      packages; a HART file copied in counts
    DIR/keys       public keys of origins
    DIR/channels   what was promoted
    """  # noqa: D301 - \b is click's mark for text kept as it is
    from actors.adapters.depot_folder import FolderDepot
    from actors.adapters.depot_server import TokenFile
    from actors.adapters.depot_server import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # we write our own line a request
    file = TokenFile(Path(tokens).absolute() if tokens else None)
    file.read()  # a file that cannot be read is said now, not at the first upload
    folder = FolderDepot(Path(directory).absolute())
    folder.prepare()
    tls = _tls(certs, key)
    listening = _listen(listen)
    host, port = listening.getsockname()[:2]
    url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
    writers = f"tokens from {tokens}" if tokens else "read-only, since --tokens is not given"
    if tokens and tls is None and not is_loopback(host):
        say("Without --certs and --key tokens cross the network for everybody to read.")
    run(
        folder,
        listening,
        file,
        ready=lambda: say(f"Serving {folder.folder} on {url} ({writers})"),
        tls=tls,
    )
    say("The depot has ended.")


def _tls(certs: str | None, key: str | None) -> ssl.SSLContext | None:
    """The server's TLS. Raises UsageError for half of it, Failure for files that are none."""
    if (certs is None) != (key is None):
        raise click.UsageError("--certs and --key belong together: a certificate and its key")
    from actors.adapters.tls import server_context

    try:
        return server_context(certs or "", key or "")
    except OSError as error:
        raise Failure(
            f"{certs} and {key} cannot be used for TLS: {error.strerror or error}",
            "A certificate and its private key, as PEM files, without a password.",
        ) from error


def _listen(address: str) -> socket.socket:
    """Bind, so that a port that is taken is an error before anything is said."""
    try:
        free = address.endswith(":0")
        host, port = split_host(address.removesuffix(":0"), PORT)
    except ValueError as error:
        raise click.UsageError(f"--listen: {error}") from error
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, 0 if free else port), family=family, backlog=128)
    except OSError as error:
        raise Failure(
            f"Cannot listen on {address}: {error.strerror or error}",
            "Is a depot running there already? --listen HOST:0 takes a free port.",
        ) from error

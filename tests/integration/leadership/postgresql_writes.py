"""Writes to a PostgreSQL: acknowledged when the client's COMMIT has returned."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from acknowledged_writes import Outcome
from psycopg import errors

ASK_S = 3.0  # for any answer; then the outcome is unknown
PASSWORD = "it's a secret"


class PostgresqlWrites:
    """A client of one server, over TCP with a password."""

    def __init__(self, port: int) -> None:
        self._connection = connect(port)

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._connection.close()

    def write(self, number: int) -> Outcome:
        try:
            with deadline(self._connection):
                self._connection.execute("INSERT INTO writes VALUES (%s)", [number])
                self._connection.commit()
        except (errors.ReadOnlySqlTransaction, errors.UndefinedTable):
            return "refused"  # it leads nobody
        except psycopg.Error as error:
            raise ConnectionError(str(error)) from error
        return "acknowledged"


def connect(port: int) -> psycopg.Connection:
    """Come in as the superuser. Raises OSError where that does not succeed."""
    try:
        return psycopg.connect(
            host="127.0.0.1",
            port=port,
            user="admin",
            password=PASSWORD,
            dbname="postgres",
            connect_timeout=2,
        )
    except psycopg.Error as error:
        raise ConnectionError(str(error)) from error


@contextmanager
def deadline(connection: psycopg.Connection) -> Iterator[None]:
    """Cut the connection if it takes longer than `ASK_S`; nothing is cancelled in the server."""
    with socket.socket(fileno=os.dup(connection.fileno())) as cut:
        late = threading.Timer(ASK_S, cut.shutdown, [socket.SHUT_RDWR])
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()


def found(port: int, numbers: list[int]) -> set[int]:
    """Which of these writes a server has."""
    with contextlib.closing(connect(port)) as connection:
        return set(numbers) & {n for (n,) in connection.execute("SELECT number FROM writes")}

"""The stores of the storm: each run gets an empty one, and some are taken away, locked or set back under its processes."""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TREE = Path(__file__).resolve().parent.parent.parent


class Store:
    """An empty store, with a folder for what it needs. Its `address` is what goes into the configuration."""

    address: str

    def __init__(self, folder: Path) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} cannot be stopped")

    def start(self) -> None:
        raise NotImplementedError

    def keep_copy(self) -> None:
        raise NotImplementedError(f"{type(self).__name__} cannot be copied")

    def restore_copy(self) -> None:
        raise NotImplementedError

    def change(self, statements: str) -> list[Any]:
        """Runs SQL that is not the library's; the rows of the last statement."""
        raise NotImplementedError(f"{type(self).__name__} speaks no SQL")

    def close(self) -> None:
        pass


class Sqlite(Store):
    """A file has no server to stop: it is locked instead."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "grants.db"
        self.copy = folder / "copy.db"
        self.address = f"sqlite:{self.path}"

    def stop(self) -> None:
        self._lock = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        self._lock.execute("BEGIN EXCLUSIVE")

    def start(self) -> None:
        self._lock.execute("ROLLBACK")
        self._lock.close()

    def change(self, statements: str) -> list[Any]:
        with sqlite3.connect(self.path, timeout=30) as connection:
            rows: list[Any] = []
            for statement in statements.split(";"):
                rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def keep_copy(self) -> None:
        copied(self.path, self.copy)

    def restore_copy(self) -> None:
        copied(self.copy, self.path)


def copied(source: Path, target: Path) -> None:
    """By SQLite's own means, which respect what is under way."""
    with sqlite3.connect(source, timeout=30) as old, sqlite3.connect(target, timeout=30) as new:
        old.backup(new)
    old.close()
    new.close()


class File(Store):
    """One sealed file for each grant."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "grants"
        self.copy = folder / "copy"
        self.address = f"file:{self.path}"

    def keep_copy(self) -> None:
        shutil.copytree(self.path, self.copy)

    def restore_copy(self) -> None:
        shutil.copytree(self.copy, self.path, dirs_exist_ok=True)


class Service(Store):
    """A database server of scripts/services, and in it a database of this run."""

    name: str

    def __init__(self, _folder: Path) -> None:
        self.server = services("start", self.name)
        self.database = f"storm_{secrets.token_hex(4)}"
        self.make()

    def make(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        services("stop", self.name)

    def start(self) -> None:
        services("start", self.name)


class Postgres(Service):
    name = "postgres"

    def make(self) -> None:
        self.ask(f'CREATE DATABASE "{self.database}"', database="evergrant")
        self.address = self.server["address"].rpartition("/")[0] + f"/{self.database}"

    def close(self) -> None:
        services("start", self.name)
        self.ask(f'DROP DATABASE "{self.database}" WITH (FORCE)', database="evergrant")

    def tables(self) -> list[str]:
        rows = self.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [str(name) for (name,) in rows]

    def keep_copy(self) -> None:
        self.ask("CREATE SCHEMA copy")
        for table in self.tables():
            self.ask(f'CREATE TABLE copy."{table}" AS TABLE public."{table}"')

    def restore_copy(self) -> None:
        statements = [f'DELETE FROM public."{table}"; INSERT INTO public."{table}" SELECT * FROM copy."{table}"'
                      for table in self.tables()]
        self.ask("; ".join(["BEGIN", *statements, "COMMIT"]))

    def change(self, statements: str) -> list[Any]:
        return self.ask(statements)

    def ask(self, statements: str, database: str | None = None) -> list[Any]:
        import psycopg

        address = self.server["address"].rpartition("/")[0] + f"/{database or self.database}"
        with psycopg.connect(address, autocommit=True) as connection:
            cursor = connection.execute(statements)
            return cursor.fetchall() if cursor.description else []


class Mariadb(Service):
    """The database is the one that the server was made with, emptied by another table prefix: it needs no client here."""

    name = "mariadb"

    def make(self) -> None:
        self.address = self.server["address"]
        statement = f"DROP DATABASE IF EXISTS evergrant; CREATE DATABASE evergrant"
        port = urlsplit(self.address).port
        command = ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uevergrant", "-pevergrant", "-e", statement]
        subprocess.run(command, check=True, capture_output=True)


class Redis(Service):
    name = "redis"

    def make(self) -> None:
        self.address = self.server["address"]
        import socket

        with socket.create_connection(("127.0.0.1", self.server["port"]), 10) as connection:
            connection.sendall(b"FLUSHALL\r\n")
            assert connection.recv(5) == b"+OK\r\n"


STORES: dict[str, type[Store]] = {
    "sqlite": Sqlite,
    "postgres": Postgres,
    "mariadb": Mariadb,
    "redis": Redis,
    "file": File,
}


def services(*words: str) -> dict[str, Any]:
    command = [sys.executable, str(TREE / "scripts/services"), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    told: dict[str, Any] = json.loads(done.stdout or "{}")
    return told

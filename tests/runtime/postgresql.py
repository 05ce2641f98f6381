"""A PostgreSQL server for the tests, in a temporary folder, reached by a socket in it: it listens on no port."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from pathlib import Path

#: Debian keeps the server's programs away from PATH.
_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
#: What makes a server quick whose data nobody needs to survive.
_QUICK = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB"


def program(name: str) -> str | None:
    """Give the path of one of the server's programs; None where no server is installed."""
    places = [*_DEBIAN[::-1], *map(Path, os.environ.get("PATH", "").split(os.pathsep))]
    return next((str(place / name) for place in places if (place / name).is_file()), None)


@contextlib.contextmanager
def server() -> Generator[str]:
    """Start a server, give the address of its database, and stop it. It needs initdb and pg_ctl."""
    folder = Path(tempfile.mkdtemp(prefix="nbship-pg-"))
    owner = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}  # it does not run as root
    if owner:
        shutil.chown(folder, **owner)
    data = folder / "data"

    def run(name: str, *arguments: str) -> None:
        command = [program(name) or name, *arguments]
        subprocess.run(command, check=True, cwd=folder, capture_output=True, **owner)

    try:
        run("initdb", "-D", str(data), "-U", "nbship", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' {_QUICK}"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql://nbship@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

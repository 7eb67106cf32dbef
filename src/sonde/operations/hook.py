"""`sonde hook`: a git hook that asks one line where a commit changes a watched setting, and never stops a commit."""

import os
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sonde.errors import BadInput, SondeError

NAME = "prepare-commit-msg"
MARK = "# Installed by sonde: asks one line where a commit changes a watched setting, and never stops a commit."
KEPT = "before-sonde"
"""Ending of a hook that was there before; it goes on being called first."""
SILENT_SOURCES = frozenset({"merge", "squash", "commit"})
"""Commits whose message is another's: merges, squashes, amended ones."""
SECONDS = 30
MOST_SHOWN = 3
TERMINAL = Path("/dev/tty")
OFF = "SONDE_HOOK"
"""Environment variable: `off` keeps the hook from asking."""


def install(repository: Path) -> Path:
    """Install the hook into a repository; a hook that is there is kept and called first. Return its path.

    Raises
    ------
    BadInput : no git repository is there. SondeError : a hook was kept earlier, and another is there now.
    """
    hook = _hook_path(repository)
    kept = hook.with_name(f"{NAME}.{KEPT}")
    if hook.exists() and MARK not in hook.read_text(encoding="utf-8", errors="replace"):
        if kept.exists():
            raise SondeError(f"{hook} and {kept} are both there and not sonde's: join them into one first.")
        hook.rename(kept)
    hook.parent.mkdir(parents=True, exist_ok=True)
    fresh = hook.with_name(f"{NAME}.{os.getpid()}.tmp")
    fresh.write_text(_script(), encoding="utf-8")
    fresh.chmod(0o755)
    fresh.replace(hook)
    return hook


def uninstall(repository: Path) -> Path:
    """Take the hook out again; the one that was there before is put back. Raises SondeError where there is none."""
    hook = _hook_path(repository)
    if not hook.exists() or MARK not in hook.read_text(encoding="utf-8", errors="replace"):
        raise SondeError(f"{hook} is not sonde's: nothing was taken out.")
    hook.unlink()
    with suppress(FileNotFoundError):
        hook.with_name(f"{NAME}.{KEPT}").rename(hook)
    return hook


def _hook_path(repository: Path) -> Path:
    found = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "--git-path", f"hooks/{NAME}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode != 0 or not found.stdout.strip():
        raise BadInput(repository, None, "is no git repository", "Give a folder inside a working copy.")
    return (repository / found.stdout.strip()).absolute()


def _script() -> str:
    """The hook: the one before it first, then the question; whatever happens to the question, the commit goes on."""
    python = sys.executable.replace("'", "'\\''")
    return f"""#!/bin/sh
{MARK}
if [ -x "$0.{KEPT}" ]; then
    "$0.{KEPT}" "$@" || exit $?
fi
if [ -x '{python}' ]; then
    '{python}' -m sonde.cli.commit_hook "$@" || true
fi
exit 0
"""


# ---- the question ----


def ask(folder: Path, message_file: Path, source: str = "", environment: Mapping[str, str] = os.environ) -> bool:
    """Ask why a watched setting changes, and write the answer into the commit message; say whether there was one.

    Nothing is asked where nobody sits at a terminal, for messages of others, or where SONDE_HOOK is off; the question
    goes away by itself after half a minute.
    """
    if source in SILENT_SOURCES or environment.get(OFF, "").lower() == "off" or _has_trailer(message_file):
        return False
    from sonde.decisions.changes.staged import staged_changes

    changed = [_told(path, difference) for path, difference in staged_changes(folder)]
    if not changed:
        return False
    try:
        terminal = TERMINAL.open("r+b", buffering=0)
    except OSError:
        return False
    with terminal:
        why = _line(terminal, [*_listed(changed), f"Why? (one line; Enter for none, goes on in {SECONDS} s) "])
        rejected = _line(terminal, ["Rejected instead? (Enter for none) "]) if why else ""
    return bool(why) and _write(message_file, {"Why": why, "Rejected": rejected})


def _told(path: str, difference: object) -> str:
    old, new = difference.old, difference.new  # type: ignore[attr-defined]
    unit = f" {new.unit}" if new.unit else ""
    return _printable(f"{new.key} {old.text} → {new.text}{unit} in {path}")


def _listed(changed: Sequence[str]) -> list[str]:
    more = [f"and {len(changed) - MOST_SHOWN} more\n"] if len(changed) > MOST_SHOWN else []
    return [f"sonde: {line}\n" for line in changed[:MOST_SHOWN]] + more


def _line(terminal: IO[bytes], prompt: Sequence[str]) -> str:
    """Show a prompt and read a line; empty after SECONDS without one."""
    terminal.write("".join(prompt).encode())
    ready, _, _ = select.select([terminal], [], [], SECONDS)
    if not ready:
        terminal.write(b"\n")
        return ""
    typed = os.read(terminal.fileno(), 4096).decode("utf-8", errors="replace")
    return _printable(typed.partition("\n")[0])


def _printable(text: str) -> str:
    """One line without what steers a terminal, whoever named the file."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _has_trailer(message_file: Path) -> bool:
    """Whether the message says why already."""
    text = message_file.read_text(encoding="utf-8", errors="replace") if message_file.exists() else ""
    return any(line.startswith("Why:") for line in text.splitlines())


def _write(message_file: Path, trailers: Mapping[str, str]) -> bool:
    """Add trailers as git writes them."""
    options = [part for name, value in trailers.items() if value for part in ("--trailer", f"{name}: {value}")]
    command = ["git", "interpret-trailers", "--in-place", *options, str(message_file)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0

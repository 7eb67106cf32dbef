"""Places where a test can kill the process: SONDE_FAILPOINT="name:k" sends SIGKILL at the k-th pass of that name."""

import os
import signal
from collections import Counter

FILE_STEPS = ("written", "fsynced", "renamed", "folder_fsynced")
"""After each of these steps of publishing a file."""
TRANSACTION_STEPS = ("written", "committed")
"""Before and after the commit of each kind of transaction."""
FILES = ("lock", "format", "shard", "embeddings", "artifact", "backup")
TRANSACTIONS = (
    "import_row",
    "shard_row",
    "dataset_row",
    "dataset_removal",
    "passages",
    "changes",
    "links",
    "link_status",
    "source_row",
    "source_removal",
    "potential_row",
    "potential_removal",
    "run_row",
    "run_end",
    "artifact_row",
)
FAILPOINTS = (
    *(f"{what}.{step}" for what in FILES for step in FILE_STEPS),
    *(f"{what}.{step}" for what in TRANSACTIONS for step in TRANSACTION_STEPS),
    "migration.committed",
    "dataset_folder.made",
    "dataset_folder.removed",
)

_passes: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Pass a named place; nothing happens unless SONDE_FAILPOINT names it."""
    setting = os.environ.get("SONDE_FAILPOINT")
    if setting is not None:
        _pass(name, setting)


def _pass(name: str, setting: str) -> None:
    wanted, _, k = setting.rpartition(":")
    if name not in FAILPOINTS or wanted not in FAILPOINTS:
        raise ValueError(f"failpoint {name!r}, asked for {wanted!r}: known are {', '.join(FAILPOINTS)}")
    _passes[name] += 1
    if name == wanted and _passes[name] == int(k):
        os.kill(os.getpid(), signal.SIGKILL)

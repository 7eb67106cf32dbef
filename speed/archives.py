"""Archives of a laboratory at scale: commits of a repository, a mailbox by its size, an answer from a cold start."""

import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

from speed.importing import Cost, slack_export
from speed.measuring import Row, growth, in_a_process_of_its_own, peak_memory_MB, seconds

from sonde.operations.add_source import add_source
from sonde.operations.initialise import initialise
from sonde.operations.links import link_again, read_passages
from sonde.operations.remove import remove
from sonde.operations.why import Asked, why
from sonde.records.decisions import Change, Passage
from sonde.store import Project, ledger

FIRST = datetime(2017, 7, 14, tzinfo=UTC)
N_FILES, N_KEYS = 10, 20
TALK = "cutoff forces smearing node queue lunch meeting plot fit converged epoch seed paper review cells"
SMALL_CACHE_KIB = 2048
N_LINKED = 150
"""Commits that are linked with messages."""
QUESTION = "why is the force cutoff 25 eV"
START = "from sonde.cli.main import main; main()"


def measure(
    commits: Iterable[int] = (1_000, 10_000),
    megabytes: Iterable[int] = (5, 20),
    messages: Iterable[int] = (5_000, 40_000),
) -> Iterator[Row]:
    """Growth of time with commits, of memory with a mailbox, and of a cold answer with messages."""
    taken = {size: in_a_process_of_its_own(cost_of_commits, size) for size in commits}
    yield growth("add git, over commits: parsed, compared, linked", taken, "s")
    costs = {size: in_a_process_of_its_own(cost_of_mail, size) for size in megabytes}
    yield growth("add mail, over megabytes of mbox", {size: cost.seconds for size, cost in costs.items()}, "s")
    yield growth("  peak memory beyond the packages", {size: cost.memory_MB for size, cost in costs.items()}, "MB")
    gone = {size: in_a_process_of_its_own(cost_of_removal, size) for size in messages}
    yield growth(
        "sonde remove, over messages that were linked", {size: cost.seconds for size, cost in gone.items()}, "s"
    )
    yield growth("  peak memory beyond the packages", {size: cost.memory_MB for size, cost in gone.items()}, "MB")
    cold = {size: cost_of_a_cold_answer(size) for size in messages}
    yield growth("sonde why as a process of its own, over messages", cold, "s")
    of_keys = {size: in_a_process_of_its_own(cost_of_artifacts, size) for size in messages}
    linked = {size: cost.linking_s for size, cost in of_keys.items()}
    yield growth(f"linking of {N_LINKED} commits again, over messages", linked, "s")
    yield growth("  why --key, --commit and --at, median over messages", {n: c.why_s for n, c in of_keys.items()}, "s")
    yield growth("  peak memory of linking and asking", {n: c.memory_MB for n, c in of_keys.items()}, "MB")


def cost_of_commits(size: int) -> float:
    """Seconds to add a repository of settings, code and documents; git's own processes included."""
    with tempfile.TemporaryDirectory() as folder:
        repository = generated_repository(Path(folder) / "repository", size)
        project = initialise(Path(folder) / "project")
        before = _seconds_of_children()
        own = seconds(lambda: add_source(project, "git", repository))
        return own + _seconds_of_children() - before


def cost_of_mail(megabytes: int) -> Cost:
    """Add a generated mailbox to a project; its cache of pages, which is bounded, is small lest it hide the rest."""
    ledger.CACHE_KIB = SMALL_CACHE_KIB
    with tempfile.TemporaryDirectory() as folder:
        first, mailbox = (
            mbox(Path(folder) / name, size) for name, size in (("first.mbox", 0.5), ("all.mbox", megabytes))
        )
        project = initialise(Path(folder) / "project")
        add_source(project, "mail", first)
        before = peak_memory_MB()
        took = seconds(lambda: add_source(project, "mail", mailbox))
        return Cost(took, max(peak_memory_MB() - before, 0.1))


def cost_of_removal(size: int) -> Cost:
    """Remove an export that was linked with a repository, as the command does; the memory is that of the removal."""
    ledger.CACHE_KIB = SMALL_CACHE_KIB
    with tempfile.TemporaryDirectory() as folder:
        project = initialise(Path(folder) / "project")
        add_source(project, "git", generated_repository(Path(folder) / "repository", N_LINKED))
        for name, n_messages in (("first", 100), ("all", size)):
            add_source(project, "slack", slack_export(Path(folder) / f"{name}.zip", n_messages))
        cost: Cost = in_a_process_of_its_own(_cost_of_removing, project.root)
        return cost


def _cost_of_removing(root: Path) -> Cost:
    ledger.CACHE_KIB = SMALL_CACHE_KIB
    project = Project.open(root)
    remove(project, "first")
    before = peak_memory_MB()
    took = seconds(lambda: remove(project, "all"))
    return Cost(took, max(peak_memory_MB() - before, 0.1))


@dataclass(frozen=True)
class ArtifactCost:
    """What it takes to link a repository with talk, and to ask for the reasons of its changes; beyond the packages."""

    linking_s: float
    why_s: float
    memory_MB: float


def cost_of_artifacts(size: int, n_asked: int = 12) -> ArtifactCost:
    """Link commits with talk that was read before, and ask of some changes by key, commit and place, a second time."""
    with tempfile.TemporaryDirectory() as folder:
        project = initialise(Path(folder) / "project")
        add_source(project, "git", generated_repository(Path(folder) / "repository", N_LINKED))
        before = peak_memory_MB()
        with project.writing():
            project.passages.add("talk", talk(size))
        read_passages(project)
        linking = seconds(lambda: link_again(project))
        some = project.changes.all()[:: max(len(project.changes.all()) // n_asked, 1)]
        forms = (_of_key, _of_commit, _of_place)
        costs = [seconds(partial(why, project, form(change)), repeats=2) for change in some for form in forms]
        return ArtifactCost(linking, median(costs), max(peak_memory_MB() - before, 0.1))


def talk(size: int) -> Iterator[Passage]:
    """Messages of chat in threads of four, one by one; every tenth gives a value of a setting."""
    rng, words = random.Random(0), TALK.split()
    for n in range(size):
        text = " ".join(rng.choices(words, k=14)) + (f" ecut_eV {rng.randrange(500)} eV" if n % 10 == 0 else "")
        when = FIRST + timedelta(minutes=9 * n)
        yield Passage(f"slack:lab/{n}.0", text, "slack", f"Person {n % 12}", when, f"lab/{n // 4}", "lab")


def _of_key(change: Change) -> Asked:
    return Asked(key=change.key)


def _of_commit(change: Change) -> Asked:
    return Asked(commit=change.commit)


def _of_place(change: Change) -> Asked:
    return Asked(at=f"{change.path}:{change.line}")


def cost_of_a_cold_answer(size: int, repeats: int = 3) -> float:
    """Least processor seconds of `sonde why` from the start of the interpreter to its end."""
    with tempfile.TemporaryDirectory() as folder:
        project = initialise(Path(folder) / "project")
        add_source(project, "slack", slack_export(Path(folder) / "all.zip", size))
        return seconds_of_command(project.root, "why", QUESTION, repeats=repeats)


def seconds_of_command(project: Path, *arguments: str, repeats: int = 3) -> float:
    """Least processor seconds of a command on a project that no process holds open."""
    command = [sys.executable, "-c", START, *arguments, "--project", str(project)]
    costs = []
    for _ in range(repeats):
        before = _seconds_of_children()
        subprocess.run(command, check=False, capture_output=True)  # 3: no reason is recorded
        costs.append(_seconds_of_children() - before)
    return min(costs)


def generated_repository(path: Path, n_commits: int) -> Path:
    """Commits an hour apart, two of five of a setting, two of code, one of a document; each names its file."""
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(path)], check=True)
    stream = b"".join(_commits(n_commits))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=path, input=stream, check=True)
    subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=path, check=True)
    return path


def _commits(n_commits: int) -> Iterator[bytes]:
    rng = random.Random(0)
    named = {"ecut_eV": 300.0, "max_force": 5.0, "lr": 0.01} | {f"key_{j}": float(j) for j in range(N_KEYS)}
    settings = {f"conf/run_{k}.yaml": dict(named) for k in range(N_FILES)}
    code = {f"src/mod_{k}.py": [_function(j) for j in range(30)] for k in range(N_FILES)}
    documents = {f"docs/page_{k}.md": [f"# Page {k}\n", *(_remark(j) for j in range(30))] for k in range(N_FILES)}
    for n in range(n_commits):
        if n % 5 < 2:
            path = rng.choice(list(settings))
            settings[path][rng.choice(list(named))] = round(rng.uniform(0, 500), 2)
            text = "".join(f"{key}: {value}\n" for key, value in settings[path].items())
        else:
            pages, make = (code, _function) if n % 5 < 4 else (documents, _remark)
            path = rng.choice(list(pages))
            pages[path][rng.randrange(1, 30)] = make(n)
            text = "\n".join(pages[path])
        yield _commit(n, path, text.encode())


def _function(n: int) -> str:
    return f"def f_{n}(x):\n    return x * {n}.5 if x > {n} else {n}\n"


def _remark(n: int) -> str:
    return f"Paragraph {n} says another thing because of run {n}.\n"


def _commit(n: int, path: str, text: bytes) -> bytes:
    message = f"change {n} of {path}, because run {n} failed".encode()
    when = int((FIRST + timedelta(hours=n)).timestamp())
    head = b"commit refs/heads/main\ncommitter Ann Bee <ann@lab.example> %d +0000\ndata %d\n%s\n"
    return head % (when, len(message), message) + b"M 100644 inline %s\ndata %d\n%s\n" % (
        path.encode(),
        len(text),
        text,
    )


def mbox(path: Path, megabytes: float) -> Path:
    """Mails of 25 lines in threads of four, until the mailbox is as large."""
    rng, number = random.Random(0), 0
    words = ["".join(rng.choices("abcdefghiklmnoprstuw", k=rng.randint(2, 9))) for _ in range(5000)]
    lines = [" ".join(rng.choices(words, k=14)) for _ in range(4000)]
    with path.open("w", encoding="ascii") as mailbox:
        while mailbox.tell() < megabytes * 1e6:
            reply = f"In-Reply-To: <{number - 1}@lab.example>\n" if number % 4 else ""
            mailbox.write(
                "From ann@lab.example Tue Oct  8 09:00:00 2024\nFrom: Ann Bee <ann@lab.example>\n"
                f"Subject: matter {number // 4}\nDate: Tue, 08 Oct 2024 09:00:00 +0000\n"
                f"Message-ID: <{number}@lab.example>\n{reply}\n" + "\n".join(rng.choices(lines, k=25)) + "\n\n"
            )
            number += 1
    return path


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

"""Reasons written down while they are known: the git hook at a real terminal, and decision records."""

import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from tests.cli.terminal import done, sonde
from tests.operations.group import history, project_in

from sonde.errors import BadInput, SondeError, WrongUse
from sonde.operations.add_source import add_source
from sonde.operations.decide import NewDecision, decide, record_text
from sonde.operations.hook import install, uninstall
from sonde.operations.why import Asked, why
from sonde.store import Project

ENVIRONMENT = {**os.environ, "GIT_AUTHOR_NAME": "Mira", "GIT_AUTHOR_EMAIL": "mira@lab.example"}
ENVIRONMENT |= {"GIT_COMMITTER_NAME": "Mira", "GIT_COMMITTER_EMAIL": "mira@lab.example", "GIT_EDITOR": "true"}
REASON = "frames above 15 eV/Å never converged and poison the fit"
COMMIT = ("commit", "-a", "-m", "lower the cutoff")


def git(folder: Path, *arguments: str) -> str:
    found = subprocess.run(
        ["git", "-C", str(folder), *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=60
    )
    return found.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A working copy with the hook, in which a watched setting has just been edited."""
    folder = history(tmp_path)
    install(folder)
    (folder / "filters.yaml").write_text("force_cutoff: 15.0  # eV/Å\n", encoding="utf-8")
    return folder


def at_a_terminal(folder: Path, answers: list[str], *arguments: str, **more: str) -> str:
    """Run git where a person sits, type an answer at each question, and return what the terminal showed."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execvpe("git", ["git", *arguments], {**ENVIRONMENT, **more})
    shown, left, deadline = "", list(answers), time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 4096).decode(errors="replace")
            except OSError:
                break
        if left and shown.count("Enter for none") > len(answers) - len(left):
            os.write(terminal, f"{left.pop(0)}\n".encode())
    os.waitpid(child, 0)
    os.close(terminal)
    return shown


def message(folder: Path) -> str:
    return git(folder, "log", "-1", "--format=%B").strip()


def test_a_person_is_asked_and_the_answer_becomes_trailers(repository: Path) -> None:
    shown = at_a_terminal(repository, [REASON, "20 lets half of them in"], *COMMIT)
    assert "force_cutoff 20.0 → 15.0 eV/Å in filters.yaml" in shown
    assert message(repository) == f"lower the cutoff\n\nWhy: {REASON}\nRejected: 20 lets half of them in"


def test_the_answer_is_the_reason_that_why_finds(repository: Path, tmp_path: Path) -> None:
    at_a_terminal(repository, [REASON, ""], *COMMIT)
    project = project_in(tmp_path)
    add_source(project, "git", repository)
    answer = why(project, Asked(key="force_cutoff"))
    assert answer.answered
    assert any(REASON in quote.text and quote.anchor.startswith("commit:") for quote in answer.quotes)


def test_an_empty_answer_writes_nothing(repository: Path) -> None:
    at_a_terminal(repository, [""], *COMMIT)
    assert message(repository) == "lower the cutoff"
    assert git(repository, "status", "--porcelain") == ""


def test_control_characters_stay_out_of_the_message(repository: Path) -> None:
    at_a_terminal(repository, ["\x1b[2Jnoise\x07", ""], *COMMIT)
    assert message(repository) == "lower the cutoff\n\nWhy: [2Jnoise"


def test_scripts_are_never_stopped(repository: Path) -> None:
    """Without a terminal the commit goes through at once, as it was given."""
    command = [sys.executable, "-c", "import os, sys; os.setsid(); os.execvp('git', ['git', *sys.argv[1:]])"]
    begun = time.monotonic()
    subprocess.run([*command, *COMMIT], cwd=repository, env=ENVIRONMENT, check=True, timeout=20, capture_output=True)
    assert time.monotonic() - begun < 15
    assert message(repository) == "lower the cutoff"


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (("commit", "-a", "-m", "x\n\nWhy: known"), {}),
        (COMMIT, {"SONDE_HOOK": "off"}),
        (("commit", "-a", "--amend", "--no-edit"), {}),
        (("commit", "--allow-empty", "-m", "nothing staged"), {}),
    ],
    ids=["a message that says why", "switched off", "amended", "no watched change"],
)
def test_nobody_is_asked_where_there_is_nothing_to_ask(
    arguments: tuple[str, ...], more: dict[str, str], repository: Path
) -> None:
    shown = at_a_terminal(repository, [], *arguments, **more)
    assert "sonde:" not in shown
    assert message(repository)


def test_a_hook_that_was_there_is_called_first_and_comes_back(tmp_path: Path) -> None:
    folder = history(tmp_path)
    before = folder / ".git" / "hooks" / "prepare-commit-msg"
    before.parent.mkdir(exist_ok=True)
    before.write_text('#!/bin/sh\necho "Ticket: 7" >> "$1"\n', encoding="utf-8")
    before.chmod(0o755)
    words = before.read_bytes()
    install(folder)
    install(folder)  # again: nothing is lost
    (folder / "other.txt").write_text("x", encoding="utf-8")
    git(folder, "add", "other.txt")
    git(folder, "commit", "-m", "other")
    assert "Ticket: 7" in message(folder)
    assert uninstall(folder) == before
    assert before.read_bytes() == words
    with pytest.raises(SondeError, match="is not sonde's"):
        uninstall(folder)


def test_a_hook_that_fails_stops_the_commit_as_it_did_before(tmp_path: Path) -> None:
    folder = history(tmp_path)
    before = folder / ".git" / "hooks" / "prepare-commit-msg"
    before.parent.mkdir(exist_ok=True)
    before.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    before.chmod(0o755)
    install(folder)
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, "commit", "--allow-empty", "-m", "x")


def test_a_folder_without_a_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no git repository"):
        install(tmp_path)


# ---- decisions -------------------------------------------------------------------------------------------------------

DECISION = NewDecision(
    title="Force filter for rattled cells",
    chosen="15 eV/Å",
    because=REASON,
    rejected=("20 eV/Å, which lets half of them in",),
    about=("force_cutoff",),
    scope="rattled cells",
    author="Mira Halvorsen",
    day=date(2024, 10, 8),
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return project_in(tmp_path)


def test_a_decision_is_a_record_that_why_quotes(project: Project, tmp_path: Path) -> None:
    add_source(project, "git", history(tmp_path))
    written = decide(project, DECISION)
    assert written.path.endswith("decisions/0001-force-filter-for-rattled-cells.md")
    answer = why(project, Asked(question="why is force_cutoff 15 eV/Å?"))
    assert answer.answered
    assert any(REASON in quote.text and "0001-force" in quote.anchor for quote in answer.quotes)


@pytest.mark.parametrize("kind", ["notes", "adr"])
def test_why_tells_what_a_record_rejects_and_how_far_it_reaches(
    kind: str, repository: Path, project: Project, tmp_path: Path
) -> None:
    git(repository, "commit", "-a", "-m", "cutoff")
    add_source(project, "git", repository)
    path = tmp_path / "records" / "0001-force.md"
    path.parent.mkdir()
    path.write_text(record_text(replace(DECISION, day=date.today())), encoding="utf-8")
    add_source(project, kind, path.parent)
    decision = why(project, Asked(key="force_cutoff")).decision
    assert decision is not None
    assert any("20 eV/Å, which lets half of them in" in told for told in decision.rejected)
    assert decision.scope == "This holds for rattled cells"


def test_a_trailer_that_argues_for_what_was_rejected_is_no_reason(repository: Path, tmp_path: Path) -> None:
    against = "20 because it keeps the liquids"
    at_a_terminal(repository, [REASON, against], *COMMIT)
    project = project_in(tmp_path)
    add_source(project, "git", repository)
    answer = why(project, Asked(key="force_cutoff"))
    roles = {quote.role: quote.text for quote in answer.quotes}
    assert against not in roles["reason"]
    assert against in roles["rejected"]


def test_names_of_files_do_not_steer_the_terminal(repository: Path) -> None:
    (repository / "a\x1b[2J.yaml").write_text("force_cutoff: 20.0\n", encoding="utf-8")
    git(repository, "add", "--all")
    git(repository, "commit", "-m", "b", "--no-verify")
    (repository / "a\x1b[2J.yaml").write_text("force_cutoff: 15.0\n", encoding="utf-8")
    assert "\x1b[2J" not in at_a_terminal(repository, [""], *COMMIT)


def test_records_are_numbered_and_none_is_overwritten(project: Project) -> None:
    first, second = decide(project, DECISION), decide(project, DECISION)
    assert Path(first.path).name.startswith("0001-")
    assert Path(second.path).name.startswith("0002-")
    assert project.sources.names() == ["decisions"]
    assert second.n_passages > 0
    assert not list((project.root / "decisions").glob(".*"))


def test_a_dry_run_writes_nothing(project: Project) -> None:
    assert not decide(project, DECISION, dry_run=True).stored
    assert not (project.root / "decisions").exists()


def test_the_record_is_read_by_people(project: Project) -> None:
    text = record_text(DECISION)
    assert text.splitlines()[:4] == ["---", "status: accepted", "date: 2024-10-08", "author: Mira Halvorsen"]
    assert "# Force filter for rattled cells" in text
    assert f"force_cutoff: 15 eV/Å, because {REASON}. This holds for rattled cells." in text
    assert "* Rejected: 20 eV/Å, which lets half of them in" in text
    hostile = record_text(NewDecision("a\n---\nstatus: rejected", "b\n# c", "d"))
    assert hostile.count("\n---") == 1
    assert hostile.splitlines()[1] == "status: accepted"


def test_an_empty_reason_is_refused(project: Project) -> None:
    with pytest.raises(WrongUse, match="A decision needs a reason"):
        decide(project, NewDecision("title", "choice", " "))
    assert not (project.root / "decisions").exists()


def test_the_commands(project: Project, tmp_path: Path) -> None:
    given = ("decide", "Cutoff", "--chosen", "15", "--because", "noise", "--project", project.root)
    assert "would be written" in done(*given, "--dry-run").stdout
    assert done(*given, "--on", "2024-10-08", "--json").record["schema"] == "sonde.decide/1"
    folder = history(tmp_path)
    assert "installed: " in done("hook", "install", folder).stderr
    assert "taken out: " in done("hook", "uninstall", folder).stderr
    assert sonde("hook", "install", tmp_path).code == 1

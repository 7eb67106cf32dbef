"""Every source keeps every law, and the laws notice a source that breaks them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.decisions import build, chats, papers

from sonde.decisions import sources
from sonde.records.decisions import Passage
from sonde.testing.sources import LAWS, check_changes, check_deleted, check_source


def slack_export(folder: Path) -> Path:
    parent = build.said("U1", "Max force of 15 eV/Å? &gt; 15 are unconverged.", 0, thread_ts=build.slack_ts(0))
    reply = build.said("U2", "Agreed, <@U1>.", 30, thread_ts=build.slack_ts(0))
    gone = build.said("U2", "This message was deleted.", 31, subtype="tombstone")
    return build.slack_zip(
        folder / "slack.zip", {"ml-potential": [parent, reply, gone], "random": [build.said("U2", "Cake!", 1)]}
    )


def mailbox(folder: Path) -> Path:
    first = build.mail("Mira <mira@lab.example>", "PBE or PBEsol?", "PBEsol.\n", 0, message_id="<a1@lab.example>")
    second = build.mail("J <j@lab.example>", "Re: PBE", "Why?\n> PBEsol.\n", 1, in_reply_to="<a1@lab.example>")
    return build.mbox(folder / "group.mbox", [first, second])


def mattermost_export(folder: Path) -> Path:
    replies = [chats.wrote("jonas", "Agreed.", 1), chats.wrote("mira", "no", 2, delete_at=chats.mattermost_ms(3))]
    posts = [chats.post("mira", "15 eV/Å?", 0, replies=replies), chats.direct_post("jonas", "psst", 2)]
    return chats.mattermost_file(folder / "export.zip", posts)


def zulip_export(folder: Path) -> Path:
    messages = [chats.zulip_message(n, f"part {n} of @**Jonas|12**", n) for n in range(1, 6)]
    messages.append(chats.zulip_message(6, "(deleted)", 6))
    return chats.zulip_export(folder / "lab.tar.gz", chats.zulip_files(messages))


def note_folder(folder: Path) -> Path:
    text = "# Group meeting 2024-10-08\n\nWe keep 520 eV.\n\n- because of Li\n"
    return build.notes(folder / "notes", {"meetings/october.md": text, "readme.txt": "Notes of the group.\n"})


def deck(folder: Path) -> Path:
    slides = [("Cutoff", "520 eV is converged", "Mira computed it"), ("Forces", "15 eV/Å", "")]
    return build.presentation(folder / "meeting.pptx", slides, author="Mira Halvorsen", time=build.BEGIN)


def word_and_pdf(folder: Path) -> Path:
    path = build.notes(folder / "papers", {"paper.tex": "\\section{Why}\n\n% Li needs it\nWe keep 520 eV.\n"})
    papers.word_file(path / "minutes.docx", [("Heading 1", "Cutoff"), ("", "We keep 520 eV.")], {2: "Because of Li."})
    papers.notebook(path / "test.ipynb", [papers.cell("code", "ENCUT = 520", papers.printed("0.4 meV/atom"))])
    (path / "talk.pdf").write_bytes(papers.pdf_bytes(["We drop |F| > 15 eV/Å."]))
    return path


def decision_records(folder: Path) -> Path:
    record = "# Cutoff\n\n* Status: accepted\n\n## Decision\n\nWe keep 520 eV, because of Li.\n"
    return build.notes(folder / "adr", {"0001-cutoff.md": record, "readme.md": "# Index\n"})


def tracking_store(folder: Path) -> Path:
    files = {"meta.yaml": "experiment_id: '1'\nname: alloy\n", "tags/mlflow.note.content": "Fit for Al-Li-Mg."}
    return build.notes(folder / "mlruns", {f"1/{name}": text for name, text in files.items()})


def result_folder(folder: Path) -> Path:
    versions = {"run_v2/INCAR": "ENCUT = 400\n", "run_final/INCAR": "ENCUT = 520  # Li needs it\n"}
    return build.notes(folder / "results", {**versions, "run_final/errors.csv": "system,mae\nAl,0.02\n"})


def git_repository(folder: Path) -> Path:
    path = build.repository(folder / "potential")
    readme = "# Potential\n\nForces in eV/Å.\n"
    build.commit(path, {"README.md": readme, "filter.yaml": "max_force: 30.0\n"}, "Start")
    build.commit(path, {"filter.yaml": "max_force: 15.0  # spikes are unconverged\n"}, "Lower the limit", hours=5)
    return path


EXPORTS: dict[str, Callable[[Path], Path]] = {
    "slack": slack_export,
    "mattermost": mattermost_export,
    "zulip": zulip_export,
    "mail": mailbox,
    "notes": note_folder,
    "slides": deck,
    "documents": word_and_pdf,
    "adr": decision_records,
    "mlflow": tracking_store,
    "folder": result_folder,
    "git": git_repository,
}


@pytest.mark.parametrize("kind", sources.readers)
@pytest.mark.parametrize("law", LAWS)
def test_source_keeps_the_law(kind: str, law: str, tmp_path: Path) -> None:
    LAWS[law](sources.readers[kind], EXPORTS[kind](tmp_path))


WITH_CHANGES = [kind for kind, source in sources.SOURCES.items() if source.changes]
WITH_DELETIONS = [kind for kind, source in sources.SOURCES.items() if source.deleted]


@pytest.mark.parametrize("kind", WITH_CHANGES)
def test_changes_keep_their_laws(kind: str, tmp_path: Path) -> None:
    changes = sources.SOURCES[kind].changes
    assert changes is not None
    check_changes(changes, EXPORTS[kind](tmp_path))


@pytest.mark.parametrize("kind", WITH_DELETIONS)
def test_deletions_keep_their_laws(kind: str, tmp_path: Path) -> None:
    deleted = sources.SOURCES[kind].deleted
    assert deleted is not None
    check_deleted(sources.readers[kind], deleted, EXPORTS[kind](tmp_path))


GOOD = Passage("mail:a@b", "We keep 15.", "mail", "Mira", datetime(2024, 10, 8, tzinfo=UTC))
BROKEN = {
    "anchors of no known form": replace(GOOD, anchor="somewhere"),
    "empty text": replace(GOOD, text=" "),
    "blank around": replace(GOOD, text="We keep 15.\n"),
    "in the text": replace(GOOD, text="We\x00keep 15."),
    "not in UTC": replace(GOOD, time=datetime(2024, 10, 8, tzinfo=timezone(timedelta(hours=2)))),
    "author is empty": replace(GOOD, author=""),
    "named by the project": replace(GOOD, source="mailbox"),
    "visibility": replace(GOOD, visibility="secret"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_laws_notice_a_broken_passage(complaint: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_source(lambda _: iter([BROKEN[complaint]]), tmp_path)


def test_laws_notice_a_broken_reader(tmp_path: Path) -> None:
    def untidy(path: Path) -> Iterator[Passage]:
        with (path / "index").open("a") as index:
            index.write("read\n")
        yield GOOD

    with pytest.raises(AssertionError, match="more than one passage"):
        check_source(lambda _: iter([GOOD, GOOD]), tmp_path)
    with pytest.raises(AssertionError, match="reading changed"):
        check_source(untidy, tmp_path)
    with pytest.raises(AssertionError, match="one by one"):
        check_source(lambda _: [GOOD], tmp_path)  # type: ignore[arg-type, return-value]

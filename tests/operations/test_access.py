"""What was not asked for never enters the project (private talk, excluded channels, secrets), and leaves when told."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.decisions import chats
from tests.decisions.build import commit, mail, mbox, said, slack_ts, slack_zip
from tests.operations.group import history, project_in

from sonde.errors import NotFound, WrongUse
from sonde.operations.add_source import AddedSource, SourceOptions, add_source
from sonde.operations.why import Asked, why
from sonde.records.decisions import Access
from sonde.store import Project

REASON = "I lowered force_cutoff from 50 to 20 eV/Å because unconverged SCF frames sit above 25"
LISTINGS: dict[str, list[dict[str, Any]]] = {
    "channels": [{"id": "C1", "name": "curation"}, {"id": "C2", "name": "hr"}],
    "groups": [{"id": "G1", "name": "steering"}],
    "mpims": [{"id": "G2", "name": "mpdm-mira--jonas--ada-1", "members": ["U1", "U2"]}],
    "dms": [{"id": "D1", "members": ["U1", "U2"]}],
}
TOKEN = "xox" + "b-123456789012-abcdefABCDEF"


def export(folder: Path, *more: dict[str, Any], where: str = "steering") -> Path:
    """A chat whose only reason stands in one conversation; every conversation holds some words."""
    messages: dict[str, list[dict[str, Any]]] = {name: [said("U2", f"hello {name}", 50)] for name in ("curation", "hr")}
    messages |= {name: [said("U2", f"hello {name}", 50)] for name in ("steering", "mpdm-mira--jonas--ada-1", "D1")}
    messages[where] = [said("U1", REASON, 1), *messages[where]]
    messages["curation"] += more
    return slack_zip(folder / "chat.zip", messages, LISTINGS)


def lab(folder: Path) -> Project:
    """A project with the history of one value, and no word on why it changed."""
    project = project_in(folder)
    add_source(project, "git", history(folder))
    return project


def texts(project: Project) -> set[str]:
    return {passage.text for passage in project.passages.all("chat")}


def on_disk(project: Project) -> bytes:
    return b"".join(file.read_bytes() for file in (project.root / ".sonde").rglob("*") if file.is_file())


def take(project: Project, path: Path, **asked: Any) -> AddedSource:
    return add_source(project, "slack", path, options=SourceOptions(**asked))


@pytest.mark.parametrize("where", ["steering", "mpdm-mira--jonas--ada-1", "D1"])
def test_a_reason_given_in_private_answers_only_where_it_was_asked_for(where: str, tmp_path: Path) -> None:
    project, path = lab(tmp_path), export(tmp_path, where=where)
    added = take(project, path)
    assert (added.n_passages, added.n_private) == (2, 4)
    for asked in (Asked("why is force_cutoff 20 eV/Å?"), Asked(key="force_cutoff"), Asked("unconverged SCF frames?")):
        answer = why(project, asked)
        assert not answer.answered
        assert not any(REASON in quote.text for quote in (*answer.quotes, *answer.nearest))
    assert REASON.encode() not in on_disk(project)
    take(project, path, include_private=True)
    assert why(project, Asked("why is force_cutoff 20 eV/Å?")).answered


def test_what_was_asked_for_is_remembered(tmp_path: Path) -> None:
    project, path = project_in(tmp_path), export(tmp_path)
    take(project, path, include_private=True, exclude_channels=("#HR",))
    held = texts(project)
    assert "hello steering" in held
    assert "hello hr" not in held
    assert take(project, path).n_new_passages == 0
    assert texts(project) == held
    assert project.sources.row("chat").access == Access(include_private=True, excluded_channels=("hr",))


def test_what_is_no_longer_asked_for_leaves_with_its_links(tmp_path: Path) -> None:
    project, path = lab(tmp_path), export(tmp_path)
    linked = take(project, path, include_private=True).n_links
    added = take(project, path, include_private=False)
    assert added.n_removed == 4
    assert added.n_links < linked
    assert texts(project) == {"hello curation", "hello hr"}
    assert not why(project, Asked(key="force_cutoff")).answered
    assert take(project, path, exclude_channels=("hr",)).n_removed == 1
    assert texts(project) == {"hello curation"}


def test_a_channel_that_was_made_private_leaves(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    take(project, export(tmp_path))
    closed = {**LISTINGS, "channels": LISTINGS["channels"][:1], "groups": [{"id": "C2", "name": "hr"}]}
    later = {"hr": [said("U2", "and another", 90)]}
    assert take(project, slack_zip(tmp_path / "chat.zip", later, closed)).n_removed == 1
    assert texts(project) == {"hello curation"}


def test_a_channel_that_is_not_there_cannot_be_excluded(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with pytest.raises(NotFound, match="No channel is called 'curration'; did you mean 'curation'"):
        take(project, export(tmp_path), exclude_channels=("curration",))
    assert project.sources.names() == []


def test_names_of_private_conversations_are_not_suggested(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    with pytest.raises(NotFound, match="known: curation, hr") as refused:
        take(project, export(tmp_path), exclude_channels=("steerin",))
    assert "steering" not in str(refused.value)
    with pytest.raises(NotFound, match="did you mean 'steering'"):
        take(project, export(tmp_path), exclude_channels=("steerin",), include_private=True)
    take(project, export(tmp_path), exclude_channels=("steering",))
    assert take(project, export(tmp_path), include_private=True).n_excluded == 2
    assert "hello steering" not in texts(project)


def other_chat(kind: str, folder: Path) -> Path:
    """A chat with an open channel, a closed one, and a direct conversation; the reason stands in both of the latter."""
    if kind == "mattermost":
        closed = chats.post("mira", REASON, 1, channel="steering")
        return chats.mattermost_file(
            folder / "chat.zip", [chats.post("jonas", "hello", 0), closed, chats.direct_post("mira", REASON, 2)]
        )
    messages = [
        chats.zulip_message(1, "hello", 0),
        chats.zulip_message(2, REASON, 1, recipient=chats.CLOSED),
        chats.zulip_message(3, REASON, 2, recipient=chats.TO_JONAS),
    ]
    return chats.zulip_export(folder / "chat.zip", chats.zulip_files(messages))


@pytest.mark.parametrize("kind", ["mattermost", "zulip"])
def test_access_holds_for_every_chat(kind: str, tmp_path: Path) -> None:
    project, path = lab(tmp_path), other_chat(kind, tmp_path)
    added = add_source(project, kind, path)
    assert (added.n_passages, added.n_private) == (1, 2)
    assert not why(project, Asked("why is force_cutoff 20 eV/Å?")).answered
    assert REASON.encode() not in on_disk(project)
    private = SourceOptions(include_private=True, exclude_channels=("#Steering",))
    added = add_source(project, kind, path, options=private)
    assert (added.n_passages, added.n_excluded) == (2, 1)
    assert why(project, Asked("why is force_cutoff 20 eV/Å?")).answered
    assert add_source(project, kind, path, options=SourceOptions(include_private=False)).n_removed == 1
    assert texts(project) == {"hello"}


def test_a_message_that_was_edited_is_revised_and_one_that_was_deleted_leaves(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    take(project, export(tmp_path, said("U1", "30 eV/Å", 2), said("U1", "cake", 3)))
    revised = said("U1", "15 eV/Å", 2, edited={"user": "U1", "ts": slack_ts(4)})
    gone = said("USLACKBOT", "This message was deleted.", 3, subtype="tombstone")
    added = take(project, export(tmp_path, revised, gone))
    assert (added.n_new_passages, added.n_removed) == (0, 1)
    assert texts(project) == {"hello curation", "hello hr", "15 eV/Å"}
    [edited] = [p for p in project.passages.all() if p.edited]
    assert edited.text == "15 eV/Å"


def test_secrets_do_not_reach_the_disk(tmp_path: Path) -> None:
    project = lab(tmp_path)
    added = take(project, export(tmp_path, said("U1", f"the bot's token is {TOKEN}, keep it", 2)))
    assert added.n_secrets == 1
    assert "the bot's token is [redacted: Slack token], keep it" in texts(project)
    assert project.passages.search("abcdefABCDEF", limit=5) == []
    assert TOKEN.encode() not in on_disk(project)


def test_secrets_in_settings_are_no_values(tmp_path: Path) -> None:
    project, path = project_in(tmp_path), history(tmp_path)
    commit(
        path, {"access.yaml": "wandb_api_key: 0123456789abcdef0123456789abcdef01234567\nmax_force: 5\n"}, "x", hours=3
    )
    added = add_source(project, "git", path)
    values = {change.key: change.new for change in project.changes.all()}
    assert values["wandb_api_key"] == "[redacted: key]"
    assert values["max_force"] == "5"
    assert added.n_secrets == 1


def test_a_mailbox_is_asked_for_by_its_name(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    letter = mail("Mira <mira@lab.example>", "cutoff", "force_cutoff is 20 eV/Å.", 3, message_id="<1@lab.example>")
    path = mbox(tmp_path / "group.mbox", [letter])
    assert add_source(project, "mail", path).n_passages == 1
    with pytest.raises(WrongUse, match="does not say who can read what"):
        add_source(project, "mail", path, options=SourceOptions(include_private=True))


def test_a_note_that_was_rewritten_replaces_what_stood_there(tmp_path: Path) -> None:
    project, folder = project_in(tmp_path), tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("We keep 15.\n\nCake on Friday.\n")
    add_source(project, "notes", folder)
    (folder / "a.md").write_text("We keep 20.\n")
    added = add_source(project, "notes", folder)
    assert (added.n_new_passages, added.n_removed) == (0, 1)
    assert [p.text for p in project.passages.all()] == ["We keep 20."]


def test_a_broken_export_leaves_nothing_behind(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    path = slack_zip(tmp_path / "chat.zip", {"a": [said("U1", "hello", 0)], "b": [{"ts": "1.1", "text": "x"}]})
    content = path.read_bytes()
    add_source(project, "slack", path)
    before = texts(project)
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as archive, zipfile.ZipFile(path) as good:
        for name in good.namelist():
            archive.writestr(name, good.read(name) if not name.startswith("b/") else b"{broken")
    with pytest.raises(Exception, match="is not JSON"):
        add_source(project, "slack", tmp_path / "broken.zip")
    assert project.sources.names() == ["chat"]
    assert (texts(project), path.read_bytes()) == (before, content)

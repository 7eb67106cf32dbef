"""Mattermost bulk exports: threads, access, edits, and lines that cannot be read."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions.chats import Line, direct_post, mattermost_file, mattermost_ms, post, wrote

from sonde.decisions.sources import json_lines, mattermost
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.testing.sources import check_deleted, check_source


def passages(tmp_path: Path, *posts: Line) -> list[Passage]:
    return list(mattermost.read(mattermost_file(tmp_path / "export.jsonl", posts)))


def test_a_post_becomes_a_passage(tmp_path: Path) -> None:
    [found] = passages(tmp_path, post("mira", "15 eV/Å it is", 0))
    assert found == Passage(
        anchor=f"mattermost:lab.curation/{mattermost_ms(0)}",
        text="15 eV/Å it is",
        kind="mattermost",
        author="Mira Halvorsen",
        time=datetime(2024, 10, 8, 9, tzinfo=UTC),
        thread=None,
        title="curation",
    )


def test_a_post_and_its_replies_are_a_thread(tmp_path: Path) -> None:
    replies = [wrote("jonas", "why?", 20), wrote("mira", "Li", 50, edit_at=mattermost_ms(51))]
    found = passages(tmp_path, post("mira", "15 eV/Å?", 0, replies=replies), post("jonas", "cake", 1))
    assert [p.thread for p in found] == [f"lab.curation/{mattermost_ms(0)}"] * 3 + [None]
    assert [(p.author, p.edited) for p in found] == [
        ("Mira Halvorsen", False),
        ("jonas", False),
        ("Mira Halvorsen", True),
        ("jonas", False),
    ]


def test_visibility_is_that_of_the_channel(tmp_path: Path) -> None:
    posts = [post("mira", "a", n, channel=name) for n, name in enumerate(["curation", "steering", "nobody-knows"])]
    found = passages(
        tmp_path, *posts, direct_post("mira", "psst", 5), direct_post("mira", "all", 6, ["mira", "ada", "jonas"])
    )
    assert [(p.anchor.split("/")[0], p.visibility) for p in found] == [
        ("mattermost:lab.curation", "public"),
        ("mattermost:lab.steering", "private"),
        ("mattermost:lab.nobody-knows", "private"),
        ("mattermost:@jonas,mira", "direct"),
        ("mattermost:@ada,jonas,mira", "direct"),
    ]
    assert found[3].title == "jonas, Mira Halvorsen"


def test_pins_types_and_integrations(tmp_path: Path) -> None:
    attached = {
        "attachments": [{"title": "Run 12", "text": "did not converge", "fields": [{"title": "steps", "value": 140}]}]
    }
    posts = [
        post("mira", "keep", 0, is_pinned=True),
        post("mira", "mira joined the channel.", 1, type="system_join_channel"),
        post("mira", "mira updated the header to: 15 eV/Å", 2, type="system_header_change"),
        post("ci", "", 3, type="slack_attachment", props={**attached, "override_username": "Job Bot"}),
        post("ci", "", 4, props=json.dumps({"attachments": [{"fallback": "failed"}]})),
        post("mira", "see the plot", 5, attachments=[{"path": "20241008/teams/lab/channels/x/plot.png"}]),
    ]
    assert [(p.text, p.author, p.pinned) for p in passages(tmp_path, *posts)] == [
        ("keep", "Mira Halvorsen", True),
        ("mira updated the header to: 15 eV/Å", "Mira Halvorsen", False),
        ("Run 12\ndid not converge\nsteps 140", "Job Bot", False),
        ("failed", "ci", False),
        ("see the plot\nplot.png", "Mira Halvorsen", False),
    ]


def test_two_posts_of_one_millisecond_have_two_anchors(tmp_path: Path) -> None:
    found = passages(tmp_path, post("mira", "a", 0), post("jonas", "b", 0), post("jonas", "c", 0, channel="steering"))
    assert [p.anchor.rpartition("/")[2] for p in found] == [f"{mattermost_ms(0)}{more}" for more in ("", "-2", "")]


def test_deleted_posts_are_left_out_and_named(tmp_path: Path) -> None:
    reply = wrote("jonas", "gone", 1, delete_at=mattermost_ms(2))
    path = mattermost_file(tmp_path / "export.jsonl", [post("mira", "15?", 0, replies=[reply])])
    assert [p.text for p in mattermost.read(path)] == ["15?"]
    assert list(mattermost.deleted(path)) == [f"mattermost:lab.curation/{mattermost_ms(1)}"]
    check_deleted(mattermost.read, mattermost.deleted, path)


def test_the_zip_and_its_folder_are_the_same_as_the_lines(tmp_path: Path) -> None:
    posts = [post("mira", "15 eV/Å", 0), direct_post("jonas", "psst", 1)]
    archive = mattermost_file(tmp_path / "export.zip", posts)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "folder")
    lines = list(mattermost.read(mattermost_file(tmp_path / "export.jsonl", posts)))
    assert list(mattermost.read(archive)) == list(mattermost.read(tmp_path / "folder")) == lines
    check_source(mattermost.read, archive)


VERSION = '{"type": "version", "version": 1}\n'
BROKEN = {
    "line 1: is no bulk export": '{"type": "post", "post": {}}\n',
    r"line 2: is not JSON": VERSION + "{broken\n",
    r"line 3: is not a JSON object": VERSION + "\n[]\n",
    r"line 2: has no object 'post'": VERSION + '{"type": "post", "post": 7}\n',
    r"line 2: has a post whose create_at is None": VERSION + '{"type": "post", "post": {"message": "a"}}\n',
    r"line 2: has a post whose create_at is 9+, not": VERSION
    + '{"type": "direct_post", "direct_post": {"message": "a", "create_at": 99999999999999999}}\n',
    r"line 2: is not JSON \(.*recursion": VERSION + "[" * 200_000,
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_broken_exports_are_refused(complaint: str, tmp_path: Path) -> None:
    (tmp_path / "lab.jsonl").write_text(BROKEN[complaint])
    with pytest.raises(BadInput, match=rf"lab\.jsonl, {complaint}"):
        list(mattermost.read(tmp_path / "lab.jsonl"))


def test_archives_without_one_file_of_lines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(BadInput, match="holds no files of lines"):
        list(mattermost.read(tmp_path / "x.zip"))
    with zipfile.ZipFile(tmp_path / "x.zip", "a") as archive:
        archive.writestr("a.jsonl", VERSION)
        archive.writestr("b.jsonl", VERSION)
    with pytest.raises(BadInput, match="holds 2 files of lines"):
        list(mattermost.read(tmp_path / "x.zip"))
    with pytest.raises(BadInput, match="does not exist"):
        list(mattermost.read(tmp_path / "y.zip"))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(BadInput, match="is no bulk export: it holds no line"):
        list(mattermost.read(tmp_path / "empty.jsonl"))
    monkeypatch.setattr(json_lines, "LONGEST_LINE", 1000)
    with pytest.raises(BadInput, match="line 9: is longer than"):
        passages(tmp_path, post("mira", "a" * 5000, 0))


def test_a_bomb_is_refused_before_it_swells(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("import.jsonl", b" " * 40_000_000)
    with pytest.raises(BadInput, match=r"swells \d+-fold"):
        list(mattermost.read(tmp_path / "x.zip"))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**45) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["user", "message", "type", "props", "attachments", "edit_at", "is_pinned", "channel", "team", "channel_members"]


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6), max_size=4), JUNK, JUNK)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_an_export_keeps_the_laws(
    tmp_path: Path, messages: list[dict[str, Any]], user: Any, channel: Any
) -> None:
    posts: list[Line] = [{"type": "user", "user": user}, {"type": "channel", "channel": channel}]
    posts += [
        {"type": "post", "post": {**message, "create_at": mattermost_ms(n)}} for n, message in enumerate(messages)
    ]
    posts.append(post("mira", "always there", 0))
    check_source(mattermost.read, mattermost_file(tmp_path / "export.jsonl", posts))

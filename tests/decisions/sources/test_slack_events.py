"""Slack exports: what later events say of a message, files, pins, threads, and the folders that slackdump writes."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build

from sonde.decisions.sources import slack
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.testing.sources import check_source

GENERAL = [{"id": "C0", "name": "general"}]


def passages(tmp_path: Path, *messages: dict[str, Any], **listed: Any) -> list[Passage]:
    listings = {"channels": [{**GENERAL[0], **listed}]}
    return list(slack.read(build.slack_zip(tmp_path / "x.zip", {"general": list(messages)}, listings)))


def changed(before: dict[str, Any], text: str, hours: float) -> dict[str, Any]:
    after = {**before, "text": text, "edited": {"user": before["user"], "ts": build.slack_ts(hours)}}
    event = {"type": "message", "subtype": "message_changed", "hidden": True, "ts": build.slack_ts(hours)}
    return {**event, "message": after, "original": before}


def test_an_edited_message_has_its_last_wording_in_its_place(tmp_path: Path) -> None:
    before = build.said("U1", "30 eV/Å", 0)
    days_later = [changed(before, "20 eV/Å", 30), changed(before, "15 eV/Å", 60)]
    [found] = passages(tmp_path, before, *days_later)
    assert (found.anchor, found.text, found.time) == (
        f"slack:general/{before['ts']}",
        "15 eV/Å",
        build.BEGIN.replace(microsecond=100),
    )
    assert found.edited


def test_an_edit_of_what_was_said_before_the_export_begins_is_kept(tmp_path: Path) -> None:
    before = build.said("U1", "30 eV/Å", -500)
    [found] = passages(tmp_path, changed(before, "15 eV/Å", 1))
    assert (found.anchor, found.text, found.edited) == (f"slack:general/{before['ts']}", "15 eV/Å", True)


def test_a_message_says_itself_that_it_was_edited(tmp_path: Path) -> None:
    messages = [build.said("U1", "15", 0, edited={"user": "U1", "ts": build.slack_ts(1)}), build.said("U1", "30", 2)]
    assert [p.edited for p in passages(tmp_path, *messages)] == [True, False]


def test_deleted_messages_are_left_out_and_named(tmp_path: Path) -> None:
    start = build.slack_ts(0)
    tombstone = build.said("USLACKBOT", "This message was deleted.", 0, subtype="tombstone", thread_ts=start)
    reply = build.said("U2", "why 15?", 1, thread_ts=start)
    taken_back = build.said("U1", "cake", 2)
    event = {"type": "message", "subtype": "message_deleted", "ts": build.slack_ts(40), "deleted_ts": taken_back["ts"]}
    path = build.slack_zip(tmp_path / "x.zip", {"general": [tombstone, reply, taken_back, event]})
    assert [p.text for p in slack.read(path)] == ["why 15?"]
    assert list(slack.deleted(path)) == [f"slack:general/{start}", f"slack:general/{taken_back['ts']}"]


def test_a_broadcast_counts_once(tmp_path: Path) -> None:
    start = build.said("U1", "15 eV/Å?", 0, thread_ts=build.slack_ts(0), reply_count=1)
    reply = build.said("U2", "yes, for all", 20, thread_ts=start["ts"])
    broadcast = {**reply, "subtype": "thread_broadcast", "root": start}
    found = passages(tmp_path, start, reply, broadcast)
    assert [(p.text, p.thread) for p in found] == [
        (text, f"general/{start['ts']}") for text in ("15 eV/Å?", "yes, for all")
    ]


def test_a_parent_begins_its_thread_whether_it_says_so_or_not(tmp_path: Path) -> None:
    start = build.said("U1", "15 eV/Å?", 0, replies=[{"user": "U2", "ts": build.slack_ts(30)}])
    reply = build.said("U2", "yes", 30, thread_ts=start["ts"])
    assert len({p.thread for p in passages(tmp_path, start, reply)}) == 1


def test_pins_are_flags(tmp_path: Path) -> None:
    messages = [build.said("U1", "a", 0), build.said("U1", "b", 1), build.said("U1", "c", 2, pinned_to=["C0"])]
    pins = [{"id": messages[0]["ts"], "type": "C", "user": "U1", "owner": "U1", "created": 1728378000}]
    assert [p.pinned for p in passages(tmp_path, *messages, pins=pins)] == [True, False, True]


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        (
            {"title": "Forces", "permalink": "https://lab.slack.com/files/U1/F1/f.pdf"},
            "Forces (https://lab.slack.com/files/U1/F1/f.pdf)",
        ),
        (
            {"name": "f.pdf", "url_private": "https://files.slack.com/T1-F1/f.pdf?t=xoxe-1"},
            "f.pdf (https://files.slack.com/T1-F1/f.pdf)",
        ),
        ({"title": "f.pdf", "mode": "hidden_by_limit", "url_private": "https://x"}, "f.pdf"),
        ({"id": "F1", "mode": "tombstone"}, ""),
    ],
)
def test_files_stand_below_the_text_as_links(file: dict[str, Any], seen: str, tmp_path: Path) -> None:
    [found] = passages(tmp_path, build.said("U1", "see the plot", 0, subtype="file_share", files=[file]))
    assert found.text == f"see the plot\n{seen}".strip()


def test_a_listing_that_calls_a_channel_private_is_believed(tmp_path: Path) -> None:
    hello = build.said("U1", "hello", 0)
    assert [p.visibility for p in passages(tmp_path, hello, is_private=True)] == ["private"]
    assert [p.visibility for p in passages(tmp_path, hello, is_mpim=True)] == ["direct"]


def unpacked(archive: Path, folder: Path) -> Path:
    with zipfile.ZipFile(archive) as source:
        source.extractall(folder)
    return folder


def test_an_export_in_a_folder_is_the_same_as_in_its_zip(tmp_path: Path) -> None:
    messages = [build.said("U1", "15 eV/Å", 0), build.said("U2", "why?", 30)]
    archive = build.slack_zip(tmp_path / "x.zip", {"general": messages})
    folder = unpacked(archive, tmp_path / "slackdump_20241008")
    (folder / "general" / "attachments").mkdir()
    (folder / "general" / "attachments" / "F1-plot.json").write_text("no messages")
    (folder / "__uploads").mkdir()
    (folder / "general" / "2024-10-07.json").symlink_to("/etc/passwd")
    assert list(slack.read(folder)) == list(slack.read(archive))
    check_source(slack.read, folder)


def dump(folder: Path) -> Path:
    """One file per conversation, as `slackdump dump` writes them."""
    start = build.said("U1", "15 eV/Å?", 0, thread_ts=build.slack_ts(0))
    replies = [build.said("U2", text, hours, thread_ts=start["ts"]) for text, hours in (("why", 1), ("Li", 2))]
    channel = [{**start, "slackdump_thread_replies": replies}, build.said("U2", "cake", 5)]
    folder.mkdir()
    for name, said in (("C0123456789", channel), ("D0123456789", [build.said("U1", "psst", 0)])):
        stated = {"channel_id": name, "name": "general" if name[0] == "C" else "", "messages": said}
        (folder / f"{name}.json").write_text(json.dumps(stated))
    (folder / "users.json").write_text(json.dumps(build.USERS))
    return folder


def test_a_dump_holds_threads_and_counts_as_private_where_no_listing_says_otherwise(tmp_path: Path) -> None:
    path = dump(tmp_path / "dump")
    found = {p.text: p for p in slack.read(path)}
    assert [(p.anchor.split("/")[0], p.visibility) for p in found.values()] == [
        *[("slack:general", "private")] * 4,
        ("slack:D0123456789", "direct"),
    ]
    assert {found[text].thread for text in ("15 eV/Å?", "why", "Li")} == {f"general/{build.slack_ts(0)}"}
    assert found["Li"].author == "jonas"
    (path / "channels.json").write_text(json.dumps([{"id": "C0123456789", "name": "general", "is_private": False}]))
    assert {p.visibility for p in slack.read(path)} == {"public", "direct"}
    check_source(slack.read, path)


def test_a_file_larger_than_an_honest_one_is_refused(tmp_path: Path) -> None:
    path = dump(tmp_path / "dump")
    with (path / "C0123456789.json").open("r+b") as stream:
        stream.truncate(300 * 1024**2)  # sparse: takes no room
    with pytest.raises(BadInput, match=r"C0123456789\.json'.*: holds 300 MiB"):
        list(slack.read(path))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "text", "name", "type"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = [
    "text",
    "user",
    "subtype",
    "blocks",
    "attachments",
    "files",
    "file",
    "comment",
    "message",
    "thread_ts",
    "edited",
]
KEYS += ["user_profile", "username", "bot_id", "replies", "reply_count", "pinned_to", "deleted_ts"]
MESSAGES = st.lists(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6), min_size=1, max_size=4)


@given(MESSAGES, st.dictionaries(st.sampled_from(["id", "name", "members", "pins", "is_im"]), JUNK, max_size=4), JUNK)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_an_export_keeps_the_laws_or_is_refused(
    tmp_path: Path, messages: list[dict[str, Any]], channel: dict[str, Any], user: Any
) -> None:
    stamped = [{**message, "ts": build.slack_ts(n)} for n, message in enumerate(messages)]
    stamped.append(build.said("U1", "always there", 9))
    events = [{"subtype": "message_changed", "ts": build.slack_ts(11), "message": messages[0]}]
    listings = {"channels": [channel, *GENERAL], "dms": [channel], "users": [user]}
    check_source(slack.read, build.slack_zip(tmp_path / "x.zip", {"general": stamped + events}, listings))
    list(slack.deleted(tmp_path / "x.zip"))

"""Slack exports: what a reader saw, who could read it, and zips that are damaged or made to harm."""

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.decisions import build

from sonde.decisions.sources import slack
from sonde.decisions.sources.archives import Bounds
from sonde.errors import BadInput
from sonde.records.decisions import Passage


def passages(tmp_path: Path, *messages: dict[str, Any]) -> list[Passage]:
    return list(slack.read(build.slack_zip(tmp_path / "x.zip", {"general": list(messages)})))


def shown(tmp_path: Path, **facts: Any) -> str:
    """Text of one message, as stored."""
    message = {"type": "message", "user": "U1", "ts": build.slack_ts(0), **facts}
    return passages(tmp_path, message)[0].text


def test_a_message_becomes_a_passage(tmp_path: Path) -> None:
    [found] = passages(tmp_path, build.said("U1", "15 eV/Å it is", 0))
    assert found == Passage(
        anchor="slack:general/1728378000.000100",
        text="15 eV/Å it is",
        kind="slack",
        author="Mira Halvorsen",
        time=datetime(2024, 10, 8, 9, 0, 0, 100, tzinfo=UTC),
        thread=None,
        title="general",
        visibility="public",
    )


def test_a_thread_holds_together_across_days(tmp_path: Path) -> None:
    start = build.slack_ts(0)
    messages = [build.said("U1", f"part {hours}", hours, thread_ts=start) for hours in (0, 20, 60)]
    messages.append(build.said("U2", "something else", 1))
    found = passages(tmp_path, *messages)
    assert [p.thread for p in sorted(found, key=lambda p: p.text)] == [f"general/{start}"] * 3 + [None]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<@U1> and <@U2|jo>: ok?", "@Mira Halvorsen and @jonas: ok?"),
        ("<@U9> left", "@U9 left"),
        ("see <#C0|general> and <#C0>", "see #general and #general"),
        ("<!here> <!subteam^S1|@ml-team>", "@here @ml-team"),
        ("<https://x.example/a|our note>", "our note (https://x.example/a)"),
        ("<https://x.example/a>", "https://x.example/a"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        ("|F| &gt; 15 &amp;&amp; E &lt; 3", "|F| > 15 && E < 3"),
        ("&amp;gt; stays", "&gt; stays"),
        ("*bold* `max_force_eV` ~no~", "*bold* `max_force_eV` ~no~"),
    ],
)
def test_marks_are_decoded(text: str, seen: str, tmp_path: Path) -> None:
    assert shown(tmp_path, text=text) == seen


def test_text_is_found_in_blocks_attachments_and_files(tmp_path: Path) -> None:
    leaf = {"type": "text", "text": "15 < 30 & so "}
    section = {"type": "rich_text_section", "elements": [leaf, {"type": "user", "user_id": "U1"}]}
    listed = {"type": "rich_text_list", "elements": [{"type": "rich_text_section", "elements": [leaf]}] * 2}
    rich = [{"type": "rich_text", "elements": [section, listed]}]
    assert shown(tmp_path, text="", blocks=rich) == "15 < 30 & so @Mira Halvorsen\n• 15 < 30 & so \n• 15 < 30 & so"
    plain = [{"type": "section", "text": {"type": "mrkdwn", "text": "kept &lt; 15"}, "fields": [{"text": "a"}]}]
    assert shown(tmp_path, text="", blocks=plain) == "kept < 15\na"
    attached = [{"title": "Run 12", "text": "did not converge", "fallback": "no"}]
    assert shown(tmp_path, text="", attachments=attached) == "Run 12\ndid not converge"
    assert shown(tmp_path, text="", files=[{"title": "forces.pdf"}]) == "forces.pdf"


def test_quotes_and_tables_in_blocks_are_read(tmp_path: Path) -> None:
    quote = {"type": "rich_text_quote", "elements": [{"type": "text", "text": "Why 520?\nWhy not 400?"}]}
    cells = [
        {"type": "raw_text", "text": "ENCUT"},
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": "520"}, {"type": "text", "text": " eV"}],
                }
            ],
        },
    ]
    blocks = [
        {"type": "rich_text", "elements": [quote]},
        {"type": "table", "rows": [cells, "odd", [3]]},
        {"type": "table"},
    ]
    assert shown(tmp_path, text="", blocks=blocks) == "> Why 520?\n> Why not 400?\nENCUT | 520 eV"


def test_authors_come_from_users_bots_and_the_message_itself(tmp_path: Path) -> None:
    messages = [
        build.said("U2", "a", 0),
        build.said("U77", "b", 1, user_profile={"real_name": "Guest Person"}),
        {"subtype": "bot_message", "bot_id": "B1", "text": "c", "ts": build.slack_ts(2)},
        {"subtype": "bot_message", "bot_id": "B9", "username": "ci", "text": "d", "ts": build.slack_ts(3)},
        build.said("U00", "e", 4),
    ]
    assert [p.author for p in passages(tmp_path, *messages)] == ["jonas", "Guest Person", "Job Bot", "ci", None]


def test_what_nobody_wrote_is_left_out(tmp_path: Path) -> None:
    subtypes = ["channel_join", "channel_leave", "channel_name", "pinned_item", "tombstone", "message_deleted"]
    messages = [build.said("U1", "x", n, subtype=subtype) for n, subtype in enumerate(subtypes)]
    messages += [build.said("U1", "", 10), build.said("U1", "set the topic: PBEsol", 11, subtype="channel_topic")]
    assert [p.text for p in passages(tmp_path, *messages)] == ["set the topic: PBEsol"]


def test_visibility_is_that_of_the_conversation(tmp_path: Path) -> None:
    folders = ["open", "closed", "mpdm-a--b-1", "D1", "unlisted"]
    listings: dict[str, list[dict[str, Any]]] = {
        "channels": [{"id": "C1", "name": "open"}],
        "groups": [{"id": "G1", "name": "closed"}],
        "mpims": [{"id": "G2", "name": "mpdm-a--b-1", "members": ["U1", "U2"]}],
        "dms": [{"id": "D1", "members": ["U1", "U2"]}],
    }
    messages = {folder: [build.said("U1", "hello", 0)] for folder in folders}
    found = list(slack.read(build.slack_zip(tmp_path / "x.zip", messages, listings)))
    assert {p.anchor.split("/")[0].removeprefix("slack:"): p.visibility for p in found} == {
        "open": "public",
        "closed": "private",
        "mpdm-a--b-1": "direct",
        "D1": "direct",
        "unlisted": "private",
    }
    assert next(p.title for p in found if "D1" in p.anchor) == "Mira Halvorsen, jonas"


def test_an_export_packed_again_is_read(tmp_path: Path) -> None:
    inner = build.slack_zip(tmp_path / "inner.zip", {"general": [build.said("U1", "hello", 0)]})
    with zipfile.ZipFile(inner) as source, zipfile.ZipFile(tmp_path / "outer.zip", "w") as target:
        for name in source.namelist():
            target.writestr(f"Lab export/{name}", source.read(name))
        target.writestr("__MACOSX/channels.json", "junk")
    assert [p.anchor for p in slack.read(tmp_path / "outer.zip")] == [f"slack:general/{build.slack_ts(0)}"]


def raw_zip(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "general"}]))
        for name, content in members.items():
            archive.writestr(name, content)
    return path


DAY = "general/2024-10-08.json"
BROKEN: dict[str, dict[str, str | bytes]] = {
    rf"member '{DAY}'.*is not JSON": {DAY: "{broken"},
    r"is not JSON \(maximum recursion|is not JSON \(.*recursion": {DAY: "[" * 200_000},
    rf"member '{DAY}': is a dict, not a list": {DAY: "{}"},
    rf"member '{DAY}', message 2: is not a JSON object": {DAY: '[{"ts": "1.1", "text": "a"}, 7]'},
    rf"member '{DAY}', message 1: has no time stamp": {DAY: '[{"text": "a"}]'},
    r"member '\.\./up/2024-10-08\.json': points outside": {"../up/2024-10-08.json": "[]"},
    r"'/etc/2024-10-08\.json': has an absolute path": {"/etc/2024-10-08.json": "[]"},
    r"has an absolute path": {"C:\\x\\2024-10-08.json": "[]"},
    r"points outside": {"a\\..\\..\\2024-10-08.json": "[]"},
}


@pytest.mark.parametrize("complaint", BROKEN)
def test_broken_exports_are_refused(complaint: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=complaint) as caught:
        list(slack.read(raw_zip(tmp_path / "lab.zip", BROKEN[complaint])))
    assert "lab.zip" in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "lab.zip"]


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "x.zip", {})
    link = zipfile.ZipInfo("general/2024-10-08.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(BadInput, match="is a symbolic link"):
        list(slack.read(path))


def test_a_bomb_is_refused_before_it_swells(tmp_path: Path) -> None:
    path = raw_zip(tmp_path / "x.zip", {DAY: b" " * 40_000_000})
    assert path.stat().st_size < 100_000
    with pytest.raises(BadInput, match=r"swells \d+-fold"):
        list(slack.read(path))


def test_bounds_on_size_and_number_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = raw_zip(tmp_path / "x.zip", {DAY: json.dumps([build.said("U1", "a" * 5000, 0)])})
    for bounds, complaint in [
        (Bounds(members=1), "holds 2 members"),
        (Bounds(member_bytes=1000), "swells to"),
        (Bounds(total_bytes=1000), "swells to"),
    ]:
        monkeypatch.setattr(slack, "BOUNDS", bounds)
        with pytest.raises(BadInput, match=complaint):
            list(slack.read(path))


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(BadInput, match="is not a zip"):
        list(slack.read(tmp_path / "x.zip"))
    with pytest.raises(BadInput, match="does not exist"):
        list(slack.read(tmp_path / "y.zip"))
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(BadInput, match=r"holds none of channels\.json"):
        list(slack.read(tmp_path / "z.zip"))


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    text = json.dumps([build.said("U1", "hello", 0)])
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:  # stored: the bytes can be found again
        archive.writestr("channels.json", "[]")
        archive.writestr(DAY, text)
    payload = (tmp_path / "x.zip").read_bytes()
    (tmp_path / "x.zip").write_bytes(payload.replace(b"hello", b"jello"))
    with pytest.raises(BadInput, match=rf"member '{DAY}': is damaged"):
        list(slack.read(tmp_path / "x.zip"))

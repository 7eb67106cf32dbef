"""Zulip exports: topics as threads, access, quotes that count once, and archives made to harm."""

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions.chats import (
    CLOSED,
    REALM,
    TO_JONAS,
    TO_THREE,
    Line,
    zulip_export,
    zulip_files,
    zulip_message,
)
from tests.operations.group import project_in

from sonde.decisions.sources import zulip
from sonde.decisions.sources.archives import Bounds
from sonde.decisions.sources.zulip_text import message_text
from sonde.errors import BadInput
from sonde.operations.add_source import add_source
from sonde.records.decisions import Passage
from sonde.testing.sources import check_source


def passages(tmp_path: Path, *messages: Line) -> list[Passage]:
    return list(zulip.read(zulip_export(tmp_path / "x.zip", zulip_files(messages))))


def test_a_message_becomes_a_passage(tmp_path: Path) -> None:
    [found] = passages(tmp_path, zulip_message(101, "15 eV/Å it is", 0))
    assert found == Passage(
        anchor="zulip:ml%20potential%2Fdata/101",
        text="15 eV/Å it is",
        kind="zulip",
        author="Mira Halvorsen",
        time=datetime(2024, 10, 8, 9, tzinfo=UTC),
        thread="ml%20potential%2Fdata>force cutoff",
        title="ml potential/data > force cutoff",
    )


def test_a_topic_holds_together_across_files_resolved_or_not(tmp_path: Path) -> None:
    messages = [
        zulip_message(100 + n, f"part {n}", n, subject=("✔ " if n > 2 else "") + "force cutoff") for n in range(5)
    ]
    assert len({p.thread for p in passages(tmp_path, *messages)}) == 1


def test_visibility_is_that_of_the_conversation(tmp_path: Path) -> None:
    where = [31, CLOSED, TO_JONAS, TO_THREE, 99]
    found = passages(tmp_path, *[zulip_message(n, "a", n, recipient=r, subject="") for n, r in enumerate(where, 1)])
    assert [(p.anchor.split("/")[0], p.visibility, p.thread) for p in found] == [
        ("zulip:ml%20potential%2Fdata", "public", None),
        ("zulip:steering", "private", None),
        ("zulip:@11,12", "direct", None),
        ("zulip:@11,12,13", "direct", None),
        ("zulip:unknown", "private", None),
    ]
    assert found[3].title == "Mira Halvorsen, Jonas, Ada"


def test_an_edit_is_a_flag_and_a_move_is_none(tmp_path: Path) -> None:
    reworded = json.dumps([{"prev_content": "30 eV/Å", "timestamp": 1728378100, "user_id": 11}])
    moved = json.dumps([{"prev_topic": "other", "timestamp": 1728378100, "user_id": 11}])
    messages = [
        zulip_message(1, "15 eV/Å", 0, last_edit_time=1728378100.0, edit_history=reworded),
        zulip_message(2, "15 eV/Å", 1, last_edit_time=1728378100.0, edit_history=moved),
        zulip_message(3, "15 eV/Å", 2, last_edit_time=1728378100.0),
    ]
    assert [p.edited for p in passages(tmp_path, *messages)] == [True, False, True]


def test_words_that_were_deleted_are_no_passage(tmp_path: Path) -> None:
    path = zulip_export(
        tmp_path / "x.zip", zulip_files([zulip_message(1, "520 eV", 1), zulip_message(2, "(deleted)", 2)])
    )
    [kept] = zulip.read(path)
    [gone] = zulip.deleted(path)
    assert kept.text == "520 eV"
    assert gone == kept.anchor.removesuffix("/1") + "/2"


def test_a_message_that_is_emptied_later_goes(tmp_path: Path) -> None:
    project = project_in(tmp_path)
    for text in ("520 eV", "(deleted)"):
        path = zulip_export(tmp_path / "x.zip", zulip_files([zulip_message(1, text, 1), zulip_message(2, "yes", 2)]))
        added = add_source(project, "zulip", path)
    assert added.n_removed == 1
    assert [p.text for p in project.passages.all()] == ["yes"]


def test_the_bot_that_tells_of_events_is_nobody(tmp_path: Path) -> None:
    told = zulip_message(1, "This topic was moved here by @_**Ada|13**.", 0, sender=5)
    assert [p.text for p in passages(tmp_path, told, zulip_message(2, "15", 1))] == ["15"]


def quoting(number: int, words: str, fence: str = "```") -> str:
    link = f"https://lab.zulipchat.com/#narrow/stream/21-data/topic/force.20cutoff/near/{number}"
    return f"@_**Mira Halvorsen|11** [said]({link}):\n{fence}quote\n{words}\n{fence}\nno, for @**Jonas** it failed"


def test_quoted_words_count_once(tmp_path: Path) -> None:
    first = zulip_message(101, "15 eV/Å it is", 0)
    here = zulip_message(102, quoting(101, "15 eV/Å it is"), 1, sender=12)
    lost = zulip_message(103, quoting(7, "30 eV/Å"), 2, sender=12)
    assert [p.text for p in passages(tmp_path, first, here, lost)] == [
        "15 eV/Å it is",
        "no, for @Jonas it failed",
        "@Mira Halvorsen [said](https://lab.zulipchat.com/#narrow/stream/21-data/topic/force.20cutoff/near/7):\n"
        "> 30 eV/Å\nno, for @Jonas it failed",
    ]


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("@**Mira Halvorsen|11** and @_**Jonas|12**", "@Mira Halvorsen and @Jonas"),
        ("@*ml-team* and @**all**", "@ml-team and @all"),
        ("see #**data>force cutoff** and #**data**", "see #data > force cutoff and #data"),
        ("see #**data>force cutoff@101**", "see #data > force cutoff"),
        ("**bold** $$E_F$$ `a**b**`", "**bold** $$E_F$$ `a**b**`"),
        ("````quote\n```quote\na\n```\nb\n````\nc", "> ```quote\n> a\n> ```\n> b\nc"),
        ("```quote\nnever closed", "> never closed"),
    ],
)
def test_marks_are_decoded(content: str, seen: str) -> None:
    assert message_text(content, ()) == seen


def test_tar_zip_and_folder_are_the_same(tmp_path: Path) -> None:
    files = zulip_files([zulip_message(n, f"part {n}", n) for n in range(1, 6)])
    read = [list(zulip.read(zulip_export(tmp_path / name, files))) for name in ("x.tar.gz", "x.zip", "x")]
    assert read[0] == read[1] == read[2]
    assert len(read[0]) == 5
    check_source(zulip.read, tmp_path / "x.tar.gz")


BROKEN: dict[str, dict[str, str]] = {
    r"holds no realm\.json": {"a.txt": "a"},
    r"holds no messages-000001\.json": {"realm.json": "{}"},
    r"member 'realm\.json': is not JSON": {"realm.json": "{broken", "messages-000001.json": "{}"},
    r"member 'realm\.json': is a list, not an object": {"realm.json": "[]", "messages-000001.json": "{}"},
    r"member 'messages-000001\.json', message 1: has no id": {
        "realm.json": "{}",
        "messages-000001.json": '{"zerver_message": [{"content": "a"}]}',
    },
    r"message 1: has no id, or no date_sent": {
        "realm.json": "{}",
        "messages-000001.json": '{"zerver_message": [{"id": 1, "content": "a", "date_sent": NaN}]}',
    },
}


@pytest.mark.parametrize("ending", ["tar.gz", "zip"])
@pytest.mark.parametrize("complaint", BROKEN)
def test_broken_exports_are_refused(complaint: str, ending: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=complaint):
        list(zulip.read(zulip_export(tmp_path / f"lab.{ending}", BROKEN[complaint])))


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, payload in members:
            member.size = len(payload)
            archive.addfile(member, io.BytesIO(payload))
    return path


@pytest.mark.parametrize("name", ["../realm.json", "/etc/realm.json", "a/../../realm.json", "C:\\realm.json"])
def test_names_that_lead_out_of_a_tar_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"points outside|has an absolute path"):
        list(zulip.read(tar(tmp_path / "x.tar.gz", (tarfile.TarInfo(name), b"{}"))))


def test_a_tar_bomb_is_refused_before_it_swells(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar.gz", (tarfile.TarInfo("realm.json"), b"\0" * 60_000_000), (tarfile.TarInfo("a"), b""))
    assert path.stat().st_size < 100_000
    with pytest.raises(BadInput, match=r"member 'realm\.json': swells what is read so far to 57 MiB"):
        list(zulip.read(path))


def test_links_in_a_tar_are_not_followed(tmp_path: Path) -> None:
    link = tarfile.TarInfo("realm.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(BadInput, match=r"holds no realm\.json"):
        list(zulip.read(tar(tmp_path / "x.tar.gz", (link, b""))))


def test_a_tar_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = zulip_export(
        tmp_path / "x.tar.gz", zulip_files([zulip_message(n, f"{n} eV/Å" * n, n) for n in range(1, 50)])
    )
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(BadInput, match=r"is not a tar that can be read|is damaged"):
        list(zulip.read(path))
    path.write_bytes(b"no tar")
    with pytest.raises(BadInput, match="is not a tar that can be read"):
        list(zulip.read(path))


def test_bounds_on_size_and_number_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zulip_export(tmp_path / "x.tar.gz", zulip_files([zulip_message(1, "a" * 5000, 0)]))
    for bounds, complaint in [
        (Bounds(members=1), "is one of more than 1 members"),
        (Bounds(member_bytes=1000), "holds 0 MiB, more than 0"),
        (Bounds(total_bytes=1000), "swells what is read so far"),
    ]:
        monkeypatch.setattr(zulip, "BOUNDS", bounds)
        with pytest.raises(BadInput, match=complaint):
            list(zulip.read(path))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**45) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["sender", "recipient", "subject", "content", "edit_history", "last_edit_time"]
ROWS = st.dictionaries(
    st.sampled_from(["id", "type", "type_id", "name", "full_name", "email", "recipient"]), JUNK, max_size=4
)


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=5), max_size=4), ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_an_export_keeps_the_laws(tmp_path: Path, messages: list[dict[str, Any]], row: Line) -> None:
    realm = {table: [*rows, row] for table, rows in REALM.items()}
    given_ = [{**message, "id": n, "date_sent": 1728378000 + n} for n, message in enumerate(messages)]
    rows = {"zerver_message": [*given_, zulip_message(101, "always there", 0)]}
    files = {"realm.json": json.dumps(realm), "messages-000001.json": json.dumps(rows)}
    check_source(zulip.read, zulip_export(tmp_path / "x.zip", files))

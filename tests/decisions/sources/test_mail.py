"""Mail: own words, threads, encodings and mailboxes that cannot be read."""

import mailbox
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.decisions import build

from sonde.decisions.sources import mail
from sonde.decisions.sources.mail_text import html_text, own_words
from sonde.errors import BadInput
from sonde.records.decisions import Passage

MIRA, JONAS = "Mira Halvorsen <mira@lab.example>", "jonas@lab.example"


def passages(tmp_path: Path, *mails: EmailMessage | bytes) -> list[Passage]:
    return list(mail.read(build.mbox(tmp_path / "group.mbox", mails)))


def test_a_mail_becomes_a_passage(tmp_path: Path) -> None:
    [found] = passages(tmp_path, build.mail(MIRA, "PBEsol", "We take PBEsol.\n", 2, message_id="<a1@lab.example>"))
    assert found == Passage(
        anchor="mail:a1@lab.example",
        text="We take PBEsol.",
        kind="mail",
        author="Mira Halvorsen",
        time=datetime(2024, 10, 8, 11, tzinfo=UTC),
        thread="mail:a1@lab.example",
        title="PBEsol",
        visibility="private",
    )


def test_threads_follow_references_and_replies_in_any_order(tmp_path: Path) -> None:
    mails = [
        build.mail(JONAS, "Re", "third\n", 3, message_id="<3@l>", in_reply_to="<2@l>"),
        build.mail(JONAS, "Re", "second\n", 2, message_id="<2@l>", references="<1@l>"),
        build.mail(MIRA, "Q", "first\n", 1, message_id="<1@l>"),
        build.mail(MIRA, "Re", "lost parent\n", 4, message_id="<9@l>", references="<7@l> <8@l>"),
        build.mail(MIRA, "Re", "same lost thread\n", 5, message_id="<10@l>", in_reply_to="<8@l>"),
    ]
    assert [p.thread for p in passages(tmp_path, *mails)] == ["mail:1@l"] * 3 + ["mail:7@l"] * 2


def test_a_circle_of_replies_ends(tmp_path: Path) -> None:
    mails = [build.mail(MIRA, "Q", "a\n", 1, message_id=f"<{a}@l>", in_reply_to=f"<{b}@l>") for a, b in ("12", "21")]
    assert all(p.thread for p in passages(tmp_path, *mails))


def test_quoted_words_count_once(tmp_path: Path) -> None:
    said = "On Tue, 8 Oct 2024 at 09:00, Mira Halvorsen\n<mira@lab.example> wrote:\n> We take PBEsol.\n"
    answer = f"Yes, for lithium.\n\n{said}"
    first = build.mail(MIRA, "Q", "We take PBEsol.\n", 0, message_id="<1@l>")
    here = build.mail(JONAS, "Re", answer, 1, message_id="<2@l>", in_reply_to="<1@l>")
    assert [p.text for p in passages(tmp_path, first, here)] == ["We take PBEsol.", "Yes, for lithium."]
    assert passages(tmp_path, here)[0].text.endswith("> We take PBEsol."), "all that is left of the lost mail"


def test_own_words_end_at_the_original_and_the_signature() -> None:
    assert own_words("Agreed.\n-----Original Message-----\nFrom: x\nWe take PBE.") == "Agreed."
    assert own_words("Agreed.\n-- \nMira Halvorsen\nRoom 12") == "Agreed."
    assert own_words("> a\nno\n> b\nyes") == "no\nyes"
    assert own_words("|F| > 15 eV/Å goes") == "|F| > 15 eV/Å goes"


def test_a_line_that_begins_with_from_survives_the_mbox(tmp_path: Path) -> None:
    words = "Agreed.\nFrom here on we drop |F| > 15.\nBye\n"
    answer = build.mail(MIRA, "Q", words, 0, message_id="<2@l>", in_reply_to="<1@l>")
    parent = build.mail(JONAS, "Q", "15?\n", 0, message_id="<1@l>")
    assert passages(tmp_path, parent, answer)[1].text == words.strip()


def test_html_is_read_as_text() -> None:
    html = "<html><head><style>p{}</style></head><body><p>Keep&nbsp;15 &lt; 30</p><ul><li>a<li>b</ul>"
    assert html_text(html + "<table><tr><td>1<td>2</table><blockquote>old<br>words</blockquote>").split("\n") == [
        *("Keep 15 < 30", "", "a", "b"),
        *("", "1 2", "", "> old", "> words"),
    ]


def test_an_html_only_mail_loses_its_quote(tmp_path: Path) -> None:
    first = build.mail(MIRA, "Q", "We take PBE.\n", 0, message_id="<1@l>")
    second = build.mail(JONAS, "Re", "x", 1, message_id="<2@l>", in_reply_to="<1@l>")
    second.set_content("<div>No, PBEsol.</div><blockquote>We take PBE.</blockquote>", subtype="html")
    assert passages(tmp_path, first, second)[1].text == "No, PBEsol."


@pytest.mark.parametrize(
    ("charset", "body", "seen"),
    [
        ("utf-8", "15 eV/Å".encode(), "15 eV/Å"),
        ("us-ascii", "15 eV/Å".encode(), "15 eV/Å"),
        ("utf-8", "15 eV/Å".encode("latin-1"), "15 eV/Å"),
        ("x-unknown-7", "15 eV/Å".encode("latin-1"), "15 eV/Å"),
    ],
)
def test_broken_encodings_stay_readable(charset: str, body: bytes, seen: str, tmp_path: Path) -> None:
    head = f"From: a@b\nMessage-ID: <1@l>\nContent-Type: text/plain; charset={charset}\n".encode()
    assert passages(tmp_path, head + b"Content-Transfer-Encoding: 8bit\n\n" + body)[0].text == seen


def test_encoded_headers_are_decoded(tmp_path: Path) -> None:
    head = b"From: =?utf-8?q?J=C3=B6rg?= <j@l>\nSubject: =?iso-8859-1?q?eV/=C5?=\n folded\nMessage-ID: <1@l>\n\nhi\n"
    [found] = passages(tmp_path, head)
    assert (found.author, found.title) == ("Jörg", "eV/Å folded")


def test_a_mail_without_message_id_is_anchored_by_its_line(tmp_path: Path) -> None:
    mails = [build.mail(MIRA, "Q", f"part {number}\n", number) for number in range(3)]
    path = build.mbox(tmp_path / "group.mbox", mails)
    lines = path.read_text().split("\n")
    anchors = [found.anchor for found in mail.read(path)]
    assert len(set(anchors)) == 3
    assert all(lines[int(anchor.rpartition("=")[2]) - 1].startswith("From ") for anchor in anchors)


def test_times_are_utc_or_unknown(tmp_path: Path) -> None:
    heads = ["Tue, 8 Oct 2024 11:00:00 +0200", "Tue, 8 Oct 2024 09:00:00 -0000", "yesterday", ""]
    mails = [f"From: a@b\nDate: {date}\nMessage-ID: <{n}@l>\n\nhi\n".encode() for n, date in enumerate(heads)]
    assert [p.time for p in passages(tmp_path, *mails)] == [build.BEGIN, build.BEGIN, None, None]


def test_a_list_is_public_and_a_copy_counts_once(tmp_path: Path) -> None:
    listed = build.mail(MIRA, "Q", "hello\n", 0, message_id="<1@l>", list_id="<ml.lab.example>")
    assert [p.visibility for p in passages(tmp_path, listed, listed)] == ["public"]


def test_folders_of_mail_are_read(tmp_path: Path) -> None:
    message = build.mail(MIRA, "Q", "hello\n", 0, message_id="<1@l>")
    box = mailbox.Maildir(tmp_path / "maildir")
    box.add(message.as_bytes())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "one.eml").write_bytes(message.as_bytes())
    for path in (tmp_path / "maildir", tmp_path / "folder", tmp_path / "folder" / "one.eml"):
        assert [p.anchor for p in mail.read(path)] == ["mail:1@l"]


def test_what_is_no_mail_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.mbox").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(BadInput, match="neither an mbox"):
        list(mail.read(tmp_path / "x.mbox"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="holds no mail"):
        list(mail.read(tmp_path / "empty"))
    with pytest.raises(BadInput, match="does not exist"):
        list(mail.read(tmp_path / "nowhere"))
    good = build.mail(MIRA, "Q", "hello\n", 0, message_id="<1@l>")
    with pytest.raises(BadInput, match=r"message 2 \(group\.mbox\): has neither From, Subject nor Date"):
        passages(tmp_path, good, b"\x00\x01 nothing that is a mail\n")

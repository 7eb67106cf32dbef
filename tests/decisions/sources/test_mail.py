"""Mail: own words, threads, encodings and mailboxes that cannot be read."""

import mailbox
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.decisions import build

from sonde.decisions.sources import mail, mailboxes
from sonde.decisions.sources.mail_text import html_text, own_words
from sonde.errors import BadInput
from sonde.records.decisions import Passage
from sonde.testing.sources import check_source

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


def test_a_sentence_that_begins_with_from_is_no_mail(tmp_path: Path) -> None:
    """Archives of lists often leave such lines as they are."""
    lines = [
        "From mira at lab.example  Tue Oct  8 09:00:00 2024",
        "From: mira at lab.example (Mira)",
        "Message-ID: <1@l>",
        "",
        "Agreed.",
        "",
        "From here on we drop |F| > 15.",
        "",
        "From the summer of 2019 we kept",
        "nothing.",
        "",
        "From jonas at lab.example  Tue Oct  8 10:00:00 2024",
        "From: jonas at lab.example (Jonas)",
        "Message-ID: <2@l>",
        "",
        "Fine.",
    ]
    (tmp_path / "list.mbox").write_text("\n".join(lines) + "\n")
    assert [p.text for p in mail.read(tmp_path / "list.mbox")] == ["\n".join(lines[4:10]), "Fine."]


def test_an_answer_without_an_id_of_its_own_stands_in_its_thread(tmp_path: Path) -> None:
    first = build.mail(MIRA, "Q", "We take PBEsol.\n", 0, message_id="<1@l>")
    answer = build.mail(JONAS, "Re", "Fine.\n\n> We take PBEsol.\n", 1, in_reply_to="<1@l>")
    found = passages(tmp_path, first, answer)
    assert [p.text for p in found] == ["We take PBEsol.", "Fine."]
    assert found[1].thread == found[0].thread == "mail:1@l"


OUTLOOK = "Agreed.\n\nFrom: Mira Halvorsen\nSent: Tuesday, 8 October 2024 09:00\nTo: group\nSubject: Q\n\nWe take PBE."
GERMAN = "Gut.\n\n*Von:* Mira Halvorsen\n*Gesendet:* Dienstag, 8. Oktober 2024\n*An:* Gruppe\n\nWir nehmen PBE."


def test_the_header_above_an_original_ends_own_words() -> None:
    assert own_words(OUTLOOK) == "Agreed."
    assert own_words(GERMAN) == "Gut."
    assert own_words("From: what I see\nit runs") == "From: what I see\nit runs"


@pytest.mark.parametrize("encoding", ["7bit", "quoted-printable", "base64", "BASE64 ", "nonsense"])
def test_transfer_encodings_are_undone(encoding: str, tmp_path: Path) -> None:
    body = {"quoted": "15 eV/=C3=85 =\nit is", "base64": "MTUgZVYvw4UgaXQgaXM="}
    text = body.get(encoding.strip().lower().partition("-")[0], "15 eV/Å it is")
    head = f"From: a@b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    (tmp_path / "a.eml").write_text(head + text, newline="")
    assert [p.text for p in mail.read(tmp_path / "a.eml")] == ["15 eV/Å it is"]


def test_the_first_plain_part_is_the_mail_and_attachments_are_not(tmp_path: Path) -> None:
    both = build.mail(MIRA, "Q", "plain words\n", 0, message_id="<1@l>")
    both.add_alternative("<p>words of HTML</p>", subtype="html")
    both.add_attachment("energies of all", filename="table.txt")
    only = build.mail(MIRA, "Q", "", 0, message_id="<2@l>")
    only.set_content("<p>HTML alone</p>", subtype="html")
    only.add_attachment(both)
    picture = build.mail(MIRA, "Q", "", 0, message_id="<3@l>")
    picture.set_content(b"\x89PNG", maintype="image", subtype="png")
    assert [p.text for p in passages(tmp_path, both, only, picture)] == ["plain words", "HTML alone"]


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
        ("unicode_escape", b"C:\\new, 15 eV", "C:\\new, 15 eV"),
        ("utf-16", b"15 eV", "15 eV"),
        ("hex", b"15 eV", "15 eV"),
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


@pytest.mark.parametrize(
    "said",
    [
        "Am 08.10.2024 um 09:00 schrieb Mira Halvorsen:",
        "Op 8 okt. 2024 om 09:00 schreef Mira <mira@lab.example>:",
        "Mira Halvorsen wrote:",
        "Mira Halvorsen <mira@lab.example> writes:",
        "Mira Halvorsen wrote on 8 Oct 2024:",
    ],
)
def test_the_line_above_a_quote_is_no_word_of_the_writer(said: str) -> None:
    assert own_words(f"Yes.\n\n{said}\n> We take PBEsol.\n") == "Yes."
    assert own_words(f"Yes.\n\n{said}\n\nnothing quoted\n").startswith(f"Yes.\n\n{said}")


def test_folders_inside_a_maildir_are_read_but_for_waste(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "maildir")
    for number, name in enumerate(("Sent", "Trash", "Junk E-mail", "projects.drafts", "projects.li"), start=1):
        message = build.mail(MIRA, "Q", "hello\n", 0, message_id=f"<{number}@l>")
        box.add_folder(name).add(message.as_bytes())
    for flags, number in (("S", 6), ("ST", 7), ("D", 8)):
        kept = mailbox.MaildirMessage(build.mail(MIRA, "Q", "hello\n", 0, message_id=f"<{number}@l>"))
        kept.set_subdir("cur")
        kept.set_flags(flags)
        box.add(kept)
    assert sorted(p.anchor for p in mail.read(tmp_path / "maildir")) == ["mail:1@l", "mail:5@l", "mail:6@l"]


def test_mails_of_any_case_of_ending_are_read(tmp_path: Path) -> None:
    (tmp_path / "A.EML").write_bytes(build.mail(MIRA, "Q", "hello\n", 0, message_id="<1@l>").as_bytes())
    assert [p.anchor for p in mail.read(tmp_path)] == ["mail:1@l"]


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


def test_a_mail_beyond_all_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "LONGEST_MAIL", 2000)
    good, long = (build.mail(MIRA, "Q", words, 0, message_id="<1@l>") for words in ("hello\n", "15 eV\n" * 1000))
    with pytest.raises(BadInput, match=r"group\.mbox, message 2: is a mail of more than"):
        passages(tmp_path, good, long)
    (tmp_path / "a.eml").write_bytes(long.as_bytes())
    with pytest.raises(BadInput, match="is a mail of more than"):
        list(mail.read(tmp_path / "a.eml"))


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=30)
ADDRESSED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(
    st.lists(st.tuples(WORDS, WORDS, st.sampled_from(["7bit", "quoted-printable", "base64"])), min_size=1, max_size=4)
)
@ADDRESSED
def test_what_was_written_is_what_is_read(tmp_path: Path, written: list[tuple[str, str, str]]) -> None:
    mails = []
    for number, (text, subject, encoding) in enumerate(written):
        letter = build.mail(MIRA, subject, "", number, message_id=f"<{number}@l>")
        letter.set_content(f"{text}\n", cte="8bit" if encoding == "7bit" else encoding)
        mails.append(letter)
    found = passages(tmp_path, *mails)
    assert [p.text for p in found] == [text for text, _, _ in written]
    assert [p.title for p in found] == [subject for _, subject, _ in written]


HEADS = ["Message-ID", "In-Reply-To", "References", "From", "Subject", "Date", "Content-Type", "List-Id", "X"]
VALUES = (
    st.sampled_from(["<1@l>", "<2@l> <1@l>", "multipart/mixed; boundary=x", "text/html", "=?utf-8?b?w4U?="]) | WORDS
)


@given(st.lists(st.lists(st.tuples(st.sampled_from(HEADS), VALUES), max_size=5), max_size=4), st.binary(max_size=60))
@ADDRESSED
def test_whatever_stands_in_a_mailbox_keeps_the_laws(
    tmp_path: Path, heads: list[list[tuple[str, str]]], body: bytes
) -> None:
    mails = [
        "".join(f"{name}: {value}\n" for name, value in [("Subject", "Q"), *head]).encode() + b"\n" + body
        for head in heads
    ]
    always = build.mail(MIRA, "Q", "always there\n", 0, message_id="<9@l>")
    check_source(mail.read, build.mbox(tmp_path / "group.mbox", [*mails, always]))

"""A mailbox (mbox) of the group's list: threads with quoted replies."""

import hashlib
from collections.abc import Sequence
from datetime import UTC
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from pathlib import Path

from sonde.sample_lab.plan import LabPlan
from sonde.sample_lab.talk import Conversation, Line, Placed

MBOX = default.clone(mangle_from_=True)
"""Lines that begin with "From " are escaped, as the format asks."""


def write_mail(plan: LabPlan, talk: Sequence[Conversation], path: Path) -> tuple[Placed, ...]:
    """Write the mailbox in order of time and return where the planted mails stand."""
    mails, placed = [], []
    for number, conversation in enumerate(talk):
        for i, line in enumerate(conversation.lines):
            mail = _mail(plan, conversation, i, number)
            mails.append((line.time, mail))
            if conversation.about:
                anchor = f"mail:{_message_id(plan, number, i).strip('<>')}"
                placed.append(Placed(conversation.about, line, "mail", anchor))
    ordered = sorted(mails, key=lambda pair: pair[0])
    path.write_bytes(b"".join(mail.as_bytes(unixfrom=True) + b"\n" for _, mail in ordered))
    return tuple(placed)


def _mail(plan: LabPlan, conversation: Conversation, i: int, number: int) -> EmailMessage:
    line, mail = conversation.lines[i], EmailMessage(policy=MBOX)
    domain = line.speaker.email.partition("@")[2]
    mail.set_unixfrom(f"From {line.speaker.email} {line.time.astimezone(UTC):%a %b %d %H:%M:%S %Y}")
    mail["From"] = f"{line.speaker.name} <{line.speaker.email}>"
    mail["To"] = f"group@{domain}"
    mail["Subject"] = ("Re: " if i else "") + conversation.place
    mail["Date"] = format_datetime(line.time)
    mail["Message-ID"] = _message_id(plan, number, i)
    if i:
        mail["In-Reply-To"] = _message_id(plan, number, i - 1)
        mail["References"] = " ".join(_message_id(plan, number, k) for k in range(i))
    quoted = _quoted(conversation.lines[i - 1]) if i else ""
    mail.set_content(f"{line.text}\n\nBest,\n{line.speaker.first_name}\n{quoted}", cte="8bit")
    return mail


def _quoted(line: Line) -> str:
    said = "\n".join(f"> {part}" for part in line.text.splitlines())
    return f"\nOn {line.time:%a, %d %b %Y at %H:%M}, {line.speaker.name} wrote:\n{said}\n"


def _message_id(plan: LabPlan, number: int, i: int) -> str:
    digest = hashlib.sha256(f"{plan.seed} {number} {i}".encode()).hexdigest()[:16]
    return f"<{digest}@{plan.people[0].email.partition('@')[2]}>"

"""The laws that every source must keep: a public suite for readers of what people wrote, ours and those of others.

Hand `check_source` a reader and an export it can read; each law raises AssertionError with what was found.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args

from sonde.records.decisions import Change, Passage

Reader = Callable[[Path], Iterator[Passage]]
ChangeReader = Callable[[Path], Iterator[Change]]
AnchorReader = Callable[[Path], Iterator[str]]
Law = Callable[[Reader, Path], None]

ANCHORS = {
    "slack": re.compile(r"slack:[^/\s]+/\d+\.\d+"),
    "mattermost": re.compile(r"mattermost:[^/\s]+/\d+(-\d+)?"),
    "zulip": re.compile(r"zulip:[^/\s]+/\d+"),
    "mail": re.compile(r"mail:[^\s<>]+"),
    "commit": re.compile(r"commit:[0-9a-f]{40}"),
    "file": re.compile(r"file:[^#\n]+#(slide|page|line|cell)=[\w.-]+"),
    "place": re.compile(r"[^\n]+:\d+@[0-9a-f]{40}"),
}
"""`slack:<channel>/<ts>`, `mattermost:<team>.<channel>/<ms>`, `zulip:<channel>/<id>`, `mail:<Message-ID>`,
`commit:<40 hex>`, `file:<path>#slide=3|page=2|line=7|cell=4`, `path:line@<40 hex>`."""
VISIBILITIES = get_args(Passage.__dataclass_fields__["visibility"].type)
KINDS = get_args(Passage.__dataclass_fields__["kind"].type)


def check_source(read: Reader, path: Path) -> None:
    """Hold a reader to every law on one export."""
    for law in LAWS.values():
        law(read, path)


def yields_one_by_one(read: Reader, path: Path) -> None:
    """A reader returns an iterator, there is something in it, and it may be left after the first passage."""
    passages = read(path)
    assert isinstance(passages, Iterator), f"a reader yields passages one by one; found {type(passages).__name__}"
    assert isinstance(next(passages, None), Passage), "the export of a conformance test must hold a passage"
    close = getattr(passages, "close", None)
    if close is not None:
        close()


def anchors_lead_to_one_place(read: Reader, path: Path) -> None:
    """Anchors are of a known form, and no two passages share one."""
    counts = Counter(passage.anchor for passage in read(path))
    malformed = [anchor for anchor in counts if not any(form.fullmatch(anchor) for form in ANCHORS.values())]
    assert not malformed, f"anchors of no known form: {malformed[:3]}"
    repeated = [anchor for anchor, count in counts.items() if count > 1]
    assert not repeated, f"anchors of more than one passage: {repeated[:3]}"


def texts_can_be_read(read: Reader, path: Path) -> None:
    """A text is not empty, has no blank around it and no control characters, and fits UTF-8."""
    for passage in read(path):
        assert passage.text.strip(), f"{passage.anchor}: empty text"
        assert passage.text == passage.text.strip(), f"{passage.anchor}: blank around the text"
        control = re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", passage.text)
        assert control is None, f"{passage.anchor}: character {control and control[0]!r} in the text"


def times_are_utc(read: Reader, path: Path) -> None:
    """A time is aware and in UTC, or None."""
    for passage in read(path):
        _assert_utc(passage.time, passage.anchor)


def facts_are_stated_or_none(read: Reader, path: Path) -> None:
    """Author, thread and title hold words or are None; kind and visibility are known; the project names the source."""
    for passage in read(path):
        for name in ("author", "thread", "title"):
            value = getattr(passage, name)
            assert value is None or value.strip(), f"{passage.anchor}: {name} is empty instead of None"
        assert passage.kind in KINDS, f"{passage.anchor}: kind {passage.kind!r}"
        assert passage.visibility in VISIBILITIES, f"{passage.anchor}: visibility {passage.visibility!r}"
        assert passage.source == "", f"{passage.anchor}: the source is named by the project, not by the reader"


def reading_again_gives_the_same(read: Reader, path: Path) -> None:
    """Two readings of one export are equal, in content and in order."""
    assert list(read(path)) == list(read(path)), "two readings differ"


def export_stays_untouched(read: Reader, path: Path) -> None:
    """Reading writes nothing: neither into the export nor beside it."""
    before = _fingerprint(path)
    for _ in read(path):
        pass
    changed = {name for name, _ in before.items() ^ _fingerprint(path).items()}
    assert not changed, f"reading changed {sorted(changed)[:3]}"


LAWS: dict[str, Law] = {
    law.__name__: law
    for law in (
        yields_one_by_one,
        anchors_lead_to_one_place,
        texts_can_be_read,
        times_are_utc,
        facts_are_stated_or_none,
        reading_again_gives_the_same,
        export_stays_untouched,
    )
}


def check_deleted(read: Reader, deleted: AnchorReader, path: Path) -> None:
    """Hold a reader of deletions to its laws: it names places of the known forms that hold no passage any more."""
    gone, there = list(deleted(path)), {passage.anchor for passage in read(path)}
    assert gone, "the export of a conformance test must hold a deletion"
    assert gone == list(deleted(path)), "two readings differ"
    malformed = [anchor for anchor in gone if not any(form.fullmatch(anchor) for form in ANCHORS.values())]
    assert not malformed, f"anchors of no known form: {malformed[:3]}"
    assert not there & set(gone), f"deleted and there: {sorted(there & set(gone))[:3]}"


def check_changes(read: ChangeReader, path: Path) -> None:
    """Hold a reader of changes to its laws: each change is one, is dated, and names its place."""
    found = list(read(path))
    assert found, "the repository of a conformance test must hold a change of a value"
    assert found == list(read(path)), "two readings differ"
    for change in found:
        where = f"{change.path}:{change.line} ({change.key})"
        assert re.fullmatch(r"[0-9a-f]{40}", change.commit), f"{where}: commit {change.commit!r}"
        assert change.old != change.new, f"{where}: nothing changed"
        assert (change.line is None) == (change.new is None), f"{where}: a line stands where there is a new value"
        assert change.key.strip(), f"{where}: no key"
        assert not change.path.startswith("/"), f"{where}: the path is not relative to the repository"
        _assert_utc(change.time, where)


def _assert_utc(time: datetime | None, where: str) -> None:
    assert time is None or time.utcoffset() == timedelta(0), f"{where}: time {time} is not in UTC"


def _fingerprint(path: Path) -> dict[str, str]:
    """Content of the export, and names beside it."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    content = {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return content | {str(beside): "" for beside in path.parent.iterdir() if beside not in files}

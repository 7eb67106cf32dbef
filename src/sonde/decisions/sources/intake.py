"""What comes in on its way to the project: counted, without secrets, and without what was not asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

from sonde.decisions.sources.access import channel_of, entry
from sonde.decisions.sources.secrets import ALL_SIGNS, Signs, redacted, signs_in
from sonde.records.decisions import Access, Change, Passage

AT_ONCE = 500
_title_shown = lru_cache(maxsize=4096)(redacted)
"""Titles repeat: a channel's stands on every message."""


class Intake:
    """Lets passages and changes through one by one, and knows afterwards what went by.

    Attributes
    ----------
    n_passages, n_changes : what came in.
    n_private, n_excluded : passages held back, see `Access`.
    n_secrets : tokens, keys and passwords that were taken out.
    """

    def __init__(self, access: Access, *, keep_anchors: bool) -> None:
        self.access = access
        self.n_passages = self.n_changes = self.n_private = self.n_excluded = self.n_secrets = 0
        self._anchors: set[str] | None = set() if keep_anchors else None
        self._held_back: set[str] = set()

    def passages(self, given: Iterable[Passage]) -> Iterator[Passage]:
        """Let in what was asked for."""
        allowed = filter(self._is_allowed, given)
        while batch := list(islice(allowed, AT_ONCE)):
            self.n_passages += len(batch)
            if self._anchors is not None:
                self._anchors.update(passage.anchor for passage in batch)
            signs = signs_in(passage.text for passage in batch)
            titles = {passage.title for passage in batch}
            suspected = signs or any(_title_shown(title).n_secrets for title in titles if title)
            yield from (self._without_secrets(passage, signs) for passage in batch) if suspected else batch

    def _is_allowed(self, passage: Passage) -> bool:
        found = entry(passage, self.access)
        if found == "in":
            return True
        self.n_private += found == "private"
        self.n_excluded += found == "excluded"
        self._held_back.add(channel_of(passage) or passage.anchor)
        return False

    def changes(self, given: Iterable[Change]) -> Iterator[Change]:
        """Let in all changes; where the key names a secret, the value is taken out."""
        for change in given:
            self.n_changes += 1
            before = self.n_secrets
            old, new = self._value(change.key, change.old), self._value(change.key, change.new)
            summary = self._shown(change.summary)
            same = self.n_secrets == before
            yield change if same else replace(change, old=old, new=new, summary=summary)

    def outdated(self, stored: Iterable[Passage]) -> Iterator[str]:
        """Yield the anchors of stored passages that would not come in today: held back now, or no longer there."""
        for passage in stored:
            channel = channel_of(passage) or passage.anchor
            gone = self._anchors is not None and passage.anchor not in self._anchors
            if gone or channel in self._held_back or entry(passage, self.access) != "in":
                yield passage.anchor

    def _without_secrets(self, passage: Passage, signs: Signs) -> Passage:
        before = self.n_secrets
        text = self._shown(passage.text, signs) if signs else passage.text
        named = _title_shown(passage.title or "")
        self.n_secrets += named.n_secrets
        title = named.text
        return passage if self.n_secrets == before else replace(passage, text=text, title=title or None)

    def _value(self, key: str, value: str | None) -> str | None:
        # A value by itself tells less than with its name: `token=…`.
        return None if value is None else self._shown(f'{key}="{value}"').removeprefix(f'{key}="').removesuffix('"')

    def _shown(self, text: str, signs: Signs = ALL_SIGNS) -> str:
        found = redacted(text, signs)
        self.n_secrets += found.n_secrets
        return found.text

"""Answers to why-questions: verbatim quotes with anchors, or the nearest evidence where no reason is recorded.

A reason is taken only from a conversation that settles the change asked about; talk that names the setting and gives
no reason is shown as nearest evidence. No words are made up: every quote is a piece of a passage.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sonde.concepts import concept_of, concepts_in, words_of
from sonde.decisions.archive import Archive
from sonde.decisions.decision import decision_of, doubts_of
from sonde.decisions.free_answers import free_answer
from sonde.decisions.moments import moment_in
from sonde.decisions.quoting import nearest_quotes, quotes_of
from sonde.decisions.retrieval import Query, parse_question
from sonde.decisions.roles import Era, Judged, judge
from sonde.decisions.search_answers import search_answer
from sonde.decisions.systems import Home, other_project
from sonde.decisions.targets import Target, names_another, names_key, target_of, value_stance
from sonde.decisions.threads import Thread
from sonde.records.decisions import Change, Link, Quote, Why

_REFUSED = re.compile(
    r"\b(?:than|instead of|not|above|below|over|beyond)\s+(?:(?:at|about|just|only) )?$", re.IGNORECASE
)
_REFUSED_NAME = re.compile(
    r"\b(?:than|instead of|not|over|leav(?:e|ing)|left|drop(?:ped)?|abandon(?:ed)?|g(?:i|a)ve up|away from"
    r"|stop(?:ped)? using)\s+[a-z][\w²-]*",
    re.IGNORECASE,
)
MOST_ASKED = 40
"""Changes of one commit or line that reasons are looked for: a first commit sets hundreds of values."""
CONFIRMED = 100.0
"""Score of a passage that a person confirmed."""
LEAST_REASON = 0.8
"""Score from which a sentence is given as a reason; set on constructed cases, see tests/decisions/cases.py."""


def why_change(archive: Archive, change: Change, question: str | None = None) -> Why:
    """Say why a value was changed."""
    target = target_of(change)
    question = question or f"Why {_in_words(target)}?"
    links = archive.links_of(change)
    said = {link.passage: link.status for link in links if link.status != "suggested"}  # what people said of them
    judged = _judged(archive, change, links)
    judged = [item for item in judged if said.get(item.sentence.passage.anchor) != "rejected"]
    quotes = _with_confirmed(archive, quotes_of(judged, LEAST_REASON), said)
    known = {quote.anchor for quote in quotes}
    quotes += tuple(doubt for doubt in doubts_of(judged, change) if doubt.anchor not in known)
    answered = any(quote.role == "reason" for quote in quotes)
    later = [other for other in archive.same_setting(change) if other.time > change.time]
    decision = decision_of(question, change, later, quotes)
    nearest = () if answered else nearest_quotes(judged)
    return Why(question, answered, quotes if answered else (), (change,), decision, nearest)


def why_question(archive: Archive, question: str, as_of: datetime | None = None, source: str | None = None) -> Why:
    """Answer a question in free words, as the archive stood at `as_of`, from one source or from all.

    Without `as_of`, a time that the question names ("before May 2023", "as of v1.2") is taken for it, and told. Where
    it only says when something was done ("in 2022") and nothing of that time answers, everything is searched.
    """
    moment = moment_in(question, archive.passages) if as_of is None else None
    if moment is None:
        return _answer(archive.at(as_of, source), question)
    then = replace(_answer(archive.at(moment.until, source), moment.question), question=question)
    if then.answered or not moment.loose:
        return replace(then, understood=moment.told)
    return _answer(archive.at(None, source), question)


def _answer(archive: Archive, question: str) -> Why:
    query = parse_question(question)
    if query.commits and (
        commits := [c for c in query.commits if archive.changes_of_commit(c) or talked_of(archive, c)]
    ):
        return replace(why_commit(archive, commits[0]), question=question)
    asked = changes_asked(archive, query)
    by_change = _best_of(archive, asked, question) if asked else None
    if by_change and by_change.answered:
        return by_change
    searched = free_answer(archive.passages, query, archive.meaning)
    if by_change is None or not searched.answered:
        return by_change or searched
    return _found_beside(archive, asked, searched, by_change)


def _found_beside(archive: Archive, asked: Sequence[Change], searched: Why, by_change: Why) -> Why:
    """What a search gave where no link gave a reason: words from talk of the setting that was asked about.

    Talk that is linked to the changes was read with them, and gives no reason for them.
    """
    targets = list({(change.key, change.unit): target_of(change) for change in asked}.values())
    read = {link.passage for change in asked[:MOST_ASKED] for link in archive.links_of(change)}
    unread = (quote for quote in searched.quotes if quote.anchor not in read)
    kept = tuple(quote for quote in unread if _in_talk_of(archive, quote, targets))
    if not any(quote.role == "reason" for quote in kept):
        return by_change
    return replace(searched, quotes=kept, changes=by_change.changes)


def _in_talk_of(archive: Archive, quote: Quote, targets: Sequence[Target]) -> bool:
    """Whether a quote stands in talk that names one of the settings, and gives no other value of it."""
    passage = archive.passages.get(quote.anchor)
    if passage is None or all(value_stance(target, passage.text, about=True) == "other" for target in targets):
        return False
    said = [text for one in archive.talk.thread(passage).passages for text in (one.text, one.title or "")]
    return any(target.concept in concepts_in(text) or names_key(target, text.lower())
               for target in targets for text in said)  # fmt: skip


def why_key(archive: Archive, key: str) -> Why:
    """Say why a key has its value: the reason for its latest change, with the key's history."""
    question = f"Why does {key} have its value?"
    found = changes_of_key(archive, key)
    if not found:
        return free_answer(archive.passages, parse_question(f"why {key}"), archive.meaning)
    why = why_change(archive, found[-1], question)
    return replace(why, changes=tuple(reversed(found)))


def why_commit(archive: Archive, commit: str) -> Why:
    """Say why a commit was made: the reasons for the values it changed, or for the commit as a whole."""
    question = f"Why was commit {commit[:10]} made?"
    found = archive.changes_of_commit(commit)
    if not found:
        return _why_plain_commit(archive, commit, question)
    answers = [why_change(archive, change, question) for change in _foremost(found)]
    merged = _merged(question, answers)
    return replace(merged, changes=tuple(dict.fromkeys([*merged.changes, *found])))


def why_at(
    archive: Archive,
    path: str,
    line: int | None = None,
    line_text: str | None = None,
    earlier_names: Sequence[str] = (),
) -> Why:
    """Say why a line has its value: the last change of the value there, through later edits of the line.

    `path` may carry the line ("curate.yaml:12"). Lines move as files grow: with `line_text`, the line as it is now,
    the key that stands in it is taken; without, the key last seen on that line. `earlier_names` are those that the file
    had: a value may stand since before it was renamed.
    """
    match = re.fullmatch(r"(.+?):(\d+)", path)
    if line is None and match:
        path, line = match[1], int(match[2])
    question = f"Why {path}{f':{line}' if line else ''}?"
    files = [
        file for file in archive.changes_by_file if f"/{file[1]}".endswith(f"/{path}") or path.endswith(f"/{file[1]}")
    ]
    files += [file for file in archive.changes_by_file if file[1] in earlier_names and file not in files]
    last = _last_of_settings(archive, [change for file in files for change in archive.changes_by_file[file]])
    chosen = _foremost([change for change in last if line is None or _on_line(change, line, line_text)], line_text)
    if not chosen:
        changes = tuple(sorted(last, key=lambda change: change.time, reverse=True))
        return Why(question, False, (), changes, None, ())
    answers = [why_change(archive, change, question) for change in chosen]
    return answers[0] if len(answers) == 1 else _merged(question, answers)


def changes_asked(archive: Archive, query: Query) -> list[Change]:
    """Changes that a question is about: its setting, and its value or file where it gives one; latest first."""
    lower = query.text.lower()
    about = archive.keys_named(query.concepts, lambda word: word in lower and _spells_a_key(word, query, lower))
    named = [change for key in about for change in archive.changes_by_key[key]]
    named = [change for change in named if not names_another(target_of(change), query.text)]
    if query.paths:
        in_path = [c for c in named if any(path.split(":")[0] in c.path for path in query.paths)]
        named = in_path or named
    taken = _without_refused(query)
    set_to = [change for change in named if value_stance(target_of(change), taken, about=True) in ("new", "both")]
    given = [(change, value_stance(target_of(change), query.text, about=True)) for change in named]
    left = [change for change, stance in given if stance in ("old", "both")]
    if set_to or left:
        chosen = set_to or left
    else:
        chosen = named if taken != query.text or not any(stance for _, stance in given) else []
    return sorted(chosen, key=lambda change: change.time, reverse=True)


def _without_refused(query: Query) -> str:
    """What a question asks without the values that it names as not taken: "more than 2.0", "why not PBE"."""
    text = query.text
    for one in query.quantities:
        begin, end = one.span
        if _REFUSED.search(text[:begin]):
            text = text[:begin] + " " * (end - begin) + text[end:]
    return _REFUSED_NAME.sub(" ", text)


def _best_of(archive: Archive, asked: Sequence[Change], question: str) -> Why:
    """Answer for the latest change of each setting asked about; the first with a reason counts."""
    latest = _last_per_key(sorted(asked, key=lambda change: change.time))
    answers = [
        why_change(archive, change, question) for change in sorted(latest, key=lambda c: c.time, reverse=True)[:6]
    ]
    answered = [why for why in answers if why.answered]
    best = max(answered, key=lambda why: max(q.score for q in why.quotes), default=answers[0])
    rest = tuple(change for change in asked if change not in best.changes)
    return replace(best, changes=best.changes + rest)


def _judged(archive: Archive, change: Change, links: Sequence[Link]) -> list[Judged]:
    """Read every conversation that is linked to a change."""
    scores, anchors_exact = _scores_of(links)
    target, era = target_of(change), _era(archive, change)
    read: dict[str, Thread] = {}
    for passage in filter(None, map(archive.talk.get, scores)):
        thread = archive.talk.thread(passage)
        if thread.name not in read:
            read[thread.name] = _without_others(thread, change, archive.homes[change.source], anchors_exact)
    judged = [item for thread in read.values() for item in judge(thread, target, era, scores, anchors_exact)]
    return sorted(judged, key=lambda item: -item.score)


def _with_confirmed(archive: Archive, quotes: tuple[Quote, ...], said: Mapping[str, str]) -> tuple[Quote, ...]:
    """Put passages that a person confirmed before all others, whole; they are reasons whatever they sound like."""
    confirmed = {anchor for anchor, status in said.items() if status == "confirmed"}
    known = {quote.anchor for quote in quotes if quote.role == "reason"}
    added = [
        Quote(passage.text, passage.anchor, passage.source, passage.author, passage.time, "reason", CONFIRMED)
        for passage in map(archive.talk.get, sorted(confirmed - known))
        if passage is not None
    ]
    rest = [quote for quote in quotes if quote.anchor not in {one.anchor for one in added}]
    return (*added, *sorted(rest, key=lambda quote: quote.anchor not in confirmed)) if confirmed else quotes


def _scores_of(links: Sequence[Link]) -> tuple[dict[str, float], dict[str, bool]]:
    """Scores by anchor, and the passages that name the commit or stand beside the value; no rejected links."""
    live = [found for found in links if found.status != "rejected"]
    scores = {found.passage: found.score * (2.0 if found.status == "confirmed" else 1.0) for found in live}
    exact = {
        found.passage: True
        for found in live
        if found.status == "confirmed" or any(_EXACT.match(words) for words in found.evidence)
    }
    return scores, exact


_EXACT = re.compile(r"is the message of commit|names commit|stands beside the value")


def _without_others(thread: Thread, change: Change, home: Home, exact: Mapping[str, bool]) -> Thread:
    """Leave out of a conversation what is about another project."""
    kept = [p for p in thread.passages if p.anchor in exact or not other_project(change.source, p, thread, home)]
    return Thread(thread.name, tuple(kept) or thread.passages[:1])


def _era(archive: Archive, change: Change) -> Era:
    others = sorted((c for c in archive.same_setting(change) if c != change), key=lambda c: c.time)
    before = [other for other in others if other.time < change.time]
    after = [other for other in others if other.time > change.time]
    return Era(before[-1] if before else None, after[0] if after else None)


def _merged(question: str, answers: Sequence[Why]) -> Why:
    """Put the answers for several values together; each quote stands once."""
    answered = [why for why in answers if why.answered]
    quotes = {(quote.anchor, quote.text): quote for why in answered for quote in why.quotes}
    nearest = {(quote.anchor, quote.text): quote for why in answers for quote in why.nearest}
    best = max(answered or answers, key=lambda why: max((q.score for q in why.quotes), default=0.0))
    ordered = sorted(quotes.values(), key=lambda quote: (quote.role != "reason", -quote.score))[:8]
    changes = tuple(dict.fromkeys(change for why in answers for change in why.changes))
    return Why(
        question,
        bool(answered),
        tuple(ordered),
        changes,
        best.decision,
        () if answered else tuple(nearest.values())[:5],
    )


def _why_plain_commit(archive: Archive, commit: str, question: str) -> Why:
    """A commit that changed no value: its own message, and talk that names it."""
    known = next((p.anchor.removeprefix("commit:") for p in archive.talk.beginning(f"commit:{commit}")
                  if p.kind == "commit"), None)  # fmt: skip
    about = Query(commit, (), frozenset(), (), (known or commit,), (), frozenset())
    return replace(search_answer(archive.passages, archive.talk, about), question=question)


def talked_of(archive: Archive, commit: str) -> bool:
    """Whether anybody names a commit, or a repository holds it."""
    return bool(archive.talk.beginning(f"commit:{commit}") or archive.talk.holding(commit[:7], 1))


def changes_of_key(archive: Archive, key: str) -> list[Change]:
    """Return changes of a key, oldest first: of exactly this key, else of keys ending in it, else of its concept."""
    wanted, concept = key.lower(), concept_of(key)
    keys = archive.changes_by_key
    named = (
        [one for one in keys if one[0].lower() == wanted]
        or [one for one in keys if _last_part(one[0]) == _last_part(wanted)]
        or [one for one in keys if concept is not None and concept_of(*one) == concept]
    )
    return sorted((change for one in named for change in keys[one]), key=lambda change: change.time)


def _last_part(key: str) -> str:
    return re.split(r"[.:/]", key.lower())[-1]


def _foremost(changes: Sequence[Change], line_text: str | None = None) -> Sequence[Change]:
    """Of very many changes those whose value stands in the line, then those of settings with a name in the field."""
    if len(changes) <= MOST_ASKED:
        return changes
    spelled = [change for change in changes if line_text and change.new and change.new in line_text]
    return sorted(spelled or changes, key=lambda change: concept_of(change.key, change.unit) is None)[:MOST_ASKED]


def _last_per_key(changes: Iterable[Change]) -> list[Change]:
    last: dict[tuple[str, str, str], Change] = {}
    for change in sorted(changes, key=lambda change: change.time):
        last[(change.source, change.path, change.key)] = change
    return list(last.values())


def _last_of_settings(archive: Archive, changes: Sequence[Change]) -> list[Change]:
    """Last change of each setting, through renames of its file."""
    last = _last_per_key(changes)
    known = set(last)
    return [one for one in last if all(other.time <= one.time for other in archive.same_setting(one) if other in known)]


def _on_line(change: Change, line: int, line_text: str | None) -> bool:
    if line_text is not None:
        name = re.split(r"[.:/]", change.key)[-1]
        return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line_text, re.IGNORECASE) is not None
    return change.line == line


def _spells_a_key(word: str, query: Query, lower: str) -> bool:
    """Whether a word of a key's name stands for the key in a question; an ordinary word spells no key."""
    told = "_" in word or any(mark in query.text for mark in (f"`{word}`", f"{word} ="))
    return told and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lower) is not None


def _in_words(target: Target) -> str:
    change = target.change
    unit = f" {change.unit}" if change.unit else ""
    name = words_of(target.concept) if target.concept else change.key
    if change.old is None:
        return f"{name} = {change.new}{unit}"
    return f"was {name} ({change.key}) changed from {change.old} to {change.new}{unit}"

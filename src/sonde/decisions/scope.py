"""Which frames a quoted reason means: regions of configuration space, systems and ranges that it names or spares."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sonde.concepts import CONCEPTS, concepts_in, feature_of, unit_of
from sonde.decisions.rationale import sentences
from sonde.decisions.regions import NEAR_SYNONYMS, PATTERNS, REGIONS, Region
from sonde.decisions.systems import System, systems_in
from sonde.elements import NAMES, SYMBOLS
from sonde.quantities import convert, dimension, find_quantities, parse_unit
from sonde.records.decisions import Quote


@dataclass(frozen=True)
class FrameSubject:
    """The frames that a reason may or may not mean.

    features: lowest and highest value per lineage feature. other_config_types: tags of the rest of the pool; a reason
    that names one of those, and none of config_types, does not mean these frames.
    """

    elements: frozenset[str]
    formulas: tuple[str, ...] = ()
    config_types: tuple[str, ...] = ()
    features: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    other_config_types: tuple[str, ...] = ()


_SPARED_BEFORE = re.compile(
    r"(?:\b(?:nothing (?:of|in|from)|none of|not?|never|without (?:touching|losing|affecting|hurting)|except(?: for)?"
    r"|other than|apart from|but not|excluding|outside|unlike"
    r"|(?:does|do|did|will|would|should) ?n[o']t (?:\w+ ){0,3}(?:touch|affect|hit|concern|remove|drop|lose|hurt)"
    r"|(?:isn'?t|aren'?t|is not|are not|not) (?:about|for|meant for)"
    r"|(?:we|to|please|must|should|will|and|but|they|it|that|which) (?:keep|keeps|kept|spare|spares|spared|protects?))"
    r"|(?:while|by|,|and) (?:keeping|sparing|protecting))"
    r"\s+(?:(?:any|all|of|the|our|those|these|from|single|one|other|a|an|in|for|proper|real)\s+){0,4}$",
    re.IGNORECASE,
)
_LEFT_ALONE = re.compile(r"\b(?:leav\w+|left|let)\s+(?:\w+\s+){0,3}$", re.IGNORECASE)
_ALONE = re.compile(
    r"^\s*(?:\w+\s+){0,3}?(?:alone|untouched|unaffected|in(?:tact)?|be)\b(?!\s+the\s+(?:loss|fit))", re.IGNORECASE
)
_SPARED_AFTER = re.compile(
    r"^[^.;]{0,80}?\b(?:(?:is|are|was|were|be|been|stays?|remains?)\s+(?:\w+\s+)?(?:not\s+(?:touched|affected|hit|meant"
    r"|concerned|included|dropped|removed|lost)|un(?:touched|affected|harmed)|kept|left alone|spared)"
    r"|(?:must|has to|have to|should|need to|are to|shall|supposed to|will) (?:\w+ )?(?:stay|be kept|remain|not be"
    r" (?:dropped"
    r"|removed|cut|touched|lost)|be left alone)"
    r"|(?:is|are) (?:\w+ )?(?:fine|okay|ok|good|legitimate|real|genuine)\b"
    r"|(?:do|does|did)(?: not|n'?t)\s+(?:\w+\s+){0,2}(?:reach|exceed|go above|come near)|never (?:reach|exceed)"
    r"|(?:stay|stays|remain|remains)\s+(?:in\b|well below|untouched|unaffected))",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"\b(?:only|just|exclusively|solely|purely|nothing but|all of (?:them|those|it) (?:are|is|were|was|from"
    r"|in))\b[^.;]{0,40}$",
    re.IGNORECASE,
)
_HOLDS_IN = re.compile(r"\b(?:in|for|on|only|among|within|with|of|all|these|those)\s+(?:\w+\s+){0,2}$", re.IGNORECASE)
_CONTACTS = re.compile(r"\b(?:short|close|unphysically close|too close)\b[^.;]{0,15}\bcontacts?\b|\batoms? (?:\w+"
                       r" ){0,3}(?:too close|on top of each other)\b|\boverlapping atoms?\b"
                       r"|\boverlaps?\b|\bcollid\w+|\bcollisions?\b", re.IGNORECASE)  # fmt: skip
_UNCONVERGED = re.compile(r"\b(?:un|non-?|not (?:\w+ )?)converged?\b|\b(?:did|does|do)(?: not|n'?t) converge\b"
                          r"|\bnever converge\w*|\bscf (?:failures?|fails?|failed|garbage)\b"
                          r"|\b(?:failed|fails?|failing) to converge\b", re.IGNORECASE)  # fmt: skip
_BROKEN = re.compile(
    r"\b(?:broken|garbage|explod\w+|exploded|blow[ns]? up|blew up|blown[- ]up|junk|corrupt\w*|fl(?:y|ying|ew) apart"
    r"|unphysical|nonsense)\b",
    re.IGNORECASE,
)
_CONTAINING = re.compile(
    r"\b([A-Z][a-z]?|[a-z]+)[- ](?:containing|rich|bearing|based|heavy|doped)\b|\b(?:containing|frames with|cells"
    r" with|structures with|pure|without) ([A-Z][a-z]?|[a-z]+)\b"
)
_BOX = re.compile(r"\b(?:in|inside) (?:a |the |an |big |large |vacuum |empty )+box(?:es)?\b", re.IGNORECASE)
_DENSE, _DILUTE = 30.0, 60.0
"""Å^3 per atom: below, a condensed phase; above, mostly vacuum."""
_HEALTHY_CONTACT = 0.75
"""Closest distance over the sum of covalent radii above which no atoms overlap."""
_OVERLAPPING = 0.6
_SYMBOL_OF = {name.lower(): symbol for name, symbol in zip(NAMES, SYMBOLS, strict=True)} | {
    "aluminum": "Al", "sulphur": "S", "cesium": "Cs",
}  # fmt: skip

Finding = tuple[bool, str]


def applies(quote: Quote, subject: FrameSubject) -> tuple[bool | None, str | None]:
    """Say whether a quoted reason means these frames (True), spares them (False), or neither (None), and its words.

    See `applies_together`.
    """
    return applies_together([quote], subject)


def applies_together(quotes: Sequence[Quote], subject: FrameSubject) -> tuple[bool | None, str | None]:
    """Say whether the quotes of one decision, read together, mean these frames, and by which words.

    Words that spare the frames outweigh all; then kinds of frames; then ranges, since the range is the rule itself.
    Where words of the same weight stand for and against, the answer is None.
    """
    texts = [quote.text[start:end] for quote in quotes for start, end in sentences(quote.text)]
    spared = [(False, words) for text in texts for words in _spared(text, subject)]
    named = [finding for text in texts for finding in _named(text, subject)]
    ranges = [finding for quote in quotes for finding in _ranges(quote.text, subject)]
    for findings in (spared, named, ranges):
        if findings:
            answers = {answer for answer, _ in findings}
            words = "; ".join(dict.fromkeys(words for _, words in findings))
            return (answers.pop() if len(answers) == 1 else None), words
    return None, None


def scope_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that say which frames it means."""
    return tuple(dict.fromkeys(match.group() for match in _scope_matches(text)))


def frames_meant(text: str) -> tuple[str, ...]:
    """Return the words that say in which frames something holds: "in the slabs", not every kind that is mentioned."""
    meant = (match for match in _scope_matches(text) if _HOLDS_IN.search(text[: match.start()]))
    return tuple(dict.fromkeys(match.group() for match in meant))


def _scope_matches(text: str) -> list[re.Match[str]]:
    patterns = (*PATTERNS.values(), _CONTACTS, _UNCONVERGED, _BROKEN)
    return sorted((found for one in patterns for found in one.finditer(text)), key=lambda match: match.start())


def _named(sentence: str, subject: FrameSubject) -> list[Finding]:
    """Kinds of frames, elements and conditions that a sentence names, for or against the subject."""
    regions = list(_named_regions(sentence, subject))
    if any(answer for answer, _ in regions):
        # "distorted cells and slabs": one of the kinds named is enough.
        regions = [(answer, words) for answer, words in regions if answer]
    return [*regions, *_elements(sentence, subject), *_conditions(sentence, subject)]


def _mentions(sentence: str) -> Iterator[tuple[Region, re.Match[str]]]:
    for region in REGIONS:
        for match in PATTERNS[region.name].finditer(sentence):
            yield region, match


def _spared(sentence: str, subject: FrameSubject) -> Iterator[str]:
    """Words of kinds of frames that the subject is of and that the sentence says are left alone."""
    for region, match in _mentions(sentence):
        if _is_spared(sentence, match) and _is_of(subject, region) is True:
            yield _clause(sentence, match)
    for tag in subject.config_types:
        for match in _tag_matches(tag, sentence):
            if _is_spared(sentence, match):
                yield _clause(sentence, match)


def _is_spared(sentence: str, match: re.Match[str]) -> bool:
    before, after = sentence[: match.start()], sentence[match.end() :]
    alone = _LEFT_ALONE.search(before) and _ALONE.match(after)
    return bool(alone or _SPARED_BEFORE.search(before) or _SPARED_AFTER.match(_own_clause(after)))


def _own_clause(after: str) -> str:
    """What is said of a mention, up to where another kind of frames is named."""
    others = [match.start() for pattern in PATTERNS.values() for match in pattern.finditer(after)]
    return after[: min(others, default=len(after))]


def _named_regions(sentence: str, subject: FrameSubject) -> Iterator[Finding]:
    for tag in subject.config_types:
        yield from ((True, m.group()) for m in _tag_matches(tag, sentence) if not _is_spared(sentence, m))
    for tag in subject.other_config_types:
        yield from ((False, m.group()) for m in _tag_matches(tag, sentence) if not _is_spared(sentence, m))
    for region, match in _mentions(sentence):
        if _is_spared(sentence, match):
            continue
        belongs = _is_of(subject, region)
        only = bool(_ONLY.search(sentence[: match.start()]))
        if belongs is not None:
            yield belongs, match.group()
        elif only and _tag_words(subject.config_types) and belongs is None and _has_regions(subject):
            yield False, _clause(sentence, match)


def _is_of(subject: FrameSubject, region: Region) -> bool | None:
    """Whether the subject's tags are of a region; False needs a tag of the same facet, or another tag of the pool."""
    words = _tag_words(subject.config_types)
    if words & set(region.tags.split()):
        return True
    if region.facet == "composition" and subject.elements:
        return (len(subject.elements) > 1) == (region.name == "alloy")
    if _tag_words(subject.other_config_types) & set(region.tags.split()) and words:
        return False
    mine = [other for other in REGIONS if words & set(other.tags.split())]
    if any(other.facet == region.facet and not {other.name, region.name} <= NEAR_SYNONYMS for other in mine):
        return False
    # A liquid has no lattice to distort, a crystal cell of any origin is no liquid.
    solid = {"surface", "bulk", "distorted", "strained", "relaxation", "defect", "neb", "solid"}
    named = {other.name for other in REGIONS if words & set(other.tags.split())}
    if region.name == "liquid" and named & solid:
        return False
    return None


def _has_regions(subject: FrameSubject) -> bool:
    words = _tag_words(subject.config_types)
    return any(words & set(region.tags.split()) for region in REGIONS)


def _tag_words(tags: Iterable[str]) -> set[str]:
    return {word for tag in tags for word in (tag.lower(), *re.split(r"[_\W\d]+", tag.lower())) if word}


def _tag_matches(tag: str, sentence: str) -> list[re.Match[str]]:
    """A tag spelled out in the text; tags that are plain short words would match by accident."""
    spelled = re.escape(tag).replace("_", r"[_ -]")
    return list(re.finditer(rf"(?<![\w]){spelled}(?![\w])", sentence, re.IGNORECASE)) if len(tag) > 3 else []


def _elements(sentence: str, subject: FrameSubject) -> Iterator[Finding]:
    if not subject.elements:
        return
    for match in _CONTAINING.finditer(sentence):
        symbol = _symbol(match[1] or match[2])
        if symbol:
            without = match.group().startswith("without")
            yield (symbol in subject.elements) != without, match.group()
    mine = frozenset(subject.elements)
    for system in systems_in(sentence):
        if system == mine:
            yield True, _written(system, sentence)
        elif not system & mine or (len(system) == len(mine) and system != mine):
            yield False, _written(system, sentence)


def _written(system: System, sentence: str) -> str:
    words = re.findall(r"[A-Z][A-Za-z\d\-–/.]*", sentence)
    return next(
        (word.rstrip(".") for word in words if system in systems_in(word.rstrip("."))), "-".join(sorted(system))
    )


def _symbol(word: str) -> str | None:
    return word if word in SYMBOLS else _SYMBOL_OF.get(word.lower())


def _conditions(sentence: str, subject: FrameSubject) -> Iterator[Finding]:
    """Overlapping atoms, unconverged cycles: what the subject's own features can tell."""
    contact = subject.features.get("closest_contact_ratio")
    match = _CONTACTS.search(sentence)
    if match and contact and not _is_spared(sentence, match):
        if contact[1] < _OVERLAPPING:
            yield True, match.group()
        elif contact[0] > _HEALTHY_CONTACT:
            yield False, match.group()
    volume = subject.features.get("volume_per_atom")
    match = _BOX.search(sentence)
    if match and volume and not _is_spared(sentence, match) and (volume[1] < _DENSE or volume[0] > _DILUTE):
        yield volume[0] > _DILUTE, match.group()
    converged = subject.features.get("scf_converged")
    match = _UNCONVERGED.search(sentence)
    if match and converged and converged[0] == converged[1]:
        yield converged[0] == 0.0, match.group()


def _ranges(text: str, subject: FrameSubject) -> Iterator[Finding]:
    """Ranges of a feature that hold all of the subject, or none of it; not beside words for broken frames.

    "Above 15 eV/Å they are garbage" speaks of garbage: whether these frames are, their forces do not tell.
    """
    if _BROKEN.search(text) or _UNCONVERGED.search(text) or _CONTACTS.search(text):
        return
    named = {feature for concept in concepts_in(text) if (feature := feature_of(concept))}
    for quantity in find_quantities(text):
        if quantity.comparator is None or quantity.unit is None or quantity.high is not None:
            continue
        for feature, unit in _features_in(quantity.unit, named):
            low_high = subject.features.get(feature)
            if low_high is None:
                continue
            bound = convert(quantity.value, quantity.unit, unit)
            above = quantity.comparator in (">", ">=")
            if above != (feature != "closest_contact_ratio"):
                # "We only trust forces below 10" is a reason to drop what lies above: the words do not tell which.
                continue
            if (low_high[0] > bound) if above else (low_high[1] < bound):
                yield True, text[max(0, quantity.span[0] - 12) : quantity.span[1]].strip()
            elif (low_high[1] < bound) if above else (low_high[0] > bound):
                yield False, text[max(0, quantity.span[0] - 12) : quantity.span[1]].strip()


def _features_in(unit: str, named: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Features that a value with this unit may be of: one that the text names, else the only one of the dimension."""
    fitting = []
    for concept in CONCEPTS:
        own = parse_unit(unit_of(concept.name))
        if concept.feature and own and dimension(own) == dimension(unit):
            fitting.append((concept.feature, own))
    chosen = [(feature, own) for feature, own in fitting if feature in set(named)]
    if chosen or not fitting:
        yield from chosen
    elif any(feature == "max_force" for feature, _ in fitting):
        yield next((feature, own) for feature, own in fitting if feature == "max_force")
    elif len(fitting) == 1:
        yield fitting[0]


def _clause(sentence: str, match: re.Match[str]) -> str:
    """The words around a mention, up to the next stop."""
    start = max((sentence.rfind(mark, 0, match.start()) for mark in ",;:(–—"), default=-1) + 1
    ends = [place for mark in ",;:)–—" if (place := sentence.find(mark, match.end())) >= 0]
    return sentence[start : min(ends, default=len(sentence))].strip(" .!?")

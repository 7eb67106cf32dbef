"""Which frames a quoted reason means: regions of configuration space, systems and ranges that it names or spares."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ase.data import atomic_names, chemical_symbols

from sonde.concepts import CONCEPTS, concepts_in, feature_of, unit_of
from sonde.decisions.rationale import sentences
from sonde.decisions.systems import System, systems_in
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


@dataclass(frozen=True)
class Region:
    """A kind of frames: its words in text, its words in tags, and the question that it answers.

    Regions of one facet exclude each other: a slab is no bulk cell, a liquid no crystal.
    """

    name: str
    facet: str
    words: str
    tags: str


_REGIONS: tuple[Region, ...] = (
    Region("surface", "shape", r"surfaces?|slabs?|facets?", "surface slab surf facet"),
    Region(
        "bulk", "shape", r"bulk(?: cells?| crystals?)?|unit cells?|supercells?", "bulk supercell unitcell primitive"
    ),
    Region(
        "molecule",
        "shape",
        r"molecul(?:es?|ar) (?:in|inside) (?:a |the |vacuum )?box(?:es)?|molecules?|gas[- ]phase",
        "molecule molecules molecular mol gas box",
    ),
    Region("cluster", "shape", r"(?:nano)?clusters?|nano-?particles?", "cluster clusters nanoparticle"),
    Region("dimer", "shape", r"dimers?|dimer scans?|diatomics?|trimers?", "dimer dimers diatomic trimer"),
    Region(
        "isolated atom",
        "shape",
        r"isolated atoms?|single atoms?|free atoms?",
        "isolated isolatedatom isolated_atom atom",
    ),
    Region("interface", "shape", r"interfaces?|grain boundar(?:y|ies)", "interface gb grain grainboundary"),
    Region("liquid", "phase", r"liquids?|melts?|molten|amorphous", "liquid melt molten amorphous liq"),
    Region(
        "solid", "phase", r"solids?|crystals?|crystalline|perfect lattices?", "solid crystal crystalline bcc fcc hcp"
    ),
    Region(
        "dynamics",
        "origin",
        r"(?:ai)?md(?: (?:runs?|snapshots?|frames?|trajector(?:y|ies)))?|molecular dynamics|trajector(?:y|ies)",
        "aimd md dynamics nvt npt nve trajectory",
    ),
    Region(
        "distorted",
        "origin",
        r"distort(?:ed|ions?)|rattled?|displaced|perturbed|shaken|random displacements?",
        "distorted distortion rattled rattle displaced perturbed",
    ),
    Region(
        "strained",
        "origin",
        r"strain(?:ed|s)?(?: cells?)?|equations? of state|eos|volume scans?|compress(?:ed|ion)|stretched|elastic",
        "strain strained eos elastic compressed volume",
    ),
    Region(
        "relaxation", "origin", r"relaxations?|relaxed|ionic steps?|optimi[sz]ations?", "relax relaxation relaxed opt"
    ),
    Region(
        "neb",
        "origin",
        r"neb(?: images?| paths?)?|transition states?|migration paths?|saddle points?",
        "neb ts migration saddle",
    ),
    Region("random search", "origin", r"random (?:structure )?search|airss|rss", "rss airss random"),
    Region(
        "defect",
        "defect",
        r"vacanc(?:y|ies)|interstitials?|defects?|dislocations?|stacking faults?|gamma surfaces?",
        "vacancy vac interstitial defect dislocation stacking gsf",
    ),
    Region(
        "alloy",
        "composition",
        r"alloys?|binar(?:y|ies)|ternar(?:y|ies)|quaternar(?:y|ies)|mixed cells?|solid solutions?|sqs",
        "alloy binary ternary quaternary sqs",
    ),
    Region(
        "pure element",
        "composition",
        r"pure (?:elements?|metals?)|unar(?:y|ies)|elemental(?: \w+)?|single[- ]element",
        "unary unaries pure elemental",
    ),
)
_PATTERNS = {region.name: re.compile(rf"(?<![\w-])(?:{region.words})(?!\w)", re.IGNORECASE) for region in _REGIONS}
_SPARED_BEFORE = re.compile(
    r"\b(?:nothing (?:of|in|from)|none of|no|not?|never|without (?:touching|losing|affecting|hurting)|except(?: for)?"
    r"|other than|apart from|but not|excluding|outside"
    r"|(?:does|do|did|will|would|should) ?n[o']t (?:\w+ ){0,3}(?:touch|affect|hit|concern|remove|drop|lose|hurt)"
    r"|(?:isn'?t|aren'?t|is not|are not|not) (?:about|for|meant for)"
    r"|(?:keep|keeps|kept|leave|leaves|spare|spares|spared|leaving|keeping|protect|protects)(?: in|"
    r" untouched)?)\s+(?:(?:any|all|of|the|our|those|these|from|single|one|other|a|an|in|for"
    r"|distorted|proper|real)\s+){0,4}$",
    re.IGNORECASE,
)
_SPARED_AFTER = re.compile(
    r"^\W*(?:\w+\s+){0,3}?(?:(?:is|are|was|were|stays?|remains?|will be|would be|should"
    r" be)\s+(?:\w+\s+)?(?:not\s+(?:touched|affected|hit|meant|concerned|included|dropped|removed|lost)"
    r"|un(?:touched|affected|harmed)|kept|safe|fine|left alone|spared|never (?:touched|hit|above|reach\w*))|(?:do"
    r"|does|did)(?: not|n'?t)\s+(?:\w+\s+){0,2}(?:reach|exceed|get|go|come|contain|have)|never (?:reach|exceed|get|go"
    r"|come)"
    r"|(?:stay|stays|remain|remains)\s+(?:in|below|well below|under|untouched|unaffected))",
    re.IGNORECASE,
)
_SPARED_SENTENCE = re.compile(
    r"\bnothing (?:of|in|from)\b[^.]*\b(?:is|are|gets?|was|were) (?:touched|lost|dropped|affected|hit|removed)\b",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"\b(?:only|just|exclusively|solely|purely|nothing but|all of (?:them|those|it) (?:are|is|were|was|from"
    r"|in))\b[^.;]{0,40}$",
    re.IGNORECASE,
)
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
_SYMBOL_OF = {name.lower(): symbol for name, symbol in zip(atomic_names[1:], chemical_symbols[1:], strict=True)} | {
    "aluminum": "Al", "sulphur": "S", "cesium": "Cs",
}  # fmt: skip

Finding = tuple[bool, str]


def applies(quote: Quote, subject: FrameSubject) -> tuple[bool | None, str | None]:
    """Say whether a quoted reason means these frames (True), spares them (False), or neither (None), and its words.

    Words that spare the frames outweigh words that name them; a kind of frames outweighs a range, since the range is
    the rule itself. Where words for and against stand in it that cannot be ordered so, the answer is None.
    """
    found = [
        finding for start, end in sentences(quote.text) for finding in _in_sentence(quote.text[start:end], subject)
    ]
    for kinds in (found, list(_ranges(quote.text, subject))):
        answers = {answer for answer, _ in kinds}
        if len(answers) == 1:
            answer = answers.pop()
            return answer, "; ".join(dict.fromkeys(words for _, words in kinds))
        if answers:
            return None, "; ".join(dict.fromkeys(words for _, words in kinds))
    return None, None


def scope_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that say which frames it means."""
    found = [
        match for pattern in (*_PATTERNS.values(), _CONTACTS, _UNCONVERGED, _BROKEN) for match in pattern.finditer(text)
    ]
    ordered = sorted(found, key=lambda match: match.start())
    return tuple(dict.fromkeys(match.group() for match in ordered))


def _in_sentence(sentence: str, subject: FrameSubject) -> list[Finding]:
    """Findings of one sentence; what it spares is dropped where the same sentence names the frames outright."""
    spared = list(_spared(sentence, subject))
    if spared:
        return [(False, words) for words in spared]
    regions = list(_named_regions(sentence, subject))
    named = [*regions, *_elements(sentence, subject), *_conditions(sentence, subject)]
    if any(answer for answer, _ in regions):
        # "distorted cells and slabs": one of the kinds named is enough.
        named = [(answer, words) for answer, words in named if answer or (answer, words) not in regions]
    return named


def _mentions(sentence: str) -> Iterator[tuple[Region, re.Match[str]]]:
    for region in _REGIONS:
        for match in _PATTERNS[region.name].finditer(sentence):
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
    return bool(_SPARED_BEFORE.search(before) or _SPARED_AFTER.match(after))


def _named_regions(sentence: str, subject: FrameSubject) -> Iterator[Finding]:
    for tag in subject.config_types:
        yield from ((True, match.group()) for match in _tag_matches(tag, sentence))
    for tag in subject.other_config_types:
        yield from ((False, m.group()) for m in _tag_matches(tag, sentence) if not _is_spared(sentence, m))
    for region, match in _mentions(sentence):
        if _is_spared(sentence, match):
            continue
        belongs = _is_of(subject, region)
        only = bool(_ONLY.search(sentence[: match.start()]))
        if belongs is True or (belongs is False):
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
    facets = {other.facet for other in _REGIONS if words & set(other.tags.split())}
    if region.facet in facets:
        return False
    # A liquid has no lattice to distort, a crystal cell of any origin is no liquid.
    solid = {"surface", "bulk", "distorted", "strained", "relaxation", "defect", "neb", "solid"}
    named = {other.name for other in _REGIONS if words & set(other.tags.split())}
    if region.name == "liquid" and named & solid:
        return False
    return None


def _has_regions(subject: FrameSubject) -> bool:
    words = _tag_words(subject.config_types)
    return any(words & set(region.tags.split()) for region in _REGIONS)


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
    return word if word in chemical_symbols[1:] else _SYMBOL_OF.get(word.lower())


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

"""What was not computed on purpose: sentences that name a region of materials and say that it is left out."""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from sonde.records.decisions import Passage, Quote

ABSENT = re.compile(
    r"\b(out of scope|not in scope|beyond (the )?scope|left out|leav(e|es|ing) \w+ out|leave out|skip(s|ped|ping)?|"
    r"no\b|none|never|without|exclud(e|es|ed|ing)|not to (compute|cover|sample|include|run|add)|"
    r"(do|does|did|will|would|should|is|are)( not|n't) (\w+ )?"
    r"(compute|cover|sample|include|need|go|plan|part|meant)\w*|"
    r"won't (compute|cover|sample|include)|drop(s|ped|ping)? \w+ from the (plan|list))\b",
    re.IGNORECASE,
)
"""Words by which a sentence says that something is not there …"""
ON_PURPOSE = re.compile(
    r"\b(on purpose|deliberate(ly)?|intentional(ly)?|by design|decid(e|ed) (not|against|to leave|to skip)|"
    r"decision|(we )?agreed|chose not|out of scope|not in scope|beyond (the )?scope|scope|"
    r"from the (plan|list)|of the plan|never meant|not meant|no need|(do|does)( not|n't) need|won't (compute|cover))\b",
    re.IGNORECASE,
)
"""… and that this is meant."""
SEARCHED = ("scope", "skip", "leave", "left", "exclude", "excluded", "compute", "purpose", "deliberate", "decided")
SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\n|$)")
NAMES = {
    "H": "hydrogen", "Li": "lithium", "Be": "beryllium", "B": "boron", "C": "carbon", "N": "nitrogen", "O": "oxygen",
    "F": "fluorine", "Na": "sodium", "Mg": "magnesium", "Al": "alumini?um", "Si": "silicon", "Ti": "titanium",
    "V": "vanadium", "Cr": "chromium", "Mn": "manganese", "Fe": "iron", "Co": "cobalt", "Ni": "nickel", "Cu": "copper",
    "Zn": "zinc", "Zr": "zirconium", "Nb": "niobium", "Mo": "molybdenum", "Ta": "tantalum", "W": "tungsten",
}  # fmt: skip


class SearchablePassages(Protocol):
    """The part of a passage index that is used here."""

    def search(self, query: str, *, limit: int) -> list[tuple[Passage, float]]:
        """Find passages by words, best first."""
        ...


def left_out(passages: SearchablePassages, symbols: Sequence[str], config_types: Sequence[str]) -> tuple[Quote, ...]:
    """Find sentences that say that a region is left out and name it: two of its elements together, or its tag.

    One element alone names no region: it stands in most of the data. Where the region has one element, that one must
    be named.
    """
    query = " ".join([*symbols, *config_types, *SEARCHED])
    found = [
        Quote(sentence, passage.anchor, passage.source, passage.author, passage.time, "reason", score)
        for passage, score in passages.search(query, limit=200)
        for sentence in _sentences(passage.text)
        if ABSENT.search(sentence)
        and ON_PURPOSE.search(passage.text)
        and _names_region(sentence, symbols, config_types)
    ]
    return tuple(found[:3])


def _sentences(text: str) -> Iterable[str]:
    return (match.group().strip() for match in SENTENCE.finditer(text))


def _names_region(sentence: str, symbols: Sequence[str], config_types: Sequence[str]) -> bool:
    if any(re.search(rf"\b{re.escape(tag)}\b", sentence, re.IGNORECASE) for tag in config_types):
        return True
    named = [s for s in symbols if _names_element(sentence, s)]
    foreign = [s for s in NAMES if s not in symbols and len(s) == 2 and _names_element(sentence, s)]
    return len(named) >= min(2, len(symbols)) and len(named) > 0 and not foreign


def _names_element(sentence: str, symbol: str) -> bool:
    """Whether an element is named by its symbol (alone, or in a formula such as Li2Mg, Al-Li) or in full."""
    symbol_found = re.search(rf"(?<![A-Za-z]){symbol}(?![a-z])|(?<=[a-z0-9]){symbol}(?![a-z])", sentence)
    name = NAMES.get(symbol)
    return bool(symbol_found) or bool(name and re.search(rf"\b{name}\b", sentence, re.IGNORECASE))

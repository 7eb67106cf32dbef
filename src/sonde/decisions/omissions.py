"""What was not computed on purpose: sentences that name a region of materials and say that it is left out."""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from sonde.records.decisions import Passage, Quote

LEFT_OUT = re.compile(
    r"\b(out of scope|not in scope|beyond (the )?scope|left out|leave out|leaving out|skip(ped|ping)?|"
    r"do(es)? not (compute|cover|sample|include|need)|don't (compute|cover|sample|include|need)|"
    r"will not (compute|cover|sample|include)|won't (compute|cover|sample|include)|not going to (compute|cover|sample)|"
    r"no (need for|calculations (of|for))|decided against|exclude[ds]?|excluding|never meant|not meant)\b",
    re.IGNORECASE,
)
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
    query = " ".join([*symbols, *config_types, "scope", "skip", "left", "out", "exclude", "compute"])
    found = [
        Quote(sentence, passage.anchor, passage.source, passage.author, passage.time, "reason", score)
        for passage, score in passages.search(query, limit=200)
        for sentence in _sentences(passage.text)
        if LEFT_OUT.search(sentence) and _names_region(sentence, symbols, config_types)
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

"""What a change of a value is about, in the forms in which people may speak of it: concept, quantities, words."""

import ast
import math
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from sonde.concepts import concept_of, concepts_in, unit_in_key, unit_of, words_of
from sonde.decisions.rationale import before_cause, cues
from sonde.quantities import Quantity, dimension, find_quantities, in_base_units, parse_quantity, same_quantity
from sonde.records.decisions import Change

Stance = Literal["new", "old", "both", "other"]

# Codes of input files and what people call them; spellings that mean the same stand in one row.
_SAME_NAMES: tuple[frozenset[str], ...] = (
    frozenset({"ps", "pbesol"}),
    frozenset({"pe", "pbe"}),
    frozenset({"r2scan", "r²scan", "r2-scan"}),
    frozenset({"scan"}),
    frozenset({"rp", "rpbe"}),
    frozenset({"float32", "single"}),
    frozenset({"float64", "double"}),
    frozenset({"12", "d3bj", "d3(bj)"}),
)
_FUNCTIONAL_NAMES = (
    "lda pw91 pbe pbesol rpbe revpbe am05 tpss revtpss scan rscan r2scan r²scan m06 m06-l b3lyp pbe0 hse hse03 hse06"
    " blyp beef-vdw optb88 optb86b vdw-df vdw-df2 ωb97x wb97x"
)
_FUNCTIONALS = frozenset(_FUNCTIONAL_NAMES.split())
# "changed by 3 eV/Å" gives the size of a difference, not a value of the setting.
_DIFFERENCE = re.compile(r"(?:\bby(?: about| around| up to| some| roughly)?|±|\+/-)\s*$", re.IGNORECASE)
LONGEST_LEAD = 40
"""Characters before a number that may tell that it is a difference."""
MOST_IN_CHOICE = 5
"""Words of "PBE, because …", "Hanna: I would take PBE, since …" before the cause."""
_BOOLEANS = {
    "true": True,
    ".true.": True,
    "yes": True,
    "on": True,
    "false": False,
    ".false.": False,
    "no": False,
    "off": False,
}


@dataclass(frozen=True)
class Target:
    """A change with its concept, its values as quantities or as words, and the name of its key as it is written."""

    change: Change
    concept: str | None
    key_words: frozenset[str]
    new: Quantity | None
    old: Quantity | None
    new_words: frozenset[str]
    old_words: frozenset[str]
    boolean: bool

    @property
    def words(self) -> str:
        """What to call the setting in a sentence."""
        return words_of(self.concept) if self.concept else self.change.key.rpartition(".")[2]

    @property
    def unit(self) -> str | None:
        """Unit of its bare values."""
        return _unit(self.change, self.concept)


@lru_cache(maxsize=4096)
def target_of(change: Change) -> Target:
    """Read a change."""
    concept = concept_of(change.key, change.unit)
    unit = _unit(change, concept)
    new, old = (parse_quantity(_plain(value), unit) if value else None for value in (change.new, change.old))
    new_words, old_words = _value_words(change.new), _value_words(change.old)
    values = {str(value).strip().lower() for value in (change.new, change.old) if value is not None}
    return Target(
        change=change,
        concept=concept,
        key_words=key_words(change.key),
        new=new,
        old=old,
        new_words=frozenset() if new else new_words - old_words,
        old_words=frozenset() if old else old_words - new_words,
        boolean=bool(values) and values <= _BOOLEANS.keys(),
    )


def value_stance(
    target: Target, text: str, *, about: bool, quantities: Sequence[Quantity] | None = None
) -> Stance | None:
    """Which of the change's values a text gives; `about`: it is known to speak of this setting (bare numbers count).

    "other" is a value of the same dimension that is neither; None: no value of this setting is given. `quantities`
    are those of the text, where they are known already.
    """
    known = _values_in(text) if quantities is None else _no_differences(text, quantities)
    found = {stance for stance in _stances(target, text, known, about=about) if stance}
    if {"new", "old"} <= found:
        return "both"
    return next((stance for stance in ("new", "old", "other") if stance in found), None)


def quantity_stance(target: Target, quantity: Quantity, *, about: bool) -> Stance | None:
    """Which of the change's values one quantity is, as in `value_stance`."""
    reference = target.new or target.old
    if reference is None or (quantity.counted and target.unit is not None):
        return None
    if quantity.unit is None:
        if not about or (quantity.counted and reference.unit is not None):
            return None
        quantity = quantity.assuming(reference.unit)
    if dimension(quantity.unit) != dimension(reference.unit) or quantity.high is not None:
        return None
    if target.new and _same(quantity, target.new):
        return "new"
    if target.old and _same(quantity, target.old):
        return "old"
    return "other"


def value_key(quantity: Quantity) -> tuple[str, int] | None:
    """Bucket for looking up values that may be the same (neighbouring buckets have to be looked at too)."""
    value = abs(in_base_units(quantity))
    return (dimension(quantity.unit), round(math.log(value) * 10)) if value > 0 else None


def speaks_of(target: Target, text: str, concepts: AbstractSet[str]) -> bool:
    """Whether a text is about the setting; `concepts` are those it names.

    Where the values are themselves names (PBE, PBEsol), one of them in passing ("the labels are not PBE there") is not
    enough: the setting is named too, or both values are, or a decision is put in words ("PBE, because …").
    """
    if target.concept is None or target.concept not in concepts:
        return names_key(target, text.lower())
    names = target.new_words | target.old_words
    if not names:
        return True
    words = _words(text)
    if (target.new_words & words and target.old_words & words) or cues(text).decides or _is_chosen(names, text):
        return True
    spelled = (re.escape(name).replace("_", r"[\W_]") for name in sorted(names, key=len, reverse=True))
    pattern = "|".join(rf"(?<!\w){name}(?!\w)" for name in spelled)
    return target.concept in concepts_in(re.sub(pattern, " ", text, flags=re.IGNORECASE))


def _is_chosen(names: AbstractSet[str], text: str) -> bool:
    """Whether a text opens with little else than one of the names, and goes on with a cause."""
    head = before_cause(text) or ""
    said = _words(head)
    return bool(names & said) and len(re.findall(r"\w+", head)) <= MOST_IN_CHOICE and not said & {"not", "no", "isn't"}


def names_key(target: Target, text_lower: str) -> bool:
    """Whether a text spells the key itself."""
    words = (word for word in target.key_words if word in text_lower)
    return any(re.search(rf"(?<![\w]){re.escape(word)}(?!\w)", text_lower) for word in words)


def names_another(target: Target, text: str) -> bool:
    """Whether a text names functionals, and neither of those that the change is between."""
    if target.concept != "functional":
        return False
    named = _FUNCTIONALS & _words(text)
    return bool(named) and not named & (target.new_words | target.old_words)


def direction(target: Target) -> Literal["up", "down"] | None:
    """Whether the change raised or lowered the value; None where that cannot be said."""
    if target.new is None or target.old is None or dimension(target.new.unit) != dimension(target.old.unit):
        return None
    difference = abs(in_base_units(target.new)) - abs(in_base_units(target.old))
    return None if difference == 0 else "up" if difference > 0 else "down"


@lru_cache(maxsize=8192)
def _values_in(text: str) -> Sequence[Quantity]:
    # A text is held against every change that it may be about.
    return _no_differences(text, find_quantities(text))


def _no_differences(text: str, quantities: Sequence[Quantity]) -> Sequence[Quantity]:
    return tuple(quantity for quantity in quantities if not _is_difference(text, quantity))


def _is_difference(text: str, quantity: Quantity) -> bool:
    """Whether the words right before a quantity say that it is one; no more of the text is looked at."""
    begins = quantity.span[0]
    return _DIFFERENCE.search(text[max(0, begins - LONGEST_LEAD) : begins]) is not None


def _same(quantity: Quantity, value: Quantity) -> bool:
    # People drop the sign of EDIFFG = -0.02.
    return any(same_quantity(quantity, Quantity(sign * value.value, value.unit, None, value.span, value.half_digit))
               for sign in (1.0, -1.0))  # fmt: skip


def _stances(target: Target, text: str, known: Sequence[Quantity], *, about: bool) -> list[Stance | None]:
    found: list[Stance | None] = [quantity_stance(target, quantity, about=about) for quantity in known]
    if target.new_words or target.old_words:
        words = _words(text) if about else frozenset[str]()
        found += ["new"] if target.new_words & words else []
        found += ["old"] if target.old_words & words else []
        found += ["other"] if about and names_another(target, text) else []
    return found


@lru_cache(maxsize=512)
def _words(text: str) -> frozenset[str]:
    """Words of a text; two or three in a row also as one name, since `force_rmse` is "force RMSE" in talk."""
    lower = text.lower()
    plain = re.findall(r"\w+", lower)
    names = ["_".join(plain[place : place + n]) for n in (2, 3) for place in range(len(plain) - n + 1)]
    return frozenset([*re.findall(r"[\w²+.\-()/*]+[\w)]|\w", lower), *plain, *names])


def _unit(change: Change, concept: str | None) -> str | None:
    stated = change.unit or unit_in_key(change.key)
    if stated or concept is None or "ratio" in change.key.lower():
        return stated  # a ratio is a pure number, whatever unit its concept usually has
    return unit_of(concept)


def _plain(value: str) -> str:
    return value.strip().strip("'\"").replace("D", "e") if re.fullmatch(r"[\d.]+D[-+]?\d+", value.strip()) else (
        value.strip().strip("'\"")
    )  # fmt: skip


def key_words(key: str) -> frozenset[str]:
    """The last part of a dotted path, with and without its unit; words shorter than four letters say too little."""
    last = re.split(r"[.:/]", key)[-1].lower()
    suffix = unit_in_key(last)
    bare = last[: -len(suffix) - 1] if suffix else last
    return frozenset(word for word in (last, bare) if len(word) >= 4 or "_" in word)


def _value_words(value: str | None) -> frozenset[str]:
    if value is None:
        return frozenset()
    items = _items(value)
    words = {item.strip().strip("'\"").lower() for item in items if item.strip()} - _BOOLEANS.keys()
    named = {name for row in _SAME_NAMES if row & words for name in row if not name.isdigit()}
    return frozenset({word for word in words if len(word) > 2 or word in named} | named)


def _items(value: str) -> list[str]:
    if not value.strip().startswith(("[", "(", "{")):
        return [value]
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return re.split(r"[\[\](){},]+", value)
    return [str(item) for item in read] if isinstance(read, list | tuple | set) else [value]

"""Which recorded change set the rule that lineage found in the data."""

from collections.abc import Iterator

from sonde.concepts import concept_of, feature_of, unit_in_key
from sonde.decisions.archive import Archive
from sonde.decisions.targets import Target, target_of
from sonde.quantities import Quantity, convert, dimension, parse_unit
from sonde.records.datasets import Rule
from sonde.records.decisions import Change

PLAUSIBLE_UNITS = {"eV/Å": ("Ry/bohr", "hartree/bohr", "meV/Å"), "eV/atom": ("meV/atom", "Ry/atom"), "GPa": ("kbar",)}
"""Units that a bare number of a setting may have been meant in, beside the usual one."""


def change_for_rule(archive: Archive, rule: Rule) -> list[tuple[Change, str]]:
    """Find changes whose setting is the rule's feature and whose new value gives the drops seen; best first.

    A value fits where it lies between threshold_low and threshold_high in the rule's unit. The note says in words how
    it fits, and where a later change set another value.
    """
    found = []
    for change in archive.changes:
        concept = concept_of(change.key, change.unit)
        if change.new is None or concept is None or feature_of(concept) != rule.feature:
            continue
        for rank, note in _fits(target_of(change), rule):
            found.append((rank, -change.time.timestamp(), change, note + _afterwards(archive, change)))
    found.sort(key=lambda item: item[:2])
    seen: set[int] = set()
    return [(change, note) for *_, change, note in found if not (id(change) in seen or seen.add(id(change)))]  # type: ignore[func-returns-value]


def _fits(target: Target, rule: Rule) -> Iterator[tuple[int, str]]:
    if rule.op == "in" or rule.threshold is None:
        yield from _fits_values(target, rule)
        return
    if target.boolean and rule.feature == "scf_converged":
        yield 0, f"{target.change.key} = {target.change.new} acts on the same property"
        return
    quantity = target.new
    if quantity is None:
        return
    stated = quantity.unit is not None and (target.change.unit is not None or _unit_in_key(target))
    yield from _fits_number(target, quantity, rule, 0 if stated else 1)
    if not stated:
        for unit in PLAUSIBLE_UNITS.get(target.unit or "", ()):
            bare = Quantity(quantity.value, parse_unit(unit), None, quantity.span, quantity.half_digit)
            yield from ((2, note + f", if it was meant in {unit}") for _, note in _fits_number(target, bare, rule, 2))


def _fits_number(target: Target, quantity: Quantity, rule: Rule, rank: int) -> Iterator[tuple[int, str]]:
    unit = parse_unit(rule.unit) if rule.unit else None
    if dimension(quantity.unit) != dimension(unit):
        return
    value = convert(quantity.value, quantity.unit, unit) if quantity.unit and unit else quantity.value
    assert rule.threshold is not None  # for mypy: the caller saw to it
    low = rule.threshold if rule.threshold_low is None else rule.threshold_low
    high = rule.threshold if rule.threshold_high is None else rule.threshold_high
    slack = 1e-9 * max(abs(low), abs(high)) + (5e-4 * abs(value) if quantity.unit != unit else 0.0)
    if low - slack <= value <= high + slack:
        written = f"{target.change.new} {target.change.unit or ''}".strip()
        converted = "" if quantity.unit == unit else f" = {value:.4g} {rule.unit}"
        yield (
            rank,
            f"{target.change.key} = {written}{converted}, between {low:.4g} and {high:.4g} {rule.unit or ''}".strip(),
        )


def _fits_values(target: Target, rule: Rule) -> Iterator[tuple[int, str]]:
    values = {value.lower() for condition in rule.conditions for value in condition.values}
    # A list of types to drop names what was dropped; a list to keep has lost it.
    listed, left = target.new_words & values, target.old_words & values
    if listed or left:
        names = ", ".join(sorted(listed or left))
        yield 0 if listed else 1, f"{target.change.key} {'gained' if listed else 'lost'} {names}"


def _unit_in_key(target: Target) -> bool:

    return unit_in_key(target.change.key) is not None


def _afterwards(archive: Archive, change: Change) -> str:
    later = [c for c in archive.same_setting(change) if c.time > change.time and c.new != change.new]
    if not later:
        return ""
    following = min(later, key=lambda other: other.time)
    return f"; changed to {following.new} on {following.time.date().isoformat()}"

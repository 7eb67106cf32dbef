"""A setting or property under its names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Concept:
    """A setting or property with its names.

    keys: names in configuration files, lower case, words joined by "_". hints: one of them stands in every text that
    a phrase matches (they keep the search fast). feature: the name that lineage gives the property (CONTRACTS).
    """

    name: str
    unit: str | None
    words: str
    keys: str
    hints: tuple[str, ...]
    phrases: str
    feature: str | None = None

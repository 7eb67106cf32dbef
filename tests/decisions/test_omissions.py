"""A region counts as left out on purpose only where somebody says so and names it."""

from datetime import UTC, datetime

import pytest

from sonde.decisions.omissions import left_out
from sonde.records.decisions import Passage


class Texts:
    """All passages, whatever is searched for."""

    def __init__(self, *texts: str) -> None:
        time = datetime(2024, 1, 1, tzinfo=UTC)
        self.passages = [Passage(f"slack:data/{k}.0", text, "slack", "Ada", time) for k, text in enumerate(texts)]

    def search(self, query: str, *, limit: int) -> list[tuple[Passage, float]]:
        assert query
        return [(passage, 1.0) for passage in self.passages[:limit]]


@pytest.mark.parametrize(
    "text",
    [
        "We decided not to compute distorted cells, since diffusion never meets them.",
        "No distorted cells in this round. We leave them out on purpose.",
        "The Li-Mg compounds are out of scope for this potential.",
        "Distorted cells are excluded from the plan; the time is better spent elsewhere.",
    ],
)
def test_a_region_named_and_left_out_on_purpose_is_quoted_verbatim(text: str) -> None:
    quotes = left_out(Texts("coffee is out", text), ("Li", "Mg"), ("distorted",))
    assert quotes
    assert quotes[0].text in text


@pytest.mark.parametrize(
    "text",
    [
        "The distorted cells must stay in, we need them on purpose for the interfaces.",
        "The Al-Cu compounds are out of scope for this potential.",
        "No distorted cells converged yesterday.",
        "Li is expensive and we decided not to order any.",
        "We skip the group meeting on purpose.",
    ],
)
def test_other_regions_and_accidents_are_not_quoted(text: str) -> None:
    assert left_out(Texts(text), ("Li", "Mg"), ("distorted",)) == ()

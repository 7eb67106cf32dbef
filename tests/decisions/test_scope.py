"""Which frames a quoted reason means."""

import pytest

from sonde.decisions.scope import FrameSubject, applies, applies_together, frames_meant, scope_words
from sonde.records.decisions import Quote

ALLOY = FrameSubject(
    frozenset({"Nb", "Mo", "Ta", "W"}),
    ("MoNbTaW",),
    ("distorted",),
    {
        "max_force": (16.0, 30.0),
        "volume_per_atom": (15.0, 18.0),
        "closest_contact_ratio": (0.8, 0.9),
        "scf_converged": (1.0, 1.0),
    },
)
HOT = FrameSubject(frozenset({"Nb"}), ("Nb",), ("aimd",), {"max_force": (16.0, 30.0)})
UNTAGGED = FrameSubject(frozenset({"Nb"}), ("Nb",), ("gen_3",), {})


def quote(text: str) -> Quote:
    return Quote(text, "slack:a/1", "chat", None, None, "reason")


@pytest.mark.parametrize(
    ("text", "alloy", "hot"),
    [
        ("only the surface slabs go above that", False, False),
        ("nothing of the alloy cells is touched", False, None),
        ("the liquids at 3000 K are exploded", False, None),
        ("the distorted cells above 15 eV/Å are far outside what we simulate", True, False),
        ("exploded AIMD snapshots dominate the loss", False, True),
        ("everything above 15 eV/Å is irrelevant for us", True, True),
        ("frames above 40 eV/Å are irrelevant for us", False, False),
        ("above 15 eV/Å it is all garbage", None, None),
        ("we only trust forces below 10 eV/Å", None, None),
        ("short contacts make them meaningless", False, None),
        ("those are unconverged", False, None),
        ("molecules in a box reach such forces", False, None),
        ("the Li-containing cells had the wrong POTCAR", False, False),
        ("the frames of the Cu-Ni system are off", False, False),
        ("please leave the distorted cells alone", False, None),
        ("leaving in the distorted cells costs us the elastic constants", True, False),
        ("we leave these distorted cells out on purpose", True, False),
        ("the distorted cells have to be kept", False, None),
        ("the loss gets smaller", None, None),
    ],
)
def test_scope(text: str, alloy: bool | None, hot: bool | None) -> None:
    assert applies(quote(text), ALLOY)[0] is alloy
    if hot is not None or alloy is None:
        assert applies(quote(text), HOT)[0] is hot


def test_words_come_from_the_quote() -> None:
    text = "It concerns the slabs only; please leave the distorted cells alone."
    answer, words = applies(quote(text), ALLOY)
    assert answer is False
    assert words is not None
    assert words in text


def test_sparing_words_in_another_quote_outweigh_the_range() -> None:
    quotes = [quote("above 15 eV/Å nothing is of use to us"), quote("the distorted cells must stay in")]
    assert applies(quotes[0], ALLOY)[0] is True
    assert applies_together(quotes, ALLOY)[0] is False


def test_tags_of_the_rest_of_the_pool_exclude() -> None:
    text = quote("the rattled cells have broken labels")
    assert applies(text, ALLOY)[0] is None
    with_others = FrameSubject(ALLOY.elements, (), ("distorted",), {}, other_config_types=("rattled",))
    assert applies(text, with_others)[0] is False


def test_unknown_tags_say_nothing() -> None:
    assert applies(quote("the slabs are garbage"), UNTAGGED) == (None, None)


def test_scope_words_are_verbatim() -> None:
    assert scope_words("Exploded AIMD snapshots and slabs") == ("Exploded", "AIMD snapshots", "slabs")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("In some rattled cells the random displacement put Li on top of Mg.", ("rattled",)),
        ("Forces above that are noise in the slabs and dimers.", ("slabs",)),
        ("The mesh jumps from one strain to the next.", ()),
        ("The cluster expansion from the last thesis is PBE.", ()),
        ("Jobs with more bands died on all cluster nodes.", ()),
    ],
)
def test_a_kind_that_is_only_mentioned_is_no_scope(text: str, meant: tuple[str, ...]) -> None:
    assert frames_meant(text) == meant

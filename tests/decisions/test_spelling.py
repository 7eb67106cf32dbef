"""British and American spellings stand for each other, and for nothing else."""

import pytest

from sonde.decisions.spelling import other_spellings
from sonde.decisions.wording import how_held, terms_in

PAIRS = """
optimise optimize; polarised polarized; normalisation normalization; minimiser minimizer; analyse analyze;
analysed analyzed; hydrolysed hydrolyzed; colour color; behaviour behavior; neighbours neighbors; vapour
vapor; centre center; fibre fiber; nanometre nanometer; centred centered; catalogue catalog; defence defense;
licence license; sulphur sulfur; sulphide sulfide; grey gray; artefacts artifacts; aluminium aluminum; caesium
cesium; judgement judgment; sceptical skeptical
"""


@pytest.mark.parametrize("pair", PAIRS.split(";"))
def test_each_spelling_is_held_by_the_other(pair: str) -> None:
    british, american = pair.split()
    assert american in other_spellings(british)
    assert british in other_spellings(american)
    for asked, written in ((british, american), (american, british)):
        assert how_held(terms_in(f"Why is {asked} there?"), f"The {written} of it") == (1.0,)


@pytest.mark.parametrize(
    "word", ["noise", "size", "error", "vector", "force", "major", "filter", "paper", "wise", "hour"]
)
def test_other_words_have_one_spelling(word: str) -> None:
    assert other_spellings(word) == ()

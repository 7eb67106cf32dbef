"""British and American spellings of one word: people who work on one potential write both."""

import re

_RULES = (
    (r"(.{3,}i|.*aly|.*roly)s(e[drs]?|ers|ing|ations?|able)", r"\1z\2"),
    (r"(.{3,}i|.*aly|.*roly)z(e[drs]?|ers|ing|ations?|able)", r"\1s\2"),
    (r"((?:col|behavi|fav|neighb|vap|lab|flav|harb|endeav|hon|arm|rig).*?)our(.*)", r"\1or\2"),
    (r"((?:col|behavi|fav|neighb|vap|flav|harb|endeav).*?)or(.*)", r"\1our\2"),
    (r"(.*(?:cent|fib|met|lit|calib))re(s?)", r"\1er\2"),
    (r"(.*(?:cent|fib|lit|calib|met))er(s?)", r"\1re\2"),
    (r"(.*cent)red", r"\1ered"),
    (r"(.*cent)ered", r"\1red"),
    (r"((?:cata|dia|ana|mono)log)ue([sd]?)", r"\1\2"),
    (r"((?:cata|dia|ana|mono)log)(s?)", r"\1ue\2"),
    (r"((?:lic|def|off|pret)en)ce([sd]?)", r"\1se\2"),
    (r"((?:lic|def|off|pret)en)se([sd]?)", r"\1ce\2"),
    (r"(.*)sulph(.*)", r"\1sulf\2"),
    (r"(.*)sulf(.*)", r"\1sulph\2"),
    (r"grey(.*)", r"gray\1"),
    (r"gray(.*)", r"grey\1"),
    (r"artefact(.*)", r"artifact\1"),
    (r"artifact(.*)", r"artefact\1"),
    (r"aluminium(.*)", r"aluminum\1"),
    (r"aluminum(.*)", r"aluminium\1"),
    (r"caesium", "cesium"),
    (r"cesium", "caesium"),
    (r"judgement(s?)", r"judgment\1"),
    (r"judgment(s?)", r"judgement\1"),
    (r"sceptic(.*)", r"skeptic\1"),
    (r"skeptic(.*)", r"sceptic\1"),
)
_COMPILED = tuple((re.compile(pattern), other) for pattern, other in _RULES)


def other_spellings(word: str) -> tuple[str, ...]:
    """Return how else a word in lower case may be spelled; some of it may be no word, and stands nowhere."""
    found = (pattern.sub(other, word) for pattern, other in _COMPILED if pattern.fullmatch(word))
    return tuple(dict.fromkeys(one for one in found if one != word))

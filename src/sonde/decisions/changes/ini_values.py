"""Options of an INI file: `section.option`, as configparser reads them."""

import configparser
import re
from collections.abc import Iterator

from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value

SECTION = re.compile(r"\[(?P<name>.+)\]")
OPTION = re.compile(r"(?P<name>[^\s=:#;][^=:]*?)\s*(?:[=:]|$)")
COMMENT = re.compile(r"\s[#;]\s*(.*)$")


def values(text: str) -> Iterator[Value]:
    """Yield every option of an INI text, those of a section that repeats included.

    Raises
    ------
    Unreadable
        Where configparser cannot read the text.
    """
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False, inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(text)
    except (
        configparser.Error,
        ValueError,
        AttributeError,
    ) as broken:  # AttributeError: an option without a value goes on
        raise Unreadable(str(broken)) from broken
    places = _places(text)
    for section in parser.sections():
        for option, written in parser.items(section):
            line, comment = places.get((section, option), (0, ""))
            if line and written is not None:
                number, unit = split_unit(" ".join(written.split()))
                yield Value(
                    f"{section}.{option}", number, unit or unit_of_key(option) or unit_of_comment(comment), line
                )


def _places(text: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Line and comment of each option; the last one counts, as it does for configparser."""
    found, section = {}, ""
    for number, line in enumerate(text.split("\n"), start=1):
        if match := SECTION.match(line):
            section = match["name"]
        elif not line[:1].isspace() and (match := OPTION.match(line)):
            comment = COMMENT.search(line)
            found[section, match["name"].rstrip().lower()] = (number, comment[1] if comment else "")
    return found

"""The text of a Zulip message as its readers saw it: mentions by name, quotes apart from its writer's own words."""

import re
from collections.abc import Container

from sonde.decisions.sources.readable import readable

MENTION = re.compile(r"@_?\*\*(?P<name>[^*|\n]+)(?:\|\d+)?\*\*|@\*(?P<group>[^*\n]+)\*")
LINK = re.compile(r"#\*\*(?P<stream>[^*>\n]+)(?:>(?P<topic>[^*\n]*?))?(?:@\d+)?\*\*")
FENCE = re.compile(r"(?P<fence>`{3,}|~{3,})\s*quote\s*$")
SAID = re.compile(r".*\]\(\S*/near/(?P<id>\d+)\S*\)\s*:?\s*$")


def message_text(content: str, known: Container[int]) -> str:
    """Return a message's own words; a quote stays, marked by `>`, where the message it is from is not known."""
    text = _without_quotes(content, known) if "quote" in content else content
    if "**" in text or "@*" in text:
        text = LINK.sub(_link, MENTION.sub(lambda match: "@" + (match["name"] or match["group"]), text))
    return readable(text)


def _link(match: re.Match[str]) -> str:
    return f"#{match['stream']} > {match['topic']}" if match["topic"] else f"#{match['stream']}"


def _without_quotes(content: str, known: Container[int]) -> str:
    kept: list[str] = []
    fence, drops = "", False
    for line in content.split("\n"):
        mark = FENCE.match(line)
        if not fence and mark:
            fence, drops = mark["fence"], _drop_introduction(kept, known)
        elif fence and line.strip() == fence:
            fence = ""
        elif not fence:
            kept.append(line)
        elif not drops:
            kept.append(f"> {line}")
    return "\n".join(kept)


def _drop_introduction(kept: list[str], known: Container[int]) -> bool:
    """Take `Mira said:` from the end where the message that it leads to is known; tell whether it is."""
    said = SAID.match(kept[-1]) if kept else None
    if said is None or int(said["id"][:18]) not in known:
        return False
    del kept[-1]
    return True

"""Secrets that people paste into chat and settings: taken out before anything is stored.

Only what has the shape of a secret, or is named one, is taken out. A commit, a checksum, a structure's id and a UUID
have no such shape by themselves: a 40-digit hexadecimal number is a secret only where it is called a token.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

NAMED = r"(?:pass(?:word|wort|wd|phrase|code)|kennwort|pwd)"
KEYED = (
    r"(?:api[_\- ]?key|secret(?:[_\-]?(?:access[_\-]?)?key)?|token|access[_\-]?key(?:[_\-]?id)?|client[_\-]?secret"
    r"|private[_\-]?key|encryption[_\-]?key|credentials?)"
)
_SIGN = r"[\"']?\s*(?::=|=>|==?|:)\s*"
_VALUE = r"(?:\"(?P<double>[^\"\n]+)\"|'(?P<single>[^'\n]+)'|`(?P<back>[^`\n]+)`|(?P<bare>[^\s\"'`,;)}<>]+))"
PLACEHOLDER = re.compile(
    r"\[redacted|<|\(|\*+$|[xX.\-_]+$|\$[({]|\$[A-Z_][A-Z0-9_]*$|%[A-Z_]+%$|\{\{|\{[A-Za-z_]\w*\}$"
    r"|[A-Za-z_][\w.]*[\[(]|(?:os|env|args|self|config|settings|cfg)\."
    r"|(?i:none|null|true|false|required|optional|string|str|example|changeme|n/a)$"
    r"|(?i:your|my|the)[_\- ]?(?:own[_\- ]?)?(?:api[_\- ]?)?(?:pass|token|key|secret)"
)
"""Values that stand for a secret and are none: blanks to fill in, variables, calls."""
PATH = re.compile(r"(?:/|\.{1,2}/|~)[^\s/]*/")
FILE = re.compile(r".*\.[a-z][a-z0-9]{0,4}$")
DATE = re.compile(r"\d{4}-\d\d")


@dataclass(frozen=True)
class Redacted:
    """A text without its secrets, and how many there were."""

    text: str
    n_secrets: int


@dataclass(frozen=True)
class Shape:
    """What one kind of secret looks like.

    signs: one of them, in lower case, is in every text that holds such a secret; most texts are let through by them.
    group: the part of a match that is secret, 0 for all of it.
    """

    name: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]
    group: int = 0
    holds: Callable[[str], bool] = lambda _: True


def _mixed(text: str) -> bool:
    """Whether letters and digits are mixed as chance mixes them: identifiers that people make up are not."""
    return bool(re.search(r"\d", text) and re.search(r"[A-Z]", text) and re.search(r"[a-z]", text))


def _both(text: str) -> bool:
    return re.search(r"\d", text) is not None and re.search(r"[A-Za-z]", text) is not None


def _shape(name: str, signs: str, pattern: str, group: int = 0, holds: Callable[[str], bool] = lambda _: True) -> Shape:
    return Shape(name, tuple(signs.split()), re.compile(pattern), group, holds)


SHAPES: tuple[Shape, ...] = (
    _shape(
        "private key",
        "-----begin",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN)[\s\S])*?"
        r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|(?=-----BEGIN)|\Z)",
    ),
    _shape("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,255}"),
    _shape("GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{22,255}"),
    _shape(
        "GitLab token",
        "glpat- glptt- glrt- gldt- glcbt- glagent- gloas- glsoat- glft- glimt-",
        r"\bgl(?:pat|ptt|rt|dt|cbt|agent|oas|soat|ft|imt)-[A-Za-z0-9_\-]{20,}(?:\.[A-Za-z0-9_\-]+)*",
    ),
    _shape("Slack token", "xox", r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{10,}"),
    _shape("Slack token", "xapp-", r"\bxapp-\d-[A-Za-z0-9\-]{10,}"),
    _shape("webhook", "hooks.slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_\-]{15,})", 1),
    _shape("AWS key", "akia asia aroa aida agpa anpa", r"\b(?:AKIA|ASIA|AROA|AIDA|AGPA|ANPA)[A-Z0-9]{16}\b"),
    _shape("Google key", "aiza", r"\bAIza[A-Za-z0-9_\-]{35}"),
    _shape("Google key", "ya29. gocspx-", r"\b(?:ya29\.|GOCSPX-)[A-Za-z0-9_\-]{20,}"),
    _shape("Stripe key", "k_live_ k_test_", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _shape("model key", "sk-", r"\bsk-[A-Za-z0-9_\-]{20,}", 0, _mixed),
    _shape("Hugging Face token", "hf_ api_org_", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}\b"),
    _shape("package token", "npm_ pypi-", r"\bnpm_[A-Za-z0-9]{36}\b|\bpypi-AgE[A-Za-z0-9_\-]{40,}"),
    _shape("mail key", "sg.", r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{30,}"),
    _shape("bot token", ":aa", r"(?<![\w.])\d{8,10}:AA[A-Za-z0-9_\-]{33}\b"),
    _shape("web token", "eyj", r"\beyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}"),
    _shape("password", "://", r"[a-z][a-z0-9+.\-]{1,20}://[^\s/:@]{1,100}:([^\s/@]{1,200})@", 1),
    _shape("credentials", "bearer", r"(?i)\bbearer\s+([A-Za-z0-9+/_\-.~]{16,}={0,2})", 1, _both),
    _shape("credentials", "basic", r"(?i)\bbasic\s+([A-Za-z0-9+/]{12,}={0,2})", 1, _mixed),
    _shape("API key", "mprester", r"MPRester\(\s*(?:api_key\s*=\s*)?[\"']([A-Za-z0-9]{16,64})[\"']", 1),
    _shape("API key", "wandb", r"(?i)wandb[_\- ]?key[\"']?\s*[:=]\s*[\"']?([0-9a-f]{40})\b", 1),
    _shape("API key", "wandb", r"\bwandb\s+login\s+(?:--\S+\s+)*([0-9a-f]{40})\b", 1),
    _shape("password", "sshpass", r"\bsshpass\s+-p\s*[\"']?([^\s\"']+)", 1),
    _shape("password", "curl", r"\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[= ]?[\"']?[^\s:\"']{1,100}:([^\s\"']+)", 1),
    _shape("password", "login", r"\blogin\s+\S+\s+password\s+(\S+)", 1),
)
ASSIGNED = re.compile(rf"(?i)(?P<name>{NAMED}|{KEYED}){_SIGN}{_VALUE}")
OPTION = re.compile(rf"(?i)(?<!\S)--?(?:[a-z]+-)*(?P<name>{NAMED}|{KEYED})[ =]{_VALUE}")
SAID = re.compile(rf"(?i)(?P<name>{NAMED})\s+(?:is|was|ist|lautet)(?:\s+now)?:?\s+{_VALUE}")
NAMES = ("pass", "kennwort", "pwd", "key", "secret", "token", "credential")
Signs = tuple[tuple[str, int], ...]
ALL_SIGNS: Signs = (
    *((sign, place) for place, shape in enumerate(SHAPES) for sign in shape.signs),
    *((name, len(SHAPES)) for name in NAMES),
)
_VALUES = ("double", "single", "back", "bare")


def signs_in(texts: Iterable[str]) -> Signs:
    """Signs of secrets that stand in any of many texts: few, and one search for all is faster than one for each."""
    # Most words repeat, and no sign has a blank in it.
    lower = " ".join(set("\n".join(texts).lower().split()))
    return tuple((sign, place) for sign, place in ALL_SIGNS if sign in lower)


def redacted(text: str, signs: Signs = ALL_SIGNS) -> Redacted:
    """Put `[redacted: kind]` in the place of every secret. Doing so again changes nothing.

    signs: those to look for, where others are known not to be there.
    """
    lower, n_secrets = text.lower() if signs else "", 0
    suspected = {place for sign, place in signs if sign in lower}
    if not suspected:
        return Redacted(text, 0)
    for place in sorted(suspected):
        if place < len(SHAPES):
            text, n_found = _without_shape(text, SHAPES[place])
            n_secrets += n_found
    for pattern in (ASSIGNED, OPTION, SAID) if len(SHAPES) in suspected else ():
        text, n_found = _without_value(text, pattern)
        n_secrets += n_found
    return Redacted(text, n_secrets)


def _without_shape(text: str, shape: Shape) -> tuple[str, int]:
    n_found = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal n_found
        secret = match[shape.group]
        if PLACEHOLDER.match(secret) or not shape.holds(secret):
            return match[0]
        n_found += 1
        return _cut(match, shape.group, shape.name)

    return shape.pattern.sub(replaced, text), n_found


def _without_value(text: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    """Take out what is assigned to something that is named a secret."""
    n_found = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal n_found
        group = next(name for name in _VALUES if match[name] is not None)
        is_password = re.fullmatch(NAMED, match["name"], re.IGNORECASE) is not None
        judge = _is_password if is_password else _is_key
        prose = pattern is SAID or (group == "bare" and ":" in text[match.end("name") : match.start(group)])
        value = match[group].rstrip(".?") if group == "bare" else match[group]
        if PLACEHOLDER.match(value) or not judge(value, group, prose):
            return match[0]
        n_found += 1
        rest = match[group][len(value) :]
        return _cut(match, group, "password" if is_password else "key", rest)

    return pattern.sub(replaced, text), n_found


def _is_password(value: str, group: str, prose: bool) -> bool:
    """Quoted or after `=` anything of six characters; after a colon or `is` a word of letters only is prose."""
    if len(value) < 6 or PATH.match(value):
        return False
    return group != "bare" or not prose or re.search(r"[^A-Za-zÀ-ÿ\-]", value) is not None


def _is_key(value: str, group: str, prose: bool) -> bool:
    """Twelve characters that no number, date, path or plain word is made of; bare after a colon it must look random."""
    if len(value) < 12 or not re.fullmatch(r"[!-~]+", value) or any(form.match(value) for form in (PATH, FILE, DATE)):
        return False
    if group != "bare" or not prose:
        return _both(value)
    random = _mixed(value) or re.fullmatch(r"[0-9a-fA-F]{32,}", value) or len(re.findall(r"\d", value)) >= 3
    return _both(value) and len(value) >= 16 and bool(random)


def _cut(match: re.Match[str], group: int | str, name: str, rest: str = "") -> str:
    start, end = match.start(group) - match.start(), match.end(group) - match.start()
    return f"{match[0][:start]}[redacted: {name}]{rest}{match[0][end:]}"

"""Sentences, and how much each sounds like a reason, a rejected alternative, or talk that settles nothing.

Cue words rank sentences; they are no filter by themselves (`roles` asks what a sentence is about). Weights were set
on constructed conversations (tests/decisions/cases.py); the Rationale sections of PEPs are a check on real text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Driver = Literal["science", "cost", "time", "unknown"]

_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|cf|ca|approx|Fig|Eq|Ref|Sec|No|Dr|Prof|resp|incl|max|min|al|st)|\b[A-Z])\.$",
    re.IGNORECASE,
)
_BREAK = re.compile(
    r"(?:[.!?…]+[)\"'”’*_]*(?=\s)|\n+(?=\s*(?:[-*•–>]|\d+[.)]\s|\n|#))|\n\s*\n|\n(?=\s*[A-Z@#])"
    r"|\n(?=\s*[\w.\"']+\s*[:=]))"
)
_CODE = re.compile(r"^\s*(?:[-+]?\s*[\w.\"'-]+\s*[:=]\s*\S{1,25}|\$ .*)\s*$")

# (pattern, weight, tag). Strong causes first; evaluation of what a value does to the data or the fit comes next.
_CUES: tuple[tuple[str, float, str], ...] = (
    (r"\bbecause\b|\bb/c\b|\bcuz\b|\bbecause of\b|\bthe reasons? (?:is|was|for|being|we|why)\b|\breasons?:"
     r"|\brationale\b", 3.0, "cause"),
    (r"\bthat(?:'s| is| was) why\b|\bwhich is why\b|\bthis is why\b|\bhence\b|\btherefore\b|\bthus\b|\bwhy:|\bgiven"
     r" that\b"
     r"|\bthe point (?:is|was)\b|\bmotivat(?:ed|ion)\b|\bjustif\w+", 2.5, "cause"),
    (r"\bdue to\b|\bowing to\b|\bthanks to\b|\bon account of\b|\bdriven by\b|\bcaused? by\b|\bcomes? from\b|\bstems?"
     r" from\b"
     r"|\bin view of\b|\bin light of\b|\bgiven (?:the|how|our|what)\b|\bseeing (?:that|as|how)\b|\bafter (?:seeing"
     r"|finding|noticing"
     r"|looking)\b", 2.2, "cause"),
    (r"\bto (?:avoid|prevent|keep|make sure|ensure|stop|get rid of|retain|preserve|recover|include|cover|be"
     r" consistent|match"
     r"|stay|protect|reduce|save|allow|bring|have|remove|exclude|suppress|guard|capture|resolve|converge|fit|not"
     r" lose)\b"
     r"|\bin order (?:to|that)\b|\bso (?:that|as)\b|\bso (?:we|it|the|they|i|our|those|these|no|nothing|none|both"
     r"|all)\b|\botherwise\b"
     r"|(?<!thing )(?<!body )(?<!where )(?<!one )(?<!what )(?<!who )\belse\b|\bfor the sake of\b"
     r"|\bfor consistency\b|\bfor compat\w+|\bfor comparab\w+|\bwe"
     r" want(?:ed)?\b|\bwe need(?:ed)? (?!to (?:re|run|start|pull|update|check|talk|discuss|decide))"
     r"|\bwanted to\b", 2.0, "purpose"),
    (r"(?:^|[#,;:(–—-]\s*)(?:since|as) (?!soon\b|well\b|long\b|far\b|discussed\b|agreed\b|promised\b|usual\b|of\b"
     r"|last\b|yesterday\b"
     r"|then\b|(?:19|20)\d\d\b|\d+[ :]?(?:am|pm|h|days?|weeks?|months?)\b|before\b|(?:the|our) (?:last|meeting)"
     r"|monday|tuesday|wednesday|thursday|friday|january|february"
     r"|march|april|may\b"
     r"|june|july|august|september|october|november|december)\w+", 1.8, "cause"),
    (r"\bsince (?:the |our |all |most )?(?:[\w-]+ ){1,4}(?:is|are|was|were|has|have|had|would|will|can|cannot|can't"
     r"|do|does|did|don't|doesn't|didn't|made|makes|gave|gives|needs?|agrees?|differs?|matche?s?|reproduces?|fails?"
     r"|converges?|diverges?|depends?)\b"
     r"|\bsince (?:the (?:forces?|frames?|fit|model|scf|dft|loss|training|runs?|labels?|potential|snapshots?"
     r"|structures?|data|rmse|mae"
     r"|configurations?|configs)|they|those|these|it|we|our|anything|everything|most|all|many|half|nothing)\b",
     1.6, "cause"),
    (r"\bturn(?:s|ed) out\b|\bit (?:seems|appears|looks like)\b|\bfound (?:that|out)\b|\bnoticed\b|\bshow(?:s|ed)\b"
     r"|\brealis?z?ed\b"
     r"|\bmeans\b|\bwould (?:have|be|lose|throw|drop|kill|cut|remove|cost|need|take|only|mean|otherwise|still|just)\b"
     r"|\bleads? to\b|\bled to\b|\bresult(?:s|ed)? in\b|\bmakes? (?:the|it|no|them)\b|\bmade (?:the|it)\b|\bfor"
     r" (?:that|this) reason\b"
     r"|\bwe (?:would )?(?:los|miss)(?:e|es|t|ing|ed)\b|\blet(?:s|ting)? (?:the|us|in)\b|\bthrow(?:s|ing)? (?:away"
     r"|out)\b|\bthrew\b",
     1.2, "finding"),
    (r"\b(?:crash(?:es|ed|ing)?|diverg\w+|blow(?:s|n|ing)? up|blew up|explod\w+|explosion\w*|unstable|instabilit\w+"
     r"|problematic|garbage|junk"
     r"|wrong|unphysical|non-?physical|nonsens\w*|rubbish|spurious|artefacts?|artifacts?|corrupt\w*|broken|bad(?:ly)?"
     r"|bogus|noisy|noise"
     r"|outliers?|dominat\w+|poison\w*|spoil\w*|swamp\w*|bias\w*|overfit\w*|underfit\w*|destabili\w+|fail(?:s|ed|ing"
     r"|ures?)?|never converge\w*"
     r"|(?:not|un|n't|non-?)\s?converge\w*|overlap\w*|too (?:close|strict|tight|aggressive|harsh|loose|lax|small"
     r"|large|big|low|high|coarse"
     r"|expensive|slow|many|few|much|little)|meaningless|unreliable|irrelevant|never (?:visit\w*|sampl\w*|see"
     r"|occur\w*|reach\w*)|hurts?|ruin\w*"
     r"|mess(?:es|ed)? up|contaminat\w+|inconsistent|mismatch\w*|discontinu\w+|spikes?|nan|catastroph\w+|fly(?:ing)?"
     r" apart|wreck\w*|drift\w*"
     r"|tore|torn|skew\w*|pull(?:s|ed|ing)? the (?:fit|model|loss)|weird|useless|no (?:information|meaning|physical)"
     r"|legitimate|perfectly (?:fine|good"
     r"|valid|physical)|genuine|real physics|physical(?:ly)?|starv\w+|missing|lack(?:s|ed|ing)?|memory|oom"
     r"|overestimat\w+|underestimat\w+"
     r"|overbind\w*|underbind\w*|sensitiv\w+|insensitiv\w+|plateau\w*|saturat\w+|wiggl\w+|flips?|flipp\w+|slosh\w*"
     r"|never settl\w+|cannot be|nobody should|ghost|pulay|leak(?:s|ed|age"
     r"|ing)?|degenerat\w+"
     r"|collid\w+|collapse\w*|evaporat\w+|melt(?:s|ed))\b", 1.3, "problem"),
    (r"\b(?:better|worse|improv\w+|best|lowest|halv\w+|doubl\w+|drops? (?:from|to|by)|dropp?ed from|fell from|(?:rmse"
     r"|mae|error|loss|validation)\b"
     r".{0,40}\b(?:goes|went|drops?|dropped|fell|rises?|rose|jumps?|jumped|from|increases?|decreases?|smaller|larger"
     r"|lower|higher)"
     r"|enough|sufficient|converged? (?:to )?within|within \d|agree\w* (?:with|to)|reproduc\w+|closer to experiment"
     r"|lattice constants?"
     r"|stays? stable|more stable|stable)\b", 0.9, "evaluation"),
    (r"\bconsisten(?:t|cy) with\b|\bsame as\b|\bas in the\b|\bcompatib\w+|\bcomparab\w+|\brecommend\w+|\bfollowing\b"
     r"|\bstandard\b|\bmaterials project\b"
     r"|\bet al\b|\bdefault\b|\breferee\w*|\breviewer\w*", 0.9, "authority"),
    (r"\b(?:we|they|that|which|i) (?:really |actually )?(?:care about|depend on|rely on)\b|\bmatters? for\b"
     r"|\b(?:needed|required|essential|relevant)"
     r" (?:for|by)\b|\basked for (?:it|this|that)\b|\b(?:requested|required|demanded|imposed) by\b|\binsist\w*\b"
     r"|\bkill(?:s|ed|ing)\b"
     r"|\bas in (?:the|our) (?:paper|literature)\b", 1.3, "purpose"),
    (r"\b(?:with|at|for|beyond|above|below|under)\s+(?:(?:an?|the) )?(?:[\w-]+ (?:of"
     r" )?){0,2}[~≈]?\d[\d.]*\s?(?:(?:m?eV|Ry|Ha|K|GPa|Å|A)"
     r"(?:\s?/\s?(?:Å|A|bohr|atom))?)?,? (?:the [\w-]+|it|they|you|everything|nothing|its|half|most|all|we lose|we"
     r" miss|nobody)\b"
     r"|(?<!\bI )\b(?:cannot|can't|impossible|not possible)\b|\bcompar(?:e|ed|ing|ison\w*) (?:with|to|against|it"
     r"|them)\b",
     1.2, "behaviour"),
    (r"\b(?:with|at|under) the (?:old|previous|former|default|smaller|larger|shorter|longer|coarser?|finer|lower"
     r"|higher|tighter|looser) (?:\w+ )?"
     r"(?:\w+ )?(?:the|it|we|they|you|some|many|all|half|is|was|are|were)\b|\b(?:beyond|above|below|over|under)"
     r" (?:that|this) (?:we|the|they|it|you"
     r"|everything|nothing|all|most|there|only)\b|\b(?:eat(?:s|en|ing)?|ate) (?:up|away|most)\b|\bwash(?:ed|es)?"
     r" out\b|\bsmear(?:s|ed) out\b"
     r"|\bon (?:top of each other|the same site)\b|\bnothing but\b|\bhalf the time\b", 1.2, "behaviour"),
    (r"\b(?:expensive|cheap(?:er|est)?|costs?|cost(?:ly|ing)|cpu[- ]?h\w*|core[- ]?h\w*|node[- ]?h\w*|gpu[- ]?h\w*"
     r"|allocation|budget|quota|queue|afford\w*|disk space"
     r"|wall ?time|deadline|no time|out of time|ran out|run out|too long|takes? (?:forever|days|weeks|ages)"
     r"|slow(?:er)?|faster|in a hurry|runtime"
     r"|before the (?:meeting|deadline|review|conference|submission|break|holidays?)|hours)\b", 1.1, "resource"),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), weight, tag) for pattern, weight, tag in _CUES)

_NO_REASON = re.compile(
    r"\b(?:no idea|don'?t (?:know|remember|recall) (?:\w+ )?(?:why|what|where|who|the reason)|do not (?:know|remember"
    r"|recall)|not sure (?:why|where|what)"
    r"|can'?t (?:tell|remember|recall|say|find)|cannot (?:remember|recall|say|find)|nobody (?:knows|remembers|recalls"
    r"|wrote)|no ?one (?:knows|remembers)"
    r"|never (?:\w+ )?(?:written|wrote|documented|explained|recorded|noted|told|said why)|(?:will|should|must|let me"
    r"|can you|could you|please|going to) (?:document|write|explain|note|look up|find out)|copied it|inherited (?:it"
    r"|that|this)|never thought about|predates? me|before my time"
    r"|beats me|no clue|like (?:this|that) when|reasons? (?:was|is|were) (?:not|never|lost)|(?:not|un|never)"
    r" ?documented|no (?:particular|specific|real|good|recorded|known|documented|deeper) reason"
    r"|for (?:some|whatever) reason|reason (?:is |was )?(?:unknown|unclear|lost)|forgot(?:ten)? why|who (?:set|chose"
    r"|picked|changed)|wonder(?:ing|ed)? why"
    r"|asked? (?:me )?why|(?:should|must|need to|todo:?|please) (?:document|write down|explain|ask)|why (?:did|do"
    r"|does|is|was|are|were|we|it|this|that|the)\b[^.!]*\?"
    r"|ask (?:him|her|them|\w+) why|arbitrar\w+|gut feeling|just a guess|whoever)\b|\bidk\b|\bdunno\b|\?\?",
    re.IGNORECASE,
)
_REJECTED = re.compile(
    r"\b(?:instead of|rather than|decided against|reject\w*|ruled? out|not worth|(?:we|i) (?:also )?(?:tried"
    r"|considered|looked at|tested|discussed)|alternative(?:ly|s)?"
    r"|(?:would|could) (?:also )?have|dismiss\w*|discard\w* the idea|don'?t (?:want|like|go)|do not (?:want|go)|no"
    r" need (?:for|to)|against|was too|is too|were too|are too|would be too"
    r"|(?:isn'?t|wasn'?t|is not|was not|not) (?:enough|an option|good enough|sufficient|viable)|vetoed|turned down"
    r"|dropped the idea|proposed|suggest\w*|what about|how about)\b",
    re.IGNORECASE,
)
_DECIDED = re.compile(
    r"\b(?:decid\w+|agree\w*|let'?s|we (?:will|shall|should|now)|go(?:ing)? with|went with|settl\w+|switch(?:ed|ing)?"
    r"|chang(?:e|ed|ing)|set(?:ting)?|bump(?:ed)?|rais(?:e|ed|ing)"
    r"|lower(?:ed|ing)?|use|using|keep(?:ing)?|pick(?:ed)?|cho(?:o?se|sen)|move to|moved to"
    r"|(?:goes|went|go) (?:up |down |back )?to (?=\d)|increase[ds]?"
    r"|decrease[ds]?|relax(?:ed)?|tighten(?:ed)?|loosen(?:ed)?|stick(?:ing)? (?:to|with))\b",
    re.IGNORECASE,
)
_ACTION_ONLY = re.compile(
    r"^\W*(?:makes sense|go ahead|fine by me|fair enough|got it|let me|ok(?:ay)?|done|thanks?|thx|great|cool|nice"
    r"|sure|yes|no|yep|good|sounds good|agreed|perfect|will do"
    r"|pushed|merged|\+1|fyi|ping|hi\b|hello|hey)\b[^.]{0,40}$",
    re.IGNORECASE,
)
_MACHINES = re.compile(
    r"\b(?:node|server|cluster|machine|licen[cs]e|login|the old job|job)s?(?: \w*\d\w*)?\b[^.;]{0,20}"
    r"\b(?:crash|fail|died?\b|kill|hung|hang|is down|was down|segfault|full|busy|reboot)\w*",
    re.IGNORECASE,
)
"""Trouble with computers: why a job was restarted, not why a value was chosen."""
_CONNECTIVE = re.compile(
    r"\b(?:because|since|as (?:the|we|it|they|those|these)|due to|so that|otherwise|in order to|to (?:avoid|prevent"
    r"|keep))\b",
    re.IGNORECASE,
)
_STATES = re.compile(
    r"\b(?:frames?|cells?|structures?|configurations?|snapshots?|atoms?|forces?|loss|fit|model|scf|labels?|energ(?:y"
    r"|ies)|stress(?:es)?"
    r"|moments?|pressures?|curve|errors?|rmse|runs?|slabs?|surfaces?|phases?|bonds?|contacts?|lattice|basis"
    r"|gradients?)\b",
    re.IGNORECASE,
)
"""Things that a reason may be about."""
_UP = re.compile(r"\b(?:rais\w+|increas\w+|loosen\w*|relax(?:ed|ing)?|bump\w*|higher|larger|up to|more permissive"
                 r"|less strict|less aggressive|open(?:ing)? up"
                 r"|too (?:strict|tight|aggressive|harsh|low|small|coarse))\b", re.IGNORECASE)  # fmt: skip
_DOWN = re.compile(r"\b(?:lower(?:ed|ing)?|reduc\w+|decreas\w+|tighten\w*|stricter|smaller|down to|cut down|more"
                   r" aggressive|harsher"
                   r"|too (?:loose|lax|high|large|permissive|generous))\b", re.IGNORECASE)  # fmt: skip
_COST = re.compile(
    r"\b(?:expensive|cheap\w*|costs?|costly|allocation|budget|quota|afford\w*|cpu[- ]?h\w*|core[- ]?h\w*"
    r"|node[- ]?h\w*|gpu[- ]?h\w*|disk space|memory|oom|core hours|compute (?:time|budget)|ran out of (?:hours"
    r"|compute|memory))\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:deadline|no time|out of time|in time|too (?:long|slow)|takes? (?:forever|days|weeks|ages|too long)|wall"
    r" ?time|queue|in a hurry|before the (?:meeting|review|conference|submission|break|holidays?)|quick(?:er|ly)?"
    r"|faster|submission)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Cues:
    """What the wording of one sentence says."""

    score: float
    tags: frozenset[str]
    question: bool
    disclaims: bool
    """Says that no reason is known."""
    states: bool
    """Says something of the data or the fit, in five words or more, that is neither question nor disclaimer."""
    rejects: bool
    decides: bool
    up: bool
    down: bool

    @property
    def causal(self) -> bool:
        """Whether a cause or a purpose is put in words."""
        return bool(self.tags & {"cause", "purpose"})


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of the sentences of a passage; text[start:end] is verbatim, without space around it."""
    start = 0
    for match in _BREAK.finditer(text):
        end = match.end() if not match.group().isspace() else match.start()
        if _ABBREVIATION.search(text[max(0, end - 10) : end]):
            continue
        yield from _stripped(text, start, end)
        start = match.end()
    yield from _stripped(text, start, len(text))


@lru_cache(maxsize=20_000)
def cues(sentence: str) -> Cues:
    """Weigh a sentence's wording; each kind of cue counts once, questions and disclaimers count nothing."""
    found: dict[str, float] = {}
    for pattern, weight, tag in _COMPILED:
        if pattern.search(sentence):
            found[tag] = max(found.get(tag, 0.0), weight)
    question = sentence.rstrip("\"')*_ ").endswith("?")
    disclaims = bool(_NO_REASON.search(sentence))
    idle = (
        question
        or disclaims
        or bool(_MACHINES.search(sentence))
        or bool(_ACTION_ONLY.match(sentence))
        or bool(_CODE.match(sentence) and len(found) < 2)
    )
    return Cues(
        score=0.0 if idle else sum(found.values()),
        tags=frozenset(found),
        question=question,
        disclaims=disclaims,
        states=not idle and len(sentence.split()) >= 5 and bool(_STATES.search(sentence)),
        rejects=bool(_REJECTED.search(sentence)),
        decides=bool(_DECIDED.search(sentence)),
        up=bool(_UP.search(sentence)),
        down=bool(_DOWN.search(sentence)),
    )


def before_cause(sentence: str) -> str | None:
    """Return what a sentence says before its first "because", "since", "so that"; None where it has none."""
    match = _CONNECTIVE.search(sentence)
    return sentence[: match.start()] if match else None


def driver_of(text: str) -> Driver:
    """What drove a decision, by the words of its reason: cost, time, else science where a reason is put at all."""
    if _COST.search(text):
        return "cost"
    if _TIME.search(text):
        return "time"
    return "science" if cues(text).score > 0 else "unknown"


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    inner = piece.strip()
    if inner:
        begin = start + piece.index(inner)
        yield begin, begin + len(inner)

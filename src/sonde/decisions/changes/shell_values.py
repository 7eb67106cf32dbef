"""What a shell or batch script sets: scheduler directives, variables, and options of the commands it runs."""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from sonde.decisions.changes.units import split_unit, unit_of_comment, unit_of_key
from sonde.decisions.changes.values import Unreadable, Value

DIRECTIVE = re.compile(r"#(?P<scheduler>SBATCH|PBS|BSUB|\$)\s+(?P<rest>-.*)$")
ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_]\w*)\+?=(?P<value>.*)", re.DOTALL)
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(?P<end>\w+)\1")
ENDS = frozenset({";", "&&", "||", "|", "&", "(", ")", "|&", ";;"})
PREFIXES = frozenset(
    {"export", "srun", "mpirun", "mpiexec", "time", "exec", "nohup", "env", "sudo", "then", "do", "else"}
)
LAUNCHERS = frozenset({"srun", "mpirun", "mpiexec"})
OF_LAUNCHERS = re.compile(r"-.*|\d+|[\w-]+:\S+")
"""Options of a launcher and what follows them: how a program runs, not what it computes."""
INTERPRETERS = re.compile(r"(python|torchrun|bash|sh|julia|perl)[\d.]*")
QUIET = frozenset(
    {"echo", "printf", "cd", "module", "source", "mkdir", "rm", "cp", "mv", "ls", "cat", "grep", "sed", "test"}
)
"""Commands whose options set nothing that science hangs on."""
LONGEST_TEXT = 200
Statement = tuple[int, list[str], str]


def values(text: str) -> Iterator[Value]:
    """Yield `SBATCH.time`, variables by name, and options as `mace_run_train.r_max`; a switch is True.

    Text of here-documents is left out, and so is a line that cannot be parsed.

    Raises
    ------
    Unreadable
        Where the text is binary.
    """
    if "\0" in text:
        raise Unreadable("holds zero bytes")
    for number, words, comment in _statements(text):
        yield from _set_by(words, number, comment)


def _statements(text: str) -> Iterator[Statement]:
    """Yield line, words and comment of each command; the comment is about the last one on its line.

    A backslash joins lines, a here-document is skipped.
    """
    begun, joined, until = 0, "", None
    for number, line in enumerate(text.split("\n"), start=1):
        if until is not None:
            until = None if line.strip() == until else until
            continue
        begun = begun or number
        if line.rstrip().endswith("\\"):
            joined += line.rstrip()[:-1] + " "
            continue
        yield from _commands(joined + line, begun)
        heredoc = HEREDOC.search(line)
        until = heredoc["end"] if heredoc else None
        begun, joined = 0, ""


def _commands(line: str, number: int) -> Iterator[Statement]:
    if directive := DIRECTIVE.match(line.strip()):
        yield number, [directive["scheduler"].replace("$", "SGE"), *_words(directive["rest"])[0]], ""
        return
    words, comment = _words(line)
    commands: list[list[str]] = [[]]
    for word in words:
        if word in ENDS:
            commands.append([])
        else:
            commands[-1].append(word)
    for command in commands:
        if command:
            yield number, command, comment if command is commands[-1] else ""


def _words(line: str) -> tuple[list[str], str]:
    """Split as a shell does; the comment is what follows the last # that opens a word."""
    hash_sign = re.search(r"(?:^|\s)#(.*)$", line)
    comment = hash_sign[1] if hash_sign else ""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer), comment
    except ValueError:  # an open quote: it goes on over lines
        return [], ""


def _set_by(words: Sequence[str], line: int, comment: str) -> Iterator[Value]:
    rest = list(words)
    while rest and (rest[0] in PREFIXES or ASSIGNMENT.fullmatch(rest[0])):
        first = rest.pop(0)
        match = ASSIGNMENT.fullmatch(first)
        if match and match["value"]:
            yield _value(match["name"], match["value"], line, comment)
        while first in LAUNCHERS and rest and OF_LAUNCHERS.fullmatch(rest[0]):
            rest.pop(0)
    if not rest:
        return
    program, options = _program(rest)
    if program not in QUIET:
        yield from _options(program, options, line, comment)


def _program(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Name the program: `python -u train.py` is train, `python -m pkg.train` is pkg.train."""
    name = PurePosixPath(words[0]).name
    if not INTERPRETERS.fullmatch(name):
        return name, words[1:]
    for place, word in enumerate(words[1:], start=1):
        if word == "-m" and place + 1 < len(words):
            return words[place + 1], words[place + 2 :]
        if not word.startswith("-"):
            return PurePosixPath(word).stem, words[place + 1 :]
    return name, words[1:]


def _options(program: str, words: Sequence[str], line: int, comment: str) -> Iterator[Value]:
    place = 0
    while place < len(words):
        word, place = words[place], place + 1
        if not re.match(r"--?[A-Za-z]", word):
            if (match := ASSIGNMENT.fullmatch(word)) and match["value"]:  # hydra style: optimizer.lr=0.01
                yield _value(f"{program}.{match['name']}", match["value"], line, comment)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        taken: list[str] = []
        while not equals and place < len(words) and not re.match(r"--?[A-Za-z]", words[place]):
            taken.append(words[place])
            place += 1
        yield _value(
            f"{program}.{name.replace('-', '_')}", value if equals else " ".join(taken) or "True", line, comment
        )


def _value(key: str, text: str, line: int, comment: str) -> Value:
    number, unit = split_unit(text[:LONGEST_TEXT])
    return Value(key, number, unit or unit_of_key(key) or unit_of_comment(comment), line)

"""Words of others on the terminal: nothing of theirs steers it."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from tests.cli.terminal import done, sonde
from tests.decisions import build

from sonde.records.decisions import Change, Quote, Why
from sonde.views.decisions import show_why
from sonde.views.terminal import Terminal, harmless

EVIL = "a\x1b[2Jb\x1b]0;title\x07c\x9b31md\u202ee\rf"


def test_every_steering_character_is_replaced() -> None:
    assert harmless(EVIL) == "a\ufffd[2Jb\ufffd]0;title\ufffdc\ufffd31md\ufffde\ufffdf"
    assert harmless("ä → Å²\tone\ntwo") == "ä → Å²\tone\ntwo"


@pytest.mark.parametrize("colours", [True, False])
def test_an_answer_holds_no_escape_sequence_of_others(colours: bool) -> None:
    when = datetime(2024, 1, 1, tzinfo=UTC)
    change = Change(EVIL, EVIL, EVIL, EVIL, "3f" * 20, EVIL, 2, EVIL, when, EVIL)
    why = Why(EVIL, True, (Quote(EVIL, EVIL, EVIL, EVIL, when, "reason"),), (change,), None, ())
    out = StringIO()
    show_why(why, Terminal(file=out, force_terminal=colours, width=200))
    steering = ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\r")
    assert [piece for piece in steering if piece in out.getvalue()] == []
    assert ("\x1b" in out.getvalue()) is colours


def test_a_repository_of_odd_names_is_asked_about(tmp_path: Path) -> None:
    """Names of authors and files go from git to the terminal; such as are options of git stay names."""
    path = build.repository(tmp_path / "lab")
    odd = "--upload-pack=touch x.yaml"
    build.commit(path, {"\x1b[31mred.yaml": "max_force: 5\n", odd: "max_force: 7\n", "-x.yaml": "max_force: 8\n"}, "a")
    build.git(path, "update-ref", "refs/heads/--upload-pack=x", "HEAD")
    done("init", tmp_path)
    done("add", "git", path, "--project", tmp_path)
    answer = sonde("why", "--key", "max_force", "--project", tmp_path)
    assert "\x1b" not in answer.stdout
    assert "red.yaml" in answer.stdout
    assert odd in sonde("why", "--at", f"{odd}:1", "--project", tmp_path).stdout
    assert "-x.yaml" in sonde("why", "--at=-x.yaml", "--project", tmp_path).stdout
    assert "\x1b" not in sonde("why", "--commit", EVIL, "--project", tmp_path).stderr

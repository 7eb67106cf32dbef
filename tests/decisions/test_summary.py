"""Summaries by a language model: a real server on this machine that says what the test tells it to say."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.decisions.build import commit, repository, said, slack_zip
from typer.testing import CliRunner

from sonde.cli.main import app
from sonde.decisions.summary import LanguageModel, cited_sentences, summarised
from sonde.errors import SondeError, WrongUse
from sonde.operations.add_source import add_source
from sonde.operations.initialise import initialise
from sonde.records.decisions import Cited, Quote

QUOTES = [
    Quote("Above 5 eV/Å the SCF never settled.", "slack:a/1", "chat", "Mira", None, "reason"),
    Quote("6 eV/Å would still leave most of them in.", "slack:a/2", "chat", "Jonas", None, "rejected"),
]


@contextmanager
def model_that_says(answer: object, status: int = 200) -> Iterator[tuple[LanguageModel, list[dict[str, Any]]]]:
    """A server on the loopback; yields its address and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, **body})
            content = answer if not isinstance(answer, str) else {"choices": [{"message": {"content": answer}}]}
            self.send_response(status)
            self.send_header("Location", "http://192.0.2.1/")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield LanguageModel(f"http://127.0.0.1:{server.server_address[1]}/v1", "small"), asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The SCF never settled above 5 eV/Å [1].", [("The SCF never settled above 5 eV/Å.", (1,))]),
        ("The SCF never settled. [1] A looser limit was no help. [2]", [("The SCF never settled.", (1,)),
                                                                        ("A looser limit was no help.", (2,))]),
        ("They are garbage. The SCF never settled [1].", [("The SCF never settled.", (1,))]),
        ("The group agreed [3].", []),
        ("The group agreed [1][3].", []),
        ("Nothing [0].", []),
        ("The limit is 7 eV/Å [1].", []),
        ("The limit is 6 eV/Å [1].", []),
        ("Both limits, 5 and 6, were weighed [1][2].", [("Both limits, 5 and 6, were weighed.", (1, 2))]),
        ("[1]", []),
        ("", []),
    ],
)  # fmt: skip
def test_only_sentences_that_cite_a_quote_are_kept(text: str, kept: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    assert cited_sentences(text, QUOTES) == tuple(Cited(words, places) for words, places in kept)


def test_the_model_is_asked_with_the_quotes_and_nothing_else() -> None:
    with model_that_says("The SCF never settled [1]. And so it goes.") as (model, asked):
        assert summarised("Why 5 eV/Å?", QUOTES, model) == (Cited("The SCF never settled.", (1,)),)
    (request,) = asked
    assert request["path"] == "/v1/chat/completions"
    assert request["model"] == "small"
    assert all(quote.text in request["messages"][1]["content"] for quote in QUOTES)
    assert "slack:" not in json.dumps(request)


def test_without_quotes_nobody_is_asked() -> None:
    with model_that_says("Because [1].") as (model, asked):
        assert summarised("Why?", [], model) == ()
    assert asked == []


def test_a_server_that_leads_elsewhere_or_answers_otherwise_is_refused() -> None:
    with model_that_says("x", status=307) as (model, _), pytest.raises(SondeError, match="gave no answer"):
        summarised("Why?", QUOTES, model)
    with model_that_says({"error": "no"}) as (model, _), pytest.raises(SondeError, match="does not answer as"):
        summarised("Why?", QUOTES, model)
    with pytest.raises(SondeError, match="gave no answer"):
        summarised("Why?", QUOTES, LanguageModel("http://127.0.0.1:9/v1", timeout_s=2))


@pytest.mark.parametrize("address", ["file:///etc/passwd", "127.0.0.1:8080", "ftp://host/v1", ""])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(WrongUse, match="is no address"):
        summarised("Why?", QUOTES, LanguageModel(address))


def test_only_the_loopback_is_local() -> None:
    assert LanguageModel("http://localhost:1/v1").is_local
    assert not LanguageModel("http://127.0.0.1.example.org/v1").is_local


def test_the_command_shows_what_cites_and_asks_only_when_told(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    commit(folder, {"filters.yaml": "max_force: 50.0\n"}, "cap", hours=-300)
    commit(folder, {"filters.yaml": "max_force: 5.0\n"}, "lower", hours=2)
    talk = [said("U1", "max_force goes to 5 eV/Å because the SCF never settled in the cells above that.", 0)]
    project = initialise(tmp_path / "project")
    add_source(project, "slack", slack_zip(tmp_path / "chat.zip", {"curation": talk}))
    add_source(project, "git", folder)
    line = ["why", "--key", "max_force", "--project", str(tmp_path / "project")]
    with model_that_says("The SCF never settled [1]. It is a fine limit.") as (model, asked):
        assert "language model" not in CliRunner().invoke(app, line).output
        assert asked == []
        shown = CliRunner().invoke(app, [*line, "--summary", model.address])
    assert "The SCF never settled. [1]" in shown.output
    assert "fine limit" not in shown.output
    alone = CliRunner().invoke(app, [*line, "--summary", "http://127.0.0.1:9/v1"])
    assert "because the SCF never settled" in alone.output, "the answer needs no summary"
    assert isinstance(alone.exception, SondeError)

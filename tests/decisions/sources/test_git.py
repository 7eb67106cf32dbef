"""Git as a source: messages, words with their first commit, and repositories that would do harm or lack something."""

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from tests.decisions import build

from sonde.decisions.sources import git
from sonde.errors import BadInput
from sonde.records.decisions import Passage

HOUR = timedelta(hours=1)


def by_text(path: Path) -> dict[str, Passage]:
    return {passage.text: passage for passage in git.read(path)}


def test_a_commit_message_is_a_passage(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    made = build.commit(path, {}, "Lower the limit\n\nSpikes are unconverged.", hours=3, author="Jörg Öz")
    [found] = git.read(path)
    assert found == Passage(
        anchor=f"commit:{made}",
        text="Lower the limit\n\nSpikes are unconverged.",
        kind="commit",
        author="Jörg Öz",
        time=build.BEGIN + 3 * HOUR,
        title="Lower the limit",
    )


def test_words_carry_the_commit_where_they_first_stood(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    first = build.commit(path, {"README.md": "# Lab\n\nOld words.\n"}, "a", author="Mira Halvorsen")
    second = build.commit(path, {"README.md": "# Lab\n\nNew words.\n\nOld words.\n"}, "b", hours=1, author="Jonas")
    build.git(path, "mv", "README.md", "NOTES.md")
    build.commit(path, {}, "c", hours=2, author="Someone Else")
    found = by_text(path)
    assert (found["Old words."].anchor, found["Old words."].author) == (f"README.md:3@{first}", "Mira Halvorsen")
    assert (found["New words."].anchor, found["New words."].time) == (f"README.md:3@{second}", build.BEGIN + HOUR)


def test_comments_beside_values_are_kept_for_every_version(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    yaml = "# spikes above come from unconverged runs\nmax_force: {}\n"
    build.commit(path, {"f.yaml": yaml.format(30)}, "a")
    second = build.commit(path, {"f.yaml": "x: 1\n" + yaml.format(15)}, "b", hours=1)
    code = "FMAX = 15.0  # eV/Å, see the meeting of October\nprint('hello')  # a note beside no value\n"
    third = build.commit(path, {"f.py": code, "f.yaml": "x: 1\n"}, "c", hours=2)
    found = {p.text: p.anchor for p in git.read(path) if p.kind == "file"}
    assert found["# spikes above come from unconverged runs\nmax_force: 15"] == f"f.yaml:2@{second}"
    assert found["FMAX = 15.0  # eV/Å, see the meeting of October"] == f"f.py:1@{third}"
    assert len(found) == 3


def test_a_heading_with_a_date_tells_the_time(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"m.md": "# Meeting 2024-09-30\n\nWe keep 15.\n\n# Due 2031-01-01\n\nThesis.\n"}, "a")
    found = by_text(path)
    assert str(found["We keep 15."].time) == "2024-09-30 00:00:00+00:00"
    assert found["Thesis."].time == build.BEGIN


def test_bare_repositories_and_worktrees_are_read(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"a.md": "words\n"}, "a")
    build.git(tmp_path, "clone", "--quiet", "--bare", str(path), str(tmp_path / "bare.git"))
    build.git(path, "worktree", "add", "--quiet", str(tmp_path / "tree"), "-b", "other")
    assert list(git.read(path)) == list(git.read(tmp_path / "bare.git")) == list(git.read(tmp_path / "tree"))


def test_a_partial_clone_is_read_without_fetching(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"f.yaml": "a: 1\n", "r.md": "Old words.\n"}, "a")
    build.commit(path, {"f.yaml": "a: 2\n", "r.md": "New words.\n"}, "b", hours=1)
    build.commit(path, {"f.yaml": "a: 3\n"}, "c", hours=2)
    build.git(path, "config", "uploadpack.allowFilter", "true")
    part = tmp_path / "part"
    build.git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{path}", str(part))
    before = sorted((part / ".git" / "objects").rglob("*"))
    assert [p.text for p in git.read(part)] == ["a", "b", "c", "New words."]
    assert list(git.changes(part)) == [], "one side of each change is missing: nothing is claimed"
    assert sorted((part / ".git" / "objects").rglob("*")) == before
    assert "lacks 2 objects" in caplog.text


def test_the_cut_end_of_a_shallow_clone_claims_nothing(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"f.yaml": "a: 1\n", "r.md": "Old words.\n"}, "a")
    build.commit(path, {"f.yaml": "a: 2\n"}, "b", hours=1)
    build.commit(path, {"f.yaml": "a: 3\n"}, "c", hours=2)
    build.git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{path}", str(tmp_path / "cut"))
    assert [(c.old, c.new) for c in git.changes(tmp_path / "cut")] == [("2", "3")]
    assert by_text(tmp_path / "cut")["Old words."].time is None


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    with pytest.raises(BadInput, match="holds no commit"):
        list(git.read(path))
    build.commit(path, {"sub/a.md": "a\n"}, "a")
    with pytest.raises(BadInput, match="is not the top of a git repository"):
        list(git.read(path / "sub"))
    with pytest.raises(BadInput, match="is not a folder"):
        list(git.read(path / "sub" / "a.md"))
    with pytest.raises(BadInput, match="has no commit called 'nowhere'"):
        list(git.changes(path, "nowhere"))
    for option in ("--all", "-n1", "--output=stolen", " "):
        with pytest.raises(BadInput, match="is no revision"):
            list(git.changes(path, option))


def test_a_damaged_repository_is_named(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"a.md": "a\n"}, "a")
    tree = build.git(path, "rev-parse", "HEAD^{tree}")
    (path / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    with pytest.raises(BadInput, match="lab: git diff-tree failed"):
        list(git.read(path))


def _sign_head(path: Path, file: Path) -> None:
    """Give the last commit a signature that nobody made: git runs a program to check it where it is told to."""
    header, _, message = build.git(path, "cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----"
    file.write_text(f"{header}\n{signature}\n\n{message}\n")
    signed = build.git(path, "hash-object", "-t", "commit", "-w", str(file))
    build.git(path, "update-ref", "HEAD", signed.strip())


def test_nothing_of_a_hostile_repository_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build.repository(tmp_path / "lab")
    build.commit(path, {"a.yaml": "a: 1\n", ".gitattributes": "* diff=evil filter=evil\n"}, "a")
    build.commit(path, {"a.yaml": "a: 2\n"}, "b", hours=1)
    _sign_head(path, tmp_path / "signed")
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path / 'sprung'}\n")
    trap.chmod(0o755)
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (path / ".git" / "hooks").mkdir(exist_ok=True)
        (path / ".git" / "hooks" / hook).write_text(trap.read_text())
        (path / ".git" / "hooks" / hook).chmod(0o755)
    keys = ["core.fsmonitor", "core.pager", "pager.log", "diff.external", "diff.evil.textconv", "diff.evil.command"]
    keys += [
        "filter.evil.smudge",
        "filter.evil.clean",
        "gpg.program",
        "core.sshCommand",
        "core.editor",
        "alias.rev-list",
    ]
    for key in keys:
        build.git(path, "config", key, str(trap))
    build.git(path, "config", "log.showSignature", "true")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(trap))
    assert len(list(git.read(path))) == 2
    assert len(list(git.changes(path))) == 2
    assert len(list(git.people(path))) == 1
    assert not (tmp_path / "sprung").exists()
    monkeypatch.delenv("GIT_DIR")
    subprocess.run(["git", "diff", "HEAD~1"], cwd=path, check=False, capture_output=True)
    assert (tmp_path / "sprung").exists(), "the trap itself must work"


def test_a_repository_of_another_user_is_read(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    path = build.repository(tmp_path / "lab")
    build.commit(path, {}, "a")
    for file in [path, *path.rglob("*")]:
        os.chown(file, 12345, 12345)
    assert [p.text for p in git.read(path)] == ["a"]


def test_odd_names_and_encodings_are_followed(tmp_path: Path) -> None:
    path = build.repository(tmp_path / "lab")
    odd = "a: b/-Å \n.yaml"
    build.commit(path, {odd: "a: 1\n", "l.md": "15 eV/Å\n".encode("latin-1"), "b.txt": b"a\0b"}, "a")
    assert [c.path for c in git.changes(path)] == [odd]
    assert "15 eV/Å" in by_text(path)
    build.git(path, "config", "i18n.commitEncoding", "latin-1")
    (path / "message").write_bytes("Grenze 15 eV/Å".encode("latin-1"))
    build.git(path, "commit", "--quiet", "--allow-empty", "--file=message")
    assert "Grenze 15 eV/Å" in by_text(path)

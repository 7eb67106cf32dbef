"""Input that cannot be taken ends in one clear error, and leaves the project exactly as it was."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cli import bad_files
from tests.cli.terminal import Answer, done, sonde, state_of

from sonde.potentials.linear import fit_linear
from sonde.sample_lab.frames import DATA, sample_frames
from sonde.store import Project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one of each: what a failed command must not touch."""
    root: Path = tmp_path_factory.mktemp("project")
    done("init", root)
    frames = bad_files.written(root / "raw.xyz", bad_files.good_lines(6))
    done("add", "dataset", frames, "--name", "raw", "--project", root)
    chat = bad_files.slack_export(root / "chat.zip", {"curation/2024-10-08.json": bad_files.GOOD_DAY})
    done("add", "slack", chat, "--project", root)
    checkpoint = fit_linear(sample_frames()[:30]).save(root / "linear.npz")
    done("add", "potential", "alloy", "--adapter", "linear", "--checkpoint", checkpoint, "--project", root)
    return root


@dataclass(frozen=True)
class Case:
    """A bad file, the command it is given to ({} stands for it), and what the error must name: file, place, mend."""

    name: str
    make: Callable[[Path], Path]
    command: str
    told: tuple[str, ...]


def absent(name: str) -> Callable[[Path], Path]:
    return lambda folder: folder / name


def empty(name: str) -> Callable[[Path], Path]:
    return lambda folder: bad_files.empty_file(folder, name)


def mace_checkpoint(folder: Path) -> Path:
    return DATA / "sample_potential.pt"


DATASET = "add dataset {} --name new --child-of raw"
CASES = [
    Case("truncated", bad_files.truncated_xyz, DATASET, ("truncated.xyz, frame 2", "line 13", "copy the file again")),
    Case("NaN forces", bad_files.nan_forces, DATASET, ("nan_forces.xyz, frame 1, line 10", "NaN", "mend or remove")),
    Case("NaN record", bad_files.nan_record, DATASET, ("nan_record.json, frame 1", "NaN or inf (atom 1)", "mend or")),
    Case("column", bad_files.missing_column, DATASET, ("missing_column.xyz, frame 2, line 15", "columns must be")),
    Case("count", bad_files.wrong_count, DATASET, ("wrong_count.xyz, frame 1, line 6", "number of atoms must stand")),
    Case("lengths", bad_files.forces_too_short, DATASET, ("forces_too_short.json, frame 1", "(2, 3), found (1, 3)")),
    Case(
        "element", bad_files.unknown_element, DATASET, ("unknown_element.xyz, frame 1, line", "'Xy'", "mend or remove")
    ),
    Case("empty", bad_files.empty_file, DATASET, ("empty.xyz: the file is empty", "written completely?")),
    Case("no dataset", absent("no.xyz"), DATASET, ("no.xyz: there is no such file", "Check the path")),
    Case(
        "traversal",
        bad_files.slack_with_traversal,
        "add slack {}",
        ("traversal.zip, member '../../escaped.json': points outside", "Download the export again"),
    ),
    Case(
        "bomb",
        bad_files.slack_bomb,
        "add slack {}",
        ("bomb.zip, member 'curation/2024-10-08.json': swells", "Download the export again"),
    ),
    Case(
        "day",
        bad_files.slack_day_without_json,
        "add slack {}",
        ("not_json.zip, member 'curation/2024-10-09.json': is not JSON", "Download the export again"),
    ),
    Case("no zip", empty("empty.zip"), "add slack {}", ("empty.zip: is not a zip", "Download the export again")),
    Case(
        "slides bomb",
        bad_files.slides_bomb,
        "add slides {}",
        ("bomb.pptx, member 'ppt/media/image1.bmp': swells", "save it again as .pptx"),
    ),
    Case("no mattermost", empty("e.jsonl"), "add mattermost {}", ("e.jsonl: is no bulk export", "mmctl export")),
    Case("no zulip", empty("e.tar.gz"), "add zulip {}", ("e.tar.gz: is not a tar", "Export the organisation again")),
    Case("no Word", empty("e.docx"), "add documents {}", ("e.docx: is not a zip", "Open it in a word processor")),
    Case("no PDF", empty("e.pdf"), "add documents {}", ("e.pdf: is no PDF", "Open it in a PDF viewer")),
    Case("no notebook", empty("e.ipynb"), "add documents {}", ("e.ipynb: is no notebook", "Open it in Jupyter")),
    Case("no record", empty("e.md"), "add adr {}", ("e.md: holds no record of a decision", "## Decision")),
    Case("no MLflow", empty("e.db"), "add mlflow {}", ("e.db: is neither a folder nor", "Give the folder mlruns")),
    Case("no folder", empty("e.csv"), "add folder {}", ("e.csv: is not a folder", "Give a folder")),
    Case("no slack", absent("no.zip"), "add slack {}", ("no.zip: there is no such file", "Check the path")),
    Case(
        "headless mail",
        bad_files.mbox_with_headless_mail,
        "add mail {}",
        ("headless.mbox, message 2", "neither From, Subject nor Date", "Give an mbox file"),
    ),
    Case("no mail", empty("empty.mbox"), "add mail {}", ("empty.mbox: is neither an mbox", "Give an mbox file")),
    Case(
        "latin-1 notes", bad_files.latin1_notes, "add notes {}", ("notes.md, line 3: is not UTF-8", "iconv -f latin1")
    ),
    Case(
        "unborn",
        bad_files.repository_without_commits,
        "add git {}",
        ("unborn: holds no commit", "Commit something first"),
    ),
    Case(
        "no repository",
        lambda folder: folder,
        "add git {}",
        ("is not the top of a git repository", "a bare repository"),
    ),
    Case(
        "no checkpoint",
        absent("no.model"),
        "add potential new --adapter linear --checkpoint {}",
        ("no.model: there is no such file", "Give the path of a checkpoint"),
    ),
    Case(
        "some npz",
        bad_files.some_npz,
        "add potential new --adapter linear --checkpoint {}",
        ("descriptors.npz: is not a linear potential", "Give the .npz"),
    ),
    Case(
        "mace to linear",
        mace_checkpoint,
        "add potential new --adapter linear --checkpoint {}",
        ("sample_potential.pt: is not a linear", "Give the .npz"),
    ),
    Case(
        "state_dict to mace",
        bad_files.torch_state_dict,
        "add potential new --adapter mace --checkpoint {}",
        ("resnet.pt: is not a MACE checkpoint", "without the format 'sonde.mace/1'", "Give a checkpoint of sonde"),
    ),
    Case(
        "npz to mace",
        bad_files.some_npz,
        "add potential new --adapter mace --checkpoint {}",
        ("descriptors.npz: is not a MACE checkpoint", "Give a checkpoint of sonde"),
    ),
    Case(
        "nothing to diagnose",
        absent("no.xyz"),
        "diagnose {} --potential alloy",
        ("no.xyz: there is no such file", "Give the failing structures"),
    ),
    Case("NaN to diagnose", bad_files.nan_forces, "diagnose {} --potential alloy", ("frame 1, line 10", "NaN")),
]


def refused(project: Path, *arguments: object) -> Answer:
    """Run a command that must fail with one error, and leave the project as it was."""
    before = state_of(project)
    answer = sonde(*arguments, "--project", project)
    assert answer.code == 1, answer.stdout + answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.count("error: ") == 1, answer.stderr
    assert "Traceback" not in answer.stderr
    assert state_of(project) == before
    return answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_file(case: Case, project: Path, tmp_path: Path) -> None:
    file = case.make(tmp_path)
    answer = refused(project, *(file if word == "{}" else word for word in case.command.split()))
    for words in case.told:
        assert words in answer.stderr


def test_a_good_file_among_bad_ones_is_not_kept(project: Path, tmp_path: Path) -> None:
    good = bad_files.written(tmp_path / "good.xyz", bad_files.good_lines(4))
    refused(project, "add", "dataset", good, bad_files.truncated_xyz(tmp_path), "--name", "new")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux has a file whose first byte cannot be read")
def test_what_the_system_refuses(project: Path) -> None:
    answer = refused(project, "add", "dataset", "/proc/self/mem", "--name", "new")
    assert "Input/output error" in answer.stderr


def test_nothing_is_written_beside_an_archive(project: Path, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    refused(project, "add", "slack", bad_files.slack_with_traversal(below))
    assert not list(tmp_path.rglob("escaped.json"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("add dataset {} --name raw", ("dataset called 'raw' is there already", "sonde remove raw")),
        ("add dataset {} --name raw --dry-run", ("dataset called 'raw' is there already", "sonde remove raw")),
        ("add dataset {} --name chat", ("A source is called 'chat' already", "another name")),
        ("add dataset {} --name new --child-of rav", ("No dataset is called 'rav'", "did you mean 'raw'?")),
        ("add dataset {} --name new --child-of rav --dry-run", ("No dataset is called 'rav'", "did you mean 'raw'?")),
        ("add notes {} --name chat", ("A source called 'chat' is there already (slack", "--name NAME")),
        ("diagnose {} --potential aloy", ("No potential is called 'aloy'", "did you mean 'alloy'?")),
        ("trust score aloy {}", ("No potential is called 'aloy'", "did you mean 'alloy'?")),
        ("trust score alloy {}", ("No local probe is fitted for alloy", "sonde trust fit alloy --on DATASET")),
        ("trust fit alloy --on rav", ("No dataset is called 'rav'", "did you mean 'raw'?")),
        ("diagnose {} --potential alloy --report no/such/folder.html", ("no/such/folder.html", "folder that exists")),
        ("add potential new --adapter liniar --checkpoint {}", ("No adapter", "did you mean 'linear'?")),
        ("add potential new --adapter linear --checkpoint {} --trained-on rav", ("'rav'", "did you mean 'raw'?")),
        ("audit rav", ("No dataset is called 'rav'", "did you mean 'raw'?")),
        ("lineage raw rav", ("No dataset is called 'rav'", "did you mean 'raw'?")),
        ("remove rav", ("is called 'rav'", "did you mean 'raw'?")),
        ("why --commit 0123456789", ("'0123456789'", "sonde add git PATH")),
        ("why --key max_force --in chad", ("No source is called 'chad'", "did you mean 'chat'?")),
    ],
)
def test_bad_name(command: str, told: tuple[str, ...], project: Path, tmp_path: Path) -> None:
    file = bad_files.written(tmp_path / "good.xyz", bad_files.good_lines(4))
    answer = refused(project, *(file if word == "{}" else word for word in command.split()))
    for words in told:
        assert words in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["why"], "Ask one thing"),
        (["why", "why?", "--key", "max_force"], "Ask one thing"),
        (
            ["diagnose", "{}", "--potential", "alloy", "--tolerance", "nan"],
            "tolerance must be a number above zero, in eV/Å",
        ),
        (
            ["diagnose", "{}", "--potential", "alloy", "--timestep-fs", "0"],
            "time step must be a number above zero, in fs",
        ),
        (["add", "dataset", "{}", "--name", " "], "visible characters"),
        (["add", "dataset", "{}", "--name", "two\nlines"], "visible characters"),
        (["add", "potential", "new", "--adapter", "linear"], "--checkpoint FILE"),
        (
            ["add", "potential", "new", "--adapter", "linear", "--checkpoint", "{}", "--trained-at", "may"],
            "--trained-at",
        ),
        (["add", "dataset"], "Missing argument"),
        (["no-such-command"], "No such command"),
    ],
)
def test_wrong_use(arguments: list[str], told: str, project: Path, tmp_path: Path) -> None:
    file = bad_files.written(tmp_path / "good.xyz", bad_files.good_lines(4))
    before = state_of(project)
    place = [] if arguments[0] == "no-such-command" else ["--project", project]
    answer = sonde(*(file if word == "{}" else word for word in arguments), *place)
    assert (answer.code, answer.stdout) == (2, "")
    assert told in answer.stderr
    assert "Traceback" not in answer.stderr
    assert state_of(project) == before


# ---- pickles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bad_files.planted_pickle, bad_files.planted_torch_pickle])
def test_an_untrusted_pickle_is_not_executed(make: Callable[[Path], Path], project: Path, tmp_path: Path) -> None:
    checkpoint = make(tmp_path)
    answer = refused(project, "add", "potential", "new", "--adapter", "mace", "--checkpoint", checkpoint)
    assert checkpoint.name in answer.stderr
    assert "--trust-pickle" in answer.stderr
    assert not bad_files.mark_of(checkpoint).exists()


@pytest.mark.parametrize("make", [bad_files.planted_pickle, bad_files.planted_torch_pickle])
def test_the_planted_pickles_would_execute(make: Callable[[Path], Path], project: Path, tmp_path: Path) -> None:
    """The check above can fail: with --trust-pickle the same file runs its code, and is no MACE model."""
    checkpoint = make(tmp_path)
    answer = refused(
        project, "add", "potential", "new", "--adapter", "mace", "--checkpoint", checkpoint, "--trust-pickle"
    )
    assert "is not a MACE checkpoint" in answer.stderr
    assert bad_files.mark_of(checkpoint).exists()


@pytest.mark.parametrize("trust", [[], ["--trust-pickle"]])
def test_a_linear_potential_holds_no_pickle(trust: list[str], project: Path, tmp_path: Path) -> None:
    checkpoint = bad_files.planted_npz(tmp_path)
    arguments = ["add", "potential", "new", "--adapter", "linear", "--checkpoint", checkpoint, *trust]
    assert "planted.npz: is not a linear potential" in refused(project, *arguments).stderr
    assert not bad_files.mark_of(checkpoint).exists()


# ---- mail ------------------------------------------------------------------------------------------------------------


def test_mail_in_an_unknown_charset_is_readable(tmp_path: Path) -> None:
    done("init", tmp_path)
    head = "From: a@b\nSubject: cut\nMessage-ID: <3@b>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=x-none"
    mail = tmp_path / "odd.eml"
    mail.write_bytes(head.encode() + b"\nContent-Transfer-Encoding: 8bit\n\nCap the force, sagt J\xfcrgen.\n")
    done("add", "mail", mail, "--project", tmp_path)
    (passage,) = Project.open(tmp_path).passages.all()
    assert passage.text == "Cap the force, sagt Jürgen."


def test_mail_in_an_impossible_charset(project: Path, tmp_path: Path) -> None:
    """Readable text or an error that names the message."""
    answer = sonde("add", "mail", bad_files.mail_with_impossible_charset(tmp_path), "--project", project, "--dry-run")
    assert "Traceback" not in answer.stderr
    assert answer.code == 0 or "undefined.eml, message 1" in answer.stderr


# ---- the check itself ------------------------------------------------------------------------------------------------


def test_a_change_of_the_project_is_noticed(tmp_path: Path) -> None:
    done("init", tmp_path)
    empty = state_of(tmp_path)
    frames = bad_files.written(tmp_path / "raw.xyz", bad_files.good_lines(4))
    done("add", "dataset", frames, "--name", "raw", "--project", tmp_path)
    filled = state_of(tmp_path)
    assert {"list", "datasets", "shards"} <= {name for name in filled if filled[name] != empty.get(name)}
    shard = next((tmp_path / ".sonde" / "lake").rglob("*.parquet"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert state_of(tmp_path) != filled

"""A project from `init` to `diagnose`, through the command line, on the sample laboratory."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import pytest
from tests.cli.terminal import Answer, done, sonde

from sonde.datasets.readers import read_frames
from sonde.potentials.linear import fit_linear
from sonde.sample_lab.build import build_laboratory
from sonde.sample_lab.frames import sample_frames
from sonde.sample_lab.laboratory import Laboratory, Truth
from sonde.sample_lab.plan import sample_plan
from sonde.store import Project

TOLERANCE = 0.5
"""eV/Å; about three times what the linear potential reaches on frames like its training frames."""
COMMIT = r"[0-9a-f]{40}"
ANCHOR = re.compile(
    rf"commit:{COMMIT}|[^#\s]+:\d+@{COMMIT}|slack:[^/]+/\d+\.\d+|mail:\S+@\S+|file:.+#(slide|page|line|cell)=\d+"
)
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
THRESHOLD_KEYS = {"feature", "op", "threshold", "threshold_low", "threshold_high", "unit"}
RULE_KEYS = THRESHOLD_KEYS | {"rule", "precision", "recall", "equivalent"}
COLLATERAL_KEYS = {"region", "n", "dropped_fraction", "elsewhere_fraction"}
QUOTE_KEYS = {"text", "anchor", "source", "author", "time", "role"}
CHANGE_KEYS = {"key", "old", "new", "unit", "commit", "path", "time"}


@dataclass(frozen=True)
class Desk:
    """A registered laboratory, the truth about it, and what its imports answered."""

    laboratory: Laboratory
    truth: Truth
    imports: Mapping[str, Answer]

    @property
    def root(self) -> Path:
        return self.laboratory.folder

    def sonde(self, *arguments: object) -> Answer:
        return sonde(*arguments, "--project", self.root)

    def record(self, *arguments: object) -> Any:
        """What a command answers as JSON; it must succeed."""
        answer = self.sonde(*arguments, "--json")
        assert answer.code == 0, answer.stderr
        return answer.record


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Everything that a user would type to register a laboratory."""
    folder: Path = tmp_path_factory.mktemp("flow") / "laboratory"
    laboratory, truth = build_laboratory(sample_plan(), folder, sample_frames())
    checkpoint = fit_linear(list(read_frames(laboratory.training))).save(folder / "linear.npz")
    trained_at = laboratory.training_time.isoformat()
    commands: dict[str, tuple[object, ...]] = {
        "raw": ("dataset", laboratory.raw_pool, "--name", "raw"),
        "training": ("dataset", laboratory.training, "--name", "training", "--child-of", "raw"),
        "git": ("git", laboratory.repository),
        "slack": ("slack", laboratory.slack),
        "mail": ("mail", laboratory.mail),
        "notes": ("notes", laboratory.notes),
        "slides": ("slides", laboratory.slides),
        "alloy": ("potential", "alloy", "--adapter", "linear", "--checkpoint", checkpoint,
                  "--trained-on", "training", "--trained-at", trained_at),
        "bare": ("potential", "bare", "--adapter", "linear", "--checkpoint", checkpoint),
    }  # fmt: skip
    begun = done("init", folder)
    assert "is a sonde project now" in begun.stderr
    imports = {name: done("add", *command, "--project", folder, "--json") for name, command in commands.items()}
    return Desk(laboratory, truth, imports)


def every(record: Any, key: str) -> Iterator[Any]:
    """All values that stand under a key anywhere in a record."""
    if isinstance(record, dict):
        for name, value in record.items():
            if name == key:
                yield value
            yield from every(value, key)
    elif isinstance(record, list):
        for item in record:
            yield from every(item, key)


# ---- imports ---------------------------------------------------------------------------------------------------------


def test_datasets(desk: Desk) -> None:
    raw, training = desk.imports["raw"].record, desk.imports["training"].record
    assert raw["schema"] == "sonde.add-dataset/1"
    assert (raw["n_frames"], raw["child_of"], raw["stored"]) == (desk.truth.n_pool, None, True)
    assert (training["n_frames"], training["child_of"]) == (desk.truth.n_training, "raw")
    assert "importing raw" in desk.imports["raw"].stderr


@pytest.mark.parametrize("kind", ["git", "slack", "mail", "notes", "slides"])
def test_sources(kind: str, desk: Desk) -> None:
    added = desk.imports[kind].record
    assert added["schema"] == "sonde.add-source/1"
    assert added["kind"] == kind
    assert added["n_new_passages"] == added["n_passages"] > 0
    assert (added["n_changes"] > 0) == (kind == "git")
    assert f"reading {kind}" in desk.imports[kind].stderr


def test_potential(desk: Desk) -> None:
    added = desk.imports["alloy"].record
    assert added["schema"] == "sonde.add-potential/1"
    assert added["warnings"] == []
    assert 0 < added["residuals"]["force_rmse_eV_per_A"] < TOLERANCE
    assert added["potential"]["trained_on"] == "training"
    assert desk.imports["bare"].record["residuals"] is None
    assert "--trained-on" in desk.imports["bare"].record["warnings"][0]


def test_list(desk: Desk) -> None:
    record = desk.record("list")
    assert record["schema"] == "sonde.list/1"
    found = {item["name"]: (item["kind"], item["of"], item["n"]) for item in record["items"]}
    assert found["training"] == ("dataset", "raw", desk.truth.n_training)
    assert found["alloy"] == ("potential (linear)", "training", None)
    assert found["slack_export"] == ("source (slack)", str(desk.laboratory.slack), None)
    assert len(found) == len(desk.imports)


# ---- datasets --------------------------------------------------------------------------------------------------------


def test_audit(desk: Desk) -> None:
    record = desk.record("audit", "raw")
    assert record["schema"] == "sonde.audit/1"
    assert {"n_frames", "surfaces", "contradictions", "offsets", "duplicates"} <= set(record)
    assert {"n_groups", "examples"} <= set(record["contradictions"])
    assert record["n_frames"] == desk.truth.n_pool
    assert sum(surface["n_frames"] for surface in record["surfaces"]) == desk.truth.n_pool


def test_lineage(desk: Desk) -> None:
    record, truth = desk.record("lineage", "raw", "training"), desk.truth
    assert record["schema"] == "sonde.lineage/1"
    counts = {"n_parent": truth.n_pool, "n_child": truth.n_training, "n_kept": truth.n_training}
    counts |= {"n_dropped": len(truth.dropped), "n_added": 0, "n_relabelled": 0}
    assert {key: record[key] for key in counts} == counts
    assert record["random_split"] is False
    rule = record["rules"][0]
    assert set(rule) >= RULE_KEYS
    assert (rule["feature"], rule["op"], rule["unit"]) == (truth.feature, truth.op, truth.unit)
    assert rule["threshold_low"] <= truth.threshold <= rule["threshold_high"]
    assert (rule["precision"], rule["recall"]) == (1.0, 1.0)
    assert all(set(hit) >= COLLATERAL_KEYS for hit in record["collateral"])
    assert record["collateral"][0]["region"] == "config_type=distorted"


# ---- why -------------------------------------------------------------------------------------------------------------


def check_why(desk: Desk, record: Any, *, answered: bool) -> None:
    """Hold a record of `why` against the contract; quotes must be verbatim."""
    assert record["schema"] == "sonde.why/1"
    assert set(record) >= {"question", "answered", "quotes", "changes", "decision", "nearest"}
    assert record["answered"] is answered
    assert bool(record["quotes"]) is answered
    passages = Project.open(desk.root).passages
    for quote in [*record["quotes"], *record["nearest"]]:
        assert set(quote) >= QUOTE_KEYS
        assert quote["role"] in ("reason", "value", "rejected", "context")
        assert ANCHOR.fullmatch(quote["anchor"]), quote["anchor"]
        passage = passages.get(quote["anchor"])
        assert passage is not None
        assert quote["text"] in passage.text
    for change in record["changes"]:
        assert set(change) >= CHANGE_KEYS
        assert re.fullmatch(COMMIT, change["commit"])
    assert all(time is None or UTC_TIME.fullmatch(time) for time in every(record, "time"))


def gives_the_reason(desk: Desk, record: Any) -> bool:
    """Is one of the reasons quoted a planted one?"""
    reasons = [quote for quote in record["quotes"] if quote["role"] == "reason"]
    return any(line.is_quoted_by(quote["text"], quote["anchor"]) for line in desk.truth.reasons for quote in reasons)


def forms_of(desk: Desk) -> Mapping[str, tuple[object, ...]]:
    """The four forms of asking for the threshold that took the frames."""
    assert desk.truth.change is not None
    path, commit = desk.truth.change.path, desk.truth.change.commit
    lines = (desk.laboratory.repository / path).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "max_force" in text)
    return {
        "question": (f"Why is the largest force capped at {desk.truth.threshold:g} eV/Å?",),
        "place": ("--at", f"{path}:{line}"),
        "key": ("--key", "max_force"),
        "commit": ("--commit", commit[:10]),
    }


@pytest.mark.parametrize("form", ["question", "place", "key", "commit"])
def test_why(form: str, desk: Desk) -> None:
    assert desk.truth.change is not None
    record = desk.record("why", *forms_of(desk)[form])
    check_why(desk, record, answered=True)
    assert gives_the_reason(desk, record)
    assert desk.truth.change.commit in [change["commit"] for change in record["changes"]]


@pytest.mark.parametrize("form", ["--commit", "--key"])
def test_a_change_without_a_reason(form: str, desk: Desk) -> None:
    """Exit code 3, and the same record with `answered` false."""
    change = desk.truth.unexplained
    asked = {"--commit": change.commit, "--key": change.key}[form]
    answer = desk.sonde("why", form, asked, "--json")
    assert answer.code == 3
    check_why(desk, answer.record, answered=False)
    assert change.commit in [found["commit"] for found in answer.record["changes"]]
    shown = desk.sonde("why", form, asked)
    assert shown.code == 3
    assert "No reason is recorded." in shown.stdout


@pytest.mark.parametrize("form", ["question", "place", "key"])
def test_why_as_of_a_day_before_the_change(form: str, desk: Desk) -> None:
    assert desk.truth.change is not None
    day = f"{desk.truth.change.time:%Y}-01-01"
    record = desk.sonde("why", *forms_of(desk)[form], "--as-of", day, "--json").record
    assert all(time < day for time in every(record, "time") if time is not None)


@pytest.mark.parametrize("form", ["question", "key", "commit"])
def test_why_in_one_source(form: str, desk: Desk) -> None:
    record = desk.sonde("why", *forms_of(desk)[form], "--in", "notes", "--json").record
    quotes = [*record["quotes"], *record["nearest"]]
    assert quotes
    assert {quote["source"] for quote in quotes} == {"notes"}


# ---- trust and diagnosis ---------------------------------------------------------------------------------------------


def test_trust(desk: Desk) -> None:
    """A probe fitted on the raw pool calls none of the failing structures reliable."""
    summary = desk.record("trust", "fit", "bare", "--on", "raw", "--tolerance", TOLERANCE)
    assert summary["schema"] == "sonde.trust-fit/1"
    assert summary["tolerance_eV_per_A"] == TOLERANCE
    assert summary["auroc"] is None or 0.5 < summary["auroc"] <= 1
    scores = desk.record("trust", "score", "bare", desk.laboratory.failing, "--tolerance", TOLERANCE)
    assert scores["schema"] == "sonde.trust-score/1"
    assert [found["state"] for found in scores["structures"]] == ["unreliable"] * len(desk.truth.failing_ids)
    assert all(0 <= found["p_within"] <= 1 for found in scores["structures"])
    scored = desk.root / "scored.xyz"
    asked = ("--tolerance", TOLERANCE, "--relative", 0.5, "--energy", 0.05)
    wider = desk.record("trust", "score", "bare", desk.laboratory.failing, *asked)["structures"]
    pairs = zip(wider, scores["structures"], strict=True)
    assert all(more["p_within"] >= less["p_within"] for more, less in pairs)
    assert {(more["relative_tolerance"], more["energy_tolerance_eV_per_atom"]) for more in wider} == {(0.5, 0.05)}
    done("trust", "score", "bare", desk.laboratory.failing, "--out", scored, "--project", desk.root)
    written = ase.io.read(scored, ":")
    assert [round(atoms.info["reliability"], 6) for atoms in written] == [
        round(found["p_within"], 6)
        for found in desk.record("trust", "score", "bare", desk.laboratory.failing)["structures"]
    ]
    for atoms in written:
        assert atoms.arrays["scope_distance"].max() == pytest.approx(atoms.info["scope_distance"])
        assert atoms.arrays["atomic_reliability"].shape == (len(atoms),)


@pytest.fixture(scope="module")
def diagnosis(desk: Desk) -> Answer:
    report = desk.root / "report.html"
    asked = ("diagnose", desk.laboratory.failing, "--potential", "alloy", "--tolerance", TOLERANCE)
    return desk.sonde(*asked, "--report", report, "--json")


def test_diagnose(desk: Desk, diagnosis: Answer) -> None:
    assert diagnosis.code == 0
    record = diagnosis.record
    assert record["schema"] == "sonde.diagnose/1"
    assert (record["potential"], record["tolerance"], record["tolerance_unit"]) == ("alloy", TOLERANCE, "eV/Å")
    assert record["verdict"] in desk.truth.verdicts
    assert record["verdict_intent"] == desk.truth.intent
    assert [structure["index"] for structure in record["structures"]] == list(range(len(desk.truth.failing_ids)))
    for structure in record["structures"]:
        assert set(structure) >= {"reliability", "state", "worst_atoms"}
        assert structure["state"] in (None, "reliable", "unreliable", "out_of_scope")
    assert set(record["rules"][0]) >= RULE_KEYS
    assert [change["commit"] for change in record["changes"]] == [desk.truth.change and desk.truth.change.commit]
    assert gives_the_reason(desk, record)


def test_findings_and_actions(diagnosis: Answer) -> None:
    """Every finding has its evidence, or says why it cannot be tested."""
    record = diagnosis.record
    for finding in record["findings"]:
        assert set(finding) >= {"finding", "status", "intent", "evidence", "why_untestable"}
        assert (finding["status"] == "untestable") == (finding["why_untestable"] is not None)
        assert finding["evidence"] or finding["status"] == "untestable"
    assert [f["finding"] for f in record["findings"] if f["status"] == "supported"].count(record["verdict"]) == 1
    assert record["actions"]
    assert all(action["action"] and action["why"] for action in record["actions"])


def test_progress_and_report(desk: Desk, diagnosis: Answer) -> None:
    assert "loading alloy" in diagnosis.stderr
    report = (desk.root / "report.html").read_text(encoding="utf-8")
    assert "alloy" in report
    assert not re.search(r"""(src|href)=["']https?://[^"']+\.(js|css)""", report)


def test_a_diagnosis_that_cannot_tell(desk: Desk) -> None:
    """Without a training dataset nothing can be attributed: exit code 3, and the record says what is missing."""
    answer = desk.sonde("diagnose", desk.laboratory.failing, "--potential", "bare", "--tolerance", TOLERANCE, "--json")
    assert answer.record["verdict"] == "cannot_tell"
    assert answer.code == 3
    assert all(finding["status"] != "supported" for finding in answer.record["findings"])


# ---- the terminal ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("list", "slack_export"),
        ("audit training", "262 frames"),
        ("lineage raw training", "max_force > 5 eV/Å"),
        ("why --key max_force", "reason"),
    ],
)
def test_views(command: str, shown: str, desk: Desk) -> None:
    answer = desk.sonde(*command.split())
    assert answer.code == 0
    assert shown in answer.stdout


def test_the_program_itself(desk: Desk) -> None:
    """As a shell runs it, from a folder below the project: JSON alone on stdout, errors alone on stderr."""

    def run(*arguments: str) -> Answer:
        command = [sys.executable, "-c", "from sonde.cli.main import main; main()", *arguments]
        ended = subprocess.run(command, cwd=desk.laboratory.notes, capture_output=True, text=True, check=False)
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    listed, refused = run("list", "--json"), run("audit", "row", "--json")
    assert (listed.code, listed.stderr) == (0, "")
    assert listed.record["root"] == str(desk.root)
    assert (refused.code, refused.stdout) == (1, "")
    assert refused.stderr == "error: No dataset is called 'row'; did you mean 'raw'?\n"

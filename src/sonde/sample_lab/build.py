"""From a plan to a laboratory on disk: data, repository, archive; and the truth about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sonde.errors import BadInput
from sonde.records.frames import Frame
from sonde.records.jsonable import to_json
from sonde.sample_lab.archive.mail import write_mail
from sonde.sample_lab.archive.notes import write_notes
from sonde.sample_lab.archive.slack import write_slack
from sonde.sample_lab.archive.slides import write_slides
from sonde.sample_lab.chatter import unrelated_talk
from sonde.sample_lab.contested import contested_talk
from sonde.sample_lab.extxyz import extxyz_text
from sonde.sample_lab.laboratory import Laboratory, TalkCounts, TrueChange, TruePassage, Truth
from sonde.sample_lab.plan import LabPlan, Medium, wording
from sonde.sample_lab.planted import planted_talk
from sonde.sample_lab.repository import write_repository
from sonde.sample_lab.scripts import limit_text
from sonde.sample_lab.situations import EXPECTED, Arrangement, arrange
from sonde.sample_lab.talk import Conversation, Placed
from sonde.sample_lab.timeline import Commit, history, training_moment


@dataclass(frozen=True)
class _Dated:
    """The history with its commit ids."""

    commits: tuple[Commit, ...]
    ids: tuple[str, ...]

    def marked(self, mark: str) -> int:
        return next(i for i, commit in enumerate(self.commits) if commit.mark == mark)


def build_laboratory(plan: LabPlan, folder: Path, frames: Sequence[Frame]) -> tuple[Laboratory, Truth]:
    """Write a laboratory into a new or empty folder.

    Nothing in the folder says which reason, rule or situation was planted: that is the Truth, returned apart.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadInput(folder, None, "the folder is not empty", "name a folder that does not exist yet.")
    arrangement = arrange(plan.situation, plan.region, frames, plan.seed)
    place = _places(plan, folder)
    _write_data(arrangement, place)
    commits = history(plan)
    dated = _Dated(commits, write_repository(place["repository"], commits))
    talk = _talk(plan)
    placed = _write_archive(plan, talk, place)
    at_training = _training_commit(plan, dated)
    laboratory = Laboratory(
        folder=folder,
        script=_script_at(plan, dated.commits[: at_training + 1]),
        training_commit=dated.ids[at_training],
        training_time=training_moment(plan),
        failing_formula=arrangement.formula,
        **place,
    )
    return laboratory, _truth(plan, laboratory, arrangement, dated, (talk, placed))


def write_truth(truth: Truth, path: Path, laboratory: Laboratory) -> None:
    """Write the truth as JSON, anywhere but in the laboratory's own folder."""
    if path.resolve().is_relative_to(laboratory.folder.resolve()):
        raise BadInput(path, None, "the truth must not stand in the laboratory", "name a path outside its folder.")
    path.write_text(to_json(truth) + "\n", encoding="utf-8")


def _places(plan: LabPlan, folder: Path) -> dict[str, Path]:
    data, archive = folder / "data", folder / "archive"
    return {
        "raw_pool": data / "raw_pool.xyz",
        "training": data / "training.xyz",
        "failing": folder / "failing.xyz",
        "repository": folder / plan.layout.repository,
        "slack": archive / "slack_export.zip",
        "mail": archive / "group.mbox",
        "notes": archive / "notes",
        "slides": archive / "progress.pptx",
    }


def _write_data(arrangement: Arrangement, place: dict[str, Path]) -> None:
    place["raw_pool"].parent.mkdir(parents=True, exist_ok=True)
    place["slack"].parent.mkdir(parents=True, exist_ok=True)
    parts = {"raw_pool": arrangement.pool, "training": arrangement.training, "failing": arrangement.failing}
    for name, frames in parts.items():
        place[name].write_text(extxyz_text(frames), encoding="utf-8")


def _talk(plan: LabPlan) -> tuple[Conversation, ...]:
    """Return planted and unrelated talk, in order of time."""
    planted = (*planted_talk(plan), *(contested_talk(plan) if plan.contested else ()))
    n_planted = sum(len(conversation.lines) for conversation in planted)
    unrelated = unrelated_talk(plan, plan.talk_per_relevant_line * n_planted)
    return tuple(sorted((*planted, *unrelated), key=lambda conversation: conversation.lines[0].time))


def _write_archive(plan: LabPlan, talk: Sequence[Conversation], place: dict[str, Path]) -> tuple[Placed, ...]:
    writers = {"slack": write_slack, "mail": write_mail, "notes": write_notes, "slides": write_slides}
    placed: list[Placed] = []
    for medium, write in writers.items():
        placed += write(plan, [conversation for conversation in talk if conversation.medium == medium], place[medium])
    return tuple(placed)


def _training_commit(plan: LabPlan, dated: _Dated) -> int:
    return max(i for i, commit in enumerate(dated.commits) if commit.time <= training_moment(plan))


def _script_at(plan: LabPlan, commits: Sequence[Commit]) -> str:
    moved = plan.layout.moved_script
    gone = any(commit.files.get(plan.layout.script, "") is None for commit in commits)
    return moved if moved and gone else plan.layout.script


# ---- the truth -------------------------------------------------------------------------------------------------------


def _truth(
    plan: LabPlan,
    laboratory: Laboratory,
    arrangement: Arrangement,
    dated: _Dated,
    talked: tuple[Sequence[Conversation], Sequence[Placed]],
) -> Truth:
    talk, placed = talked
    told = _passages(placed, {"threshold"})
    expected, rule = EXPECTED[plan.situation], plan.rule
    others = {entry["name"] for entry in wording("settings_reasons")}
    return Truth(
        seed=plan.seed,
        situation=plan.situation,
        verdicts=expected.verdicts,
        intent=expected.intent,
        feature=rule.feature,
        op=rule.criterion.op,
        threshold=rule.threshold,
        unit=rule.criterion.unit,
        change=_threshold_change(plan, dated),
        reasons=tuple(p for p in told if p.mark == "reason"),
        discussion=tuple(p for p in told if p.mark != "reason"),
        superseded=_passages(placed, {"earlier"}),
        decoys=_passages(placed, {"decoy"}),
        values=_passages(placed, {"value", "unexplained"}),
        left_out=_passages(placed, {"left_out"}),
        confided=_passages(placed, {"confided"}),
        disputes=_passages(placed, {p.about for p in placed if p.about.startswith("dispute of ")}),
        unexplained=_unexplained_change(plan, dated),
        reasoned=tuple(_settings_change(plan, dated, entry) for entry in wording("settings_reasons")),
        reasons_of_others=_passages(placed, others),
        training_commit=laboratory.training_commit,
        training_time=laboratory.training_time,
        n_pool=len(arrangement.pool),
        n_training=len(arrangement.training),
        n_commits=len(dated.commits),
        dropped=arrangement.dropped,
        failing_formula=arrangement.formula,
        failing_ids=tuple(str(frame.tags.get("structure_id")) for frame in arrangement.failing),
        talk=_counts(talk),
    )


def _passages(placed: Sequence[Placed], about: set[str]) -> tuple[TruePassage, ...]:
    return tuple(
        TruePassage(p.about, p.medium, p.anchor, p.line.text, p.line.speaker.name, p.line.time, p.line.mark)
        for p in placed
        if p.about in about
    )


def _counts(talk: Sequence[Conversation]) -> TalkCounts:
    def lines(medium: Medium) -> int:
        return sum(len(conversation.lines) for conversation in talk if conversation.medium == medium)

    planted = sum(len(conversation.lines) for conversation in talk if conversation.about)
    total = sum(len(conversation.lines) for conversation in talk)
    return TalkCounts(total - planted, planted, lines("slack"), lines("mail"), lines("notes"), lines("slides"))


def _threshold_change(plan: LabPlan, dated: _Dated) -> TrueChange | None:
    if not plan.cut:
        return None
    i = dated.marked("threshold")
    own = plan.layout.settings_format == "python"
    key = plan.rule.key.upper() if own else plan.rule.key
    values = (limit_text(plan, plan.rule.earlier), limit_text(plan, plan.rule.threshold))
    return _change(dated, i, ("threshold", plan.layout.settings, key), values, plan.rule.file_unit or None)


def _unexplained_change(plan: LabPlan, dated: _Dated) -> TrueChange:
    i, u = dated.marked("unexplained"), plan.unexplained
    return _change(dated, i, ("unexplained", plan.layout.train, u.key), (str(u.old), str(u.new)), None)


def _settings_change(plan: LabPlan, dated: _Dated, entry: dict[str, str]) -> TrueChange:
    i = dated.marked(entry["name"])
    path = plan.layout.dft if entry["file"] == "dft" else plan.layout.train
    return _change(dated, i, (entry["name"], path, entry["key"]), (str(entry["old"]), str(entry["new"])), None)


def _change(
    dated: _Dated, i: int, named: tuple[str, str, str], values: tuple[str, str], unit: str | None
) -> TrueChange:
    name, path, key = named
    commit = dated.commits[i]
    return TrueChange(name, path, key, values[0], values[1], unit, dated.ids[i], commit.author.name, commit.time)

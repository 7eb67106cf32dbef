"""One setting in the words of codes and in the words of people: the reason is found whichever were used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.decisions.test_answers import Listed

from sonde.decisions.answers import why_change, why_question
from sonde.decisions.archive import Archive, ListedLinks
from sonde.decisions.linking import link
from sonde.decisions.watched import level_of
from sonde.records.decisions import Change, Level, Passage

WHEN = datetime(2023, 9, 5, 10, tzinfo=UTC)
IDLE = ("The bus was late again.", "Who has the key of the seminar room?", "Slides for the group meeting are up.")


def set_to(key: str, old: str | None, new: str, unit: str | None = None) -> Change:
    return Change(key, old, new, unit, "3f" * 20, "settings.in", 2, "Mei", WHEN, "update", "lab")


def archive(change: Change, *talk: str) -> Archive:
    said = [
        Passage(f"slack:dft/9.{place}", text, "slack", ("Raj", "Mei")[place % 2], WHEN + timedelta(minutes=place - 900),
                f"dft/9.{place}", "dft", source="chat")
        for place, text in enumerate((*talk, *IDLE))
    ]  # fmt: skip
    return Archive(Listed(said), [change], ListedLinks([change], link([change], said)))


def reasons(change: Change, *talk: str) -> str:
    return " ".join(quote.text for quote in why_change(archive(change, *talk), change).quotes if quote.role == "reason")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_to("ENCUT", "400", "520", "eV"), "Pulay stress at 400 eV is 2 GPa, so the plane-wave cutoff goes to 520."),
        (set_to("ecutwfc", "40", "60", "Ry"), "A basis-set cutoff of 816 eV, because forces at 544 eV were noisy."),
        (set_to("SIGMA", "0.2", "0.1", "eV"), "0.2 eV of smearing washes out the d band, so 100 meV it is."),
        (set_to("degauss", "0.02", "0.0147", "Ry"), "smearing 0.2 eV from now on since 0.27 eV gives wrong moments"),
        (set_to("GGA", "PE", "PS"), "PBEsol it is, because PBE overestimates the lattice constant by 1.2 %."),
        (set_to("EDIFFG", "-0.05", "-0.02", "eV/Å"), "relaxing to 50 meV/Å leaves imaginary modes; we need 20 meV/Å."),
        (set_to("EDIFFG", "-0.05", "-0.02", "eV/Å"), "Relax to 20 meV/Å, otherwise the phonons are imaginary."),
        (
            set_to("model_devi_f_trust_hi", "0.15", "0.3"),
            "With an upper trust level of 150 meV/Å nothing was a candidate because all lay above, so 300 meV/Å.",
        ),
        (
            set_to("active_learning.threshold", "0.1", "0.25", "eV/Å"),
            "The committee disagrees by 0.1 eV/Å on perfect crystals, that is noise, so 0.25 eV/Å.",
        ),
        (
            set_to("select.threshold_select", "2.1", "5"),
            "An extrapolation grade of 2.1 selects every second frame because the basis is so small, 5 is enough.",
        ),
        (
            set_to("validation.metric", "energy_mae", "force_rmse"),
            "Let's judge models by force RMSE instead of energy MAE, since energies are dominated by the offset.",
        ),
        (
            set_to("validation.force_rmse_max", "0.2", "0.1", "eV/Å"),
            "A force RMSE of 0.2 eV/Å lets models through that blow up in MD; we accept only below 100 meV/Å.",
        ),
    ],
    ids=lambda value: value.key if isinstance(value, Change) else "",
)
def test_the_reason_is_found_in_other_words_and_units(change: Change, said: str) -> None:
    assert said.split(",")[0].rstrip(".") in reasons(change, said)
    assert not why_change(archive(change), change).answered


def test_a_question_in_words_finds_the_change_and_its_reason() -> None:
    change = set_to("EDIFFG", "-0.05", "-0.02", "eV/Å")
    why = why_question(archive(change, "Relax to 20 meV/Å, else the phonons are imaginary."), "why relax to 20 meV/Å?")
    assert why.changes[0] == change
    assert why.answered


def test_talk_of_something_else_is_no_answer_to_a_question_about_a_setting() -> None:
    """The change is known and nobody gave a reason: reasons for other things are not it, few as passages may be."""
    change = set_to("SIGMA", "0.1", "0.2", "eV")
    others = (
        "Let's judge models by force RMSE instead of energy MAE, since energies are dominated by the offset.",
        "The uncertainty threshold of 0.1 eV/Å selects thermal noise, because the committee disagrees by that much.",
        "Lab coats stay on because the floor is wet.",
    )
    for question in ("why is SIGMA 0.2?", "why was sigma set back to 0.2 eV?", "what was sigma and why?"):
        why = why_question(archive(change, *others), question)
        assert not why.answered
        assert why.changes == (change,)


def test_a_reason_against_a_value_does_not_answer_why_it_was_set() -> None:
    change = set_to("SIGMA", "0.1", "0.2", "eV")
    said = "smearing: 0.2 eV smears out the d band so the energies are off by 5 meV/atom. Going to 0.1 eV today."
    then = WHEN - timedelta(days=200)
    long_before = Passage("slack:dft/1.0", said, "slack", "Raj", then - timedelta(hours=1), "dft/1.0", "dft")
    earlier = replace(change, old="0.2", new="0.1", time=then, commit="5a" * 20)
    changes, said_all = [earlier, change], [long_before]
    whole = Archive(Listed(said_all), changes, ListedLinks(changes, link(changes, said_all)))
    assert why_question(whole, "why is the smearing 0.1 eV?").answered
    assert not why_question(whole, "why is SIGMA 0.2?").answered


@pytest.mark.parametrize(
    ("question", "new"),
    [
        ("why is the plane-wave cutoff 400 eV?", "400"),
        ("why a plane-wave cutoff of more than 400 eV?", "520"),
        ("why not 600 eV for the plane-wave cutoff?", "520"),
        ("why ENCUT 520 instead of 400?", "520"),
    ],
)
def test_a_value_that_was_not_taken_asks_for_what_was(question: str, new: str) -> None:
    now = set_to("ENCUT", "400", "520", "eV")
    first = replace(now, old=None, new="400", time=WHEN - timedelta(days=99), commit="5a" * 20)
    archived = archive(now, "Pulay stress at 400 eV, so the plane-wave cutoff goes to 520. 600 is too expensive.")
    assert why_question(replace(archived, changes=[first, now]), question).changes[0].new == new


@pytest.mark.parametrize(
    ("question", "new"),
    [
        ("why not PBE?", "PS"),
        ("why did we leave PBE?", "PS"),
        ("why PBEsol over PBE?", "PS"),
        ("why PBE?", "PE"),
        ("why PBE and not PBEsol?", "PE"),
    ],
)
def test_a_name_that_was_not_taken_asks_for_what_was(question: str, new: str) -> None:
    now = set_to("GGA", "PE", "PS")
    first = replace(now, old=None, new="PE", time=WHEN - timedelta(days=99), commit="5a" * 20)
    archived = archive(now, "PBEsol it is, because PBE overestimates the lattice constant by 1.2 %.")
    assert why_question(replace(archived, changes=[first, now]), question).changes[0].new == new


def test_a_search_gives_no_talk_of_another_value() -> None:
    change = set_to("filters.max_force", None, "50", "eV/Å")
    said = Passage("slack:dft/9.9", "max_force is 15 eV/Å because the SCF failed above.", "slack", "Raj", None, None)
    assert not why_question(Archive(Listed([said]), [change], ListedLinks([change], [])), "why max_force 50?").answered


def test_what_was_measured_does_not_change_the_subject() -> None:
    change = set_to("filters.max_force", "50", "15", "eV/Å")
    said = (
        "The force cutoff goes to 15 eV/Å.",
        "The force RMSE drops from 90 to 60 meV/Å when these outliers are out.",
    )
    assert "outliers" in reasons(change, " ".join(said))


def test_a_number_of_frames_is_no_scope_and_may_be_the_reason() -> None:
    change = set_to("valid_fraction", "0.2", "0.1")
    said = "valid_fraction 0.1 then. The pool is small, because some compositions have only a dozen cells."
    decision = why_change(archive(change, said), change).decision
    assert "only a dozen cells" in reasons(change, said)
    assert decision is not None
    assert decision.scope is None


@pytest.mark.parametrize(
    ("key", "level"),
    [
        ("model_devi_f_trust_lo", "data"),
        ("active_learning.threshold", "data"),
        ("fp_task_max", "data"),
        ("validation.metric", "training"),
        ("max_force_rmse", "training"),
    ],
)
def test_criteria_of_active_learning_and_validation_are_watched(key: str, level: Level) -> None:
    assert level_of(set_to(key, "1", "2")) == level


@pytest.mark.parametrize(
    ("change", "said", "reason", "rejected"),
    [
        (
            set_to("xc", "PBEsol", "PBE"),
            "- Hanna: PBE, because the hull of the last thesis is PBE.\n"
            "- Sofia: PBEsol would have had better volumes, but we can live with 0.5 %",
            "PBE, because the hull",
            "PBEsol would have had better volumes",
        ),
        (
            set_to("GGA", "PE", "PS"),
            "We go with PBEsol since volumes agree with experiment within 0.3 %. "
            "We also looked at r2SCAN, but the SCF did not converge.",
            "volumes agree",
            "r2SCAN",
        ),
        (
            set_to("GGA", "PE", "PS"),
            "PBE would have given wrong volumes, so we use PBEsol. SCAN is too expensive.",
            "wrong volumes",
            "SCAN is too expensive",
        ),
    ],
    ids=["praised", "tried", "too expensive"],
)
def test_what_was_not_taken_stands_as_rejected_and_not_as_the_reason(
    change: Change, said: str, reason: str, rejected: str
) -> None:
    decision = why_change(archive(change, said), change).decision
    assert reason in reasons(change, said)
    assert rejected not in reasons(change, said)
    assert decision is not None
    assert rejected in " ".join(decision.rejected)


def test_the_scope_of_a_decision_is_what_was_said_of_its_reach() -> None:
    change = set_to("filters.max_force", "50", "15", "eV/Å")
    said = "Frames with |F| > 15 eV/Å are SCF failures. This is only about the dimers, the slabs must stay in."
    decision = why_change(archive(change, said), change).decision
    assert decision is not None
    assert decision.scope == "This is only about the dimers, the slabs must stay in"

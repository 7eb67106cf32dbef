"""One thing under many names."""

from itertools import product

import pytest

from sonde.concepts import (
    _BY_KEY,
    _SHORT,
    CONCEPTS,
    _within,
    concept_of,
    concepts_in,
    feature_of,
    unit_in_key,
    unit_of,
    words_of,
)


@pytest.mark.parametrize(
    ("key", "concept"),
    [
        ("filters.max_force_eV_A", "max_force"),
        ("MAX_F", "max_force"),
        ("FORCE_MAX", "max_force"),
        ("forceCutoff", "max_force"),
        ("filter.forces.max", "max_force"),
        ("DEFAULT_FMAX_EV_A", "max_force"),
        ("ENCUT", "plane_wave_cutoff"),
        ("SYSTEM.ecutwfc", "plane_wave_cutoff"),
        ("dft.cutoff", "plane_wave_cutoff"),
        ("model.cutoff", "cutoff_radius"),
        ("model.r_max", "cutoff_radius"),
        ("filter.cutoff_eV_per_A", "max_force"),
        ("relax.fmax", "relaxation_force"),
        ("SYSTEM.degauss", "smearing_width"),
        ("SIGMA", "smearing_width"),
        ("GGA", "functional"),
        ("loss.forces_weight", "force_weight"),
        ("min_distance_A", "closest_contact"),
        ("drop_unconverged", "scf_converged"),
        ("split.train_fraction", "train_fraction"),
        ("model_devi_f_trust_lo", "trust_lower"),
        ("model_devi_f_trust_hi", "trust_upper"),
        ("model_devi_e_trust_hi", None),
        ("active_learning.threshold", "uncertainty_threshold"),
        ("al.max_force_std", "uncertainty_threshold"),
        ("select.threshold_break", "breaking_grade"),
        ("select.threshold_select", "selection_grade"),
        ("fp_task_max", "selected_per_round"),
        ("numb_models", "committee_size"),
        ("active_learning.strategy", "query_strategy"),
        ("validation.metric", "validation_metric"),
        ("knn.metric", None),
        ("error_table", "validation_metric"),
        ("max_force_rmse", "force_error"),
        ("energy_mae_meV_per_atom", "energy_error"),
        ("early_stopping_patience", "patience"),
        ("scheduler_patience", "scheduler_patience"),
        ("cutoff", None),
        ("foo.bar", None),
    ],
)
def test_keys(key: str, concept: str | None) -> None:
    assert concept_of(key) == concept


def test_unit_settles_a_bare_cutoff() -> None:
    assert concept_of("cutoff", "eV/Å") == "max_force"
    assert concept_of("cutoff", "Ry") == "plane_wave_cutoff"
    assert concept_of("cutoff", "Å") == "cutoff_radius"


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("the force cutoff is 15", {"max_force"}),
        ("anything with |F| > 15", {"max_force"}),
        ("drop frames with huge forces", {"max_force"}),
        ("cutoff of 15 eV/Å", {"max_force"}),
        ("cutoff 6 Å", {"cutoff_radius"}),
        ("a cutoff of 520 eV", {"plane_wave_cutoff"}),
        ("the energy cutoff", {"plane_wave_cutoff"}),
        ("forces weight 100", {"force_weight"}),
        ("PBEsol over PBE", {"functional"}),
        ("relaxing to 50 meV/Å leaves imaginary modes", {"relaxation_force"}),
        ("why do we relax to 20 meV/Å?", {"relaxation_force"}),
        ("forces converged to 20 meV/Å", {"relaxation_force"}),
        ("relax the filter to 20 eV/Å", {"max_force"}),
        ("the basis-set cutoff", {"plane_wave_cutoff"}),
        ("frames with a model deviation above 0.3 eV/Å", {"uncertainty_threshold"}),
        ("the committee disagrees by that much", {"uncertainty_threshold"}),
        ("an upper trust level of 0.15 eV/Å", {"trust_upper"}),
        ("an extrapolation grade above 2.1", {"selection_grade"}),
        ("a force RMSE below 50 meV/Å", {"force_error"}),
        ("we judge models by their energy MAE", {"validation_metric", "energy_error"}),
        ("the model looks 0.5 nm far", {"cutoff_radius"}),
        ("how far the potential sees", {"cutoff_radius"}),
        ("atoms closer than 0.8 of the covalent radii", {"closest_contact"}),
        ("we cut at 200 kbar", {"pressure"}),
        ("strongly compressed frames", {"pressure"}),
        ("the archive is compressed, so far so good", set()),
        ("the relaxation force threshold", {"relaxation_force"}),
        ("why were frames above 15 eV/Å removed?", {"max_force"}),
        ("model selection by force RMSE", {"validation_metric", "force_error"}),
        ("it is all right", set()),
        ("the deadline is Friday", set()),
    ],
)
def test_text(text: str, concepts: set[str]) -> None:
    assert concepts_in(text) == concepts


def test_features_are_those_of_lineage() -> None:
    assert feature_of("max_force") == "max_force"
    assert feature_of("closest_contact") == "closest_contact_ratio"
    assert feature_of("learning_rate") is None
    assert unit_of("max_force") == "eV/Å"
    assert unit_in_key("filters.max_force_eV_A") == "eV_A"


def test_names_are_unique() -> None:
    names = [key for concept in CONCEPTS for key in concept.keys.split()]
    assert len(names) == len(set(names))
    assert all(words_of(concept.name) for concept in CONCEPTS)


def test_the_longest_known_name_within_a_key_is_found_however_long_the_key() -> None:
    words = ["max", "force", "cutoff", "r", "energy", "plane", "wave", "smearing", "width", "seed", "foo", "", "x1"]
    for key in map("_".join, product(words, repeat=3)):
        within = [known for known in _BY_KEY if (len(known) >= 5 or known in _SHORT) and f"_{known}_" in f"_{key}_"]
        assert _within(key) == (_BY_KEY[max(within, key=len)] if within else None)

"""Concepts of active learning and of validation: what is selected for labelling, and which model is good enough."""

from sonde.concepts.concept import Concept

LEARNING_CRITERIA: tuple[Concept, ...] = (
    Concept(
        "uncertainty_threshold",
        "eV/Å",
        "uncertainty threshold",
        "uncertainty_cutoff uncertainty_tolerance uncertainty_limit max_uncertainty"
        " min_uncertainty force_uncertainty force_std force_std_threshold force_std_max max_force_std std_tolerance"
        " std_tolerance_factor committee_std committee_threshold committee_deviation committee_disagreement"
        " disagreement_threshold model_deviation max_model_deviation deviation_threshold sigma_threshold"
        " query_threshold acquisition_threshold uq_threshold",
        ("uncertain", "committee", "ensemble", "model deviation", "std", "disagree", "query"),
        r"uncertaint(?:y|ies)(?:[- _](?:threshold|cut-? ?off|limit|tolerance|criterion))?|model[-_ ]deviations?"
        r"|(?:committee|ensemble)(?:'s)?[-_ ](?:force )?(?:disagree\w*|deviations?|std|spread|variance|threshold)"
        r"|forces?[-_ ](?:std|standard deviations?)|std[-_ ]tolerance|disagreement[-_ ]threshold|query[-_ ]threshold",
    ),
    Concept(
        "trust_lower",
        "eV/Å",
        "lower trust level",
        "model_devi_f_trust_lo f_trust_lo level_f_lo trust_lower lower_trust trust_level_low devi_f_lo",
        ("trust", "level_f_lo"),
        r"lower trust[- ](?:levels?|bounds?|thresholds?|limits?)|trust[- ]levels?"
        r"|(?:model_devi_)?f_trust_lo|level_f_lo|trust_lo(?:wer)?",
    ),
    Concept(
        "trust_upper",
        "eV/Å",
        "upper trust level",
        "model_devi_f_trust_hi f_trust_hi level_f_hi trust_upper upper_trust trust_level_high devi_f_hi",
        ("trust", "level_f_hi"),
        r"upper trust[- ](?:levels?|bounds?|thresholds?|limits?)|trust[- ]levels?"
        r"|(?:model_devi_)?f_trust_hi|level_f_hi|trust_hi(?:gh)?",
    ),
    Concept(
        "selection_grade",
        None,
        "extrapolation grade to select",
        "extrapolation_grade extrapolation_grade_threshold threshold_select gamma_select gamma_threshold"
        " gamma_tolerance gamma_lo grade_threshold maxvol_threshold select_threshold selection_threshold",
        ("extrapolation", "gamma", "grade", "maxvol"),
        r"extrapolation[-_ ]grades?|gamma[-_ ]?(?:select|threshold|tolerance|lo)|threshold[-_]select"
        r"|(?:selection|maxvol)[-_ ]threshold",
    ),
    Concept(
        "breaking_grade",
        None,
        "extrapolation grade to stop",
        "threshold_break gamma_max gamma_hi gamma_break break_threshold breaking_threshold max_grade",
        ("threshold", "gamma", "grade"),
        r"threshold[-_]break|break(?:ing)?[-_ ](?:threshold|grade)|gamma[-_]?(?:max|hi|break)"
        r"|(?:max(?:imum)?|largest)[-_ ](?:extrapolation )?grade",
    ),
    Concept(
        "committee_size",
        None,
        "committee size",
        "numb_models n_committee committee_size n_ensemble ensemble_size num_committee n_committee_models",
        ("committee", "ensemble", "numb_models"),
        r"(?:committee|ensemble)[-_ ]?sizes?|numb_models|n_committee|(?:committee|ensemble) of (?:\w+|\d+)"
        r"|(?:\w+|\d+) (?:models|members) (?:in|per) (?:the |our |a )?(?:committee|ensemble)",
    ),
    Concept(
        "selected_per_round",
        None,
        "structures selected per round",
        "fp_task_max n_select n_selected max_selected max_select frames_per_iteration n_per_iteration n_per_round"
        " frames_per_round structures_per_round samples_per_round max_per_round query_size n_query n_queries",
        ("fp_task_max", "per round", "per iteration", "each round", "each iteration", "n_select", "max_select"),
        r"fp_task_max|(?:frames|structures|labels|snapshots|calculations|configurations)"
        r" (?:per|in each|each|every) (?:active[- ]learning )?(?:round|iteration)|n_select(?:ed)?|max_select(?:ed)?",
    ),
    Concept(
        "query_strategy",
        None,
        "selection strategy",
        "query_strategy acquisition acquisition_function selection_strategy selection_method sampling_strategy"
        " al_strategy active_learning_strategy frame_selection",
        ("strateg", "acquisition", "by committee", "selection", "farthest", "select"),
        r"(?:query|selection|sampling|active[- ]learning)[-_ ](?:strateg(?:y|ies)|methods?|criteri(?:on|a))"
        r"|acquisition(?:[-_ ]function)?|query[- ]by[- ]committee|farthest[- ]point|random selection",
    ),
    Concept(
        "force_error",
        "eV/Å",
        "force error accepted",
        "force_error force_rmse force_mae forces_rmse forces_mae rmse_force rmse_forces mae_force mae_forces rmse_f"
        " mae_f f_rmse f_mae max_force_rmse max_force_mae max_force_error force_rmse_max force_mae_max"
        " force_error_max force_error_tolerance",
        ("rmse", "mae", "force error", "forces error"),
        r"forces?[-_ ](?:rmse|mae|errors?)(?:[-_ ](?:threshold|tolerance|limit|target))?"
        r"|(?:rmse|mae|errors?) (?:on|in|of|for) (?:the )?forces",
    ),
    Concept(
        "energy_error",
        "eV/atom",
        "energy error accepted",
        "energy_error energy_rmse energy_mae rmse_energy mae_energy rmse_e mae_e e_rmse e_mae energy_rmse_max"
        " energy_mae_max energy_error_max energy_error_tolerance max_energy_rmse max_energy_mae max_energy_error",
        ("rmse", "mae", "energy error"),
        r"energ(?:y|ies)[-_ ](?:rmse|mae|errors?)(?:[-_ ](?:threshold|tolerance|limit|target))?"
        r"|(?:rmse|mae|errors?) (?:on|in|of|for) (?:the )?energ(?:y|ies)",
    ),
    Concept(
        "validation_metric",
        None,
        "validation metric",
        "validation_metric val_metric eval_metric evaluation_metric early_stopping_metric early_stopping_monitor"
        " metric_for_best_model best_model_metric monitored_metric selection_metric error_table",
        ("metric", "monitor", "judg", "stopping on", "error_table", "error table", "best", "model"),
        r"(?:validation|evaluation|eval|early[- ]stopping|selection)?[-_ ]?metrics?|error[_ ]table"
        r"|judg\w+ (?:[\w-]+ ){0,3}?(?:by|on)|early[- ]stopping on"
        r"|monitor(?:ed|ing|s)? the (?:force|energy|stress|loss)"
        r"|best (?:model|checkpoint|epoch) (?:by|on|is the)|model selection"
        r"|(?:select|rank|compar)\w* (?:the )?models? (?:by|on)",
    ),
    Concept(
        "patience",
        None,
        "patience before stopping",
        "patience early_stopping_patience stopping_patience",
        ("patience", "stop"),
        r"(?:early[- ]stopping )?patience|early[- ]stopping|stop(?:s|ping)? early",
    ),
    Concept(
        "scheduler_patience",
        None,
        "patience of the learning-rate scheduler",
        "scheduler_patience lr_scheduler_patience lr_patience",
        ("scheduler",),
        r"scheduler[-_ ]patience|patience of the scheduler",
    ),
)

"""The table of concepts: settings and properties with their names in files and in text."""

from sonde.concepts.concept import Concept
from sonde.concepts.learning_criteria import LEARNING_CRITERIA

_CUT = r"(?:cut-? ?offs?|cuts?|thresholds?|limits?|filter(?:s|ing)?|ceiling|cap|bound)"
CONCEPTS: tuple[Concept, ...] = (
    Concept(
        "max_force",
        "eV/Å",
        "force cutoff",
        "max_force fmax f_max maxf max_f force_max max_forces forces_max force_cutoff force_cut force_threshold"
        " force_limit"
        " force_filter force_clip force_cap largest_force fcut f_cut max_abs_force maximum_force max_force_component"
        " max_force_norm force_cutoff_max max_atomic_force force_norm_max forces_cutoff forces_threshold forces_limit"
        " drop_above_force max_f_norm force_upper force_upper_bound forces_clip max_allowed_force",
        ("force", "fmax", "f_max", "max_f", "|f|", "maxf", "ev/å", "ev/a"),
        rf"forces?(?:[-_ ](?:magnitude|norm|component|label)s?)?[-_ ]{_CUT}|{_CUT} (?:on|for|in|of) (?:the )?(?:\w+"
        rf" )?forces?"
        r"|ev\s?/\s?(?:å|a|ang\w*) (?:for|on|in) (?:the |all )?forces?|(?:max(?:imum|imal|\.)?|largest|highest"
        r"|biggest|big|large|huge|high|extreme)[-_ ](?:\w+[- ])?forces?(?![-_ ]weight)"
        r"|f_?max|max_?f|\|f\||forces?"
        r" (?!(?:rmse|mae|mse|errors?|std)\b)(?:\w+ )?(?:above|over|beyond|exceeding|larger|greater|higher|bigger|up to"
        r"|below|under|of more|of up|>|<)|forces? component"
        r"|(?:frames|structures|configurations|snapshots|everything|anything|those) (?:above|over|beyond|exceeding)"
        r" [\d.]+ ?m?ev ?/ ?(?:å|a\b|ang\w*)",
        "max_force",
    ),
    Concept(
        "rms_force",
        "eV/Å",
        "RMS force",
        "rms_force force_rms frms max_rms_force",
        ("rms",),
        r"rms[-_ ]forces?",
        "rms_force",
    ),
    Concept(
        "energy_per_atom",
        "eV/atom",
        "energy per atom",
        "energy_per_atom max_energy_per_atom e_per_atom energy_window max_energy energy_max emax e_max energy_filter"
        " energy_threshold energy_limit e_max_per_atom energy_above_min",
        ("energ", "ev/atom"),
        rf"energ(?:y|ies) per atom|energy (?:window|threshold|filter|outliers?|ceiling|limit)|(?:max(?:imum)?"
        rf"|high)[- _]energ"
        rf"(?:y|ies)|energies (?:above|over|beyond)|e/atom|{_CUT} (?:on|in) (?:the )?energ(?:y|ies)",
        "energy_per_atom_referenced",
    ),
    Concept(
        "closest_contact",
        "Å",
        "closest contact",
        "min_distance min_dist dmin d_min rmin r_min min_contact closest_contact shortest_distance minimum_distance"
        " min_interatomic_distance min_bond min_bond_length min_separation contact_ratio closest_contact_ratio"
        " min_contact_ratio min_nn_distance min_atomic_distance shortest_contact overlap_ratio",
        (
            "contact",
            "distance",
            "too close",
            "closer",
            "covalent",
            "overlap",
            "approach",
            "separation",
            "d_min",
            "dmin",
            "min_dist",
        ),
        r"(?:close(?:st)?|short(?:est)?|min(?:imum|imal)?)[-_ ](?:\w+[- ])?(?:contacts?|distances?|approach"
        r"|separations?)"
        r"|contact ratios?|atoms? (?:\w+ )?too close|atoms? closer (?:together )?than|overlapping atoms|d_?min|min_dist"
        r"|(?:of|times) the (?:sum of (?:the )?)?covalent radii",
        "closest_contact_ratio",
    ),
    Concept(
        "volume_per_atom",
        "Å^3/atom",
        "volume per atom",
        "volume_per_atom max_volume min_volume vol_per_atom v_per_atom max_volume_per_atom min_volume_per_atom volume",
        ("volume",),
        r"volumes?(?: per atom)?",
        "volume_per_atom",
    ),
    Concept(
        "pressure",
        "GPa",
        "pressure",
        "pressure max_pressure p_max pressure_max pstress max_stress stress_max",
        ("pressure", "pstress", "max_stress", "compressed"),
        r"pressures?|pstress|max_stress|(?:strongly|heavily|highly|most|over)[- ]?compressed",
        "pressure",
    ),
    Concept(
        "n_atoms",
        None,
        "number of atoms",
        "n_atoms natoms max_atoms max_n_atoms min_atoms number_of_atoms num_atoms max_natoms max_cell_size n_atoms_max",
        ("atoms", "cell size"),
        r"n_?atoms|(?:number of|max(?:imum)?|more than|fewer than|up to) (?:\d+ )?atoms|cell sizes?|atom count",
        "n_atoms",
    ),
    Concept(
        "config_type",
        None,
        "config type",
        "config_type config_types exclude_config_types drop_config_types keep_config_types include_config_types tags"
        " exclude_tags drop_tags config_type_filter exclude_types drop_types excluded_config_types exclude_configs",
        ("config", "tag"),
        r"config[-_ ]types?|configuration types?|tagged|exclude_\w+|drop_types",
        "config_type",
    ),
    Concept(
        "source_file",
        None,
        "source file",
        "source_file source_files exclude_files drop_files",
        ("source_file", "source file"),
        r"source[_ ]files?",
        "source_file",
    ),
    Concept(
        "scf_converged",
        None,
        "SCF convergence",
        "scf_converged require_converged require_scf_converged drop_unconverged only_converged converged"
        " electronic_converged check_convergence skip_unconverged converged_only keep_unconverged",
        ("converge",),
        r"un-?converged|non-?converged|not (?:\w+ )?converged?|scf[-_ ]?converge\w*|(?:didn'?t|did not|does not"
        r"|doesn'?t"
        r"|never|fails? to|failed to) converge|(?:electronic|scf) convergence|require_converged|drop_unconverged",
        "scf_converged",
    ),
    Concept(
        "functional",
        None,
        "functional",
        "gga metagga xc functional input_dft xc_functional dft_functional exchange_correlation level_of_theory xc_name",
        ("functional", "pbe", "scan", "lda", "hse", "exchange", "gga"),
        r"functionals?|pbe(?:sol|0)?|r2?2?scan|r²scan|lda|hse(?:06)?|exchange[- ]correlation|(?:meta-?)?gga",
    ),
    Concept(
        "plane_wave_cutoff",
        "eV",
        "plane-wave cutoff",
        "encut ecutwfc ecut e_cut plane_wave_cutoff planewave_cutoff pw_cutoff energy_cutoff cutoff_energy"
        " kinetic_cutoff"
        " wavefunction_cutoff encut_ev basis_cutoff",
        ("cut", "plane"),
        r"plane[- ]?waves?(?: basis)?(?: energy)?(?: cut-? ?offs?)?|encut|ecut(?:wfc)?|energy cut-? ?offs?"
        r"|cut-? ?off energ(?:y|ies)|(?:basis(?:[- ]set)?|wave ?function|kinetic(?: energy)?|pw) cut-? ?offs?",
    ),
    Concept(
        "density_cutoff",
        "Ry",
        "charge-density cutoff",
        "ecutrho density_cutoff",
        ("ecutrho", "density"),
        r"ecutrho|(?:charge[- ])?density cut-? ?offs?",
    ),
    Concept(
        "smearing_width",
        "eV",
        "smearing width",
        "sigma degauss smearing_width smearing_sigma electronic_temperature smearing_ev broadening smearing_width_ev",
        ("smear", "sigma", "degauss", "broadening", "fermi", "gaussian w", "methfessel"),
        r"smearing(?: widths?)?|sigma|degauss|broadening|(?:fermi(?:[- ]dirac)?|gaussian|methfessel[-\w]*) widths?",
    ),
    Concept(
        "smearing_type",
        None,
        "smearing type",
        "ismear smearing_type smearing_scheme occupations",
        ("ismear", "paxton"),
        r"ismear|methfessel[- ]paxton",
    ),
    Concept(
        "relaxation_force",
        "eV/Å",
        "relaxation tolerance",
        "ediffg forc_conv_thr force_tol force_tolerance relax_fmax opt_fmax relaxation_fmax relax_tol ftol"
        " force_convergence"
        " optimizer_fmax relaxation_force_tolerance",
        ("ediffg", "relax", "force", "forc_conv", "ionic"),
        r"ediffg|forc_conv_thr|(?:force|ionic) (?:convergence|tolerance)(?: (?:threshold|criterion))?"
        r"|relaxation (?:forces? )?(?:threshold|tolerance|criterion|convergence|limit)"
        r"|relax(?:e[ds]|es|ing|ations?)?(?: (?:the|our|all|every))?(?: (?:structures?|cells?|slabs?|ions|geometr\w+))?"
        r" (?:down )?to(?= (?:about |below |within )?[\d.])"
        r"|(?:tighten|loosen)\w* (?:the |our )?relax(?:ations?|ing)"
        r"|(?:forces?|geometr(?:y|ies)|structures?) (?:is |are |was |were )?converged? (?:to|below|within)(?= [\d.])",
    ),
    Concept(
        "scf_tolerance",
        "eV",
        "SCF tolerance",
        "ediff conv_thr scf_tol scf_tolerance etot_conv_thr scf_accuracy",
        ("ediff", "conv_thr", "scf tol", "energy convergence"),
        r"ediff|conv_thr|scf (?:tolerance|threshold)|energy convergence",
    ),
    Concept(
        "k_spacing",
        "1/Å",
        "k-point spacing",
        "kspacing kpt_spacing k_spacing kpoint_density kpoints k_grid kmesh kpts k_points kpoint_spacing kgrid"
        " kmesh_density",
        (
            "kspacing",
            "k-point",
            "kpoint",
            "k point",
            "k-mesh",
            "k mesh",
            "kpts",
            "k-spacing",
            "k-grid",
            "kmesh",
            "gamma",
        ),
        r"k[-_ ]?spacing|k[- _]?points?(?:[- ](?:spacing|density|mesh|grid))?|k[- ]?mesh|k[- ]?grid|kpts"
        r"|gamma[- ]only",
    ),
    Concept(
        "hubbard_u",
        "eV",
        "Hubbard U",
        "ldauu hubbard_u u_value ldau hubbard dft_u u_ev ldau_u lda_plus_u",
        ("hubbard", "+u", "u value", "ldau", "u ="),
        r"hubbard(?: u)?|(?:dft|gga|pbe|lda)\+u|u values?|ldauu?|\+u",
    ),
    Concept(
        "spin",
        None,
        "spin polarisation",
        "ispin nspin spin_polarized spin_polarised magmom starting_magnetization spin",
        ("spin", "magmom", "magneti"),
        r"spin[- ]?polari[sz](?:ed|ation)|i?spin|magmoms?|magnetic moments?|non-?magnetic",
    ),
    Concept(
        "dispersion",
        None,
        "dispersion correction",
        "ivdw vdw_corr dispersion d3 vdw dftd3 vdw_correction",
        ("d3", "dispersion", "van der waals", "vdw"),
        r"d[34](?:\(bj\))?|dispersion|van der waals|i?vdw",
    ),
    Concept(
        "pseudopotential",
        None,
        "pseudopotentials",
        "potcar pseudo pseudopotential pseudopotentials potcar_functional sssp",
        ("potcar", "pseudo", "sssp"),
        r"potcars?|pseudo(?:potential)?s?|sssp",
    ),
    Concept(
        "train_fraction",
        None,
        "train/validation split",
        "train_fraction train_frac train_ratio split_ratio test_fraction valid_fraction val_fraction test_size"
        " train_size"
        " split validation_fraction valid_frac test_frac holdout_fraction",
        ("split", "fraction", "hold", "held"),
        r"(?:train(?:ing)?|test|valid(?:ation)?|val)[-/_ ](?:\w+[-/_ ])?(?:split|fraction|ratio|size)|splits?"
        r"|hold-?out|held[- ]out (?:share|fraction|part|frames|structures)"
        r"|(?:frames|structures) (?:are |were )?held out",
    ),
    Concept(
        "seed",
        None,
        "random seed",
        "seed random_seed split_seed rng_seed torch_seed numpy_seed",
        ("seed",),
        r"(?:random |split )?seeds?",
    ),
    Concept(
        "subsample",
        None,
        "subsampling",
        "subsample stride every_nth max_frames subsample_every n_frames_max thin thinning subsample_stride keep_every"
        " every",
        ("subsampl", "stride", "every ", "thin"),
        r"sub-?sampl\w+|strides?|every (?:\d+(?:st|nd|rd|th)|tenth|fifth|other|second|third) \w+|thinn\w+",
    ),
    Concept(
        "learning_rate",
        None,
        "learning rate",
        "lr learning_rate initial_lr max_lr base_lr start_lr",
        ("learning rate", "learning_rate", "lr"),
        r"learning[-_ ]rates?|lr",
    ),
    Concept(
        "cutoff_radius",
        "Å",
        "cutoff radius",
        "r_max rmax rcut r_cut cutoff_radius radial_cutoff r_cutoff model_cutoff neighbor_cutoff neighbour_cutoff"
        " cutoff_a"
        " descriptor_cutoff interaction_cutoff rcutoff",
        ("r_max", "rmax", "cut", "radius", "receptive", "range", "far"),
        r"r_?max|r_?cut|cut-? ?off radi(?:us|i)|radial cut-? ?offs?|(?:neighbou?r(?:[- ]list)?|interaction"
        r"|descriptor|model)"
        r" cut-? ?offs?|receptive field|range of the (?:model|potential|descriptor)"
        r"|(?:model|potential|network|descriptor)s? (?:looks?|sees?|reach(?:es)?) (?:only )?(?:[\d.]+ ?(?:nm|Å|A) )?"
        r"(?:so )?far"
        r"|how far (?:the |our )?(?:model|potential|network|descriptor)s? (?:looks?|sees?|reach(?:es)?)",
    ),
    Concept("batch_size", None, "batch size", "batch_size batchsize", ("batch",), r"batch[-_ ]?sizes?"),
    Concept("epochs", None, "epochs", "epochs max_num_epochs n_epochs max_epochs num_epochs", ("epoch",), r"epochs?"),
    Concept(
        "force_weight",
        None,
        "force weight",
        "force_weight forces_weight swa_forces_weight w_force f_weight forces_loss_weight",
        ("weight",),
        r"forces?[-_ ](?:loss )?weights?|weights? (?:on|of|for) (?:the )?forces?",
    ),
    Concept(
        "energy_weight",
        None,
        "energy weight",
        "energy_weight swa_energy_weight w_energy e_weight energy_loss_weight",
        ("weight",),
        r"energy[-_ ](?:loss )?weights?|weights? (?:on|of|for) (?:the )?energ(?:y|ies)",
    ),
    Concept(
        "stress_weight",
        None,
        "stress weight",
        "stress_weight virial_weight virials_weight w_stress",
        ("weight",),
        r"(?:stress|virials?)[-_ ]weights?",
    ),
    Concept(
        "channels",
        None,
        "channels",
        "num_channels channels hidden_irreps n_channels hidden_channels",
        ("channel", "irreps"),
        r"(?:num_|hidden )?channels|hidden_irreps",
    ),
    Concept(
        "l_max",
        None,
        "l_max",
        "max_l l_max lmax max_ell",
        ("l_max", "lmax", "max_l", "max_ell"),
        r"l_?max|max_(?:l|ell)",
    ),
    Concept(
        "correlation",
        None,
        "correlation order",
        "correlation correlation_order body_order",
        ("correlation order", "body"),
        r"correlation[_ ]order|body[- ]order",
    ),
    Concept(
        "interactions",
        None,
        "interaction layers",
        "num_interactions n_interactions num_layers n_layers",
        ("interaction", "layer"),
        r"num_interactions|(?:interaction|message[- ]passing) layers?",
    ),
    Concept("weight_decay", None, "weight decay", "weight_decay", ("weight",), r"weight[-_ ]decay"),
    Concept(
        "dtype",
        None,
        "precision",
        "dtype default_dtype precision",
        ("dtype", "float", "precision"),
        r"dtype|(?:single|double) precision|float(?:32|64)",
    ),
    Concept(
        "timestep",
        "fs",
        "time step",
        "potim timestep time_step dt timestep_fs md_timestep",
        ("potim", "time", "dt"),
        r"potim|time[- _]?steps?",
    ),
    Concept(
        "temperature",
        "K",
        "temperature",
        "tebeg teend temperature temp temperature_k md_temperature t_k temperatures",
        ("temperature", "tebeg"),
        r"temperatures?|tebeg|teend",
    ),
    Concept(
        "energy_above_hull",
        "eV/atom",
        "energy above hull",
        "e_above_hull energy_above_hull e_hull max_e_above_hull ehull",
        ("hull",),
        r"(?:e|energy)[-_ ]above[-_ ](?:the )?hull|hull (?:distance|energy)|e_?hull",
    ),
    *LEARNING_CRITERIA,
)

"""Wordings of the constructed why-cases: settings with reasons, openings, chatter, in three independent sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

WordingSet = Literal["first", "second", "third"]


@dataclass(frozen=True)
class Setting:
    """A setting with the names people give it, its values as they write them, and reasons for the new value."""

    key: str
    path: str
    old: str | None
    new: str
    unit: str | None
    names: Sequence[str]
    values: Sequence[str]
    old_values: Sequence[str]
    reasons: Sequence[str]
    old_reasons: Sequence[str]
    rejected: Sequence[str] = ()


SETTINGS: dict[WordingSet, tuple[Setting, ...]] = {
    "first": (
        Setting(
            "filters.max_force_eV_A",
            "configs/curate.yaml",
            "10",
            "15",
            "eV/Å",
            ("fmax", "force cutoff", "max |F|", "force threshold", "max_force"),
            ("15 eV/Å", "15 eV/A", "15", "about 0.58 Ry/bohr", "15 eV per angstrom"),
            ("10 eV/Å", "10"),
            (
                "because at 10 we throw away half of the strained cells, and those are what the dislocation runs need",
                "otherwise the fit is dominated by a handful of exploded AIMD snapshots",
                "since above that the SCF is garbage in nearly every frame",
                "so that the compressed cells stay in while the broken NPT frames go",
            ),
            ("because anything larger made the first fit diverge", "to be on the safe side, the old labels were noisy"),
            ("20 eV/Å would let the overlapping dimers back in", "we also tried 20 eV/Å but it was too loose"),
        ),
        Setting(
            "ENCUT",
            "dft/INCAR",
            "400",
            "520",
            "eV",
            ("ENCUT", "plane-wave cutoff", "the energy cutoff", "cutoff energy"),
            ("520 eV", "520", "38.2 Ry"),
            ("400 eV", "400"),
            (
                "because the stress on the compressed cells was off by 2 GPa with the smaller basis",
                "to be consistent with the Materials Project labels",
                "since the Pulay stress spoiled every variable-cell run",
            ),
            ("because the allocation was almost used up",),
            ("600 eV is too expensive for the gain",),
        ),
        Setting(
            "training.lr",
            "configs/mace.yaml",
            "0.01",
            "0.002",
            None,
            ("learning rate", "lr", "learning_rate"),
            ("0.002", "2e-3"),
            ("0.01",),
            (
                "because the loss blew up twice after epoch 40",
                "otherwise the energy RMSE jumps around and never settles",
                "as the run diverged on the big cells with the larger steps",
            ),
            ("so the run finishes before the deadline",),
            ("0.0005 would take forever",),
        ),
        Setting(
            "split.train_fraction",
            "configs/curate.yaml",
            "0.8",
            "0.9",
            None,
            ("train fraction", "train/valid split", "training fraction"),
            ("0.9",),
            ("0.8",),
            (
                "because the quaternary cells were starved with fewer frames",
                "since the validation error was still dropping with more data",
            ),
            ("so that the validation set has enough slabs",),
        ),
        Setting(
            "SIGMA",
            "dft/INCAR",
            "0.2",
            "0.05",
            "eV",
            ("SIGMA", "smearing width", "smearing"),
            ("0.05 eV", "0.05", "50 meV"),
            ("0.2 eV", "0.2"),
            (
                "because the entropy term was larger than 2 meV/atom for the slabs",
                "so that the extrapolated energies agree with the old set",
            ),
            ("because convergence was painful with less",),
        ),
    ),
    "second": (
        Setting(
            "cleaning.force_limit",
            "curation/params.toml",
            "25",
            "12",
            "eV/Å",
            ("the force limit", "force cut", "fmax", "largest force"),
            ("12 eV/Å", "12 eV/ang", "12", "~0.47 Ry/bohr"),
            ("25 eV/Å", "25"),
            (
                "the model kept chasing a few collided atoms, which ruined the stiffness of the bulk cells",
                "due to the collided atoms from the hot restarts, whose labels mean nothing",
                "in order to get rid of the hot restarts that had fallen apart",
            ),
            ("because we did not want to lose the high-pressure branch",),
            ("8 eV/Å would have cost us the whole high-pressure branch",),
        ),
        Setting(
            "model.r_max",
            "train/model.yaml",
            "5.0",
            "6.0",
            "Å",
            ("r_max", "cutoff radius", "the radial cutoff"),
            ("6.0 Å", "6 Å", "6 A", "0.6 nm"),
            ("5.0 Å", "5 A"),
            (
                "because vacancy pairs interact up to the fourth shell and the short one missed that completely",
                "it turned out that the elastic constants are wrong with the shorter one",
            ),
            ("since memory on the old cards ran out",),
            ("7 Å makes the MD twice as slow for nothing",),
        ),
        Setting(
            "KSPACING",
            "dft/INCAR",
            "0.3",
            "0.2",
            "1/Å",
            ("KSPACING", "k-point spacing", "k-mesh density"),
            ("0.2", "0.2 Å^-1", "0.2 1/Å"),
            ("0.3",),
            (
                "the coarse mesh gave noise of 5 meV/atom in the tungsten-rich cells",
                "to bring the energy differences between the phases below 1 meV/atom",
            ),
            ("because of the queue times in spring",),
        ),
        Setting(
            "sampling.stride",
            "curation/params.toml",
            "10",
            "25",
            None,
            ("the stride", "subsampling stride", "stride"),
            ("25", "every 25th frame"),
            ("10",),
            (
                "neighbouring frames are nearly identical and they leak between train and validation",
                "because consecutive snapshots are so correlated that they add no information",
            ),
            ("so that short runs contribute too",),
        ),
    ),
    "third": (
        Setting(
            "select.FORCE_CAP",
            "tools/select.py",
            "30",
            "18",
            "eV/Å",
            ("the force cap", "max force", "FORCE_CAP", "the cut on the forces"),
            ("18 eV/Å", "18 eV/angstrom", "18", "roughly 0.7 Ry/bohr"),
            ("30 eV/Å", "30"),
            (
                "beyond that we only ever found cells where two atoms sit on the same site",
                "as the tail is nothing but restarts with a wrong charge density",
                "those few frames were eating up most of the loss",
            ),
            ("because the shock people wanted everything",),
            ("25 eV/Å was also discussed but that keeps the wrong restarts",),
        ),
        Setting(
            "input.degauss",
            "qe/settings.yaml",
            "0.02",
            "0.01",
            "Ry",
            ("degauss", "the smearing", "smearing width"),
            ("0.01 Ry", "0.01", "0.136 eV"),
            ("0.02 Ry",),
            (
                "with the old one the magnetic moments were washed out",
                "so that the Fermi surface nesting is still there",
            ),
            ("because the SCF did not converge otherwise",),
            ("0.005 Ry needs twice the k-points and we cannot pay for that",),
        ),
        Setting(
            "fit.batch_size",
            "fit/run.yaml",
            "5",
            "16",
            None,
            ("batch size", "batch_size"),
            ("16",),
            ("5",),
            (
                "because the gradients were so noisy with tiny batches that the schedule never kicked in",
                "the new cards have the memory, and an epoch takes half the time",
            ),
            ("because the old cards had only 11 GB",),
            ("32 runs out of memory on the slabs",),
        ),
    ),
}

CHATTER: dict[WordingSet, tuple[str, ...]] = {
    "first": (
        "Lunch at 12?",
        "The cluster is down again because of the cooling.",
        "Can someone review my MR?",
        "I moved the group meeting to Thursday since the room is taken.",
        "New GPU node arrived, 8 cards.",
        "The phonon plots look nice!",
        "Who has the POSCAR for the bcc cell?",
        "I renamed the branch to avoid confusion.",
        "Job 48211 failed with a segfault, restarting.",
        "We decided to order the 15 kg argon bottle because it is cheaper.",
        "My paper got accepted!",
        "Please send me your slides, otherwise I cannot merge them.",
        "thesis chapter 3 is done",
        "15 people signed up for the retreat",
        "I put 520 EUR on the conference account because of the fee",
    ),
    "second": (
        "Coffee machine is broken, bring your own.",
        "We booked the 12 o'clock slot because of the visitors.",
        "reviewer 2 wants error bars, so I reran the bootstrap",
        "queue is full since Monday",
        "does anyone have the pptx template?",
        "Paper draft v6 is in the folder.",
        "Moved the seminar to avoid the clash with teaching.",
        "25 TB left on scratch",
        "The annealing run finished after 12 h.",
        "I need a new badge because mine stopped working.",
    ),
    "third": (
        "the beamline rejected us again",
        "because of the strike there is no tram tomorrow",
        "18 chairs, 25 people, good luck",
        "fixed a typo in the README",
        "does 16:30 work for the call?",
        "Test passed on the login node",
        "cake in the kitchen",
        "I'll be away from Thursday, so ask Greta",
        "disk quota exceeded again",
        "updated the bib file",
    ),
}

OPENERS: dict[WordingSet, tuple[str, ...]] = {
    "first": (
        "Let's set {name} to {value}",
        "I would go with {value} for {name}",
        "We agreed on {name} = {value}",
        "{name} should be {value}",
        "Changed {name} to {value} just now",
        "Proposal: {name} at {value}",
    ),
    "second": (
        "I'm putting {name} at {value}",
        "Can we use {value} as {name} from now on",
        "{name}: {value} it is",
        "From today {name} is {value}",
        "Decision from today: {value} for {name}",
    ),
    "third": (
        "{name} down to {value}?",
        "New setting: {name} {value}",
        "After today's call: {name} is going to be {value}",
        "I'd take {value} for {name}",
    ),
}
VALUE_ONLY: dict[WordingSet, tuple[str, ...]] = {
    "first": (
        "{name} is {value} now, please pull.",
        "I set {name} to {value} and restarted the training.",
        "FYI new {name}: {value}",
        "Running with {name} = {value} since yesterday, 4120 of 4300 frames left.",
        "Reminder: {name} {value} from this week on. Thanks!",
    ),
    "second": (
        "Heads-up, {name} moved to {value}.",
        "{value} for {name} is on main, rebase your branches please.",
        "I have updated the table, {name} now reads {value}.",
        "The new run uses {name} {value}, it started on Friday.",
    ),
    "third": (
        "{name} in main is {value} as of today.",
        "Everything was resubmitted with {name} at {value}.",
        "{value} ({name}) is what the current runs have.",
        "merged: {name} {value}",
    ),
}
DISCLAIMERS: dict[WordingSet, tuple[str, ...]] = {
    "first": (
        "No idea, Jonas picked it before he left.",
        "I don't remember why, to be honest.",
        "Nobody wrote down the reason.",
        "For some reason it has been like that since May.",
        "We should document why.",
    ),
    "second": (
        "Beats me, it was like this when I joined.",
        "Honestly no clue, ask Jonas.",
        "That predates me, the reason was never recorded.",
        "I can't say where that number comes from.",
    ),
    "third": (
        "Good question. I inherited that file.",
        "Can't tell you, I only copied it.",
        "Hm, never thought about it.",
        "Not written anywhere as far as I know.",
    ),
}

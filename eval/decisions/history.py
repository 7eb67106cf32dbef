"""Questions on this repository itself, with its history: commit messages, documents, comments, docstrings."""

from collections.abc import Sequence

from eval.decisions.questions import Question
from sonde.records.decisions import Passage

REVISION = "9ad3efc"
"""The questions were written on this state."""

ASKED: tuple[tuple[str, str], ...] = (
    ("Why do readers of the ledger take their rows in pages?", "no read lock that a writer would wait for"),
    ("Why is a second description needed beside the potential's own embedding?", "which is why the second is needed"),
    (
        "Why fit learning curves in the logarithm of the loss?",
        "a change of unit moves amplitude and floor and nothing else",
    ),
    ("Why are scaling predictions an average over several forms?", "since the form is the largest unknown"),
    (
        "Why are errors on dropped neighbours compared with kept ones at the same force?",
        "every force filter would look guilty",
    ),
    (
        "Why are unconverged calculations that were dropped not called a filter?",
        "Drops of unconverged calculations are not a filter",
    ),
    ("Why is the noise of labels an upper bound?", "so that small offsets are missed rather than invented"),
    ("Why is the smallest number of atoms 99 for the held-out limit?", "needs 99 atoms of an element"),
    (
        "Why does lineage match frames a second time within 1e-3 Å?",
        "Writing to a file with 5, 6 or 8 decimals loses nothing",
    ),
    ("Why should plans not simply enlarge the model?", "no larger model is advised, whatever the law says"),
    (
        "Why can small datasets give misleading novelty?",
        "the limit is as uncertain as the number of trajectories is small",
    ),
    (
        "Why does charge not matter to the novelty check?",
        "two environments that differ only in these count as the same",
    ),
    ("Why is the RMSE allowed to differ a bit from the registered one?", "threads and dtype change it by a thousandth"),
    ("Why is the random loss limited to regions without survivors?", "A loss is read as rule or chance"),
    (
        "What if silence is kept although a reason was written?",
        "Where the reason was cut out of a document that speaks of the matter",
    ),
    ("Why are frame file names stored as JSON?", "file names may hold bytes that are no text"),
    ("Why does mace get copies of the arrays?", "mace writes into the cell of open directions"),
    ("Why are out-of-scope probabilities not to be trusted?", "the probability means nothing and should not be used"),
    ("Why are the boosted trees copied into plain arrays?", "It can only be stored as a pickle"),
    (
        "Why is OUTCAR cut into pieces before each first electronic step?",
        "The file is cut before the first electronic iteration",
    ),
    ("Why can the break's likelihood ratio not be compared with a chi-square?", "so that the usual χ² does not hold"),
    ("Why are rows divided by the number of corrected atoms?", "so that a large cell weighs as much"),
    ("Why record a seed for ridge regression?", "the seed is only recorded"),
    ("Why are only so many object ids asked of git at once?", "so that neither side waits for the other"),
    ("Why does the QE reader prefer the XML file?", "which has more digits"),
    ("Why are intervals found in log coordinates?", "so that intervals are found in coordinates"),
    ("Why is a corrected dataset not called PBE?", "since forces and stresses stay those of PBE+U"),
    ("Why is nothing said for fewer than 99 atoms?", "Below 99 atoms in all nothing is said"),
    ("Why does the decision not state a driver sometimes?", "without a reason the driver is unknown"),
    ("Why are passages read by pages from the store?", "so that a slow reader holds no read lock"),
    (
        "Why does the fit of energies to composition go round more than once?",
        "so that a few wrong energies do not bend it",
    ),
    (
        "Why are undated messages hidden when one asks how things stood in the past?",
        "What carries no date cannot be shown to have been there at the time",
    ),
    (
        "Why can a width of 0.00 in VASP's output not be taken as zero?",
        "so that its 0.00 may be any width below 0.005",
    ),
    (
        "Why isn't an environment set for tilde fences in Markdown?",
        "of tildes they cannot be told from underlines",
    ),
    (
        "Why do symbolic links inside an archive's folder get ignored?",
        "since they may lead out of it",
    ),
    (
        "Why is a probe's threshold determined on compositions nobody trained on?",
        "is too hopeful for a new composition",
    ),
    (
        "Why do whole trajectories enter the learning-curve subsets together?",
        "what more snapshots of the same trajectories buy",
    ),
    (
        "Why are confidence bounds of map boundaries taken from sorted draws?",
        "since crossings above the map are infinite",
    ),
    (
        "Why is Tukey's weight chosen over Huber's when shifts are fitted?",
        "Huber's estimator only bounds it",
    ),
    (
        "Why is the additive law over model and data size given an amplitude beside its break?",
        "so that their fit depends on the unit of the loss",
    ),
    (
        "Why must residuals for the scale model be of atoms not used for the mean?",
        "Residuals on training atoms would be far too small",
    ),
    (
        "Why is the lowest energy chosen when several calculations could be the partner of a frame?",
        "since further self-consistent solutions lie above the g",
    ),
    (
        "Why are initial velocities generated by our own code?",
        "the name of ase's function for it differs between the versions we allow",
    ),
    (
        "Why is the design matrix of the linear potential filled row by row?",
        "so that no column is named twice in one addition",
    ),
    (
        "Why does a map of trust stop when some decorations fail?",
        "the rest would be a biased choice",
    ),
    (
        "Why do the XML parts of pw.x get parsed singly?",
        "so that nothing that is declared before the root is ever followed",
    ),
    (
        "Why is the version number included when finished trainings are looked up?",
        "so that the result has the fields of this one",
    ),
    (
        "Why start each measurement of memory in a new interpreter?",
        "so that its peak memory is its own",
    ),
    (
        "Why is one limit of scope used per structure instead of per atom?",
        "would, with a limit per atom, raise about twelve times as many alarms",
    ),
    (
        "Why can attention not be used on very many atoms at a time?",
        "Its cost grows with the square of the number of atoms",
    ),
    (
        "Why is saying nothing preferred to a convincing but false verdict?",
        "A wrong verdict that sounds plausible is worse than none",
    ),
    (
        "Why might boundaries in temperature on the trust map be too optimistic?",
        "move less than atoms of a crystal with long waves",
    ),
    (
        "Why are no energy corrections possible without structures computed twice?",
        "cannot be told from the energy of formation",
    ),
    (
        "Why does --dataset matter when a curve is fitted?",
        "so that another surface or another kind of structure is not mistaken",
    ),
    (
        "Why is the loss centred in its logarithm before a law is fitted?",
        "so that a change of unit changes amplitude and floor alone",
    ),
    (
        "Why is a floor only considered for points that bend?",
        "simulating it takes longest",
    ),
    (
        "Why don't random loss regions need naming by chance tests one frame at a time?",
        "The test takes frames as dropped one by one",
    ),
    (
        "Why is a rare stratum allowed to be missing from a small subset?",
        "so that the subset stays a smaller version of the same data",
    ),
    (
        "Why does the monitor evaluate structures again under LAMMPS?",
        "since LAMMPS hands no embeddings over",
    ),
    (
        "Why does the probe seem too good on the frames it was trained with?",
        "Frames of the training dataset make it too hopeful",
    ),
    (
        "Why are equivalent filters listed and not decided between?",
        "for the repository to say",
    ),
    (
        "Why could unlabelled levels of theory hide a mixture of surfaces?",
        "equal and unknown look the same",
    ),
    (
        "Why can the simulation be unstable at both time steps?",
        "the potential itself leads the atoms somewhere it cannot describe",
    ),
    (
        "Why can't a bend towards flatness be told from a floor with seven sizes?",
        "so that no test finds more than 13 % of such breaks",
    ),
    (
        "Why is ambiguity between persons resolved to nobody?",
        "ambiguous names are nobody's",
    ),
    (
        "Why did importing long mails once need ever more memory?",
        "memory of an import no longer grows with the length of mails",
    ),
    (
        "Why are passages of the past day read from a message's date?",
        "Relative days are told at the time of the message",
    ),
    (
        "Why is the alarm of the monitor tied to a worsening?",
        "An alarm begins where a verdict becomes worse",
    ),
    (
        "Why can a language model's summary lose sentences?",
        "sentences that cite no quote are not shown",
    ),
    (
        "Why was the search for pieces of words made to look at distinct words?",
        "pieces are looked for among words, each kept once",
    ),
)

NOT_RECORDED: tuple[str, ...] = (
    "Why was TensorFlow given up?",
    "Why is the project licensed under the GPL?",
    "Why did we switch from MongoDB to SQLite?",
    "Why is the learning rate of the demonstration 0.003?",
    "Why was the plane-wave cutoff raised to 700 eV?",
    "Why are messages encrypted with AES?",
    "Why is hcp zirconium missing from the tests?",
    "Why do we prefer r2SCAN for oxides?",
    "Why was the web server moved to port 8080?",
    "Why is the Hubbard U of nickel 6.2 eV?",
    "Why was the store written in Rust?",
    "Why are audit results sent by mail?",
    "Why is the neighbour cutoff 7.5 Å?",
    "Why was Redis chosen for the queue?",
    "Why does training need two GPUs?",
    "Why was the gate's false-alarm rate lowered from ten to five per cent in spring?",
    "Why does the store keep embeddings in float64?",
    "Why was HDBSCAN used to group trajectories?",
    "Why are Slack reactions counted as votes?",
    "Why was the CHGNet adapter rewritten in C++?",
    "Why is the probe trained for exactly 300 epochs?",
    "Why was support for Windows dropped?",
    "Why are reports signed with GPG?",
    "Why do break tests use a Kolmogorov-Smirnov statistic?",
    "Why was the colour map of trust maps changed to viridis?",
    "Why does the MCP server need an API key?",
    "Why is the OUTCAR of finite-displacement phonons refused?",
    "Why is the lake stored in S3 by default?",
    "Why was the Bayesian ensemble removed from the baselines?",
    "Why does the demonstration use twelve alloys?",
    "Why are Teams exports converted to Zulip's format first?",
    "Why was Kendall's tau chosen for the ranking of potentials?",
    "Why is a diagnosis repeated every night?",
    "Why are phonon spectra left to a GPU queue?",
    "Why does the reader of Parquet split files at 4 GB?",
)


def questions(passages: Sequence[Passage], split: str) -> list[Question]:
    """Put every second question to the passages, for development or sealed: right is what holds the stretch."""
    first = 0 if split == "dev" else 1
    asked = [Question(text, _places(passages, stretch), "own words", "history") for text, stretch in ASKED[first::2]]
    unanswered = [Question(text, (), "own words, no answer", "history") for text in NOT_RECORDED[first::2]]
    return [*(question for question in asked if question.gold), *unanswered]


def _places(passages: Sequence[Passage], stretch: str) -> tuple[tuple[str, int, int], ...]:
    words = stretch.lower()
    flat = ((passage, " ".join(passage.text.lower().replace("*", "").split())) for passage in passages)
    return tuple((passage.anchor, 0, 0) for passage, text in flat if words in text)

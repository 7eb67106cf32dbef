"""Questions on this repository itself, with its history: commit messages, documents, comments, docstrings."""

from collections.abc import Sequence

from eval.decisions.questions import Question
from sonde.records.decisions import Passage

REVISION = "f9d8431"
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
        "Answers can miss a reason that names neither key nor value",
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
)


def questions(passages: Sequence[Passage]) -> list[Question]:
    """Put the questions to the passages: right is what holds the stretch."""
    asked = [Question(text, _places(passages, stretch), "own words", "history") for text, stretch in ASKED]
    unanswered = [Question(text, (), "own words, no answer", "history") for text in NOT_RECORDED]
    return [*(question for question in asked if question.gold), *unanswered]


def _places(passages: Sequence[Passage], stretch: str) -> tuple[tuple[str, int, int], ...]:
    words = stretch.lower()
    flat = ((passage, " ".join(passage.text.lower().replace("*", "").split())) for passage in passages)
    return tuple((passage.anchor, 0, 0) for passage, text in flat if words in text)

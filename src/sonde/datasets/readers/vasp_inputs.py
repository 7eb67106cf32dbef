"""VASP's input files: INCAR, KPOINTS, and of POTCAR the titles and hashes only. Bodies of potentials are never kept."""

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from os.path import isfile
from pathlib import Path

from sonde.datasets.readers.compression import opened
from sonde.errors import BadInput

LARGEST_INPUT_BYTES = 1 << 20
LONGEST_LIST = 100_000
COMPRESSIONS = (".gz", ".bz2")
COMMENT = re.compile(r"[#!].*")
CONTINUED = re.compile(r"\\\s*\n")
QUOTED = re.compile(r'"([^"]*)"')
KEY = re.compile(r"[A-Za-z][\w/]*")
TITLE = re.compile(rb"TITEL\s*=\^?\s*([^\r\n]*)")
LEXCH_OF_POTENTIAL = re.compile(rb"LEXCH\s*=\s*(\S+)")
STATED_HASH = re.compile(rb"SHA256\s*=\s*([0-9a-f]{64})")
SYMBOL = re.compile(r"[A-Z][a-z]?(?:[_/].*)?")
"""In POSCAR: Ni, Ni_pv, Ni_pv/4a1b2c."""
LONGEST_LINE_BYTES = 4096
END_OF_POTENTIAL = b"End of Dataset"


def read_incar(text: str) -> dict[str, str]:
    """Read what an INCAR sets, keys in capitals; of a key set twice the first counts, as for VASP."""
    text = QUOTED.sub(lambda quote: " ".join(quote[1].split()), text)
    text = CONTINUED.sub(" ", "\n".join(COMMENT.sub("", line) for line in text.splitlines()))
    found: dict[str, str] = {}
    for statement in re.split(r"[;\n]", text):
        key, equals, value = statement.partition("=")
        if equals and KEY.fullmatch(key.strip()):
            found.setdefault(key.strip().upper(), value.strip())
    return found


def logical(text: str | None) -> bool | None:
    """Read .TRUE., T, true, False …: the first letter after a dot decides."""
    letter = (text or "").strip().lstrip(".")[:1].upper()
    return {"T": True, "F": False}.get(letter)


def number(text: str | None) -> float | None:
    """Read the first number of a value, with Fortran's exponents."""
    found = numbers(text)
    return found[0] if found else None


def numbers(text: str | None) -> tuple[float, ...] | None:
    """Read a list of finite numbers; 3*0.5 is three of them. None where something else stands in between."""
    values: list[float] = []
    for word in (text or "").split():
        times, _, value = word.rpartition("*")
        try:
            repeated = int(times) if times else 1
            read = float(value.lower().replace("d", "e"))
        except ValueError:
            return tuple(values) if values and not times else None
        if not math.isfinite(read):
            return None
        values += [read] * min(repeated, LONGEST_LIST)
    return tuple(values) or None


@dataclass(frozen=True)
class KpointMesh:
    """How the Brillouin zone was sampled: a regular mesh, or so many points."""

    divisions: tuple[int, int, int] | None = None
    has_gamma: bool | None = None
    n_irreducible: int | None = None

    @property
    def text(self) -> str | None:
        """Say it with its measure."""
        if self.divisions is None:
            return None if self.n_irreducible is None else f"{self.n_irreducible} irreducible points"
        scheme = {True: " Gamma", False: " Monkhorst-Pack", None: ""}[self.has_gamma]
        return f"mesh {'x'.join(map(str, self.divisions))}{scheme}"


def read_kpoints(text: str) -> KpointMesh | None:
    """Read the mesh of a KPOINTS file; None where it lists points or lines, or holds something else."""
    lines = [line.strip() for line in text.splitlines()]
    if len(lines) < 4 or lines[1].split()[:1] != ["0"] or lines[2][:1].upper() not in ("G", "M"):
        return None
    divisions = numbers(lines[3])
    if divisions is None or len(divisions) < 3 or not all(n >= 1 and n == int(n) for n in divisions[:3]):
        return None
    shift = numbers(lines[4]) if len(lines) > 4 else None
    return mesh_of(divisions, lines[2], bool(shift and any(shift[:3])))


def mesh_of(divisions: tuple[float, ...], scheme: str, shifted: bool) -> KpointMesh:
    """Make a mesh from its divisions and its scheme; an odd one without a shift holds Γ, whatever its scheme is."""
    n1, n2, n3 = (int(n) for n in divisions[:3])
    is_gamma = scheme.strip()[:1].upper() == "G" or all(n % 2 for n in (n1, n2, n3))
    return KpointMesh((n1, n2, n3), is_gamma and not shifted)


@dataclass(frozen=True)
class PotcarEntry:
    """One potential of a POTCAR: what it is called, for which functional, and a hash."""

    title: str
    lexch: str | None
    sha256: str
    """As the file states it, or of the file's own bytes where it states none, then with "file-" before it."""


def read_potcar(path: Path) -> tuple[PotcarEntry, ...]:
    """Read titles and hashes of a POTCAR, line by line; nothing else of it is kept."""
    with opened(path) as lines:
        return tuple(potcar_entries(iter(partial(lines.readline, LONGEST_LINE_BYTES), b"")))


def potcar_entries(lines: Iterable[bytes]) -> Iterator[PotcarEntry]:
    """Yield title, functional and hash of each potential in the lines of a POTCAR."""
    digest, found = hashlib.sha256(), dict[str, str]()
    for line in lines:
        digest.update(line)
        for key, pattern in (("title", TITLE), ("lexch", LEXCH_OF_POTENTIAL), ("sha256", STATED_HASH)):
            match = pattern.search(line) if key not in found else None
            if match:
                found[key] = match[1].decode("latin-1").strip()
        if END_OF_POTENTIAL in line:
            if "title" in found:
                yield PotcarEntry(found["title"], found.get("lexch"), found.get("sha256", f"file-{digest.hexdigest()}"))
            digest, found = hashlib.sha256(), {}


# ---- the inputs of a run lie beside its output -----------------------------------------------------------------------


@dataclass(frozen=True)
class InputsBeside:
    """What lies in the folder of an output; None: no such file, or one that cannot be read."""

    incar: Mapping[str, str] | None = None
    kpoints: KpointMesh | None = None
    potcar: tuple[PotcarEntry, ...] | None = None
    poscar_species: tuple[tuple[str, ...], tuple[int, ...]] | None = None
    """Symbols and counts of POSCAR, where it names symbols."""


def inputs_beside(output: Path) -> InputsBeside:
    """Read INCAR, KPOINTS, POTCAR and the species of POSCAR in the folder of an output.

    An output kept under a name of its own, OUTCAR.relax1, takes INCAR.relax1, not INCAR: that one is of the last run.
    """
    incar, kpoints = _text(output, "INCAR"), _text(output, "KPOINTS")
    poscar, potcar = _text(output, "POSCAR"), _beside(output, "POTCAR")
    return InputsBeside(
        incar=None if incar is None else read_incar(incar),
        kpoints=None if kpoints is None else read_kpoints(kpoints),
        potcar=None if potcar is None else read_potcar(potcar),
        poscar_species=None if poscar is None else _species(poscar),
    )


def _beside(output: Path, name: str) -> Path | None:
    beside = f"{output.parent}/{name}{kept_as(output.name)}"
    candidates = (f"{beside}{packed}" for packed in ("", *COMPRESSIONS))
    found = next((path for path in candidates if isfile(path)), None)  # noqa: PTH113 - path objects take longer
    return None if found is None else Path(found)


def kept_as(name: str) -> str:
    """Return the suffix that an output was kept under: "" of OUTCAR.gz, ".relax1" of OUTCAR.relax1.gz."""
    for packed in COMPRESSIONS:
        name = name.removesuffix(packed)
    found = re.search(r"(?:OUTCAR|vasprun\.xml|vaspout\.h5)((?:[._-]\w+)*)$", name)
    return found[1] if found else ""


def _text(output: Path, name: str) -> str | None:
    path = _beside(output, name)
    if path is None:
        return None
    try:
        with opened(path) as handle:
            return handle.read(LARGEST_INPUT_BYTES).decode("latin-1")
    except (BadInput, OSError):
        return None


def _species(poscar: str) -> tuple[tuple[str, ...], tuple[int, ...]] | None:
    lines = poscar.splitlines()
    words = lines[5].split() if len(lines) > 6 else []
    counts = numbers(lines[6]) if words else None
    if counts is None or not all(map(SYMBOL.fullmatch, words)) or not all(n == int(n) for n in counts):
        return None
    return tuple(re.split(r"[_/]", word)[0] for word in words), tuple(int(n) for n in counts)

"""Configurations of moment tensor potentials: .cfg files of MLIP-2 and MLIP-3.

    BEGIN_CFG
     Size
        2
     Supercell
        …                       three rows, Å; with fewer rows, fewer periodic directions
     AtomData:  id type  cartes_x cartes_y cartes_z  fx fy fz       (any order; direct_x … are fractions)
        …
     Energy
        …                       eV, of the whole cell
     PlusStress:  xx yy zz yz xz xy
        …                       eV: −dE/dε, positive under compression; stress = −PlusStress / volume
     Feature   EFS_by  VASP
    END_CFG

Types are numbers whose elements the file does not say (`mlp convert-cfg --elements-order` fixes them elsewhere). They
are never guessed: a text file beside it, named like it with `.elements` added, lists the symbols in the order of the
types; or a line `Feature elements Nb Mo` in each configuration; or `MtpCfgReader(elements=("Nb", "Mo"))`. A type column
that holds symbols needs none. Which energy of smeared electrons stands there is not part of the format: unknown.
Features become tags.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sonde.datasets.readers.cells import checked_cell, checked_positions, numbers_of
from sonde.datasets.readers.compression import head_of, opened
from sonde.datasets.readers.extxyz_writer import RESERVED
from sonde.datasets.readers.labels import LABEL_KEYS, LabelDefect, finite_rows, take_labels
from sonde.datasets.readers.protocol import Place
from sonde.datasets.readers.text_lines import MEND_LINE, Lines
from sonde.records.arrays import BoolArray, FloatArray
from sonde.records.frames import Frame, Tag

BEGIN, END = "BEGIN_CFG", "END_CFG"
ELEMENTS_SUFFIX = ".elements"
ELEMENTS_FEATURE = "elements"
UNSAID = "which elements the types are is not said"
STATE_ELEMENTS = "write the element symbols, in the order of the types, into {path}.elements beside it."
COMPONENTS = ("xx", "yy", "zz", "yz", "xz", "xy")
CARTESIAN = ("cartes_x", "cartes_y", "cartes_z")
FRACTIONAL = ("direct_x", "direct_y", "direct_z")
FORCES = ("fx", "fy", "fz")
OLD_STRESSES = ("stress:", "virial:")
"""Fields of early versions: unlike PlusStress, sign and unit depend on the version that wrote them."""
ENERGY_CONVENTION = "documented: total"
STRESS_CONVENTION = "documented: −PlusStress / volume; PlusStress in eV, positive under compression"


class MtpCfgReader:
    """Files of MLIP-2 and MLIP-3; `elements` are the symbols of types 0, 1, … where the file does not say."""

    name = "mtp_cfg"

    def __init__(self, elements: Sequence[str] = ()) -> None:
        self.elements = tuple(elements)

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first word."""
        return head.lstrip().startswith(BEGIN.encode())

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the configurations in file order."""
        head_of(path)
        elements = self.elements or _elements_beside(path)
        with opened(path) as handle:
            lines = Lines(handle, path)
            while (words := lines.next()) is not None:
                if words != [BEGIN]:
                    raise lines.place.bad(f"{BEGIN} must stand here, found {' '.join(words)[:60]!r}", MEND_LINE)
                yield _placed_frame(lines, elements)
                lines.frame += 1


READER = MtpCfgReader()


def _elements_beside(path: Path) -> tuple[str, ...]:
    stated = path.with_name(path.name + ELEMENTS_SUFFIX)
    if not stated.is_file():
        return ()
    try:
        symbols = stated.read_text(encoding="utf-8").split()
        numbers_of(symbols)
    except (UnicodeDecodeError, LabelDefect) as wrong:
        raise Place(stated).bad(f"element symbols must stand here ({wrong})", "mend the file.") from wrong
    return tuple(symbols)


@dataclass
class _Configuration:
    """The fields of one configuration as they are found."""

    size: int | None = None
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 3)))
    names: tuple[str, ...] = ()
    words: Sequence[str] = ()
    energy: float | None = None
    virial: Mapping[str, float] = field(default_factory=dict)
    features: dict[str, str] = field(default_factory=dict)
    old_stress: bool = False

    def column(self, name: str) -> Sequence[str]:
        """Return the words of a column of the atoms."""
        return self.words[self.names.index(name) :: len(self.names)]

    def has(self, names: tuple[str, str, str]) -> bool:
        """Tell whether three columns stand there; one or two alone are a defect."""
        found = set(names) & set(self.names)
        if found and len(found) < 3:
            raise LabelDefect(f"AtomData names {' '.join(sorted(found))}, but {' '.join(names)} belong together")
        return bool(found)

    def vectors_of(self, names: tuple[str, str, str]) -> FloatArray:
        """Return three columns as an array of shape (n_atoms, 3)."""
        try:
            rows = np.array([[float(word) for word in self.column(name)] for name in names]).T
        except ValueError as wrong:
            raise LabelDefect(f"{' '.join(names)} must be numbers ({wrong})") from wrong
        return finite_rows(np.ascontiguousarray(rows), " ".join(names))


def _placed_frame(lines: Lines, elements: Sequence[str]) -> Frame:
    place = lines.place
    given = _read_configuration(lines)
    try:
        return _frame(given, elements, place)
    except LabelDefect as defect:
        mend = STATE_ELEMENTS.format(path=place.path.name) if str(defect) == UNSAID else "mend or remove the frame."
        raise place.bad(str(defect), mend) from defect


def _read_configuration(lines: Lines) -> _Configuration:
    given = _Configuration()
    while (words := lines.inside("a configuration")) != [END]:
        name = words[0].lower()
        if name == "size":
            given.size = lines.count(_value(lines, words), "Size")
        elif name == "supercell":
            given.vectors = _lattice(lines)
        elif name == "atomdata:":
            _read_atoms(given, lines, words[1:])
        elif name == "energy":
            given.energy = float(lines.numbers([_value(lines, words)], "Energy")[0])
        elif name == "plusstress:" or name in OLD_STRESSES:
            given.virial = _components(lines, words[1:])
            given.old_stress = name in OLD_STRESSES
        elif name == "feature" and len(words) > 1:
            given.features[words[1]] = " ".join([given.features.get(words[1], ""), *words[2:]]).strip()
        else:
            raise lines.place.bad(f"no field is called {words[0][:40]!r}", "is this a .cfg of MLIP-2 or MLIP-3?")
    return given


def _value(lines: Lines, words: Sequence[str]) -> str:
    """Return the value of a field, on its line or on the next."""
    found = words[1:] or lines.inside(words[0])
    if len(found) != 1:
        raise lines.place.bad(f"one value must stand under {words[0]}, found {' '.join(found)[:60]!r}", MEND_LINE)
    return found[0]


def _lattice(lines: Lines) -> FloatArray:
    """Read up to three rows of three numbers."""
    rows: list[FloatArray] = []
    while len(rows) < 3:
        words = lines.inside("Supercell")
        if words[0][0].isalpha() and words[0].lower() not in ("nan", "inf"):
            lines.give_back(words)
            break
        if len(words) != 3:
            raise lines.place.bad(f"a lattice vector has three numbers, found {len(words)}", MEND_LINE)
        rows.append(lines.numbers(words, "the lattice vector"))
    return np.array(rows).reshape(-1, 3)


def _read_atoms(given: _Configuration, lines: Lines, names: Sequence[str]) -> None:
    if given.size is None:
        raise lines.place.bad("Size must stand before AtomData", "mend the configuration.")
    if len(set(names)) != len(names) or not names:
        raise lines.place.bad(f"the columns must have different names, found {' '.join(names)[:100]!r}", MEND_LINE)
    given.names, given.words = tuple(names), lines.rows(given.size, len(names), "AtomData")


def _components(lines: Lines, names: Sequence[str]) -> dict[str, float]:
    words = lines.inside("the stress")
    if sorted(names) != sorted(COMPONENTS) or len(words) != len(names):
        raise lines.place.bad(f"the stress must name and hold {' '.join(COMPONENTS)}, once each", MEND_LINE)
    return dict(zip(names, lines.numbers(words, "the stress").tolist(), strict=True))


def _frame(given: _Configuration, elements: Sequence[str], place: Place) -> Frame:
    if not given.names:
        raise LabelDefect("the configuration holds no AtomData")
    if "true" in (given.column("ghost") if "ghost" in given.names else ()):
        raise LabelDefect("the configuration holds ghost atoms: its labels are not those of the atoms that stand here")
    cell, pbc = _cell(given)
    positions = _positions(given, cell)
    virial = {"virial": [given.virial[name] for name in COMPONENTS]} if given.virial and not given.old_stress else {}
    energy = {} if given.energy is None else {"energy": given.energy}
    forces = {"forces": given.vectors_of(FORCES)} if given.has(FORCES) else {}
    labels = take_labels({**energy, **(virial if pbc.all() else {})}, forces, cell)
    return Frame(
        numbers=numbers_of(_symbols(given, elements)),
        positions=checked_positions(positions, len(positions)),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=labels.forces_eV_per_A,
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags=_tags(given, pbc),
        source_file=str(place.path),
        ordinal=place.frame or 0,
    )


def _cell(given: _Configuration) -> tuple[FloatArray, BoolArray]:
    """Return cell and periodicity: as many directions are periodic as the supercell has rows."""
    n_rows = len(given.vectors)
    return checked_cell(np.vstack([given.vectors, np.zeros((3 - n_rows, 3))]), np.arange(3) < n_rows)


def _positions(given: _Configuration, cell: FloatArray) -> FloatArray:
    if given.has(CARTESIAN):
        return given.vectors_of(CARTESIAN)
    if given.has(FRACTIONAL) and len(given.vectors) == 3:
        return given.vectors_of(FRACTIONAL) @ cell
    raise LabelDefect(
        "AtomData must hold cartes_x cartes_y cartes_z, or direct_x direct_y direct_z in a full supercell"
    )


def _symbols(given: _Configuration, elements: Sequence[str]) -> list[str]:
    """Turn types into symbols."""
    types = given.column("type") if "type" in given.names else ["0"] * (given.size or 0)
    if types[0].isalpha():
        return list(types)
    known = given.features.get(ELEMENTS_FEATURE, "").split() or elements
    if not known:
        raise LabelDefect(UNSAID)
    symbol_of = {str(number): symbol for number, symbol in enumerate(known)}
    strange = next((atom for atom, kind in enumerate(types) if kind not in symbol_of), None)
    if strange is not None:
        raise LabelDefect(f"type {types[strange][:20]} is none of the {len(known)} elements stated", strange)
    return [symbol_of[kind] for kind in types]


def _tags(given: _Configuration, pbc: BoolArray) -> dict[str, Tag]:
    tags: dict[str, Tag] = {}
    for name, value in given.features.items():
        if name != ELEMENTS_FEATURE:
            tags[f"feature_{name}" if name.lower() in LABEL_KEYS or name in RESERVED else name] = value
    if given.energy is not None:
        tags["energy_convention"] = ENERGY_CONVENTION
    if given.virial:
        reason = "of an early version, sign and unit unknown" if given.old_stress else "" if pbc.all() else "no cell"
        tags["stress_convention"] = f"not taken: {reason}" if reason else STRESS_CONVENTION
    return tags

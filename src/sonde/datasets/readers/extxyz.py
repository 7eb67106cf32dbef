"""Extended xyz, plain or gzipped, through the C parser of libAtoms (package `extxyz`).

The parser is driven frame by frame through `extxyz.cextxyz`, not through `extxyz.iread_dicts`: that one drops the
whole comment line, labels and lattice included, where its grammar cannot take it (a bare word is enough). Such frames
are read with `ase.io` instead, whose grammar is wider. The parser opens no gzip: archives are unpacked to a temporary
file.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from extxyz import cextxyz

from sonde.datasets.readers.cells import checked_cell, checked_numbers, checked_positions, numbers_of
from sonde.datasets.readers.compression import head_of, opened, uncompressed
from sonde.datasets.readers.extxyz_comment import Comment, KnownPairs
from sonde.datasets.readers.labels import LABEL_KEYS, LabelDefect, take_labels
from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.datasets.readers.text_blocks import Block, blocks
from sonde.records.arrays import AnyArray, FloatArray, IntArray
from sonde.records.frames import Frame, Tag

SPECIES_COLUMNS = ("species", "element", "elements", "symbols")
POSITION_COLUMNS = ("pos", "positions")
NUMBER_COLUMNS = ("Z", "numbers", "atomic_numbers")
ASE_COLUMNS = frozenset(["forces", "magmoms", "charges", "energies", "stresses", "dipoles"])
"""Results per atom that ase takes out of the columns."""
ATOM_LINE = re.compile(r"atom line (\d+)")
KEY_VALUE = re.compile(r'(?:^|\s)"?([A-Za-z_]\w*)"?\s*=\s*("[^"]*"|\S+)')
EMPTY_TEXT = re.compile(r'=\s*""(?=\s|$)')
INTEGER = re.compile(r"[-+]?\d+")
LONGEST_SAFE_INTEGER = 9
"""Digits that fit into 32 bits whatever they are."""


class Parsed(NamedTuple):
    """One frame as a parser gives it: key-value pairs, columns, and the lattice vectors as rows.

    A tuple for the sake of time, as `Block` is.
    """

    info: Mapping[str, Any]
    columns: Mapping[str, Any]
    cell: FloatArray
    pbc: AnyArray
    comment: Comment | None = None
    """Where it stands, `info` holds only what was not known of the comment line."""

    def tags(self, used: frozenset[str]) -> dict[str, Tag]:
        """Return what the comment line says beside the labels that were used."""
        if self.comment is not None:
            return self.comment.tags_with(self.info, used)
        return {key: tag_of(value) for key, value in self.info.items() if key not in used}


class ExtxyzReader:
    """Extended xyz with energies, forces, stress or virial, with or without the prefix REF_ or dft_."""

    name = "extxyz"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first line: a count."""
        return head.lstrip().split(b"\n", 1)[0].strip().lstrip(b"+-").isdigit()

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames of a file in order."""
        head_of(path)
        with uncompressed(path) as plain, _c_file(plain) as c_file, opened(plain) as handle:
            known = KnownPairs()
            for block in blocks(handle, path):
                parsed = _parsed(block, c_file, known)
                try:
                    frame = _frame(block, parsed)
                except LabelDefect as defect:
                    place = block.comment_place if defect.atom is None else block.atom_place(defect.atom)
                    raise place.bad(str(defect), "mend or remove the frame.") from defect
                if parsed.comment is not None:
                    known.keep(parsed.comment, frame.tags)
                yield frame


READER = ExtxyzReader()


@contextmanager
def _c_file(path: Path) -> Iterator[Any]:
    handle = cextxyz.cfopen(str(path), "r")
    try:
        yield handle
    finally:
        cextxyz.cfclose(handle)


def _parsed(block: Block, c_file: Any, known: KnownPairs) -> Parsed:
    """Parse one whole frame with the C parser; where its grammar is too narrow for the comment line, with ase."""
    line = _without_empty_text(block.comment)
    comment = known.split(line)
    stated = KEY_VALUE.findall(block.comment) if comment is None else comment.special
    if comment is None or len({key.lower() for key, _ in stated}) < len(stated):
        _check_repeated_labels(stated, block)
    if cextxyz.cftell(c_file) != block.offset:  # after a refusal; seeking every time would empty the buffer
        cextxyz.cfseek(c_file, block.offset, 0)
    try:
        stands = comment.line if comment is not None else line
        _, info, columns = cextxyz.read_frame_dicts(c_file, use_cleri=False, comment=stands)
    except cextxyz.ExtXYZError as refusal:
        atom = ATOM_LINE.search(str(refusal))
        if atom:
            raise _atom_line_error(block, int(atom[1]), str(refusal)) from refusal
        return _parsed_by_ase(block)
    info = _with_long_integers(stated if comment is None else comment.unread, info)
    if comment is not None:
        info.update(comment.read)
    cell, pbc = _lattice(info, block)
    return Parsed(info, columns, cell, pbc, comment)


def _without_empty_text(comment: str) -> str:
    """Write `key=""` as a list of one empty text: the C parser refuses it, ase takes the next pair for its value."""
    return EMPTY_TEXT.sub('=[""]', comment) if '""' in comment else comment


def _lattice(info: dict[str, Any], block: Block) -> tuple[FloatArray, AnyArray]:
    """Take lattice (rows are vectors) and periodicity out of `info`; with a lattice, periodic unless it says other."""
    info.pop("Properties", None)
    given = info.pop("Lattice", None)
    pbc = np.asarray(info.pop("pbc", [True, True, True]))
    if given is None:
        return np.zeros((3, 3)), np.zeros(3, bool)
    lattice = np.asarray(given)
    if lattice.shape not in ((3,), (3, 3)) or lattice.dtype.kind not in "if" or pbc.shape != (3,):
        raise block.comment_place.bad(
            "Lattice must hold 9 numbers and pbc three times T or F", "mend the comment line of this frame."
        )
    return (np.diag(lattice) if lattice.shape == (3,) else lattice.T).astype(float), pbc.astype(bool)


def _atom_line_error(block: Block, atom: int, refusal: str) -> Exception:
    words = block.atom_lines[atom].decode(errors="replace").split()
    if any(word.lower().lstrip("+-") in ("nan", "inf", "infinity") for word in words):
        return block.atom_place(atom).bad(f"atom {atom} holds NaN or inf", "mend or remove the frame.")
    problem = refusal.removeprefix("ERROR: ").replace(f"atom line {atom}", f"the line of atom {atom}")
    mend = "the columns must be those of Properties=…; does the count of this frame fit its atoms?"
    return block.atom_place(atom).bad(f"{problem} ({' '.join(words)[:60]!r})", mend)


def _parsed_by_ase(block: Block) -> Parsed:
    if "=" not in block.comment:
        return _plain_xyz(block)
    try:
        atoms = ase.io.read(io.StringIO(block.text(_without_empty_text(block.comment))), index=0, format="extxyz")
    except Exception as wrong:  # ase raises whatever its parser meets
        raise block.comment_place.bad(
            f"the comment line cannot be read as key=value pairs ({type(wrong).__name__}: {wrong})",
            "quote values that hold blanks, commas or brackets.",
        ) from wrong
    results = dict(atoms.calc.results) if atoms.calc else {}
    columns: dict[str, Any] = {"species": atoms.get_chemical_symbols(), "pos": atoms.positions, **atoms.arrays}
    columns.update({key: value for key, value in results.items() if key in ASE_COLUMNS})
    info = {key: "" if isinstance(value, str) and value == '""' else value for key, value in atoms.info.items()}
    info.update({key: value for key, value in results.items() if key not in columns})
    return Parsed(info, columns, atoms.cell.array, atoms.pbc)


def _plain_xyz(block: Block) -> Parsed:
    """Read a frame whose comment line is free text: symbols and positions, more columns are left alone."""
    symbols, positions = [], np.empty((block.n_atoms, 3))
    for atom, line in enumerate(block.atom_lines):
        words = line.decode(errors="replace").split()
        try:
            positions[atom] = [float(word) for word in words[1:4]]
        except ValueError:
            raise block.atom_place(atom).bad("symbol, x, y, z must stand here", "mend the line.") from None
        symbols.append(words[0])
    info = {"comment": block.comment.strip()} if block.comment.strip() else {}
    return Parsed(info, {"species": symbols, "pos": positions}, np.zeros((3, 3)), np.zeros(3, bool))


def _check_repeated_labels(stated: Sequence[tuple[str, str]], block: Block) -> None:
    """Raise where one label key stands twice with different values: parsers keep the last without a word."""
    seen: dict[str, str] = {}
    for key, text in stated:
        if key.lower() in LABEL_KEYS and seen.setdefault(key.lower(), text) != text:
            raise block.comment_place.bad(
                f"{key} stands twice with different values: {seen[key.lower()]} and {text}",
                "keep one of them, or give the other another prefix.",
            )


def _with_long_integers(stated: Sequence[tuple[str, str]], info: dict[str, Any]) -> dict[str, Any]:
    """Restore integers beyond 32 bits, which the C parser wraps around."""
    for key, text in stated:
        if len(text) > LONGEST_SAFE_INTEGER and key in info and INTEGER.fullmatch(text.strip('"')):
            info[key] = int(text.strip('"'))
    return info


def _frame(block: Block, parsed: Parsed) -> Frame:
    cell, pbc = checked_cell(parsed.cell, parsed.pbc)
    labels = take_labels(parsed.info, parsed.columns, cell)
    tags = parsed.tags(labels.used)
    return Frame(
        numbers=_numbers(parsed.columns),
        positions=checked_positions(_positions(parsed.columns), block.n_atoms),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=labels.forces_eV_per_A,
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags={**tags, **column_tags(parsed.columns, tags), **labels.notes},
        source_file=str(block.path),
        ordinal=block.frame,
    )


def _positions(columns: Mapping[str, Any]) -> FloatArray:
    for name in POSITION_COLUMNS:
        if name in columns:
            return np.asarray(columns[name], float)
    raise LabelDefect("Properties=… names no column for the positions: add pos:R:3")


def _numbers(columns: Mapping[str, Any]) -> IntArray:
    for name in SPECIES_COLUMNS:
        if name in columns:
            return numbers_of(columns[name])
    for name in NUMBER_COLUMNS:
        if name in columns:
            return checked_numbers(np.asarray(columns[name]))
    raise LabelDefect("Properties=… names no column for the elements: add species:S:1")

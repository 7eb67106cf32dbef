"""Extended xyz, plain or gzipped, through the C parser of libAtoms (package `extxyz`).

Frames of the usual layouts are read many at once (`extxyz_together`). What is left is read one by one, and means the
same: the parser is driven through `extxyz.cextxyz`, not through `extxyz.iread_dicts`, which drops the whole comment
line, labels and lattice included, where its grammar cannot take it (a bare word is enough). Such frames are read with
`ase.io` instead, whose grammar is wider. The parser opens no gzip: archives are unpacked to a temporary file.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import ase.io
import numpy as np
from extxyz import cextxyz

from sonde.datasets.readers.cells import checked_cell, checked_positions
from sonde.datasets.readers.compression import head_of, uncompressed
from sonde.datasets.readers.extxyz_columns import c_file, numbers_in, positions_in
from sonde.datasets.readers.extxyz_comment import Comment, KnownPairs
from sonde.datasets.readers.extxyz_together import Together
from sonde.datasets.readers.labels import LABEL_KEYS, LabelDefect, take_labels
from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.datasets.readers.text_blocks import Block, Cursor, Cut, blocks, cuts
from sonde.records.arrays import AnyArray, FloatArray
from sonde.records.frames import Frame, Tag

SMALLEST_PIECE, LARGEST_PIECE = 1 << 13, 1 << 18
"""Bytes read at once. They grow, so that what the first frames teach serves the others."""
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


class OneByOne:
    """Reads single frames wherever they stand, and names what is wrong with them."""

    def __init__(self, path: Path, handle: IO[bytes], parser_file: Any) -> None:
        self._path, self._handle, self._parser_file = path, handle, parser_file
        self._known = KnownPairs()

    def read(self, at: Cursor) -> "One | None":
        """Read the frame that begins here; None at the end of the file."""
        if self._handle.tell() != at.offset:
            self._handle.seek(at.offset)
        block = next(blocks(self._handle, self._path, at), None)
        if block is None:
            return None
        parsed = _parsed(block, self._parser_file, self._known)
        try:
            frame = _frame(block, parsed)
        except LabelDefect as defect:
            place = block.comment_place if defect.atom is None else block.atom_place(defect.atom)
            raise place.bad(str(defect), "mend or remove the frame.") from defect
        if parsed.comment is not None:
            self._known.keep(parsed.comment, frame.tags)
        after = Cursor(at.frame + 1, at.line + block.n_atoms + 2, self._handle.tell())
        return One(frame, after, parsed.comment is not None)


class One(NamedTuple):
    """A frame, where the next one begins, and whether its tags mean the same in all frames."""

    frame: Frame
    after: Cursor
    plain: bool


class ExtxyzReader:
    """Extended xyz with energies, forces, stress or virial, with or without the prefix REF_ or dft_."""

    name = "extxyz"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first line: a count."""
        return head.lstrip().split(b"\n", 1)[0].strip().lstrip(b"+-").isdigit()

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames of a file in order."""
        head_of(path)
        with uncompressed(path) as plain, plain.open("rb") as pieces, one_by_one(path, plain) as single:
            together, at, size = Together(path), Cursor(), SMALLEST_PIECE
            while True:
                pieces.seek(at.offset)
                found, after = cuts(pieces.read(size), at)
                size = min(2 * size, LARGEST_PIECE)
                if found:
                    yield from _frames(found, together, single)
                    at = after
                elif one := single.read(at):
                    yield one.frame
                    at = one.after
                else:
                    return


READER = ExtxyzReader()


@contextmanager
def one_by_one(path: Path, plain: Path) -> Iterator[OneByOne]:
    """Open a plain file for reading single frames; `path` is what errors name."""
    with c_file(plain) as parser_file, plain.open("rb") as handle:
        yield OneByOne(path, handle, parser_file)


def _frames(found: Sequence[Cut], together: Together, single: OneByOne) -> Iterator[Frame]:
    """Yield frames in order, at once where that is possible; a defect ends them at its own place."""
    for cut, frame in zip(found, together.read(found), strict=True):
        if frame is not None:
            yield frame
        elif one := single.read(cut.at):
            if one.plain:
                together.learn(cut, one.frame.tags)
            yield one.frame


def _parsed(block: Block, parser_file: Any, known: KnownPairs) -> Parsed:
    """Parse one whole frame with the C parser; where its grammar is too narrow for the comment line, with ase."""
    line = _without_empty_text(block.comment)
    comment = known.split(line)
    stated = KEY_VALUE.findall(block.comment) if comment is None else comment.special
    if comment is None or len({key.lower() for key, _ in stated}) < len(stated):
        _check_repeated_labels(stated, block)
    if cextxyz.cftell(parser_file) != block.offset:  # after a refusal; seeking every time would empty the buffer
        cextxyz.cfseek(parser_file, block.offset, 0)
    try:
        stands = comment.line if comment is not None else line
        _, info, columns = cextxyz.read_frame_dicts(parser_file, use_cleri=False, comment=stands)
    except cextxyz.ExtXYZError as refusal:
        atom = ATOM_LINE.search(str(refusal))
        if atom:
            raise _atom_line_error(block, int(atom[1]), str(refusal)) from refusal
        return _parsed_by_ase(block)
    except UnicodeDecodeError as wrong:  # in the words of a refusal
        raise _not_utf8(block) from wrong
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


def _not_utf8(block: Block) -> Exception:
    """Name the first atom line that is no UTF-8; the frame where the parser has cut a letter in two itself."""
    at_fault = (i for i, line in enumerate(block.atom_lines) if "\ufffd" in line.decode(errors="replace"))
    atom = next(at_fault, None)
    place = block.comment_place if atom is None else block.atom_place(atom)
    return place.bad("text below cannot be read" if atom is None else "the line is not UTF-8 text", "mend the atoms.")


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
        numbers=numbers_in(parsed.columns),
        positions=checked_positions(positions_in(parsed.columns), block.n_atoms),
        cell=cell,
        pbc=pbc,
        energy_eV=labels.energy_eV,
        forces_eV_per_A=labels.forces_eV_per_A,
        stress_eV_per_A3=labels.stress_eV_per_A3,
        tags={**tags, **column_tags(parsed.columns, tags), **labels.notes},
        source_file=str(block.path),
        ordinal=block.frame,
    )

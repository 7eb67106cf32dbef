"""Folders of runs of Quantum ESPRESSO (with neb.x), CP2K, FHI-aims and GPAW, and of VASP among them, read recursively.

Outputs are told by their content. The output of pw.x and the XML beside it (or in `*.save/` below) are one run where
each stands alone: the XML, which has more digits, gives the frames, and the output confirms them, adds what only it
says, or contradicts them among the defects. What cannot be read is named in the tag `left_out`, with its reason.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sonde.datasets.readers import (
    aims_output,
    ase_ulm,
    cp2k_output,
    gpaw_output,
    qe_neb,
    qe_output,
    qe_xml,
    vasp_folders,
)
from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.frame_folders import frame_files
from sonde.datasets.readers.protocol import Place, Reader
from sonde.datasets.readers.run_outputs import RunOutput, confirmed, opened_output, told_what_is_left_out
from sonde.datasets.readers.shards import natural_order
from sonde.errors import BadInput
from sonde.records.frames import Frame, Tag

BEST_FIRST: tuple[Reader, ...] = (
    qe_xml.READER,
    qe_output.READER,
    cp2k_output.READER,
    aims_output.READER,
    gpaw_output.READER,
    qe_neb.READER,
)
CONTAINERS: Reader = ase_ulm.READER
"""Trajectories, which are read where the folder holds no output: they repeat it."""
SUFFIXES = (".out", ".log", ".txt", ".xml", ".pwo", ".output", ".traj", ".gpw")
PACKED = (".gz", ".bz2")
SAVED = ".save"
SAME_CELL_A = 2e-4
SAME_ENERGY_EV = 1e-5
"""Outputs of one run agree to the digits that are printed; another run of the same input does not."""


class RunFolderReader:
    """A folder of runs of several codes, with folders inside it."""

    name = "run_folder"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - a folder has none
        """Tell by the first bytes of the files below."""
        return path.is_dir() and any(_reader_of(folder / name) for folder, names in _folders(path) for name in names)

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames of each run, folder by folder; what holds none is named on a frame beside it."""
        left_out: list[str] = []
        found = told_what_is_left_out(_frames(path, left_out), left_out)
        first = next(found, None)
        if first is None:
            raise Place(path).bad(
                f"no run in this folder holds a frame: {'; '.join(left_out) or 'there are none'}",
                "name a folder that holds outputs of pw.x, CP2K, FHI-aims or GPAW.",
            )
        yield first
        yield from found


READER = RunFolderReader()


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield folders and the names in them that outputs have; a folder `*.save` counts with the one it is in."""
    for where, inside, files in os.walk(root):
        folder = Path(where)
        saved = [name for name in inside if name.endswith(SAVED)]
        inside[:] = sorted((n for n in inside if not n.startswith(".") and n not in saved), key=natural_order)
        below = [f"{name}/{file.name}" for name in saved for file in (folder / name).glob("data-file-schema.xml*")]
        names = sorted([*(name for name in files if _is_candidate(name)), *below], key=natural_order)
        if names:
            yield folder, names


def _is_candidate(name: str) -> bool:
    for packed in PACKED:
        name = name.removesuffix(packed)
    return name.endswith(SUFFIXES) and not vasp_folders.is_output(name)


def _reader_of(path: Path) -> Reader | None:
    """Return the reader that claims a file by its content."""
    try:
        head = first_bytes(path)
        return next((reader for reader in (*BEST_FIRST, CONTAINERS) if reader.claims(path, head)), None)
    except (BadInput, OSError):
        return None


def _frames(root: Path, left_out: list[str]) -> Iterator[Frame]:
    if vasp_folders.READER.claims(root, b""):
        yield from vasp_folders.READER.read(root)
    left_out += [
        f"{file.relative_to(root).as_posix()}: a file of frames, not of a run" for file in _frames_beside(root)
    ]
    for folder, names in _folders(root):
        where = folder.relative_to(root).as_posix()
        runs = _runs(list(_outputs(folder, names, where, left_out)))
        for number, outputs in enumerate(runs):
            tags: dict[str, Tag] = {"folder": where, **_role(where), **_which(outputs, number, len(runs))}
            others = _words_of_others(outputs)
            try:
                for frame in confirmed(outputs):
                    yield replace(frame, tags={**frame.tags, **tags, **_course(frame, outputs, others)})
            except BadInput as wrong:
                left_out.append(f"{where}/{outputs[0].path.name} from {wrong.place or 'here'} on: {wrong.problem}")


def _frames_beside(root: Path) -> Iterator[Path]:
    """List the sets in extended xyz that lie among runs: frames of runs, or of something else, nobody can say."""
    for file in frame_files(root, (".xyz", ".extxyz")):
        if b"Properties=" in first_bytes(file):
            yield file


def _outputs(folder: Path, names: Sequence[str], where: str, left_out: list[str]) -> Iterator[RunOutput]:
    """Open the outputs of a folder as far as their first frame; trajectories only where there is nothing else."""
    known = [(name, reader) for name in names if (reader := _reader_of(folder / name)) is not None]
    outputs = [(name, reader) for name, reader in known if reader is not CONTAINERS]
    for name in names:
        path = folder / name
        if path.stat().st_size == 0 and all(name != other for other, _ in known):
            left_out.append(f"{where}/{name}: the file is empty")
    for name, reader in outputs or known:
        try:
            rank = BEST_FIRST.index(reader) if reader in BEST_FIRST else len(BEST_FIRST)
            yield opened_output(folder / name, reader.read(folder / name), rank)
        except (BadInput, OSError) as wrong:
            left_out.append(f"{where}/{name}: {wrong.problem if isinstance(wrong, BadInput) else wrong}")


def _runs(outputs: Sequence[RunOutput]) -> list[list[RunOutput]]:
    """Put the one output of pw.x in a folder with the one XML, if they are of one run; all others are runs alone."""
    xml = [output for output in outputs if output.rank == BEST_FIRST.index(qe_xml.READER)]
    text = [output for output in outputs if output.rank == BEST_FIRST.index(qe_output.READER)]
    if len(xml) == len(text) == 1 and _begin_alike(xml[0].first, text[0].first):
        together = sorted([*xml, *text], key=lambda output: (output.first.forces_eV_per_A is None, output.quality))
        return [together, *([output] for output in outputs if output not in together)]
    return [[output] for output in outputs]


def _begin_alike(a: Frame, b: Frame) -> bool:
    """Tell whether two outputs begin with the same calculation; one without an energy cannot say otherwise."""
    if a.numbers.tolist() != b.numbers.tolist() or not np.allclose(a.cell, b.cell, rtol=0, atol=SAME_CELL_A):
        return False
    return a.energy_eV is None or b.energy_eV is None or abs(a.energy_eV - b.energy_eV) < SAME_ENERGY_EV


def _words_of_others(outputs: Sequence[RunOutput]) -> tuple[str, ...]:
    """Return what is odd with the further outputs of a run, each with its name."""
    said = ((output.path.name, output.first.tags.get("defects")) for output in outputs[1:])
    return (*(f"{name}: {words}" for name, words in said if words), *_units_of_u(outputs))


def _units_of_u(outputs: Sequence[RunOutput]) -> tuple[str, ...]:
    """Say that the two files of a run of pw.x hold U in two units: who reads them by hand should know."""
    if len(outputs) < 2 or outputs[0].first.tags.get("hubbard_u") in (None, "none"):
        return ()
    xml, text = sorted(outputs, key=lambda output: output.rank)[:2]
    return (f"U is written in Hartree in {xml.path.name}, in eV in {text.path.name} (converted)",)


def _course(frame: Frame, outputs: Sequence[RunOutput], others: Sequence[str]) -> dict[str, Tag]:
    """Let the further outputs speak: a run that one of them shows to be cut off was."""
    tags: dict[str, Tag] = {}
    if any(output.first.tags.get("run_complete") is False for output in outputs):
        tags["run_complete"] = False
    if others:
        tags["defects"] = "; ".join([*([str(frame.tags["defects"])] if frame.tags.get("defects") else []), *others])
    return tags


def _which(outputs: Sequence[RunOutput], number: int, n_runs: int) -> dict[str, Tag]:
    """Number the runs of a folder, unless a file holds several of its own."""
    return {"run": number, "runs": n_runs} if n_runs > 1 and outputs[0].n_runs == 1 else {}


def _role(where: str) -> dict[str, Tag]:
    """Name the snapshot that a run is, by its folder."""
    name = where.rpartition("/")[2]
    return {"folder_role": name} if vasp_folders.SNAPSHOT.match(name) else {}

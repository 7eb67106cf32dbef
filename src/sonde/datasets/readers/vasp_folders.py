"""Folders of VASP runs, read recursively: of each run its best output, the others to confirm it.

Outputs of one folder belong to one run if they say that it began at the same time, or, where they do not say, if they
are kept under the same suffix. Best is what its code finished writing, then vaspout.h5, vasprun.xml, OUTCAR: the number
of digits falls in that order. What only another output says (moments, hashes, convergence) is added, and what another
contradicts stands among the defects. Snapshots such as `run_v2/`, `final/` or OUTCAR.relax1 are frames like others; the
tags folder, folder_role and started say which they are.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sonde.datasets.readers import vasp_h5, vasp_outcar, vasp_xml
from sonde.datasets.readers.compression import first_bytes
from sonde.datasets.readers.protocol import Place, Reader
from sonde.datasets.readers.run_outputs import SETTINGS, RunOutput, confirmed, opened_output, told_what_is_left_out
from sonde.datasets.readers.shards import natural_order
from sonde.datasets.readers.vasp_inputs import kept_as
from sonde.errors import BadInput
from sonde.records.frames import Frame, Tag

BEST_FIRST: tuple[Reader, ...] = (vasp_h5.READER, vasp_xml.READER, vasp_outcar.READER)
OUTPUT = re.compile(r"(?:OUTCAR|vasprun\.xml|vaspout\.h5)(?:[._-]\w+)*$")
PACKED = (".gz", ".bz2")
SNAPSHOT = re.compile(
    r"(?i)(?:.*[_.-])?(?:v\d+|run(?:[_-]?v?\d+)?|final|relax\w*|static|scf|old|bak|backup|prev\w*|copy|restart\w*|cont\w*)$"
)
"""Names of folders that tell one state of a run from another; numbers alone are names of structures."""


class VaspFolderReader:
    """A folder of VASP runs, with folders inside it."""

    name = "vasp_folder"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - a folder has none
        """Tell by the names of the files below."""
        return path.is_dir() and next(_folders(path), None) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield the frames of each run, folder by folder; outputs that hold none are named on a frame beside them."""
        left_out: list[str] = []
        found = told_what_is_left_out(_frames(path, left_out), left_out)
        first = next(found, None)
        if first is None:
            raise Place(path).bad(
                f"no run in this folder holds a frame: {'; '.join(left_out) or 'there are none'}",
                "name a folder that holds an OUTCAR, vasprun.xml or vaspout.h5.",
            )
        yield first
        yield from found


READER = VaspFolderReader()


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folders that hold outputs, with the names of these, in natural order; links are not followed."""
    for folder, inside, files in os.walk(root):
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=natural_order)
        outputs = sorted((name for name in files if is_output(name)), key=natural_order)
        if outputs:
            yield Path(folder), outputs


def is_output(name: str) -> bool:
    """Tell an output of VASP by its name, "OUTCAR.relax1.gz"; copies of editors ("OUTCAR~") are none."""
    for packed in PACKED:
        name = name.removesuffix(packed)
    return OUTPUT.search(name) is not None


def _frames(root: Path, left_out: list[str]) -> Iterator[Frame]:
    for folder, names in _folders(root):
        where = folder.relative_to(root).as_posix()
        runs = _runs(list(_outputs(folder, names, where, left_out)))
        odd = _contradictions(runs)
        for number, outputs in enumerate(runs):
            tags: dict[str, Tag] = {"folder": where, **_role(where, outputs[0])}
            if len(runs) > 1:
                tags |= {"run": number, "runs": len(runs)}
            for frame in _until_bad(confirmed(outputs), outputs[0], where, left_out):
                yield _tagged(frame, tags, odd)


def _outputs(folder: Path, names: list[str], where: str, left_out: list[str]) -> Iterator[RunOutput]:
    """Open the outputs of a folder as far as their first frame; those that have none are left out."""
    for name in names:
        path = folder / name
        try:
            head = first_bytes(path)
            reader = next((reader for reader in BEST_FIRST if reader.claims(path, head)), None)
            if reader is None:
                problem = "is no output of VASP" if head.strip() else "the file is empty"
                left_out.append(f"{where}/{name}: {problem}")
            else:
                yield opened_output(path, reader.read(path), BEST_FIRST.index(reader))
        except (BadInput, OSError) as wrong:
            left_out.append(f"{where}/{name}: {wrong.problem if isinstance(wrong, BadInput) else wrong}")


def _until_bad(frames: Iterator[Frame], output: RunOutput, where: str, left_out: list[str]) -> Iterator[Frame]:
    """Yield frames up to one that cannot be taken."""
    try:
        yield from frames
    except BadInput as wrong:
        left_out.append(f"{where}/{output.path.name} from {wrong.place or 'here'} on: {wrong.problem}")


def _runs(outputs: list[RunOutput]) -> list[list[RunOutput]]:
    """Sort outputs into runs, the best of each first; the runs by when they began."""
    runs: list[list[RunOutput]] = []
    for output in sorted(outputs, key=lambda output: output.quality):
        own = next((run for run in runs if _same_run(run[0], output)), None)
        if own is None:
            runs.append([output])
        else:
            own.append(output)
    return sorted(runs, key=lambda run: (run[0].started or "", natural_order(run[0].path.name)))


def _same_run(a: RunOutput, b: RunOutput) -> bool:
    if a.started is None or b.started is None:
        return kept_as(a.path.name) == kept_as(b.path.name)
    return a.started == b.started or a.started in _all_starts(b) or b.started in _all_starts(a)


def _all_starts(output: RunOutput) -> frozenset[str]:
    """Return when the runs in an OUTCAR began to which several were appended."""
    several = output.n_runs > 1 and output.first.tags.get("source_format") == "OUTCAR"
    return vasp_outcar.outcar_starts(output.path) if several else frozenset()


def _contradictions(runs: list[list[RunOutput]]) -> tuple[str, ...]:
    """Name the settings in which the runs of one folder differ; runs that follow one another share theirs."""
    firsts = [run[0].first for run in runs]
    of_one_system = len({frozenset(frame.numbers.tolist()) for frame in firsts}) == 1
    telling = SETTINGS if of_one_system else [key for key in SETTINGS if key != "pseudopotential"]
    keys = [key for key in telling if len({frame.tags[key] for frame in firsts if key in frame.tags}) > 1]
    return (f"{len(runs)} runs in one folder differ in {', '.join(keys)}",) if keys else ()


def _role(where: str, output: RunOutput) -> dict[str, Tag]:
    """Name the snapshot that a run is, by its folder and by the suffix of its files: "run_v2", "final/relax1"."""
    folder = where.rpartition("/")[2]
    parts = [folder if SNAPSHOT.match(folder) else "", kept_as(output.path.name).strip("._-")]
    role = "/".join(part for part in parts if part)
    return {"folder_role": role} if role else {}


def _tagged(frame: Frame, tags: dict[str, Tag], odd: tuple[str, ...]) -> Frame:
    if frame.tags.get("runs", 1) != 1:
        tags = {key: value for key, value in tags.items() if key not in ("run", "runs")}  # appended in one file
    defects = [text for text in (frame.tags.get("defects"), *odd) if text]
    more: dict[str, Tag] = {"defects": "; ".join(map(str, defects))} if defects else {}
    return replace(frame, tags={**frame.tags, **tags, **more})

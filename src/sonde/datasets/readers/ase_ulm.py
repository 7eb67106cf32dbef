"""ASE trajectories (*.traj) and GPAW's restart files (*.gpw), which share ASE's container "Ulm".

Both hold JSON and arrays, and are read as rows of an ASE database are: eV, eV/Å, stress in eV/Å³, positive under
tension. `energy` is extrapolated to no smearing; where the free energy differs, the tag `energy_kind` says so. GPAW's
energies are relative to the reference atoms of its setups.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from ase.io.ulm import InvalidULMFileError, Reader

from sonde.datasets.readers.ase_rows import placed_frame
from sonde.datasets.readers.compression import first_bytes, uncompressed
from sonde.datasets.readers.protocol import Place
from sonde.records.frames import Frame

MAGIC = b"- of Ulm"
TAGS = {b"ASE-Trajectory": "ASE trajectory", b"GPAW": "GPAW restart file"}
RESULTS = ("energy", "free_energy", "forces", "stress", "magmoms")
NAMES: Mapping[str, str] = {
    "aims": "FHI-aims",
    "cp2k": "CP2K",
    "espresso": "Quantum ESPRESSO",
    "gpaw": "GPAW",
    "vasp": "VASP",
}
"""What ASE's calculators are called elsewhere."""
DAMAGES = (InvalidULMFileError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, MemoryError)


class AseUlmReader:
    """ASE trajectories and GPAW restart files."""

    name = "ase_ulm"

    def claims(self, path: Path, head: bytes) -> bool:  # noqa: ARG002 - the content decides
        """Tell by the first bytes and the tag that follows them."""
        return _kind(head) is not None

    def read(self, path: Path) -> Iterator[Frame]:
        """Yield one frame per image of a trajectory; a restart file holds one."""
        kind = _kind(first_bytes(path))
        if kind is None:
            raise Place(path).bad("this is no trajectory of ASE and no restart file of GPAW", "was it written whole?")
        with uncompressed(path) as plain, plain.open("rb") as handle:
            container = _opened(handle, path)
            images = _images(container, path) if kind == TAGS[b"ASE-Trajectory"] else _restart(container, path)
            for ordinal, row in enumerate(images):
                yield placed_frame(row, Place(path, ordinal))


READER = AseUlmReader()


def _kind(head: bytes) -> str | None:
    return TAGS.get(head[8:24].rstrip()) if head.startswith(MAGIC) else None


def _opened(handle: IO[bytes], path: Path) -> Any:
    try:
        return Reader(handle)
    except DAMAGES as wrong:
        raise _damaged(Place(path), wrong) from wrong


def _damaged(place: Place, wrong: Exception) -> Exception:
    return place.bad(f"the file is truncated or damaged ({type(wrong).__name__}: {wrong})", "copy the file again.")


def _images(container: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Read the images one by one; those after the first leave out what did not change."""
    first: dict[str, Any] = {}
    if not len(container):
        raise Place(path).bad("the trajectory is empty", "was it written completely?")
    for number in range(len(container)):
        try:
            image = _plain(container[number].asdict())
        except DAMAGES as wrong:
            raise _damaged(Place(path, number), wrong) from wrong
        first = first or image
        yield _row({key: first.get(key) for key in ("numbers", "pbc")} | image)


def _row(image: Mapping[str, Any]) -> dict[str, Any]:
    """Sort an image into the columns of a row."""
    calculator = image.get("calculator")
    calculator = calculator if isinstance(calculator, Mapping) else {}
    name = str(calculator.get("name") or "")
    info = image.get("info")
    return {
        **{key: image.get(key) for key in ("numbers", "positions", "cell", "pbc")},
        **{key: calculator[key] for key in RESULTS if calculator.get(key) is not None},
        "calculator": NAMES.get(name, name),
        "calculator_parameters": calculator.get("parameters") or {},
        "key_value_pairs": info if isinstance(info, Mapping) else {},
    }


def _restart(container: Any, path: Path) -> Iterator[dict[str, Any]]:
    """Read atoms, results and parameters; wave functions and densities are passed over."""
    try:
        atoms, results = _plain(container.atoms.asdict()), _plain(container.results.asdict())
        parameters, version = _plain(container.parameters.asdict()), str(container.gpaw_version)
    except DAMAGES as wrong:
        raise _damaged(Place(path), wrong) from wrong
    row = _row({**atoms, "calculator": {**results, "name": "gpaw", "parameters": parameters}})
    row["key_value_pairs"] = {"code_version": version}
    yield row


def _plain(values: Any) -> dict[str, Any]:
    """Turn nested readers into dicts."""
    return {key: _plain(value.asdict()) if isinstance(value, Reader) else value for key, value in values.items()}

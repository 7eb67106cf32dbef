"""The readers, and the choice among them by content."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from sonde.datasets.readers import (
    aims_output,
    ase_db,
    ase_json,
    ase_ulm,
    aselmdb,
    cp2k_output,
    deepmd_npy,
    extxyz,
    frame_folders,
    gpaw_output,
    mace_hdf5,
    mptrj_json,
    mtp_cfg,
    parquet,
    qe_neb,
    qe_output,
    qe_xml,
    run_folders,
    runner_data,
    structures_json,
    vasp_folders,
    vasp_h5,
    vasp_outcar,
    vasp_xml,
)
from sonde.datasets.readers.compression import first_bytes, head_of
from sonde.datasets.readers.protocol import Place, Reader
from sonde.errors import NotFound
from sonde.records.frames import Frame

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        ase_db.READER,
        ase_json.READER,
        aselmdb.READER,
        mptrj_json.READER,
        parquet.READER,
        cp2k_output.READER,
        aims_output.READER,
        gpaw_output.READER,
        ase_ulm.READER,
        qe_neb.READER,
        qe_output.READER,
        qe_xml.READER,
        deepmd_npy.READER,
        mace_hdf5.READER,
        mtp_cfg.READER,
        runner_data.READER,
        extxyz.READER,
        run_folders.READER,  # takes VASP's runs among those of others
        vasp_h5.READER,
        vasp_folders.READER,
        vasp_outcar.READER,
        vasp_xml.READER,
        structures_json.READER,  # claims every JSON, so comes last
    )
}
FRAME_FOLDER: Reader = frame_folders.FrameFolderReader(tuple(READERS.values()))
"""Asked last: it takes the folders that no other reader does."""
READERS[FRAME_FOLDER.name] = FRAME_FOLDER
ENTRY_POINTS = "sonde.readers"


@cache
def _third_party() -> dict[str, Reader]:
    """Load readers that other packages install under the entry point group `sonde.readers`."""
    return {point.name: point.load() for point in entry_points(group=ENTRY_POINTS) if point.name not in READERS}


def readers() -> dict[str, Reader]:
    """Return all readers by name, those of other packages first: who installs one wants it used."""
    return {**_third_party(), **READERS}


def reader_names() -> tuple[str, ...]:
    """List the formats that can be read."""
    return tuple(sorted(readers()))


def reader_for(path: Path) -> Reader:
    """Return the first reader that claims a file or folder by its path and first bytes."""
    head = first_bytes(path)
    for reader in readers().values():
        if reader.claims(path, head):
            return reader
    if path.is_dir():
        raise Place(path).bad("this is a folder that no reader knows", "name the files in it one by one.")
    head_of(path)  # says it where the file is empty or no text
    raise Place(path).bad(
        f"no reader knows this format; it begins with {head[:40].decode(errors='replace')!r}",
        f"formats: {', '.join(reader_names())}. Convert it with ase, or install a reader (entry point {ENTRY_POINTS}).",
    )


def read_frames(path: Path | str, reader: str | None = None) -> Iterator[Frame]:
    """Yield the frames of a file one by one, ordinals from 0, labels as None where the file has none.

    Parameters
    ----------
    reader : name of a reader; without it the content decides.

    Raises
    ------
    BadInput : the file cannot be taken as it is; file, frame and line are named.
    """
    path = Path(path)
    if reader is None:
        return reader_for(path).read(path)
    known = readers()
    if reader not in known:
        raise NotFound("reader", reader, known)
    return known[reader].read(path)

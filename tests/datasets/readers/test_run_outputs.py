"""Outputs of runs of all codes: what of the real files is read, what cannot break a reader, and what holds for all."""

import random
import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sonde.datasets.readers import read_frames, readers, write_extxyz
from sonde.datasets.surfaces import surface_of
from sonde.errors import BadInput
from sonde.records.frames import Frame

OUTPUTS = "dft_outputs"
GPAW = Path(__file__).parent / "gpaw"
SAMPLES = {
    "qe_output": "nomad/quantumespresso/TiO2_opt/pw.out",
    "qe_xml": "aiida_qe_pw/default_xml_230310/data-file-schema.xml",
    "cp2k_output": "nomad/cp2k/molecular_dynamics/H2O-32.out",
    "aims_output": "nomad/fhiaims/HO_md/H2O_periodic_MD.out",
    "gpaw_output": "",
}
READ = {
    "pw.x output": (41, 124),
    "pw.x XML": (43, 107),
    "CP2K output": (5, 27),
    "FHI-aims output": (4, 8),
    "refused": (67, 0),
}
"""Kind of file → real files that give frames, and their frames. Refused are 14 empty outputs, 12 that hold an error and
no run, 8 whose editors took the geometries out, 25 files CRASH, 6 of XML that are cut, old or no XML, 2 licences."""
NO_OUTPUTS = (".md", ".in", ".inp", ".xyz", ".ener", ".restart", ".txt")
FILLERS = (b"nan", b"inf", b"********", b"-1", b"1e999", b"0", b"9" * 30, b"", b"\xff\xfe", b"Xx", b"\n", b"1" * 400)
N_MUTANTS = 25
ENERGY_KINDS = {"free energy", "sigma to 0"}


def sample(name: str, shared_data: Path) -> Path:
    return shared_data / OUTPUTS / SAMPLES[name] if SAMPLES[name] else GPAW / "al2_relaxation.txt"


def test_how_much_of_the_real_files_is_read(shared_data: Path) -> None:
    """Files that hold a geometry with its calculation are read; the others are refused."""
    files, frames = Counter[str](), Counter[str]()
    for path in sorted((shared_data / OUTPUTS).rglob("*")):
        if path.is_dir() or "vasp" in str(path) or path.suffix in NO_OUTPUTS:
            continue
        found = _frames_or_none(path)
        source = str(found[0].tags.get("source_format")) if found else "refused"
        files[source] += 1
        frames[source] += len(found)
    assert {source: (files[source], frames[source]) for source in READ} == READ


def _frames_or_none(path: Path) -> list[Frame]:
    try:
        return list(read_frames(path))
    except BadInput:
        return []


@pytest.mark.parametrize("name", SAMPLES)
def test_energies_say_of_which_kind_they_are(name: str, shared_data: Path) -> None:
    frames = list(read_frames(sample(name, shared_data)))
    assert {frame.tags["energy_kind"] for frame in frames} <= ENERGY_KINDS
    assert all(frame.energy_eV is not None for frame in frames)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_level_of_theory_is_stated_in_the_surfaces_words(name: str, shared_data: Path) -> None:
    frame = next(read_frames(sample(name, shared_data)))
    fields = {field.partition("[")[0] for field in surface_of(frame)}
    stated = {"code", "code_version", "functional", "hubbard_u", "pseudopotential", "dispersion", "spin_orbit"}
    assert stated | {"kpoints", "smearing", "spin_polarized"} <= fields


@pytest.mark.parametrize("n_bytes", [1021, 1022, 1023, 2046])
def test_tags_of_any_length_survive_extended_xyz(n_bytes: int, tmp_path: Path) -> None:
    """The C parser refuses comment lines of 1022, 2046 … bytes; the reader then takes another, which keeps quotes."""
    frame = next(read_frames(GPAW / "al2_relaxation.txt"))
    path = tmp_path / "long.xyz"
    write_extxyz(path, [frame])
    missing = n_bytes - len(path.read_bytes().split(b"\n")[1])
    write_extxyz(path, [replace(frame, tags={**frame.tags, "remark": "a" * (missing - len(" remark="))})])
    assert len(path.read_bytes().split(b"\n")[1].rstrip()) == n_bytes
    (again,) = read_frames(path)
    assert {key: again.tags[key] for key in frame.tags} == dict(frame.tags)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_damage_breaks_a_reader(name: str, shared_data: Path, tmp_path: Path) -> None:
    """A file that was changed at random is read, or refused; what is read is made of numbers."""
    whole = sample(name, shared_data).read_bytes()
    chance = random.Random(7)
    words = [word.span() for word in re.finditer(rb"\S+", whole[:40_000])]
    mutant = tmp_path / "mutant.out"
    for number in range(N_MUTANTS):
        mutant.write_bytes(_damaged(whole, words, chance, kind=number % 4))
        with suppress(BadInput):
            for frame in readers()[name].read(mutant):
                assert np.isfinite(frame.positions).all()
                assert frame.energy_eV is None or np.isfinite(frame.energy_eV)


def _damaged(whole: bytes, words: list[tuple[int, int]], chance: random.Random, kind: int) -> bytes:
    """Put something else for some words; cut the end off; cut a part out; change bytes."""
    changed = bytearray(whole)
    if kind == 0:
        for _ in range(5):
            start, end = chance.choice(words)
            changed[start:end] = chance.choice(FILLERS)
    elif kind == 1:
        del changed[chance.randrange(len(changed)) :]
    elif kind == 2:
        start = chance.randrange(len(changed))
        del changed[start : start + chance.randrange(5000)]
    else:
        for _ in range(20):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)

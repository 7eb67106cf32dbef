"""Files that no command can take: each function writes one into a folder and returns its path."""

import json
import pickle
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from sonde.sample_lab.extxyz import extxyz_text
from sonde.sample_lab.frames import sample_frames

N_ATOMS = 4
LINES_PER_FRAME = N_ATOMS + 2
MIB = 1024**2


def good_lines(n_frames: int = 3) -> list[str]:
    """Lines of an extended xyz file of four-atom cells."""
    return extxyz_text(sample_frames()[:n_frames]).splitlines()


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def truncated_xyz(folder: Path) -> Path:
    return written(folder / "truncated.xyz", good_lines()[:-2])


def nan_forces(folder: Path) -> Path:
    lines = good_lines()
    at = LINES_PER_FRAME + 3  # second atom of frame 1
    lines[at] = lines[at].rsplit(maxsplit=1)[0] + " nan"
    return written(folder / "nan_forces.xyz", lines)


def missing_column(folder: Path) -> Path:
    lines = good_lines()
    at = 2 * LINES_PER_FRAME + 2  # first atom of frame 2
    lines[at] = " ".join(lines[at].split()[:-1])
    return written(folder / "missing_column.xyz", lines)


def wrong_count(folder: Path) -> Path:
    """The first frame announces one atom fewer than it holds."""
    lines = good_lines()
    lines[0] = str(N_ATOMS - 1)
    return written(folder / "wrong_count.xyz", lines)


def unknown_element(folder: Path) -> Path:
    lines = good_lines()
    at = LINES_PER_FRAME + 2
    lines[at] = "Xy" + lines[at][2:]
    return written(folder / "unknown_element.xyz", lines)


def records(path: Path, forces: list[list[float]]) -> Path:
    """Two pymatgen-style records of two sites; the second has the forces given."""
    sites = [{"species": [{"element": "Al", "occu": 1}], "xyz": [0, 0, z]} for z in (0, 2)]
    record = {"structure": {"lattice": {"matrix": (4 * np.eye(3)).tolist()}, "sites": sites}, "energy": -1.0}
    path.write_text(json.dumps([record, record | {"forces": forces}]), encoding="utf-8")
    return path


def forces_too_short(folder: Path) -> Path:
    return records(folder / "forces_too_short.json", [[0.0, 0.0, 0.0]])


def nan_record(folder: Path) -> Path:
    return records(folder / "nan_record.json", [[0.0, 0.0, 0.0], [0.0, np.nan, 0.0]])


def empty_file(folder: Path, name: str = "empty.xyz") -> Path:
    (folder / name).touch()
    return folder / name


def slack_export(path: Path, days: dict[str, str]) -> Path:
    """A Slack export with one channel; `days` maps names of members to their text."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as export:
        export.writestr("channels.json", json.dumps([{"id": "C1", "name": "curation"}]))
        for name, text in days.items():
            export.writestr(name, text)
    return path


GOOD_DAY = json.dumps([{"type": "message", "user": "U1", "text": "we cap forces at 5", "ts": "1728400000.000100"}])


def slack_with_traversal(folder: Path) -> Path:
    days = {"curation/2024-10-08.json": GOOD_DAY, "../../escaped.json": "[]"}
    return slack_export(folder / "traversal.zip", days)


def slack_bomb(folder: Path) -> Path:
    return slack_export(folder / "bomb.zip", {"curation/2024-10-08.json": " " * (8 * MIB) + "[]"})


def slack_day_without_json(folder: Path) -> Path:
    days = {"curation/2024-10-08.json": GOOD_DAY, "curation/2024-10-09.json": "<html>Sign in</html>"}
    return slack_export(folder / "not_json.zip", days)


def slides_bomb(folder: Path) -> Path:
    path = folder / "bomb.pptx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ppt/media/image1.bmp", b"\0" * (8 * MIB))
    return path


def mbox_with_headless_mail(folder: Path) -> Path:
    """The second message is bytes without From, Subject or Date."""
    good = "From a@b Tue Oct  8 09:00:00 2024\nFrom: a@b\nSubject: forces\nMessage-ID: <1@b>\n\nWe cap forces.\n\n"
    path = folder / "headless.mbox"
    path.write_bytes(good.encode() + b"From x Tue Oct  8 09:00:00 2024\nX-Junk: 1\n\n\xff\xfe\xe9\n")
    return path


def mail_with_impossible_charset(folder: Path) -> Path:
    """The codec `undefined` exists in Python and refuses every byte."""
    path = folder / "undefined.eml"
    head = (
        b'From: a@b\nSubject: cut\nMessage-ID: <2@b>\nMIME-Version: 1.0\nContent-Type: text/plain; charset="undefined"'
    )
    path.write_bytes(head + b"\nContent-Transfer-Encoding: 8bit\n\nWe cap \xe9\n")
    return path


def repository_without_commits(folder: Path) -> Path:
    path = folder / "unborn"
    subprocess.run(["git", "init", "--quiet", "--template=", str(path)], check=True)
    return path


def latin1_notes(folder: Path) -> Path:
    path = folder / "notes.md"
    path.write_bytes("# Meeting\n\nWe cap the force, sagt Jürgen.\n".encode("latin-1"))
    return path


# ---- checkpoints -----------------------------------------------------------------------------------------------------


def torch_state_dict(folder: Path) -> Path:
    """Weights of some other network: it loads safely, and is no MACE."""
    import torch

    path = folder / "resnet.pt"
    torch.save({"layer.weight": torch.zeros(3, 3), "layer.bias": torch.zeros(3)}, path)
    return path


def some_npz(folder: Path) -> Path:
    path = folder / "descriptors.npz"
    np.savez(path, descriptors=np.zeros((3, 4)))
    return path


class Planted:
    """Unpickling it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def mark_of(checkpoint: Path) -> Path:
    """The file that a planted pickle makes when it is executed."""
    return checkpoint.with_suffix(".executed")


def planted_pickle(folder: Path) -> Path:
    """A bare pickle, as old trainers write."""
    path = folder / "bare.model"
    path.write_bytes(pickle.dumps(Planted(mark_of(path))))
    return path


def planted_torch_pickle(folder: Path) -> Path:
    """A pickled model in the archive that torch.save writes."""
    import torch

    path = folder / "trained.model"
    torch.save(Planted(mark_of(path)), path)
    return path


def planted_npz(folder: Path) -> Path:
    """An .npz whose header is a pickled object."""
    path = folder / "planted.npz"
    np.savez(path, header=np.array([Planted(mark_of(path))], dtype=object))
    return path

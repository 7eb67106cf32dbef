"""What people wrote in code."""

import pytest

from sonde.decisions.sources.comments import comments
from sonde.decisions.sources.remarks import has_remarks, remarks, words_in_code

PYTHON = '''# Copyright 2020 A. Author: all rights of this licence are reserved
import os


def unwrap(frame):
    """Undo periodic wrapping, since the mean position of a wrapped atom says nothing.

    frame: as read.
    """
    # Cells of old files are left-handed,
    # which spglib refuses.
    frame = flip(frame)
    # frame = flip(frame); frame.cell[0] = frame.cell[1]
    return mended(frame)  # the caller may keep its own copy

# noqa: because of a very long line here
'''


def told(text: str, path: str = "cells.py") -> list[tuple[int, str]]:
    return [(part.line, part.text) for part in remarks(text, path)]


def test_remarks_are_comments_with_the_line_below_and_docstrings_with_the_line_above() -> None:
    found = dict(told(PYTHON))
    assert found[10].endswith("which spglib refuses.\nframe = flip(frame)")
    assert found[5].startswith('def unwrap(frame):\n    """Undo periodic')
    assert found[14] == "return mended(frame)  # the caller may keep its own copy"


def test_licences_notes_to_programs_and_switched_off_code_are_no_remarks() -> None:
    assert len(told(PYTHON)) == 3


def test_a_remark_stands_verbatim_in_its_file() -> None:
    squeezed = " ".join(PYTHON.split())
    assert all(" ".join(text.split()) in squeezed for _, text in told(PYTHON))


def test_long_docstrings_are_cut_at_empty_lines() -> None:
    paragraph = "Because the grid is coarse we " + "average " * 60 + "twice."
    text = f'"""{paragraph}\n\n{paragraph}\n\n{paragraph}\n"""\n'
    assert [line for line, _ in told(text)] == [1, 3, 5]


def test_other_languages() -> None:
    assert told("int f();\n// the buffer is padded so that loads are aligned\nint n = 8;\n", "pair.cpp") == [
        (2, "// the buffer is padded so that loads are aligned\nint n = 8;")
    ]
    assert told("/* Newton's third law is off\n   because images differ */\n", "pair.h")[0][0] == 1
    assert told("  ! stress is symmetrised for want of a better idea\n", "md.f90")[0][0] == 1
    assert told("-- retried, as the scheduler forgets jobs at night\n", "queue.lua")[0][0] == 1
    assert told(";; kept for readers of the old binary format\n", "init.el")[0][0] == 1
    assert told("x = 1\n# linked late since MKL must come last\n", "a/CMakeLists.txt")[0][0] == 2


@pytest.mark.parametrize(("path", "read"), [("a.py", True), ("a.cu", True), ("a.png", False), ("py", False)])
def test_which_files_carry_remarks(path: str, read: bool) -> None:
    assert has_remarks(path) is read


BATCH = """#!/bin/bash
#SBATCH --nodes=4
# walltime raised after the queue change of May
#SBATCH --time=24:00:00
#SBATCH --mem=64G  # since the pool does not fit into 32
# cutoff as agreed in the meeting of October
mace_run_train --r_max=6.0 --lr 0.01
"""


def test_what_a_queue_reads_is_explained_like_any_value() -> None:
    beside = [
        (3, "# walltime raised after the queue change of May\n#SBATCH --time=24:00:00"),
        (5, "#SBATCH --mem=64G  # since the pool does not fit into 32"),
        (6, "# cutoff as agreed in the meeting of October\nmace_run_train --r_max=6.0 --lr 0.01"),
    ]
    assert [(part.line, part.text) for part in comments(BATCH, "submit.sh")] == beside
    assert [(part.line, part.text) for part, is_beside in words_in_code(BATCH, "submit.sh") if is_beside] == beside
    assert told(BATCH, "submit.sh") == [beside[0], beside[2]]
    assert list(comments("#!/bin/bash\n#SBATCH --time=24:00:00\n", "submit.sh")) == []

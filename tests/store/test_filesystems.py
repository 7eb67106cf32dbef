"""Local or not: the journal mode that follows from a mount table."""

from pathlib import Path

import pytest

from sonde.store.filesystems import filesystem_type, journal_mode_for

MOUNTS = r"""/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
fs1 /gpfs/lab gpfs rw 0 0
10.0.0.1@tcp:/l /lustre lustre rw 0 0
//nas/x /mnt/nas cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
/dev/sdc1 /mnt/my\040disk btrfs rw 0 0
tmpfs /over tmpfs rw 0 0
server:/over /over nfs rw 0 0
what /odd newfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind", "mode"),
    [
        ("/srv/project", "ext4", "WAL"),
        ("/home/asel/project", "nfs4", "DELETE"),
        ("/home/local/project", "xfs", "WAL"),
        ("/homestead", "ext4", "WAL"),
        ("/gpfs/lab/p", "gpfs", "DELETE"),
        ("/lustre/p", "lustre", "DELETE"),
        ("/mnt/nas", "cifs", "DELETE"),
        ("/mnt/ssh/p", "fuse.sshfs", "DELETE"),
        ("/mnt/my disk/p", "btrfs", "WAL"),
        ("/over/p", "nfs", "DELETE"),
        ("/odd/p", "newfs", "DELETE"),
    ],
)
def test_mount_table_decides(folder: str, kind: str, mode: str) -> None:
    assert filesystem_type(Path(folder), MOUNTS) == kind
    assert journal_mode_for(Path(folder), MOUNTS) == mode


def test_unknown_is_not_taken_for_local() -> None:
    assert filesystem_type(Path("/x"), "") is None
    assert journal_mode_for(Path("/x"), "") == "DELETE"

"""What an import took in, on the terminal."""

from textwrap import shorten

from rich.console import Console
from rich.markup import escape

from sonde.operations.add_dataset import AddedDataset
from sonde.operations.add_potential import AddedPotential
from sonde.operations.add_source import AddedSource

SHOWN, WIDTH = 5, 76


def show_added(record: AddedDataset | AddedPotential | AddedSource, console: Console) -> None:
    """Print one sentence, and warnings where there are any."""
    if isinstance(record, AddedDataset):
        _dataset(record, console)
    elif isinstance(record, AddedSource):
        _source(record, console)
    else:
        _potential(record, console)
    if not record.stored:
        console.print("Nothing was stored (--dry-run).")


def _dataset(record: AddedDataset, console: Console) -> None:
    parent = f", made from {record.child_of}" if record.child_of else ""
    console.print(
        f"dataset {escape(record.name)}: {record.n_frames:,} frames, {record.n_atoms:,} atoms{escape(parent)}"
    )
    if record.left_out:
        console.print(f"  [yellow]![/yellow] {len(record.left_out):,} files in the folder gave no frame:")
        for words in record.left_out[:SHOWN]:
            console.print(f"    {escape(shorten(words, WIDTH))}")
    if len(record.left_out) > SHOWN:
        console.print(f"    and {len(record.left_out) - SHOWN:,} more; sonde audit names them")


def _source(record: AddedSource, console: Console) -> None:
    new = f" ({record.n_new_passages:,} new)" if record.stored else ""
    changes = f", {record.n_changes:,} changes of values" if record.n_changes else ""
    console.print(f"{record.kind} {escape(record.name)}: {record.n_passages:,} passages{new}{changes}")
    left = {
        f"{record.n_private:,} private or direct ones left out (--include-private takes them in)": record.n_private,
        f"{record.n_excluded:,} in excluded channels left out": record.n_excluded,
        f"{record.n_secrets:,} secrets redacted (tokens, keys, passwords)": record.n_secrets,
        f"{record.n_removed:,} removed that are no longer there or no longer asked for": record.n_removed,
    }
    for words, n in left.items():
        if n:
            console.print(f"  {words}")


def _potential(record: AddedPotential, console: Console) -> None:
    identity = record.potential.identity
    console.print(
        f"potential {escape(record.potential.name)}: {identity.adapter}, {identity.dtype}, "
        f"cutoff {identity.cutoff_A:g} Å, sha256 {identity.checkpoint_sha256[:12]}"
    )
    found = record.residuals
    if found is not None and found.force_rmse_eV_per_A is not None:
        energy = found.energy_rmse_meV_per_atom
        console.print(
            f"  on {found.n_frames} training frames: force RMSE {found.force_rmse_eV_per_A:.3f} eV/Å"
            + (f", energy RMSE {energy:.1f} meV/atom" if energy is not None else "")
        )
    for warning in record.warnings:
        console.print(f"  [yellow]![/yellow] {escape(warning)}")

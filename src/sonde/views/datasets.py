"""Audits and lineages on the terminal."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sonde.records.datasets import Audit, Lineage, Rule

MARKS = {"high": "[red]●[/red]", "medium": "[yellow]●[/yellow]", "low": "[dim]●[/dim]"}


def show_audit(record: Audit, console: Console) -> None:
    """Print what a dataset holds, its surfaces and its alarms."""
    console.print(f"[bold]{escape(record.dataset)}[/bold]: {record.n_frames:,} frames, {record.n_atoms:,} atoms")
    console.print("elements    " + ", ".join(f"{e} {n:,}" for e, n in record.elements.items()))
    console.print("labels      " + ", ".join(f"{label} {n:,}" for label, n in record.labels.items()))
    console.print("config_type " + ", ".join(f"{escape(str(c))} {n:,}" for c, n in record.config_types.items()))
    _surfaces(record, console)
    for offset in record.offsets:
        console.print(
            f"offset      {escape(offset.group_a)} − {escape(offset.group_b)}: {offset.mean_meV_per_atom:+.1f} ± "
            f"{offset.sd_meV_per_atom:.1f} meV/atom over {offset.n_shared} shared geometries"
        )
    if record.closest_contacts:
        closest = sorted(record.closest_contacts, key=lambda one: one.distance_A)[:MOST_CONTACTS]
        console.print("closest     " + ", ".join(f"{one.pair} {one.distance_A:.2f} Å" for one in closest))
    _paired(record, console)
    _noise(record, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")
    for alarm in record.alarms:
        console.print(f"{MARKS[alarm.severity]} {escape(alarm.message)}\n    [dim]{escape(alarm.what_to_do)}[/dim]")
    if not record.alarms:
        console.print("No alarm.")


def _surfaces(record: Audit, console: Console) -> None:
    table = Table(box=None, pad_edge=False, title="energy surfaces as far as stated", title_justify="left")
    for column in ("frames", "elements", "stated", "unknown"):
        table.add_column(column, overflow="fold")
    for surface in record.surfaces:
        stated = ", ".join(f"{name} {value}" for name, value in surface.fields.items())
        table.add_row(
            f"{surface.n_frames:,}", " ".join(surface.elements), escape(stated) or "—", ", ".join(surface.unknown)
        )
    console.print(table)


def _paired(record: Audit, console: Console) -> None:
    if not record.paired:
        return
    table = Table(box=None, pad_edge=False, title="labels on the same structures", title_justify="left")
    for column in ("groups", "pairs", "ΔE meV/atom", "ΔF rms (of F rms) eV/Å", "F correlation", "Δstress rms GPa"):
        table.add_column(column, justify="left" if column == "groups" else "right", overflow="fold")
    for pair in record.paired[:MOST_PAIRED]:
        mean, sd = _number(pair.energy_mean_meV_per_atom, "+.1f"), _number(pair.energy_sd_meV_per_atom, ".1f")
        forces = f"{_number(pair.force_rms_difference_eV_per_A, '.3g')} ({_number(pair.force_rms_eV_per_A, '.3g')})"
        table.add_row(
            escape(f"{pair.group_a} − {pair.group_b}"),
            f"{pair.n_shared:,}",
            f"{mean} ± {sd}",
            forces,
            _number(pair.force_correlation, ".3f"),
            _number(pair.stress_rms_difference_GPa, ".3g"),
        )
    console.print(table)


MOST_CONTACTS = 12
MOST_PAIRED = 8


def _number(value: float | None, form: str) -> str:
    return "—" if value is None else format(value, form)


def _noise(record: Audit, console: Console) -> None:
    noise = record.noise
    if noise is None:
        return
    parts = []
    if noise.n_repeated:
        parts.append(
            f"energy {_number(noise.energy_repeated_meV_per_atom, '.2g')} meV/atom ({noise.n_repeated} repeats)"
        )
    if noise.energy_near_meV_per_atom is not None:
        parts.append(f"energy {noise.energy_near_meV_per_atom:.2g} meV/atom ({noise.n_near} near copies)")
    if noise.force_net_eV_per_A:
        parts.append(f"forces at least {1000 * noise.force_net_eV_per_A:.2g} meV/Å (net force)")
    if noise.force_energy_slope is not None:
        parts.append(f"energy change over work of the forces {noise.force_energy_slope:.3f}")
    if parts:
        console.print("label noise " + ", ".join(parts))


def show_lineage(record: Lineage, console: Console) -> None:
    """Print counts, rules with their threshold intervals, and collateral."""
    console.print(
        f"[bold]{escape(record.parent)} → {escape(record.child)}[/bold]: {record.n_parent:,} frames → "
        f"{record.n_child:,}; kept {record.n_kept:,}, dropped {record.n_dropped:,}, added {record.n_added:,}, "
        f"relabelled {record.n_relabelled:,}"
    )
    for rule in record.rules[:5]:
        _rule(rule, console)
    if not record.rules:
        console.print("No rule better than chance explains the drops.")
    if record.random_fraction is not None:
        console.print(
            f"lost at random: {record.random_fraction:.1%} "
            f"(95 % interval {record.random_fraction_low:.1%} to {record.random_fraction_high:.1%}), "
            f"{record.n_dropped_at_random:,} frames"
        )
    _collateral(record, console)
    for note in record.notes:
        console.print(f"[dim]{escape(note)}[/dim]")


def _rule(rule: Rule, console: Console) -> None:
    interval = ""
    if rule.threshold_low is not None and rule.threshold_high is not None:
        interval = f"   any threshold in {rule.threshold_low:.6g} … {rule.threshold_high:.6g} {rule.unit or ''}"
    console.print(f"dropped when [bold]{escape(rule.rule)}[/bold]{escape(interval)}")
    console.print(f"  precision {rule.precision:.3f}, recall {rule.recall:.3f}, {rule.n_matched_dropped:,} frames")
    for same in rule.equivalent:
        console.print(f"  the same drops: {escape(same.rule)}")


def _collateral(record: Lineage, console: Console) -> None:
    if not record.collateral:
        return
    table = Table(box=None, pad_edge=False, title="hit harder than the rest", title_justify="left")
    for column in ("region", "dropped", "of", "share", "elsewhere", "ratio (95 %)"):
        table.add_column(column, justify="left" if column == "region" else "right")
    for hit in record.collateral[:12]:
        ratio = "—" if hit.ratio is None else f"{hit.ratio:.1f} ({hit.ratio_low or 0:.1f}–{hit.ratio_high or 0:.1f})"
        table.add_row(
            escape(hit.region),
            f"{hit.n_dropped:,}",
            f"{hit.n:,}",
            f"{hit.dropped_fraction:.0%}",
            f"{hit.elsewhere_fraction:.0%}",
            ratio,
        )
    console.print(table)

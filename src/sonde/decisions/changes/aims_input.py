"""Settings of an FHI-aims control.in: a keyword and its values on each line, species with their own below them."""

from collections.abc import Iterator

from sonde.decisions.changes.values import Unreadable, Value

UNITS = {"occupation_type": "eV", "sc_accuracy_etot": "eV", "sc_accuracy_eev": "eV", "sc_accuracy_forces": "eV/Å"}
UNITS |= {"relax_geometry": "eV/Å", "md_time_step": "ps"}


def values(text: str) -> Iterator[Value]:
    """Yield keywords; those of a species as `species.Ni.cut_pot`.

    Raises
    ------
    Unreadable
        Where no line has a keyword with a value.
    """
    species, seen = "", False
    for number, line in enumerate(text.split("\n"), start=1):
        words = line.split("#")[0].split()
        if len(words) < 2:
            continue
        seen = True
        if words[0] == "species":
            species = f"species.{words[1]}."
            continue
        yield Value(f"{species}{words[0]}", " ".join(words[1:]), None if species else UNITS.get(words[0]), number)
    if not seen and text.strip():
        raise Unreadable("no keyword with a value")

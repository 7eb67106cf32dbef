"""Flat tags from what a JSON record says beside structure and labels."""

from collections.abc import Iterator, Mapping
from typing import Any

from ase.data import atomic_numbers

from sonde.datasets.readers.tags import column_tags, tag_of
from sonde.records.frames import Tag

LABELS_AND_GEOMETRY = frozenset(
    ["structure", "outputs", "output", "energy", "forces", "stress", "sites", "lattice", "num_atoms", "nsites"]
)
DERIVED = frozenset(["composition", "composition_reduced", "composition_unit_cell", "elements", "nelements", "chemsys"])
NOT_TAGS = LABELS_AND_GEOMETRY | DERIVED | frozenset(["energy_adjustments", "notes", "tags", "calcs_reversed"])
OPENED = frozenset(["params", "parameters", "data", "provenance", "input", "incar"])
"""Dicts whose items are taken up under their own names."""
LAST_RUN = ("run_type", "vasp_version")
"""What a task document says of its last calculation only."""
UNKNOWN_TEXTS = frozenset(["nan", "n/a", "na", "none", "null", "unknown", ""])
ONE_TEXT = "tags_one_text"
"""Says that `tags` is a text where other records of the format have a list."""
GENERAL_TAGS = frozenset(["test", "train", "valid", "validation"])


def record_tags(record: Mapping[str, Any], structure: Mapping[str, Any]) -> dict[str, Tag]:
    """Flatten a record: settings under their own names, `notes` as notes_<key>, and a config_type.

    A text that stands for "not known" ("NAN" for a number of k-points) becomes None; the text is kept as <key>_text.
    """
    tags: dict[str, Tag] = {}
    for key, value in _flat(record):
        _put(tags, key, value)
    for key, value in _notes(record.get("notes")):
        _put(tags, f"notes_{key}", value)
    words = _tag_words(record.get("tags"))
    if words:
        tags["tags"] = " ".join(words)
    if isinstance(record.get("tags"), str):
        tags[ONE_TEXT] = True
    config_type = _config_type(words, record.get("notes"))
    if config_type:
        tags.setdefault("config_type", config_type)
    return {**tags, **_magnetism(structure, tags)}


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what can be a tag: single values, lists of them, and dicts of them; deeper nesting is left out."""
    for key, value in record.items():
        if key in NOT_TAGS or key.startswith("@"):
            continue
        if key in OPENED and isinstance(value, Mapping):
            # Under `input` VASP's own list of all parameters, defaults included, stands beside what was asked for.
            yield from _flat({k: v for k, v in value.items() if not (key == "input" and k == "parameters")})
        elif key == "potcar_spec" or not _is_nested(value):
            yield key, value
    runs = record.get("calcs_reversed")
    if isinstance(runs, list) and runs and isinstance(runs[0], Mapping):
        yield from ((key, runs[0][key]) for key in LAST_RUN if key in runs[0])


def _is_nested(value: Any) -> bool:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(isinstance(item, Mapping | list | tuple) for item in items)


def _put(tags: dict[str, Tag], key: str, value: Any) -> None:
    if key == "potcar_spec" and isinstance(value, list):
        key, value = "pp", _titles(value)
    elif isinstance(value, Mapping):
        value = _mapping_text(value)
    elif isinstance(value, list | tuple):
        value = " ".join(str(tag_of(item)) for item in value) or None
    tag = tag_of(value)
    if isinstance(tag, str) and tag.strip().lower() in UNKNOWN_TEXTS:
        tags[f"{key}_text"], tag = tag, None
    tags.setdefault(key, tag)


def _titles(specs: list[Any]) -> str | None:
    """Turn POTCAR titles ("PAW_PBE Li_sv 23Jan2001") into "Li:PAW_PBE_Li_sv_23Jan2001 …"."""
    titles = [str(spec.get("titel")) for spec in specs if isinstance(spec, Mapping) and spec.get("titel")]
    named = {title.split()[min(1, len(title.split()) - 1)].partition("_")[0]: title for title in titles}
    return " ".join(f"{element}:{'_'.join(title.split())}" for element, title in sorted(named.items())) or None


def _mapping_text(value: Mapping[str, Any]) -> str | None:
    if "string" in value and value.get("@class") == "datetime":
        return str(value["string"])
    items = [(key, item) for key, item in value.items() if not key.startswith("@")]
    if items and all(key in atomic_numbers for key, _ in items):
        items.sort()
    return " ".join(f"{key}:{tag_of(item)}" for key, item in items) or None


def _notes(notes: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(notes, Mapping):
        yield from notes.items()
    elif notes:
        yield "text", notes


def _tag_words(tags: Any) -> list[str]:
    if isinstance(tags, str):
        return [tags]
    return [str(tag) for tag in tags] if isinstance(tags, list | tuple) else []


def _config_type(words: list[str], notes: Any) -> str | None:
    """Join the tags; where they only name a split ("test"), what the notes are about is added: "test_Md"."""
    if words and {word.lower() for word in words} <= GENERAL_TAGS and isinstance(notes, Mapping):
        words = [*words, *(str(key) for key in notes if str(key) not in words)]
    return "_".join("_".join(word.split()) for word in words) or None


def _magnetism(structure: Mapping[str, Any], tags: Mapping[str, Tag]) -> dict[str, Tag]:
    moments = [(site.get("properties") or {}).get("magmom") for site in structure.get("sites", ())]
    if not moments or not all(isinstance(moment, int | float) for moment in moments):
        return {}
    return column_tags({"magmoms": moments}, tags)

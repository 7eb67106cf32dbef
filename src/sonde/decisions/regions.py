"""Kinds of frames: the words for them in text and in tags."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A kind of frames: its words in text, its words in tags, and the question that it answers.

    Regions of one facet exclude each other: a slab is no bulk cell, a liquid no crystal.
    """

    name: str
    facet: str
    words: str
    tags: str


REGIONS: tuple[Region, ...] = (
    Region("surface", "shape", r"surfaces?|slabs?|facets?", "surface slab surf facet"),
    Region(
        "bulk", "shape", r"bulk(?: cells?| crystals?)?|unit cells?|supercells?", "bulk supercell unitcell primitive"
    ),
    Region(
        "molecule",
        "shape",
        r"molecul(?:es?|ar) (?:in|inside) (?:a |the |vacuum )?box(?:es)?|molecules?|gas[- ]phase",
        "molecule molecules molecular mol gas box",
    ),
    Region(
        "cluster",
        "shape",
        r"nano-?clusters?|clusters?(?! (?:expansions?|hours?|time|nodes?|queue|(?:is|was) (?:down|full)))"
        r"|nano-?particles?",
        "cluster clusters nanoparticle",
    ),
    Region("dimer", "shape", r"dimers?|dimer scans?|diatomics?|trimers?", "dimer dimers diatomic trimer"),
    Region(
        "isolated atom",
        "shape",
        r"isolated atoms?|single atoms?|free atoms?",
        "isolated isolatedatom isolated_atom atom",
    ),
    Region("interface", "shape", r"interfaces?|grain boundar(?:y|ies)", "interface gb grain grainboundary"),
    Region("liquid", "phase", r"liquids?|melts?|molten|amorphous", "liquid melt molten amorphous liq"),
    Region(
        "solid", "phase", r"solids?|crystals?|crystalline|perfect lattices?", "solid crystal crystalline bcc fcc hcp"
    ),
    Region(
        "dynamics",
        "origin",
        r"(?:ai)?md(?: (?:runs?|snapshots?|frames?|trajector(?:y|ies)))?|molecular dynamics|trajector(?:y|ies)",
        "aimd md dynamics nvt npt nve trajectory",
    ),
    Region("distorted", "origin", r"distort(?:ed|ions?)|perturbed", "distorted distortion perturbed"),
    Region("rattled", "origin", r"rattled?|displaced|shaken|random displacements?", "rattled rattle displaced"),
    Region(
        "strained",
        "origin",
        r"strain(?:ed|s)?(?: cells?)?|equations? of state|eos|volume scans?|compress(?:ed|ion)|stretched",
        "strain strained eos elastic compressed volume",
    ),
    Region(
        "relaxation", "origin", r"relaxations?|relaxed|ionic steps?|optimi[sz]ations?", "relax relaxation relaxed opt"
    ),
    Region(
        "neb",
        "origin",
        r"neb(?: images?| paths?)?|transition states?|migration paths?|saddle points?",
        "neb ts migration saddle",
    ),
    Region("random search", "origin", r"random (?:structure )?search|airss|rss", "rss airss random"),
    Region(
        "defect",
        "defect",
        r"vacanc(?:y|ies)|interstitials?|defects?|dislocations?|stacking faults?|gamma surfaces?",
        "vacancy vac interstitial defect dislocation stacking gsf",
    ),
    Region(
        "alloy",
        "composition",
        r"alloys?|binar(?:y|ies)|ternar(?:y|ies)|quaternar(?:y|ies)|mixed cells?|solid solutions?|sqs",
        "alloy binary ternary quaternary sqs",
    ),
    Region(
        "pure element",
        "composition",
        r"pure (?:elements?|metals?)|unar(?:y|ies)|elemental(?: \w+)?|single[- ]element",
        "unary unaries pure elemental",
    ),
)
NEAR_SYNONYMS = frozenset({"distorted", "rattled"})
"""Kinds that some labs tell apart and others do not: they exclude each other only where the pool has tags for both."""
PATTERNS = {region.name: re.compile(rf"(?<![\w-])(?:{region.words})(?!\w)", re.IGNORECASE) for region in REGIONS}

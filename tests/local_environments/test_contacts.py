"""Closest contacts on a crystal known on paper and on real cells."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from tests.local_environments.conftest import frame_of

from sonde.local_environments.contacts import closest_contact_frames, closest_contacts, contact_minima
from sonde.records.frames import Frame


def test_rock_salt_on_paper() -> None:
    contacts = closest_contacts(frame_of(bulk("NaCl", "rocksalt", a=5.64)))
    assert set(contacts) == {("Cl", "Cl"), ("Cl", "Na"), ("Na", "Na")}
    assert contacts["Cl", "Na"] == pytest.approx(5.64 / 2)
    assert contacts["Na", "Na"] == pytest.approx(5.64 / np.sqrt(2))


def test_pairs_beyond_the_cutoff_are_absent() -> None:
    apart = frame_of(Atoms("LiAl", [[0, 0, 0], [0, 0, 6.5]]))
    assert closest_contacts(apart) == {}
    assert closest_contacts(apart, cutoff_A=7.0) == {("Al", "Li"): pytest.approx(6.5)}


def test_minima_name_their_frame(al_li_mg: list[Frame]) -> None:
    found = closest_contact_frames(al_li_mg)
    for pair, contact in found.items():
        assert closest_contacts(al_li_mg[contact.frame])[pair] == contact.distance_A
        assert all(closest_contacts(f).get(pair, 9.0) >= contact.distance_A for f in al_li_mg[::25])
    # The data's own rule: no two atoms closer than 1.3 Å.
    assert min(c.distance_A for c in found.values()) > 1.3
    assert al_li_mg[found["Al", "Al"].frame].tags["config_type"] == "distorted"
    assert contact_minima(al_li_mg) == {pair: contact.distance_A for pair, contact in found.items()}

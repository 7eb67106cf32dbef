"""Hidden groups at one composition, short contacts, values spelt out as missing: what cr_sb2te3 and nbmotaw hold."""

from pathlib import Path

from sonde.datasets.audit import audit
from sonde.datasets.energy_groups import energy_group_alarm
from sonde.datasets.readers import read_frames


def test_groups_and_contacts_of_cr_sb2te3(shared_data: Path) -> None:
    """Its README: in Multi_T gaps of 7.8, 6.6 and 2.6 eV at n = 4, 2 and 1; none above 0.65 eV in 600K."""
    both = [
        frame
        for name in ("valid", "test")
        for frame in read_frames(shared_data / f"cr_sb2te3/data_Multi_T/{name}.xyz.gz")
    ]
    found = energy_group_alarm(both)
    assert found is not None
    assert "Cr4Sb32Te48 (7.82" in found.message
    assert "Cr2Sb32Te48 (6.57" in found.message
    calm = [
        frame for name in ("valid", "test") for frame in read_frames(shared_data / f"cr_sb2te3/data_600K/{name}.xyz.gz")
    ]
    assert energy_group_alarm(calm) is None
    short = {one.pair: one.distance_A for one in audit(calm[::4] + both[::4], "contacts").closest_contacts}
    assert short["Cr-Cr"] < 1.7
    assert short["Sb-Te"] > 2.2


def test_missing_value_spelt_out(shared_data: Path) -> None:
    report = audit(read_frames(shared_data / "nbmotaw/Mo_Surface.json.gz"), "surfaces")
    (spelt,) = [one for one in report.alarms if one.kind == "text_for_missing"]
    assert spelt.n == 11
    assert "k_prod = 'NAN'" in spelt.message

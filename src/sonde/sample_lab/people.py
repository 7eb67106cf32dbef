"""The people of a laboratory: invented names, one address and one Slack identity each."""

import random
import unicodedata
from dataclasses import dataclass

FIRST_NAMES = (
    "Lena Marek Aiko Tomás Ingrid Farid Chiara Jonas Mei Oluwaseun Hanna Rafael Priya Sven Amélie Kofi "
    "Zuzana Nikhil Elif Mateo Astrid Youssef Karolina Dmitri Sofia Takeshi Noor Pavel Ines Bram"
)
LAST_NAMES = (
    "Albrecht Novák Tanaka Ferreira Lindqvist Haddad Moretti Weber Zhang Adeyemi Virtanen Castillo Raman "
    "Dahl Lefèvre Mensah Horáková Joshi Yıldız Romero Nygaard Mansour Wójcik Volkov Rinaldi Sato Rahimi "
    "Kučera Duarte Vermeer"
)
N_PEOPLE = 12


@dataclass(frozen=True)
class Person:
    """One member of the group; `handle` is the user name in chat."""

    name: str
    email: str
    slack_id: str
    handle: str

    @property
    def first_name(self) -> str:
        return self.name.split()[0]


def cast(seed: int, domain: str) -> tuple[Person, ...]:
    """Draw twelve people; the first five work on the alloy potential, the others elsewhere in the group."""
    rng = random.Random(f"people {seed}")
    firsts, lasts = rng.sample(FIRST_NAMES.split(), N_PEOPLE), rng.sample(LAST_NAMES.split(), N_PEOPLE)
    return tuple(_person(first, last, domain, rng) for first, last in zip(firsts, lasts, strict=True))


def _person(first: str, last: str, domain: str, rng: random.Random) -> Person:
    handle = _ascii(f"{first[0]}{last}").lower()
    slack_id = "U" + "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=10))
    return Person(f"{first} {last}", f"{_ascii(first).lower()}.{_ascii(last).lower()}@{domain}", slack_id, handle)


def _ascii(name: str) -> str:
    plain = name.replace("ı", "i")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()

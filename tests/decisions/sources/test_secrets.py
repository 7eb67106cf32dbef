"""Secrets are taken out whatever their shape; what only looks like one stays."""

import random
import re
import string
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonde.decisions.sources.secrets import redacted, signs_in

MIXED = string.ascii_letters + string.digits


def made(length: int, alphabet: str = MIXED, seed: int = 1) -> str:
    """Text that chance made, the same in every run: no secret of anybody stands in this file."""
    rng = random.Random(seed)
    return "aB3" + "".join(rng.choice(alphabet) for _ in range(length - 3))


HEX40 = "".join(random.Random(5).choices("0123456789abcdef", k=40))
PEM = "-----BEGIN {} KEY-----\nMIIB\nVQIB\n-----END {} KEY-----"
SECRETS = {
    "github": ("ghp" + "_" + made(36), "push with {} please"),
    "github fine-grained": ("github" + "_pat_" + made(60), "{}"),
    "gitlab": ("glpat" + "-" + made(20), "remote uses {}."),
    "slack bot": ("xox" + "b-123456789012-" + made(24), "SLACK={}"),
    "slack file link": ("xox" + "e-123456789012-" + made(24), "https://files.slack.com/files-pri/T1-F1/a.pdf?t={}"),
    "slack app": ("xapp" + "-1-A012-" + made(30), "{}"),
    "webhook": ("T0123456/B0123456/" + made(24), "curl https://hooks.slack.com/services/{}"),
    "aws id": ("AKIA" + "Q3EGTNB2WXYZ7KLM", "id {}"),
    "aws secret": ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY", "aws_secret_access_key = {}"),
    "google": ("AIza" + made(35), "key {}"),
    "stripe": ("sk" + "_live_" + made(24), "{}"),
    "openai": ("sk" + "-" + made(48), "use {} for the summary"),
    "openai project": ("sk" + "-proj-" + made(60), "{}"),
    "anthropic": ("sk" + "-ant-api03-" + made(80), "{}"),
    "hugging face": ("hf" + "_" + made(34), "huggingface-cli login --token {}"),
    "npm": ("npm" + "_" + made(36), "{}"),
    "pypi": ("pypi" + "-AgEIcHlwaS5vcmc" + made(60), "{}"),
    "jwt": ("eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NSJ9." + made(43), "cookie {}"),
    "telegram": ("123456789:AA" + made(33), "bot {}"),
    "url": ("s3cr3t!", "postgres://mira:{}@db.lab.example:5432/runs"),
    "git remote": (made(20), "git clone https://mira:{}@git.lab.example/x.git"),
    "bearer": (made(30), "Authorization: Bearer {}"),
    "basic": ("bWlyYTpzM2NyM3Q9" + "Zz09", "authorization: basic {}"),
    "curl": ("hunter22", "curl -s -u mira:{} https://lab.example"),
    "netrc": ("hunter22", "machine lab.example login mira password {}"),
    "sshpass": ("hunter22", "sshpass -p '{}' ssh cluster"),
    "wandb login": (HEX40, "wandb login {}"),
    "wandb variable": (HEX40, "export WANDB_API_KEY={}"),
    "wandb setting": (HEX40, "wandb_key: {}"),
    "materials project": (made(32), 'with MPRester("{}") as mpr:'),
    "materials project variable": (made(32), "MP_API_KEY={}"),
    "yaml token": (made(40), "hf_token: {}"),
    "json": ("hunter22", '{{"user": "mira", "password": "{}"}}'),
    "assigned word": ("correcthorse", "PGPASSWORD={} psql"),
    "after a colon": ("hunter22", "the wiki password: {}."),
    "said": ("Tr0ub4dor&3", "password is {}"),
    "said in german": ("Sommer2024", "Das Passwort lautet {}"),
    "passcode": ("482913", "Zoom passcode: {}"),
    "query": ("a1B2c3d4e5F6", "https://zoom.example/j/123?pwd={}"),
    "option": ("hunter22", "mlflow ui --password {} --port 5000"),
    "backticks": ("hunter22", "password: `{}`"),
    "client secret": (made(32), "client_secret={}"),
    "private key": (PEM.format("RSA PRIVATE", "RSA PRIVATE"), "here:\n{}\nbye"),
    "ssh key": (PEM.format("OPENSSH PRIVATE", "OPENSSH PRIVATE"), "{}"),
    "pgp key": ("-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOY\n-----END PGP PRIVATE KEY BLOCK-----", "{}"),
    "cut-off key": ("-----BEGIN EC PRIVATE KEY-----\nMHcC\nAQEE", "{}"),
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_taken_out_and_the_words_around_it_stay(kind: str) -> None:
    secret, sentence = SECRETS[kind]
    found = redacted(sentence.format(secret))
    assert secret not in found.text
    assert found.n_secrets == 1
    before, after = sentence.replace("{{", "{").replace("}}", "}").split("{}")
    assert re.fullmatch(re.escape(before) + r"\S*\[redacted: [\w ]+\]" + re.escape(after), found.text)
    assert redacted(found.text).text == found.text
    assert redacted(found.text).n_secrets == 0


INNOCENT = [
    f"fixed in {HEX40}",
    f"commit {HEX40}: removed problematic structures",
    "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 of the checkpoint",
    "md5: d41d8cd98f00b204e9800998ecf8427e",
    "mp-149, icsd-52231, aflow:1a2b3c4d5e6f7a8b and 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "structure id Al3Li-a1B2c3D4e5F6g7H8i9J0",
    "doi:10.1103/PhysRevLett.77.3865",
    "ENCUT = 520, KSPACING = 0.22, max_force_eV_per_A: 15",
    "the password is in the safe",
    "password: ask Jonas",
    "Passwords expire in March",
    "tokens: 4096 per batch, max_tokens=4096, --max-token 4096",
    "token = tokenizer.encode(text1234567890)",
    'api_key=os.environ["MP_API_KEY"]',
    "api_key: str = None",
    "def login(user, password: Optional[str] = None)",
    "password=${DB_PASSWORD} token=$HF_TOKEN secret={{ vault_secret }} token=<your token 12345>",
    "PWD=/home/mira/runs/2024-10-08",
    "the secret: 520 eV and patience",
    "the key is that Li needs 520 eV",
    "access_token: see the wiki",
    "private_key_path = ~/.ssh/id_rsa",
    "token: /data/secrets/hf_token.txt",
    "sk-learn-based-classification-of-structures",
    "scikit-learn, hf_transformers_model_for_causal_language",
    "basic understanding of Bader charges, bearer of bad news",
    "https://lab.example/wiki/password:policy",
    "ssh://git@git.lab.example:2222/x.git",
    "9:00-10:30 in room 12:AA",
    "-----BEGIN PUBLIC KEY-----\nMFww\n-----END PUBLIC KEY-----",
    "password=[redacted: password]",
    "password: ********",
]


@pytest.mark.parametrize("text", INNOCENT)
def test_what_is_no_secret_stays(text: str) -> None:
    found = redacted(text)
    assert (found.text, found.n_secrets) == (text, 0)


def test_every_secret_of_a_text_is_counted() -> None:
    texts = [sentence.format(secret) for secret, sentence in SECRETS.values() if "BEGIN" not in secret]
    found = redacted("\n".join(texts))
    assert found.n_secrets == len(texts)
    assert not any(secret in found.text for secret, _ in SECRETS.values() if "BEGIN" not in secret)


@given(st.text(alphabet=st.sampled_from("aZ9 =:'\"\n-_./@{}[]$pwdtokensecretpasswordBEGIN"), max_size=120))
@settings(max_examples=400, deadline=None)
def test_taking_out_twice_changes_nothing(text: str) -> None:
    once = redacted(text)
    again = redacted(once.text)
    assert again.text == once.text
    assert again.n_secrets == 0
    assert (once.n_secrets == 0) == (once.text == text)


@pytest.mark.parametrize(
    "piece",
    [
        "a_",
        "password",
        "password=",
        "token: a",
        "-----BEGIN RSA PRIVATE KEY-----",
        "https://a:",
        "curl ",
        "eyJa.eyJ",
        "-",
    ],
)
def test_hostile_texts_take_no_longer_than_their_length(piece: str) -> None:
    begun = time.process_time()
    redacted(piece * (200_000 // len(piece)))
    assert time.process_time() - begun < 5.0


@given(st.lists(st.sampled_from([words.format(secret) for secret, words in SECRETS.values()]) | st.text(max_size=30)))
@settings(max_examples=100, deadline=None)
def test_secrets_of_many_texts_are_found_as_those_of_each(texts: list[str]) -> None:
    signs = signs_in(texts)
    assert [redacted(text, signs) for text in texts] == [redacted(text) for text in texts]
    assert all(any(sign in text.lower() for text in texts) for sign, _ in signs)

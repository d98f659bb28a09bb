"""What is found in what leaves, and what is not taken for a secret."""

import base64
import time
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest

import github_app
from github_app.core.secrets import find_secrets

OURS = "ghs_0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2"
WEBHOOK = "w3bhook-s3cret-4-tests-only"
BODY = "MIIEowIBAAKCAQEAx1y2z3A4b5C6d7E8f9G0h1I2j3K4l5M6n7O8p9Q0r1S2t3U4"
MARKS = "github_app", "ghp_"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


FORMS = {
    "plain": f"token = {OURS}",
    "in another case": OURS.upper(),
    "reversed": OURS[::-1],
    "hex": OURS.encode().hex(),
    "upper-case hex": OURS.encode().hex().upper(),
    "URL-encoded": f"?t={quote(WEBHOOK, safe='')}",
    "base64": encoded(OURS),
    "base64 inside something longer, shifted by one": encoded(f"x{OURS}yz"),
    "base64 inside something longer, shifted by two": encoded(f"xx{OURS}yz"),
    "base64 over several lines": "\n".join(encoded(OURS)[at : at + 20] for at in range(0, 60, 20)),
    "URL-safe base64": base64.urlsafe_b64encode(f"?>{OURS}".encode()).decode(),
    "over two lines": f"{OURS[:20]}\n{OURS[20:]}",
    "split by zero-width spaces": "\u200b".join(OURS),
    "split by soft hyphens": "\u00ad".join(OURS),
    "in pieces of a program": f'a = "{OURS[:15]}" + "{OURS[15:]}"',
    "in pieces over lines of a program": f'a = ("{OURS[:9]}"\n     "{OURS[9:22]}"\n     "{OURS[22:]}")',
    "as a list of characters": repr(list(OURS)),
    "as UTF-16": OURS.encode("utf-16").decode("latin-1"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_of_ours_is_found_in_disguise(form):
    text = FORMS[form].encode("latin-1" if form == "as UTF-16" else "utf-8")
    assert "a secret of this server" in find_secrets(b"before\n" + text + b"\nafter", (OURS, WEBHOOK))


FOREIGN = {
    "a GitHub token": ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0" + "aB3" * 20],
    "a private key": [
        f"-----BEGIN RSA PRIVATE KEY-----\n{BODY}\n",
        f"-----BEGIN PRIVATE KEY-----\\n{BODY}",
        f'"-----BEGIN OPENSSH PRIVATE KEY-----"\n    "{BODY}"',
        f"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{BODY}",
    ],
    "an AWS access key": ["AKIAQ3EGRIVUPLB7N5XS"],
    "a Slack token": ["xoxb-123456789012-abcDEFghiJKL"],
    "an Anthropic key": ["sk-ant-api03-a1B2c3D4e5F6g7H8i9J0k1L2"],
    "an OpenAI key": ["sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6"],
    "a Google API key": ["AIzaSyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"],
    "a Stripe key": ["sk_" + "live_a1B2c3D4e5F6g7H8i9J0k1"],
    "an npm token": ["npm_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"],
    "a PyPI token": ["pypi-AgEIcHlwaS5vcmcCJD" + "a1B2c3D4" * 6],
}


@pytest.mark.parametrize(("what", "text"), [(what, text) for what, texts in FOREIGN.items() for text in texts])
def test_a_foreign_secret_is_found_by_its_form(what, text):
    assert (what,) == find_secrets(f"key = {text}\n".encode())


HARMLESS = [
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "ghs_YOUR_TOKEN_HERE_PLEASE_REPLACE_ME_NOW",
    "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
    'if text.startswith("-----BEGIN PRIVATE KEY-----"): raise WrongKeyError(path)',
    "-----BEGIN CERTIFICATE-----\n" + BODY,
    "class sk-loading-indicator-with-a-very-long-name-for-a-class { }",
    "a task-0123456789012345678901234567890123456789",
    "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
    "sha512-" + "a1B2c3D4" * 10,
    "the webhook secret for tests only",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_secret_is_none(text):
    assert find_secrets(text.encode(), (OURS, "a-webhook-secret-for-tests")) == ()


def test_a_value_too_short_to_be_a_secret_is_not_looked_for():
    assert find_secrets(b"the password is hunter2", ("hunter2", "")) == ()


def test_ordinary_code_has_no_secret_and_is_read_quickly():
    """The package's own code and its lock file: hashes, long names, base64, patterns."""
    root = Path(github_app.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted(root.rglob("*.py")))
    code += (root.parent / "uv.lock").read_bytes()[:200_000]
    assert len(code) > 400_000
    began = time.process_time()
    assert find_secrets(code, (OURS, WEBHOOK)) == ()
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    "text",
    [
        b"-----BEGIN " * 40_000,
        b"-----BEGIN PRIVATE KEY-----" * 20_000,
        b"ghp_" * 100_000,
        b"sk-" * 150_000,
        b"a" * 2_000_000,
        b" \n" * 500_000,
        b"".join(sha256(bytes([n % 256, n // 256])).digest() for n in range(30_000)),
    ],
    ids=["headers", "key headers", "prefixes", "short prefixes", "one word", "blanks", "noise"],
)
def test_no_text_makes_the_search_slow(text):
    began = time.process_time()
    find_secrets(text, (OURS,))
    assert time.process_time() - began < 3

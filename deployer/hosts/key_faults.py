"""Faults of a private key file as CI secrets have them: empty, on one line, in base64, the public half, cut short."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

ARMOUR = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY-----")
PUBLIC = re.compile(
    r"\s*(ssh-(ed25519|rsa|dss)|ecdsa-sha2-\S+|sk-\S+|-----BEGIN [A-Z0-9 ]*PUBLIC KEY-----|---- BEGIN SSH2)"
)
AGAIN = "store the secret again, byte for byte as the file has it"


def fault(path: str) -> str:
    """What is wrong with the key in `path`, in words with what to do; '' where that is not known.  No byte is shown."""
    try:
        text = Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    if not text.strip():
        return "it is empty: is the secret set for this job, and is its name spelled right?"
    if PUBLIC.match(text):
        return "it is a public key: the private one is needed, whose file has no .pub at its end"
    if ARMOUR.search(text):
        return _armoured(text.strip())
    if re.match(r"\s*PuTTY-User-Key-File", text):
        return "it is a key of PuTTY: `puttygen KEY -O private-openssh -o FILE` converts it"
    return _coded(text)


def _armoured(text: str) -> str:
    if "\\n" in text:
        return rf"its line ends are the two characters \n: {AGAIN}"
    if len(text.splitlines()) == 1:
        return f"it is on one line, its line ends are lost (an unquoted `echo $KEY`?): {AGAIN}"
    if not text.startswith("-----BEGIN"):
        return f"something stands before its first line: {AGAIN}"
    if not END.search(text):
        return f"its end is missing: {AGAIN}"
    return ""


def _coded(text: str) -> str:
    """Whether it is base64 of a key, or the inside of one."""
    try:
        inside = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return "it is no private key: its first line would begin with -----BEGIN"
    if ARMOUR.search(inside.decode("latin-1")):
        return "it is base64 of a private key: decode it first (`base64 -d`)"
    if inside.startswith((b"openssh-key-v1", b"\x30\x82")):
        return f"its first and last lines (-----BEGIN …, -----END …) are missing: {AGAIN}"
    return "it is no private key: its first line would begin with -----BEGIN"

#!/usr/bin/env python3
"""Makes legacy.json: hashes as Python services make them, for the tests of package password.

    pip install passlib==1.7.4 bcrypt==4.0.1
    python3 legacy.py > legacy.json

"passlib" is passlib.hash.bcrypt, which the original service uses; "crypt" is
the C library's crypt(3) (libxcrypt, through Python 3.12 or older). "cut" is a
service that shortens a password itself, to 72 bytes and then to whole
characters, before it hashes.
"""
import crypt
import json

from passlib.hash import bcrypt

CASES = [
    ("an ordinary password", "secret123"),
    ("the shortest of today", "12345678"),
    ("shorter than today's minimum", "abc123"),
    ("spaces are kept", "  two  spaces  "),
    ("other scripts", "pässwörd-пароль-密码"),
    ("71 bytes", "a" * 71),
    ("72 bytes", "b" * 72),
    ("73 bytes", "c" * 73),
    ("76 bytes", "0123456789" * 7 + "abcdef"),
    ("a rune that crosses byte 72", "x" * 71 + "é" + "tail"),
    ("a rune of four bytes that crosses byte 72", "y" * 70 + "😀" + "tail"),
]


def cut(password):
    return password.encode()[:72].decode(errors="ignore")


out = []
for name, password in CASES:
    for ident in ("2a", "2b", "2y"):
        h = bcrypt.using(rounds=4, ident=ident).hash(password)
        out.append({"name": name, "by": "passlib", "password": password, "hash": h})
    h = crypt.crypt(password, "$2b$04$" + "OMSlegacyvectorsalt12" + "u")
    out.append({"name": name, "by": "crypt", "password": password, "hash": h})
    if cut(password) != password:
        h = bcrypt.using(rounds=4).hash(cut(password))
        out.append({"name": name, "by": "cut", "password": password, "hash": h})
print(json.dumps(out, ensure_ascii=False, indent=1))

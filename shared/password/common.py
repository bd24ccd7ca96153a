"""Makes common.bin of the list of the commonest passwords:

    python3 common.py 10-million-password-list-top-1000000.txt

The list is of SecLists, Passwords/Common-Credentials (MIT License, Copyright (c)
2025 Daniel Miessler): a million of the ten million passwords that were released
into the public domain in 2015, the commonest first. SHA-256 of the file used:
eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be.

Of it are kept, in lower case, the 3,000 commonest of 8 bytes or more and the
3,000 commonest of 15 or more: those that a policy of that length would else let
pass (OWASP ASVS 5.0, 6.2.4). As the first five bytes of their SHA-256, in order:
a password that was somebody's is not shown again, and 6,000 are 30 KB. One in
180 million others is refused with them.
"""

import hashlib
import pathlib
import sys

words = dict.fromkeys(w.lower() for w in pathlib.Path(sys.argv[1]).read_text("utf-8").splitlines())
kept = set()
for least in (8, 15):
    kept.update([w for w in words if len(w.encode()) >= least][:3000])
hashes = sorted(hashlib.sha256(w.encode()).digest()[:5] for w in kept)
pathlib.Path(__file__).with_name("common.bin").write_bytes(b"".join(hashes))

"""Signed orders, taken apart, changed and signed again: what an attacker would do.

A second implementation of DSSE (secure-systems-lab/dsse, envelope.md) beside the one in
common/trust, with OpenSSL's command for Ed25519.
"""

import base64
import copy
import hashlib
import json
import os
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

# PKCS #8 of an Ed25519 key without attributes (RFC 8410 section 7) is this and the 32 bytes.
PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
SPKI_ED25519 = bytes.fromhex("302a300506032b6570032100")
KEY_ALGORITHM_ED25519 = 1
KEY_HEADER_BYTES, KEY_BYTES = 2, 32


def canonical(value):
    """The one text that strict readers take."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def payload_of(envelope):
    return json.loads(base64.b64decode(envelope["payload"]))


def with_payload(envelope, payload):
    """The envelope with another content and the old signature."""
    changed = copy.deepcopy(envelope)
    changed["payload"] = base64.b64encode(canonical(payload).encode()).decode()
    return changed


def altered(envelope, **fields):
    """`artifact__sha256="…"` changes that field; the signature stays the old one."""
    return with_payload(envelope, _with_fields(payload_of(envelope), fields))


def signed(envelope, key_file, **fields):
    """The same, and signed again with that operator's key."""
    changed = altered(envelope, **fields)
    seed = _seed(key_file)
    message = _pre_authentication_encoding(changed["payloadType"],
                                           base64.b64decode(changed["payload"]))
    with tempfile.TemporaryDirectory() as folder:
        key, body = os.path.join(folder, "key.der"), os.path.join(folder, "message")
        for path, content in ((key, PKCS8_ED25519 + seed), (body, message)):
            with open(path, "wb") as file:
                file.write(content)
        signature = _openssl("pkeyutl", "-sign", "-rawin", "-inkey", key, "-keyform", "DER", "-in",
                             body)
        public = _openssl("pkey", "-in", key, "-inform", "DER", "-pubout", "-outform", "DER")
    public = public.removeprefix(SPKI_ED25519)
    key_id = hashlib.sha256(bytes([KEY_ALGORITHM_ED25519]) + public).hexdigest()[:16]
    changed["signatures"] = [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}]
    return changed


def time_text(offset_seconds):
    """Now and so many seconds, as orders write times."""
    when = datetime.now(timezone.utc) + timedelta(seconds=offset_seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_fields(payload, fields):
    """`targets__0__counter=7` goes down by the double underscores."""
    for path, value in fields.items():
        place = payload
        *way, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        for step in way:
            place = place[step]
        place[last] = value
    return payload


def _pre_authentication_encoding(payload_type, payload):
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _seed(key_file):
    """The 32 secret bytes of a key file (common/crypto/key_text.h)."""
    text = json.loads(open(key_file).read())["signing"]
    digits = text.removeprefix("SEC-")[len("slop1"):].upper()
    raw = base64.b32decode(digits + "=" * (-len(digits) % 8))
    return raw[KEY_HEADER_BYTES:KEY_HEADER_BYTES + KEY_BYTES]


def _openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout

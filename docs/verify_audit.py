#!/usr/bin/env python3
"""Verifies a certctl audit bundle with nothing but a public key: an independent second opinion.

usage: verify_audit.py BUNDLE KEYS [CHECKPOINT ...]
BUNDLE      what `certctl audit bundle` or GET /api/v1/audit/bundle gave
KEYS        a JWK set (GET /api/v1/audit/keys) or PEM
CHECKPOINT  files with checkpoints kept from before, one JWS per line: the log must still contain them
Exit status: 0 sound, 1 not. Standard library only; docs/operators/audit.md describes the format.
"""
import base64, hashlib, json, re, sys

class Divergence(Exception):
    pass

def check(condition, kind, place, text):
    if not condition:
        raise Divergence(f"{kind} at seq {place}: {text}")

# --- Ed25519 (RFC 8032 §5.1), verification only ---------------------------------------------------------------------
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P

def multiply(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result

def decompress(octets):
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P

BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def is_signed(key, message, signature):
    try:
        a, r = decompress(key), decompress(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = multiply(s, BASE), add(r, multiply(k, a))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0
    return len(signature) == 64 and s < ORDER and same

# --- Hashes ----------------------------------------------------------------------------------------------------------
def sha(octets):
    return hashlib.sha256(octets).digest()

def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

class Tree:
    """The roots of the complete subtrees so far (RFC 9162 §2.1)."""

    def __init__(self, size=0, hashes=()):
        heights = [h for h in range(size.bit_length() - 1, -1, -1) if size >> h & 1]
        check(len(heights) == len(hashes), "malformed", 0, "the frontier does not fit the first number")
        self.size, self.peaks = size, list(zip(heights, hashes))

    def append(self, hash):
        self.size, height = self.size + 1, 0
        while self.peaks and self.peaks[-1][0] == height:
            hash, height = sha(b"\x01" + self.peaks.pop()[1] + hash), height + 1
        self.peaks.append((height, hash))

    def root(self):
        if not self.peaks:
            return sha(b"")
        hash = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            hash = sha(b"\x01" + left + hash)
        return hash

def raw_members(text):
    """The members of a JSON object with the values as they are written."""
    decoder, members, place = json.JSONDecoder(), {}, 1
    while text[place] != "}":
        key, place = decoder.raw_decode(text, place + (text[place] == ","))
        _, end = decoder.raw_decode(text, place + 1)
        members[key], place = text[place + 1:end], end
    return members

def row_hash(previous, text):
    """The compatible hash chain: fields joined by vertical bars."""
    event, raw = json.loads(text), raw_members(text)
    whole, _, fraction = event.get("timestamp", "Z").rstrip("Z").partition(".")
    time = f"{whole}.{fraction[:6]:0<6}Z"
    fields = [previous] + [event.get(k, "") for k in ("id", "actor", "actor_type", "action", "resource_type")]
    fields += [event.get("resource_id", ""), raw.get("details", ""), time, event.get("event_category", "")]
    return sha("|".join(fields).encode())

# --- Checkpoints -----------------------------------------------------------------------------------------------------
def load_keys(text):
    if text.lstrip().startswith("{"):
        document = json.loads(text)
        keys = [decode(k["x"]) for k in document.get("keys", [document]) if k.get("crv") == "Ed25519"]
    else:
        blocks = re.findall(r"-----BEGIN PUBLIC KEY-----(.*?)-----END", text, re.S)
        keys = [base64.b64decode(b)[-32:] for b in blocks]
    x = lambda key: base64.urlsafe_b64encode(key).rstrip(b"=").decode()
    name = lambda key: sha(b'{"crv":"Ed25519","kty":"OKP","x":"%s"}' % x(key).encode())
    return {base64.urlsafe_b64encode(name(key)).rstrip(b"=").decode(): key for key in keys}

def load_checkpoint(jws, keys, log):
    header, payload, signature = jws.split(".")
    stated, kid = json.loads(decode(payload)), json.loads(decode(header)).get("kid")
    good = json.loads(decode(header)).get("alg") == "EdDSA" and kid in keys
    good = good and is_signed(keys[kid], f"{header}.{payload}".encode(), decode(signature))
    check(good and stated["log_id"] == log, "signature", stated["tree_size"], "not signed by a known key of this log")
    return stated

# --- The bundle ------------------------------------------------------------------------------------------------------
def verify(lines, keys, kept):
    header = json.loads(next(lines, "{}"))
    check(header.get("format") == "certctl-audit-bundle/1", "malformed", 0, "no certctl audit bundle")
    first, log, previous = header["first_seq"], header["log_id"], header["prev_hash"]
    tree = Tree(first, [bytes.fromhex(h) for h in header["frontier"]])
    kept = [load_checkpoint(jws, keys, log) for jws in kept]
    roots = {c["tree_size"]: tree.root().hex() if c["tree_size"] == tree.size else None for c in kept}
    last, rows, checkpoints, end, gap, inner_gap, archived = None, 0, 0, None, None, None, 0
    for text in lines:
        check(end is None, "malformed", tree.size, "something after the end")
        line = json.loads(text)
        if line["type"] in ("leaf", "hashes"):
            check(line["seq"] == tree.size, "order", line["seq"], f"expected seq {tree.size}")
            if line["type"] == "leaf":
                leaf = line["leaf"]
                hash = sha(b"\x00" + leaf.encode()).hex()
                check(hash == line["leaf_hash"], "change", line["seq"], "not what was sealed")
                check(row_hash(previous, leaf).hex() == line["row_hash"], "chain", line["seq"], "the hash chain breaks")
                rows, inner_gap, event = rows + 1, gap, json.loads(leaf)
                if event.get("action") == "audit.archived":
                    archived = max(archived, event["details"]["end_seq"])
            else:
                gap = line["seq"]
            tree.append(bytes.fromhex(line["leaf_hash"]))
            previous = line["row_hash"]
            if tree.size in roots:
                roots[tree.size] = tree.root().hex()
        elif line["type"] == "checkpoint":
            stated = load_checkpoint(line["jws"], keys, log)
            follows = stated["prev_sth_hash"] == (sha(last.encode()).hex() if last else "")
            check(follows or (not last and first > 0), "succession", stated["tree_size"], "a checkpoint is missing")
            check(stated["tree_size"] == tree.size, "truncation", tree.size, "another number of leaves was signed")
            check(stated["root_hash"] == tree.root().hex(), "root", tree.size, "another history was signed")
            last, last_size, checkpoints = line["jws"], tree.size, checkpoints + 1
        else:
            check(line["type"] == "end", "malformed", tree.size, "an unknown line")
            end = line["tree_size"]
    check(end == tree.size, "truncation", tree.size, "the bundle ends early")
    gap = inner_gap if header.get("until") else gap
    check(gap is None or gap < archived, "missing", gap, "an event is gone that was not archived")
    for stated in kept:
        size = stated["tree_size"]
        if size >= first:
            check(size <= tree.size, "truncation", tree.size, f"a checkpoint over {size} leaves was kept")
            check(roots[size] == stated["root_hash"], "root", size, "another history was signed before")
    check(last is not None and last_size == tree.size, "unsigned", tree.size, "no checkpoint covers the end")
    counts = f"{tree.size} leaves, {rows} events compared, {checkpoints} checkpoints"
    return f"sound: log {log}, {counts}, root {tree.root().hex()}"

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        known = load_keys(open(sys.argv[2], encoding="utf-8").read())
        kept_lines = [line.strip() for path in sys.argv[3:] for line in open(path, encoding="utf-8") if line.strip()]
        with open(sys.argv[1], encoding="utf-8", newline="\n") as bundle:
            print(verify((line.rstrip("\n") for line in bundle), known, kept_lines))
    except (Divergence, ValueError, KeyError, TypeError, AttributeError, IndexError) as problem:
        sys.exit(f"NOT SOUND: {type(problem).__name__ if not isinstance(problem, Divergence) else ''} {problem}")

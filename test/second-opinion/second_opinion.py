#!/usr/bin/env python3
"""A second opinion on proofs that `hallmark-verify explain --proof` wrote: second_opinion.py PROOF...

Prints for each proof, between tabs: verdict (valid, not valid, could not tell), proof, why. The exit code is the worst of
0, 1 and 2. It shares no code with hallmark: only signatures are left to python3-cryptography (38 or later), and the question
whether a certificate is one at all. docs/proofs.md says what is checked and what is not. In short lines it would be longer.
"""
import base64, datetime, hashlib, json, pathlib, re, sys, unicodedata, warnings
from urllib.parse import urlsplit
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

UTC, SKEW = datetime.timezone.utc, datetime.timedelta(minutes=5)  # the skew of two honest clocks
SHA256, SHA384, SHA512 = hashes.SHA256, hashes.SHA384, hashes.SHA512
PKCS, IN_TOTO, OURS = "1.2.840.113549.1.", "application/vnd.in-toto+json", "https://github.com/hallmark-pki/hallmark/"
HASH = {"2.16.840.1.101.3.4.2.1": SHA256, "2.16.840.1.101.3.4.2.2": SHA384, "2.16.840.1.101.3.4.2.3": SHA512}
ECDSA = {"1.2.840.10045.4.3.2": SHA256, "1.2.840.10045.4.3.3": SHA384, "1.2.840.10045.4.3.4": SHA512}
RSA = {PKCS + "1.11": SHA256, PKCS + "1.12": SHA384, PKCS + "1.13": SHA512}
KIND, DIGEST, SIGNED_AT, PROTECTION, SIGNER, TOKEN = (PKCS + "9." + n for n in ("3", "4", "5", "52", "16.2.47", "16.2.14"))
TIMESTAMPING, CODE_SIGNING, ANY_USAGE = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.3", "2.5.29.37.0"

class Bad(Exception): "Something speaks against the file."
class Unknown(Exception): "Something that had to be known is not."
def need(ok, why, value=None, kind=Bad):
    if not ok:
        raise kind(why)
    return value
def attempt(f, *args):
    """What it returns and None, or None and why it could not: what a reader stumbles over is not well formed."""
    try:
        return f(*args), None
    except Exception as e:
        return None, e

# DER, X.690.
def items(b):
    """The values that stand one after the other: (tag, content, whole)."""
    out, i = [], 0
    while i < len(b):
        need(i + 2 <= len(b) and b[i] & 31 != 31, "not DER")
        n, at = b[i + 1], i + 2
        if n >= 128:
            at += n & 127
            k, n = n & 127, int.from_bytes(b[i + 2:at], "big")
            need(0 < k <= 4 and at <= len(b) and b[i + 2] and n >= 128, "length not in DER")
        out.append(need(at + n <= len(b), "cut off", (b[i], b[at:at + n], b[i:at + n])))
        i = at + n
    return out
def one(b, tag):
    (kind, body, _), = items(b)
    return need(kind == tag, "not of tag %#x" % tag, body)
def check_der(b, depth=0):
    need(depth <= 32, "nested too deep")
    for tag, body, _ in items(b):
        tag & 32 and check_der(body, depth + 1)
        ok = {1: body in (b"\0", b"\xff"), 2: is_integer(body), 5: not body, 0x10: False, 0x11: False}
        need(ok.get(tag, True), "not in DER")
def is_integer(b): return len(b) > 0 and not re.match(rb"(?s)\x00[\x00-\x7f]|\xff[\x80-\xff]", b)
def integer(item):
    return need(item[0] == 2 and is_integer(item[1]), "no INTEGER", int.from_bytes(item[1], "big", signed=True))
def oid(item):
    need(item[0] == 6 and re.fullmatch(rb"(?s)(?:(?!\x80)[\x80-\xff]{0,8}[\x00-\x7f])+", item[1]), "no OBJECT IDENTIFIER")
    arcs = [0]
    for c in item[1]:
        arcs[-1:] = [arcs[-1] << 7 | c & 127] + ([0] if c < 128 else [])
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first] + arcs[1:-1]))
def instant(item):
    """UTCTime or GeneralizedTime."""
    m = re.fullmatch(rb"(\d\d)?(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z", item[1])
    need(item[0] in (0x17, 0x18) and m and (m[1] is None) == (item[0] == 0x17), "no time")
    century = int(m[1]) if m[1] else 20 - (m[2] >= b"50")
    return datetime.datetime(100 * century + int(m[2]), *map(int, m.groups()[2:]), tzinfo=UTC)
def algorithm(body):
    kind, *parameters = items(body)
    return oid(kind), [p[2] for p in parameters if p[0] != 5] or None

# Keys and signatures.
VERIFY = {
    "ecdsa": (ec.EllipticCurvePublicKey, lambda h: (ec.ECDSA(h),)), "ed25519": (ed25519.Ed25519PublicKey, lambda h: ()),
    "rsa": (rsa.RSAPublicKey, lambda h: (padding.PKCS1v15(), h)), "pss": (rsa.RSAPublicKey, lambda h: (padding.PSS(padding.MGF1(h), h.digest_size), h))}
def verifies(key, kind, hash_, sig, data):
    return isinstance(key, VERIFY[kind][0]) and attempt(key.verify, sig, data, *VERIFY[kind][1](hash_()))[1] is None
def under(key, alg, sig, data): return alg in ECDSA and verifies(key, "ecdsa", ECDSA[alg], sig, data) or alg in RSA and verifies(key, "rsa", RSA[alg], sig, data)
def need_strong(key, bits=2048):
    need(bits <= key.key_size <= 8192 if isinstance(key, rsa.RSAPublicKey) else key.curve.name in ("secp256r1", "secp384r1", "secp521r1"), "weak key")
def dsse(keys, kind, payload, sig):
    """A signature over DSSE's pre-authentication encoding, by one of the keys."""
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    by_size = lambda key: {384: SHA384, 521: SHA512}.get(getattr(key, "key_size", 0), SHA256)
    return any(verifies(k, "ed25519", SHA512, sig, pae) or verifies(k, "ecdsa", by_size(k), sig, pae) or verifies(k, "pss", SHA256, sig, pae) for k in keys)

# Certificates, RFC 5280.
class Cert:
    def __init__(self, der):
        c = x509.load_der_x509_certificate(need(len(der) <= 32 << 10, "certificate too large", der))
        self.key, _ = c.public_key(), (c.subject, c.issuer, c.extensions, c.not_valid_before, c.not_valid_after)
        tbs, outer, sig = items(one(der, 0x30))
        f = items(tbs[1])
        need(f[0][0] == 0xa0 and f[2][2] == outer[2], "certificate: version or algorithm")
        self.raw, self.tbs, self.alg, self.sig = der, tbs[2], algorithm(outer[1])[0], sig[1][1:]
        self.serial, self.issuer, self.subject = integer(f[1]), f[3][2], f[5][2]
        names = [items(a[1])[1] for n in (f[3], f[5]) for rdn in items(n[1]) for a in items(rdn[1])]
        need(self.serial >= 0 and all(t != 0x13 or re.fullmatch(rb"[A-Za-z0-9 '()+,./:=?*&-]*", b) for t, b, _ in names), "certificate: serial number or name")
        self.begin, self.end = map(instant, items(f[4][1]))
        self.ext = extensions(one(f[7][1], 0x30)) if len(f) > 7 else {}
        content = lambda n: one(self.ext["2.5.29." + n][1], 3 if n == "15" else 0x30) if "2.5.29." + n in self.ext else b""
        self.usage = {8 * i + k for i, c in enumerate(content("15")[1:]) for k in range(8) if c & 128 >> k}
        basic = items(content("19"))
        self.ca, self.below = bool(basic) and basic[0][:2] == (1, b"\xff"), integer(basic[1]) if len(basic) > 1 else None
        self.eku = [oid(x) for x in items(content("37"))]
        self.uris = [n[1].decode("ascii", "replace") for n in items(content("17")) if n[0] == 0x86]
        self.policies = [oid(items(p[1])[0]) for p in items(content("32"))]
        self.points = [n[1] for p in items(content("31")) for x in items(p[1]) if x[0] == 0xa0 for full in items(x[1]) for n in items(full[1]) if n[0] == 0x86]
        self.strange = [o for o, (critical, _) in self.ext.items() if critical and o not in ("2.5.29." + n for n in "15 17 19 30 31 32 35 36 37 54".split())]
    def at(self, t): return self.begin <= t <= self.end
    def issued(self, c): return self.subject == c.issuer and self.ca and (not self.usage or 5 in self.usage) and under(self.key, c.alg, c.sig, c.tbs)
def extensions(b):
    found = [(x[0], items(x[1])) for x in items(b)]
    out = {oid(f[0]): (len(f) == 3, f[-1][1]) for _, f in found}
    return need(len(out) == len(found) and all(tag == 0x30 and f[-1][0] == 4 and (len(f) == 2 or f[1][:2] == (1, b"\xff")) for tag, f in found), "extension", out)
def allows(ca, uris):
    """Name constraints on URIs, RFC 5280 §4.2.1.10; one that is not critical or on other names refuses."""
    critical, value = ca.ext.get("2.5.29.30", (False, b""))
    for tag, trees, _ in items(one(value, 0x30)) if value else []:
        bases = [items(t[1])[0] for t in items(trees)]
        domains = [b.decode().lower() for t, b, _ in bases if t == 0x86]
        hosts = [(urlsplit(u).hostname or "").lower() for u in uris]
        inside = [any(h == d or h.endswith(d if d[:1] == "." else "." + d) for d in domains) for h in hosts]
        if not critical or any(t not in (0x81, 0x82, 0x86, 0x87) for t, _, _ in bases) or domains and any(i != (tag == 0xa0) for i in inside):
            return False
    return True
def paths(leaf, bag, roots, usage, t):
    """Every path to a root of which all was in force at that time."""
    out = []
    def grow(path):
        for c in roots + bag:
            if c.raw in [p.raw for p in path] or len(path) > 8 or not c.at(t) or c.strange or not c.issued(path[-1]) or not allows(c, leaf.uris):
                continue
            if c.below is not None and sum(p.subject != p.issuer for p in path[1:]) > c.below or c.eku and usage not in c.eku and ANY_USAGE not in c.eku:
                continue
            out.append(path + [c]) if c in roots else grow(path + [c])
    return grow([leaf]) or out if leaf.at(t) and not leaf.strange else []

# CRLs, RFC 5280 §5.
class CRL:
    def __init__(self, der):
        tbs, alg, sig = items(one(der, 0x30))
        f = [x for i, x in enumerate(items(tbs[1])) if i or x[0] != 2]
        self.issuer, self.fit = f[1][2], attempt(self.read, f, tbs, alg, sig)[1] is None
    def read(self, f, tbs, alg, sig):
        self.tbs, self.alg, self.sig, self.begin = tbs[2], algorithm(alg[1])[0], sig[1][1:], instant(f[2])
        rest = f[3:]
        self.end = instant(rest.pop(0)) if rest and rest[0][0] in (0x17, 0x18) else None
        listed = items(rest[0][1]) if rest and rest[0][0] == 0x30 else []
        ext = extensions(one(rest[-1][1], 0x30)) if rest and rest[-1][0] == 0xa0 else {}
        self.number = integer(items(ext["2.5.29.20"][1])[0])
        scope = {t: b for t, b, _ in items(one(ext["2.5.29.28"][1], 0x30))} if "2.5.29.28" in ext else {}
        need(f[0][2] == alg[2] and self.number >= 0 and set(scope) <= {0xa0, 0x81, 0x82} and not any(o == "2.5.29.27" or c and o not in ("2.5.29.20", "2.5.29.28") for o, (c, _) in ext.items()), "extension")
        self.urls, self.users, self.cas = [u[1] for u in items(one(scope[0xa0], 0xa0))] if 0xa0 in scope else [], 0x81 in scope, 0x82 in scope
        self.entries = [self.entry(items(e[1])) for e in listed]
    @staticmethod
    def entry(f):
        """Serial number, effective since, reason, and whether no time helps."""
        ext = extensions(f[2][1]) if len(f) > 2 else {}
        need(not any(c and o not in ("2.5.29.21", "2.5.29.24") for o, (c, _) in ext.items()), "critical entry extension")
        reason = one(ext["2.5.29.21"][1], 10)[0] if "2.5.29.21" in ext else None
        invalid = instant(items(ext["2.5.29.24"][1])[0]) if "2.5.29.24" in ext else None
        return integer(f[0]), min(instant(f[1]), invalid or instant(f[1])), reason, reason in (1, 2, 10) and invalid is None
    def usable(self, c, issuer, sharded, now):
        return (self.fit and not (self.users and c.ca or self.cas and not c.ca) and (any(u in c.points for u in self.urls) if self.urls else not sharded)
                and issuer.ca and (not issuer.usage or 6 in issuer.usage) and under(issuer.key, self.alg, self.sig, self.tbs) and self.begin - SKEW <= now)
def standing(c, issuer, sharded, crls, w):
    """The entries about a certificate, why that is not enough, and of when it is."""
    mine = [(l.number, l.begin, -i) for i, l in enumerate(crls) if l.issuer == issuer.subject and l.usable(c, issuer, sharded, w.now)]
    if not mine: return [], "no usable CRL", None
    l, behind = crls[-max(mine)[2]], any(l.begin - SKEW > w.now and l.issuer == issuer.subject and l.usable(c, issuer, sharded, l.begin) for l in crls)
    old = l.end is None or w.now > l.end or w.max_age and w.now - l.begin > w.max_age or l in w.crls and w.now > w.next_update
    return [e for e in l.entries if e[0] == c.serial], old and "CRL too old" or behind and "CRL from the future", l.begin

# CMS, RFC 5652, and timestamps, RFC 3161.
def attributes(b, ordered):
    out, last = {}, b""
    for tag, body, whole in items(b):
        f = items(body)
        need(tag == 0x30 and len(f) == 2 and f[1][0] == 0x31 and (not ordered or last <= whole), "attribute")
        last, kind, values = whole, oid(f[0]), [v[2] for v in items(f[1][1])]
        out[kind] = need(kind not in out and len(values) <= 16 and len(out) < 16, "attribute twice, or too many", values)
    return out
def value(attrs, o):
    return need(len(attrs.get(o, [0])) == 1, "attribute %s has not one value" % o, attrs.get(o, [None])[0])
def hashed(hash_, data): return hashlib.new(hash_.name, data).digest()
class SignedData:  # a CMS in the profile: self.leaf's key signed content of self.digest
    def __init__(self, der, limit, content_type, version, allowed, protected, stamp):
        need(len(der) <= limit and not check_der(der), "signature too large")
        kind, body = items(one(der, 0x30))
        f = items(one(body[1], 0x30))
        need(oid(kind) == PKCS + "7.2" and body[0] == 0xa0 and [x[0] for x in f] == [2, 0x31, 0x30, 0xa0, 0x31], "not the profile of SignedData")
        encap, signers, bag = items(f[2][1]), items(f[4][1]), [c[2] for c in items(f[3][1])]
        need(integer(f[0]) == version and [x[0] for x in signers] == [0x30] and oid(encap[0]) == content_type and len(encap) <= 2, "version, signers or content type")
        inner = items(encap[1][1]) if len(encap) == 2 else []
        need(len(inner) == len(encap) - 1 and len(bag) <= 8 and len(set(bag)) == len(bag) and all(c[:1] == b"\x30" for c in bag), "content or certificates")
        self.content = (inner[0][1] if inner[0][0] == 4 else inner[0][2]) if inner else None
        s = items(signers[0][1])
        need([x[0] for x in s[:6]] == [2, 0x30, 0x30, 0xa0, 0x30, 4] and (len(s) == 6 or len(s) == 7 and s[6][0] == 0xa1 and s[6][1]) and integer(s[0]) == 1, "SignerInfo")
        self.signed, self.unsigned = attributes(s[3][1], True), attributes(s[6][1], False) if len(s) == 7 else {}
        algs, self.value = [algorithm(s[2][1]), algorithm(s[4][1])], s[5][1]
        hash_ = HASH.get(algs[0][0])
        need(hash_ in allowed and algs[0][1] is None and algs[1][1] is None and [algorithm(a[1]) for a in items(f[1][1])] == algs[:1], "digest algorithm")
        need(hash_ in (ECDSA.get(algs[1][0]), RSA.get(algs[1][0])) or algs[1][0] == PKCS + "1.1", "signature algorithm")
        self.check_attributes(content_type, algs, protected, stamp)
        (issuer, serial), certs = items(s[1][1]), [Cert(c) for c in bag]
        mine = [c for c in certs if c.issuer == issuer[2] and c.serial == integer(serial)]
        need(len(mine) == 1, "not one certificate of the signer")
        self.leaf, self.others = mine[0], [c for c in certs if c is not mine[0]]
        ess = items(items(items(one(value(self.signed, SIGNER), 0x30))[0][1])[0][1])
        by = SHA256 if ess[0][0] == 4 else HASH.get(algorithm(ess.pop(0)[1])[0])
        at = value(self.signed, SIGNED_AT)
        need(by and ess[0][1] == hashed(by, self.leaf.raw) and (at is None or self.leaf.at(instant(items(at)[0]))), "signing certificate or signing time")
        need(verifies(self.leaf.key, "ecdsa" if algs[1][0] in ECDSA else "rsa", hash_, self.value, b"\x31" + s[3][2][1:]), "signature does not verify")
    def check_attributes(self, content_type, algs, protected, stamp):
        kind, digest, signer, protection, at = (value(self.signed, o) for o in (KIND, DIGEST, SIGNER, PROTECTION, SIGNED_AT))
        need(kind and digest and signer and (not protected or protection and at), "signed attribute missing")
        need(not {KIND, DIGEST, SIGNED_AT, PROTECTION, SIGNER} & set(self.unsigned) and not {TOKEN, stamp} & set(self.signed), "misplaced attribute")
        self.digest = one(digest, 4)
        p = items(one(protection, 0x30)) if protection else []
        need(oid(items(kind)[0]) == content_type and (not p or [x[0] for x in p] == [0x30, 0xa1] and [algorithm(x[1]) for x in p] == algs), "content type or algorithm protection")
def open_token(token, signed_value, w):
    """The time of a token over a signature value, and its authority's path."""
    s = SignedData(token, 64 << 10, PKCS + "9.16.1.4", 3, HASH.values(), False, TOKEN)
    f, c = items(one(s.content, 0x30)), s.leaf
    alg, imprint = items(f[2][1])
    hash_, made = HASH.get(algorithm(alg[1])[0]), instant(f[4])
    need(integer(f[0]) == 1 and any(hashed(h, s.content) == s.digest for h in HASH.values()), "token")
    strange = f[-1][0] == 0xa1 and any(critical for critical, _ in extensions(f[-1][1]).values())
    need(hash_ and imprint[1] == hashed(hash_, signed_value) and not strange, "token is about something else")
    need(c.eku == [TIMESTAMPING] and c.ext["2.5.29.37"][0] and not c.ca and c.usage and c.usage <= {0, 1}, "not a timestamp authority's certificate")
    found = paths(c, s.others, w.stamp_roots, TIMESTAMPING, made)
    need(found, "timestamp authority not trusted")
    [need_strong(a.key) for a in found[0]]
    return need(made - SKEW <= w.now, "timestamp is from the future", (made, found[0]), Unknown)

# The mark: ext/hallmark.asn1 and docs/oids.md.
def policy_oid(arc, claim, level):
    h = int.from_bytes(hashlib.sha256(("hallmark policy\0%s\0%s" % (claim["framework"], claim["track"])).encode()).digest()[:11], "big") >> 4
    return "%s.3.%d.%d.%d.%d" % (arc, h >> 56, h >> 28 & 0xfffffff, h & 0xfffffff, level)
def read_mark(c, arc):
    need(all(arc + n in c.ext and not c.ext[arc + n][0] for n in (".1", ".2")), "no mark")
    version, listed = items(one(c.ext[arc + ".1"][1], 0x30))
    claims = []
    for _, body, _ in items(listed[1]):
        f = items(body)
        a, text = items(f[-1][1]), lambda x: x[1].decode("ascii")
        claims.append({"framework": text(f[0]), "track": text(f[1]), "level": integer(f[2]), "id": text(f[3]) if f[3][0] == 0x80 else "",
                       "payload": a[0][1].hex(), "auditor": a[1][1].hex(), "begin": instant(a[2]), "end": instant(a[3]), "log": (text(a[4]), integer(a[5]))})
    need(integer(version) == 1 and 1 <= len(claims) <= 16 and all(1 <= k["level"] <= 9 for k in claims), "claims")
    want = sorted({policy_oid(arc, k, n) for k in claims for n in range(1, k["level"] + 1)})
    need(sorted(p for p in c.policies if p.startswith(arc + ".3.")) == want and "2.5.29.32.0" not in c.policies, "policies and claims disagree")
    return claims, set(want)

# Evidence: JSON, summaries (DSSE, in-toto, SLSA VSA), receipts (C2SP tlog-proof and signed-note).
def strict(raw, *members):
    """A JSON object without repeated members; with members named, without others."""
    o = json.loads(raw, object_pairs_hook=lambda found: need(len(dict(found)) == len(found), "member twice", dict(found)))
    return need(isinstance(o, dict) and (not members or set(o) <= set(members)), "unknown member", o)
def b64(text, url=False):
    out = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if url else base64.b64decode(text)
    return need((base64.urlsafe_b64encode(out).rstrip(b"=") if url else base64.b64encode(out)).decode() == text, "not base64 in its one spelling", out)
def time_of(text):
    need(isinstance(text, str) and re.fullmatch(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z", text), "no time")
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
def statement(raw):
    """What a DSSE envelope says, unverified: its payload, statement and signatures."""
    e = strict(raw, "payload", "payloadType", "signatures")
    payload = b64(e["payload"].replace("-", "+").replace("_", "/"))
    return need(e["payloadType"] == IN_TOTO, "no in-toto statement", (payload, strict(payload), e["signatures"]))
def summary(raw, file, vendor, claims, keys):
    """When it was made, and None if the summary verifies every level, "provisional" if none yet, or "FAILED"."""
    payload, s, signatures = statement(raw)
    need(any(dsse(keys, IN_TOTO, payload, b64(x["sig"])) for x in signatures), "nobody we trust signed it")
    p = s["predicate"]
    need(re.fullmatch(r"https://in-toto\.io/Statement/v(1|0\.1)", s["_type"]) and s["predicateType"] == "https://slsa.dev/verification_summary/v1", "another statement")
    need(any(x["digest"].get(file["algorithm"]) == file["signed"] for x in s["subject"]) and p["resourceUri"].split("#")[0] == vendor, "about another file or vendor")
    need(p["verifier"]["id"] and p["policy"] and p["verificationResult"] in ("PASSED", "FAILED"), "no result")
    provisional, failed = OURS + "confirm-by" in p, p["verificationResult"] == "FAILED"
    need(failed or not (p["verifiedLevels"] if provisional else {k["id"] for k in claims} - set(p["verifiedLevels"])), "levels of a provisional summary, or not every level")
    return p["timeVerified"], "FAILED" if failed else "provisional" if provisional else None
def newest(envelopes, *about):
    """What the newest summary among fetched envelopes says; one that failed wins a tie."""
    found = [f for f, _ in (attempt(summary, b64(e), *about) for e in envelopes) if f and f[1] != "provisional"]
    return max(((t, f is not None, f) for t, f in found), default=("", True, "missing"))[2]
def receipt(raw, logs):
    """The log entry that a receipt proves, with the log's name and the index."""
    head, text, signatures = raw.decode().split("\n\n", 2)
    kind, extra, index, *path = head.split("\n")
    origin, size, root = text.split("\n")
    need(kind == "c2sp.org/tlog-proof@v1" and re.fullmatch(r"extra .*", extra) and re.fullmatch(r"index (0|[1-9][0-9]*)", index), "no receipt")
    lines, good = [line.split(" ") for line in signatures.splitlines()], False
    for log, id_, key in (vkey.split("+", 2) for vkey in logs):
        for sig in (b64(sig) for _, name, sig in lines if name == log == origin):
            key_ = b64(key)
            mine = key_[0] == 1 and sig[:4].hex() == id_ and hashlib.sha256(log.encode() + b"\n" + key_).digest()[:4] == sig[:4]
            good = good or mine and verifies(ed25519.Ed25519PublicKey.from_public_bytes(key_[1:]), "ed25519", SHA512, sig[4:], text.encode() + b"\n")
    need(good, "no log that we trust signed the checkpoint")
    entry, fn, sn = b64(extra[6:]), int(index[6:]), int(size) - 1
    h = hashlib.sha256(b"\0" + entry).digest()
    for p in map(b64, path):  # RFC 9162 §2.1.3.2
        need(sn > 0, "proof too long")
        left = fn & 1 or fn == sn
        h = hashlib.sha256(b"\1" + (p + h if left else h + p)).digest()
        while left and fn and not fn & 1: fn, sn = fn >> 1, sn >> 1
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0 and h == b64(root) and int(index[6:]) < int(size), "not in the tree")
    return strict(entry), (origin, int(index[6:]))

# The judgement.
class World:  # trust, status, policy and time of a proof
    def __init__(self, proof):
        self.at, self.now, self.demands = proof["at"], time_of(proof["at"]), proof["demands"]
        fields = ("version", "name", "arc", "roots", "timestamp_roots", "logs", "vsa_keys", "status_keys", "issued_at")
        raw = b64(proof["trust"])
        t = strict(raw, *fields)
        need(proof["version"] == 2 and self.demands and len(raw) <= 1 << 20 and t["version"] == 1 and set(fields) - set(t) <= {"name", "status_keys"} and t["roots"], "policy or trust bundle")
        need(all(len(set(t[f])) == len(t[f]) for f in fields[3:7]) and re.fullmatch(r"[0-2](\.(0|[1-9][0-9]{0,9})){3,}", t["arc"]), "something twice, or the arc")
        self.arc, self.logs, self.keys = t["arc"], t["logs"], [load_der_public_key(b64(k)) for k in t["vsa_keys"]]
        self.roots, self.stamp_roots = ([Cert(b64(c)) for c in t[f]] for f in ("roots", "timestamp_roots"))
        for c in self.roots + self.stamp_roots:
            need(c.ca and 5 in c.usage and not c.strange and not need_strong(c.key), "a root is no CA")
        self.max_age = datetime.timedelta(seconds=self.demands["max_status_age"])
        self.crls, self.transitions, self.issued, self.next_update = [], {}, None, None
        if proof["status"] and (t.get("status_keys") or self.demands["revocation"] != "off" or self.demands["assessments"] == "in-force-today"):
            self.open_status(b64(proof["status"]), t.get("status_keys") or [])
    def open_status(self, raw, keys):
        payload, line, end = raw.split(b"\n")
        line = strict(line, "keyid", "sig")
        key = next(k for k in keys if hashlib.sha256(b64(k["key"])).hexdigest() == line["keyid"])
        need(end == b"" and dsse([load_der_public_key(b64(key["key"]))], "application/vnd.hallmark.status+json", payload, b64(line["sig"])), "status: signature")
        s = strict(payload, "version", "number", "issued_at", "next_update", "crls", "assessments", "checkpoint")
        self.issued, self.next_update = time_of(s["issued_at"]), time_of(s["next_update"])
        inside = [key.get("not_before", "") <= t <= key.get("not_after", "9999-12-31T23:59:59Z") for t in (s["issued_at"], self.at)]
        need(s["version"] == 2 and s["number"] > 0 and all(inside), "status: version, or period of its key")
        self.crls = [CRL(b64(c)) for c in s["crls"]]
        self.transitions = {a["assessment"]: (a["to"], time_of(a["effective"]), a.get("level", 0)) for a in s["assessments"]}
def open_jws(raw, tbs, file):
    e = strict(raw, "payload", "protected", "header", "signature")
    scheme, at, by, ours = "io.cncf.notary.signingScheme", "io.cncf.notary.signingTime", "com.github.hallmark-pki.confirmBy", "com.github.hallmark-pki.staple"
    p, h = strict(b64(e["protected"], True), "alg", "cty", "crit", "x5t#S256", scheme, at, by), e["header"]
    need(p["crit"] == [scheme] and p["cty"] == "application/vnd.cncf.notary.payload.v1+json" and p[scheme] == "notary.x509", "protected header")
    need(set(h) <= {"x5c", "io.cncf.notary.timestampSignature", "io.cncf.notary.signingAgent", ours}, "header")
    target = {"mediaType": tbs["media_type"], "digest": "sha256:" + file["signed"], "size": tbs["size"]}
    need(strict(b64(e["payload"], True)) == {"targetArtifact": target}, "signed was another manifest")
    (leaf, *others), sig = [Cert(b64(c)) for c in h["x5c"]], b64(e["signature"], True)
    need(b64(p["x5t#S256"], True) == hashlib.sha256(leaf.raw).digest() and leaf.at(time_of(p[at])), "thumbprint or signing time")
    bits, n = leaf.key.key_size, (leaf.key.key_size + 7) // 8
    alg, hash_ = {256: ("ES256", SHA256), 384: ("ES384", SHA384), 521: ("ES512", SHA512), 3072: ("PS384", SHA384), 4096: ("PS512", SHA512)}[bits]
    need(p["alg"] == alg and (bits > 1000 or len(sig) == 2 * n), "algorithm")
    der = sig if bits > 1000 else utils.encode_dss_signature(int.from_bytes(sig[:n], "big"), int.from_bytes(sig[n:], "big"))
    need(verifies(leaf.key, "pss" if bits > 1000 else "ecdsa", hash_, der, (e["protected"] + "." + e["payload"]).encode()), "signature does not verify")
    token, staple = (b64(h[k]) if k in h else None for k in ("io.cncf.notary.timestampSignature", ours))
    return leaf, others, sig, token, staple, time_of(p[by]) if by in p else None
def open_cms(raw, tbs, w):
    content = b64(tbs["content"])
    s = SignedData(raw, 1 << 20, tbs["content_type"], 1, (SHA256,), True, tbs["timestamp"])
    need((s.content is None) == (not content) and (s.content or b"") == content and s.digest.hex() == tbs["digest"], "signed was another file")
    need(set(s.unsigned) <= {tbs["timestamp"], w.arc + ".4"}, "unsigned attribute that is no timestamp and no staple: a signature, a deadline, or anything")
    by = value(s.signed, w.arc + ".6")
    return s.leaf, s.others, s.value, value(s.unsigned, tbs["timestamp"]), value(s.unsigned, w.arc + ".4"), instant(items(by)[0]) if by else None
def judge(form, raw, proof, w):
    """Vendor, reasons against one signature, unmet demands, claims and time; what ends the judgement is raised."""
    d, why = w.demands, []
    leaf, others, sig, token, staple, by = open_cms(raw, proof["to_be_signed"], w) if form == "cms" else open_jws(raw, proof["to_be_signed"], proof["file"])
    version, *parts = items(one(staple, 0x30)) if staple else [(2, b"\1")]
    parts = {t: c for t, c, _ in parts}
    need(integer(version) == 1 and bool(parts) == bool(staple) and set(parts) <= {0x80, 0xa1, 0xa2}, "staple")
    stapled, proofs = ([x[1] for x in items(parts.get(t, b""))] for t in (0xa2, 0xa1))
    need(len(stapled) <= 8 and len(proofs) <= 16 and (token or d["timestamp"] != "required"), "staple, or no timestamp")
    crls, (made, authority) = w.crls + [CRL(c) for c in stapled], open_token(token, sig, w) if token else (None, [])
    t = made or w.now
    need(not leaf.ca and leaf.usage == {0} and leaf.eku == [CODE_SIGNING] and len(leaf.uris) == 1 and urlsplit(leaf.uris[0]).scheme, "not a code signer's certificate")
    need_strong(leaf.key, 3072)
    fit = [p for p in paths(leaf, others, w.roots, CODE_SIGNING, t) if all(CODE_SIGNING in c.eku and ANY_USAGE not in c.eku for c in p[1:-1] or p[1:])]
    need(fit, "no path to a root that held at that time")
    chain, vendor, as_of = fit[0], leaf.uris[0], None
    [need_strong(c.key) for c in chain[1:]]
    for i, c in enumerate(chain[:-1] if d["revocation"] != "off" else []):
        entries, missing, of = standing(c, chain[i + 1], i == 0, crls, w)
        as_of = of if i == 0 else as_of
        if any(made is None or always or made >= since for _, since, _, always in entries):
            why.append(Bad("revoked"))
        elif missing and i == 0 and d["revocation"] == "required":
            why.append(Unknown(missing))
    why += [Bad("timestamp authority revoked") for c, issuer in zip(authority, authority[1:] if d["revocation"] != "off" else [])
            if any(reason not in (0, 3, 4, 5) or made >= since for _, since, reason, _ in standing(c, issuer, False, crls, w)[0])]
    claims, policies = read_mark(leaf, w.arc)
    need(all(policies <= set(c.policies) for c in chain[1:-1] or chain[1:]), "above the tier")
    need(all(k["begin"] <= t < k["end"] for k in claims), "assessment not in force")
    has = lambda r: any((k["framework"], k["track"]) == (r["framework"], r["track"]) and k["level"] >= r["level"] for k in claims)
    met = not d["require"] or any(all(map(has, a)) for a in d["require"])
    return vendor, why + assessments(claims, t, w) + evidence(proof, w, vendor, claims, parts.get(0x80), proofs, by, as_of), [] if met else [Bad("requirement unmet")], claims, t
def assessments(claims, t, w):
    today, why = w.demands["assessments"] == "in-force-today", []
    if today and (w.issued is None or w.issued - SKEW > w.now or w.max_age and w.now - w.issued > w.max_age):
        why.append(Unknown("no fresh status about assessments"))
    for k in claims:
        to, since, level = w.transitions.get(k["payload"], (None, w.now, 0))
        stands = to == "superseded" or to == "lowered" and k["level"] <= level
        if to and since <= w.now and (today or t >= since and not stands) or today and w.now >= k["end"]:
            why.append(Bad("assessment ended"))
    return why
def evidence(proof, w, vendor, claims, vsa, proofs, by, as_of):
    demanded, confirmed, why, failed = w.demands["attestations"] != "off", w.demands["confirmed"] == "required", [], None
    if not demanded and by is None and not confirmed: return why
    made, e = attempt(summary, vsa, proof["file"], vendor, claims, w.keys)
    failed = str(e) or repr(e) if e else made[1]
    if failed not in (None, "FAILED") and w.demands["attestations"] == "fetch" and proof["file"]["algorithm"] == "sha256":
        fetched = newest(proof["evidence"], proof["file"], vendor, claims, w.keys)
        failed = failed if (failed, fetched) == ("provisional", "missing") else fetched
    if failed and by and not confirmed and (failed == "provisional" if demanded else failed != "FAILED"):
        why += [Unknown("not confirmed in time")] if w.now > by and not (as_of and as_of > by + SKEW) else []
    elif failed:
        why.append(Bad("summary: " + failed))
    e = attempt(check_receipts, proofs, w.logs, claims, vendor)[1] if demanded else None
    return why + ([Bad("receipt: %r" % e)] if e else [])
def check_receipts(proofs, logs, claims, vendor):
    found = [receipt(r, logs) for r in proofs]
    for k in claims:
        e, log = next(f for f in found if f[0]["type"] == "assessment.accepted" and f[0]["assessment"] == k["payload"])
        same = (log, e["vendor"], e["auditor_spki_sha256"], e["framework"], e.get("track", "")) == (k["log"], vendor, k["auditor"], k["framework"], k["track"])
        need(same and e["level"] >= k["level"], "about something else")

# What the certificate stands on: assessments, and rebuilders' statements about the file.
def assessed(found, k, vendor, t):
    """Whether the assessment that a claim names is there: shown, key missing, missing; with its rebuilders. The best envelope counts."""
    weighed = [attempt(weigh, *f, k, vendor, t) for f in found if hashlib.sha256(f[0]).hexdigest() == k["payload"]]
    good = [state for state, e in weighed if not e]
    return need(good or not weighed, weighed and str(weighed[0][1]), max(good, key=lambda state: state[0], default=("missing", [])))
def weigh(payload, s, signatures, k, vendor, t):
    p, subject = s["predicate"], [{"name": vendor, "digest": {"sha256": hashlib.sha256(vendor.encode()).hexdigest()}}]
    need(s["predicateType"] == OURS + "assessment/v1" and s["subject"] == subject and p["vendor"]["uri"] == vendor, "assessment of another vendor")
    need((p["framework"]["uri"], p["framework"]["track"]) == (k["framework"], k["track"]) and p["level"] >= k["level"], "assessment of another level")
    need((time_of(p["assessedAt"]), time_of(p["validUntil"])) == (k["begin"], k["end"]) and k["begin"] <= t < k["end"], "assessment of another time")
    keys = [load_der_public_key(b64(x["publicKey"])) for x in signatures if hashlib.sha256(b64(x.get("publicKey", ""))).hexdigest() == k["auditor"]]
    need(not keys or any(dsse(keys, IN_TOTO, payload, b64(x["sig"])) for x in signatures), "assessment: the auditor's signature does not verify")
    return "shown" if keys else "key missing", p["scope"].get("rebuilders", [])
def rebuilds(about, r):
    """What a rebuilder says of the file: True, it built the same; False, it could not."""
    keys = [load_pem_public_key(k.encode()) for k in r["keys"]]
    for payload, s, signatures in about:
        p, kind = s["predicate"], s["predicateType"]
        if len(s["subject"]) == 1 and any(dsse(keys, IN_TOTO, payload, b64(x["sig"])) for x in signatures):
            if kind == "https://slsa.dev/provenance/v1" and p["runDetails"]["builder"]["id"] == r["id"]:
                yield True
            if kind == OURS + "rebuild-failure/v1" and p["rebuilder"] == r["id"] and p["reason"] in ("mismatch", "unreproducible"):
                yield False
def distinct(names, seen):
    """Names that differ in more than case, spaces and punctuation."""
    fold = lambda name: "".join(c.upper().lower() for c in name if unicodedata.category(c)[0] in "LM" or c.isdecimal()) or name
    return [n for n in sorted(names) if not (fold(n) in seen or seen.add(fold(n)))]
def check_grounds(proof, claims, vendor, t):
    file, found = proof["file"], [statement(b64(e)) for e in proof["evidence"]]
    covers = lambda s: any(x["digest"].get(a) == d for x in s["subject"] for a, d in (("sha256", file["sha256"]), (file["algorithm"], file["signed"])))
    need(all(covers(s) or hashlib.sha256(p).hexdigest() in [k["payload"] for k in claims] for p, s, _ in found), "evidence is about something else")
    states, seen = [assessed(found, k, vendor, t) for k in claims], set()
    said = [(ok, r["operator"]) for _, some in states for r in some for ok in rebuilds([f for f in found if covers(f[1])], r)]
    against, by = (distinct([o for ok, o in said if ok == want], seen) for want in (False, True))
    g = proof["grounds"]
    need([(a["sha256"], a["state"]) for a in g["assessments"]] == [(k["payload"], s) for k, (s, _) in zip(claims, states)], "assessments are not as stated")
    need((g["contradicted"], g["reproduced"]) == (against, by), "rebuilds are not as stated")
def opinion(raw):
    proof, best = strict(raw), None
    w, e = attempt(World, proof)
    need(not e, "trust, status or policy: %s" % e, None, Unknown)
    for s in proof["signatures"]:
        found, e = attempt(lambda: judge(s["form"], b64(s["bytes"]), proof, w))
        vendor, why, unmet, *ground = found or ("", [e if isinstance(e, Unknown) else Bad(repr(e))], [])
        if best is None or not why + unmet and best[1] + best[2] or vendor and not best[0]:
            best = vendor, why, unmet, *ground
    vendor, why, unmet, *ground = best or ("", [], [])
    why += [(Unknown if proof["container"] == "file-unreadable" else Bad)(proof["container"])] if proof["container"] or not best else []
    for e in w.demands["exceptions"]:
        if w.now < time_of(e["expires"]) and (e["digest"] and e["digest"] == proof["file"]["sha256"] or e["vendor"] and e["vendor"] == vendor and not why):
            return
    if why + unmet:
        raise min(why + unmet, key=lambda r: isinstance(r, Unknown))
    check_grounds(proof, *ground[:1], vendor, *ground[1:])
def main(names):
    warnings.simplefilter("ignore")
    worst = 0
    for name in names:
        _, e = attempt(lambda: opinion(pathlib.Path(name).read_bytes()))
        code = 2 if isinstance(e, Unknown) else 1 if e else 0
        print(("valid", "not valid", "could not tell")[code], name, str(e or "").replace("\n", " ")[:200], sep="\t")
        worst = max(worst, code)
    return worst

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

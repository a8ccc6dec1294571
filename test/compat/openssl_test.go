package compat

import (
	"crypto/x509"
	"strconv"
	"time"
)

func (w *world) opensslVerify() group {
	g := group{
		tool: "openssl", use: "chains, levels and revocation",
		how: "openssl verify -x509_strict -CAfile root.pem -untrusted elevated-ca.pem \\\n    -policy_check -explicit_policy -policy OID vendor.pem",
		about: "The level is a certificate policy ([oids.md](oids.md)); a higher level's certificate carries the lower levels' too. " +
			"Lists are those that the certificates name.",
	}
	root, elevated, standard, high := w.root(), w.twin("elevated"), w.twin("standard"), w.twin("high")
	under := func(l leaf, anchor string, more ...string) []string {
		args := append([]string{"openssl", "verify", "-x509_strict", "-CAfile", anchor, "-untrusted", l.chain}, more...)
		return append(args, l.cert)
	}
	policy := func(level int) []string {
		return []string{"-policy_check", "-explicit_policy", "-policy", w.policy(level)}
	}
	at := func(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
	leafs := func(l leaf) []*x509.Certificate {
		return append([]*x509.Certificate{l.issued.Certificate}, l.issued.Chain...)
	}
	const untrusted, noPolicy = "unable to get local issuer certificate", "no explicit policy"
	expired := w.expired.issued.Certificate
	g.cases = []kase{
		{name: "root", args: under(w.good, root), want: true, says: "OK"},
		{name: "root, level held", args: under(w.good, root, policy(3)...), want: true, says: "OK"},
		{name: "root, a level below", args: under(w.good, root, policy(1)...), want: true, says: "OK"},
		{name: "root, a level above", args: under(w.good, root, policy(4)...), says: noPolicy},
		{name: "twin of its tier", args: under(w.good, elevated), want: true, says: "OK"},
		{name: "twin of its tier, level held", args: under(w.good, elevated, policy(3)...), want: true, says: "OK"},
		{name: "twin of its tier, a level above", args: under(w.good, elevated, policy(4)...), says: noPolicy},
		{name: "twin of a lower tier", args: under(w.good, standard), says: untrusted},
		{name: "twin of a higher tier", args: under(w.good, high), says: untrusted},
		{name: "SLSA 2 from tier standard, its twin", args: under(w.standard, standard, policy(2)...), want: true, says: "OK"},
		{name: "SLSA 2 from tier standard, twin of elevated", args: under(w.standard, elevated), says: untrusted},
		{name: "for any purpose", args: under(w.good, root, "-purpose", "any"), want: true, says: "OK"},
		{name: "as a TLS server", args: under(w.good, root, "-purpose", "sslserver"), says: "unsuitable certificate purpose"},
		{name: "as a timestamping authority", args: under(w.good, root, "-purpose", "timestampsign"), says: "unsuitable certificate purpose"},
		{name: "expired", args: under(w.expired, root), says: "certificate has expired"},
		{name: "expired, judged when it was valid", args: under(w.expired, root, "-attime", at(expired.NotBefore.Add(time.Hour))), want: true, says: "OK"},
		{name: "judged before it was valid", args: under(w.good, root, "-attime", at(expired.NotAfter)), says: "certificate is not yet valid"},
		{name: "lists of both CAs", args: under(w.good, root, "-crl_check_all", "-CRLfile", w.lists(leafs(w.good)...)), want: true, says: "OK"},
		{name: "list of the root missing", args: under(w.good, root, "-crl_check_all", "-CRLfile", w.lists(w.good.issued.Certificate)), says: "unable to get certificate CRL"},
		{name: "twin and its list", args: under(w.good, elevated, "-crl_check", "-CRLfile", w.lists(w.good.issued.Certificate)), want: true, says: "OK"},
		{name: "revoked", args: under(w.revoked, root, "-crl_check", "-CRLfile", w.lists(w.revoked.issued.Certificate)), says: "certificate revoked"},
		{name: "revoked, twin", args: under(w.revoked, elevated, "-crl_check", "-CRLfile", w.lists(w.revoked.issued.Certificate)), says: "certificate revoked"},
		{name: "revoked, another shard's list", args: under(w.revoked, root, "-crl_check", "-CRLfile", w.otherShard(w.revoked.issued.Certificate)), says: "different CRL scope"},
		{name: "revoked, no list asked for", args: under(w.revoked, root), want: true, says: "OK", wrong: "it looks at lists only when told to with -crl_check; `hallmark-verify` with `revocation: required` refuses without"},
	}
	return g
}

func (w *world) opensslCMS() group {
	g := group{
		tool: "openssl", use: "detached signatures",
		how:   "openssl cms -verify -binary -inform DER -in FILE.p7s -content FILE \\\n    -CAfile elevated-twin.pem -purpose any -out /dev/null",
		about: "What `hallmark sign` writes. `-purpose any` is needed: without it openssl wants an e-mail certificate.",
	}
	content := []byte("what acme's builder built\n")
	file, other := w.file(".bin", content), w.file(".bin", append([]byte("x"), content...))
	signature := w.file(".p7s", w.signDetached(content))
	verify := func(content, anchor string, more ...string) []string {
		return append([]string{"openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", content,
			"-CAfile", anchor, "-out", w.fresh(".out")}, more...)
	}
	any := []string{"-purpose", "any"}
	policy := func(level int) []string { return append(any, "-explicit_policy", "-policy", w.policy(level)) }
	root, elevated, standard := w.root(), w.twin("elevated"), w.twin("standard")
	g.cases = []kase{
		{name: "root", args: verify(file, root, any...), want: true, says: "Verification successful"},
		{name: "twin of its tier", args: verify(file, elevated, any...), want: true, says: "Verification successful"},
		{name: "twin of its tier, level held", args: verify(file, elevated, policy(3)...), want: true, says: "Verification successful"},
		{name: "twin of its tier, a level above", args: verify(file, elevated, policy(4)...), says: "no explicit policy"},
		{name: "twin of another tier", args: verify(file, standard, any...), says: "unable to get local issuer certificate"},
		{name: "another file", args: verify(other, root, any...), says: "content verify error"},
		{name: "file with one bit changed", args: verify(w.flipped(file, ".bin"), root, any...), says: "content verify error"},
		{name: "without -purpose any", args: verify(file, root), says: "unsuitable certificate purpose"},
	}
	return g
}

package compat

import "crypto/x509"

func (w *world) certtoolVerify() group {
	g := group{
		tool: "certtool", use: "chains and revocation",
		how:   "certtool --verify --load-ca-certificate elevated-twin.pem [--load-crl LISTS.pem] --infile vendor-and-elevated-ca.pem",
		about: "GnuTLS does not process certificate policies: a minimum level is enforced by the choice of the tier's twin, and no finer.",
	}
	root, elevated, standard := w.root(), w.twin("elevated"), w.twin("standard")
	verify := func(l leaf, anchor string, more ...string) []string {
		return append([]string{"certtool", "--verify", "--load-ca-certificate", anchor, "--infile", l.both}, more...)
	}
	lists := func(l leaf) string {
		return w.lists(append([]*x509.Certificate{l.issued.Certificate}, l.issued.Chain...)...)
	}
	chain := func(anchor *x509.Certificate, l leaf) string {
		return w.pem("CERTIFICATE", append(append([][]byte{l.issued.Certificate.Raw}, ders(l.issued.Chain)...), anchor.Raw)...)
	}
	const ok, purpose = "Chain verification output: Verified.", "--verify-purpose"
	const codeSigning, tlsServer = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.1"
	g.cases = []kase{
		{name: "root", args: verify(w.good, root), want: true, says: ok},
		{name: "whole chain in one file (--verify-chain)", args: []string{"certtool", "--verify-chain", "--infile", chain(w.trust.Roots[0], w.good)}, want: true, says: ok},
		{name: "whole chain in one file, of another tier", args: []string{"certtool", "--verify-chain", "--infile", chain(w.twinOf("standard"), w.good)}, says: "The certificate issuer is unknown"},
		{name: "twin of its tier", args: verify(w.good, elevated), want: true, says: ok},
		{name: "twin of another tier", args: verify(w.good, standard), says: "The certificate issuer is unknown"},
		{name: "for code signing", args: verify(w.good, root, purpose, codeSigning), want: true, says: ok},
		{name: "as a TLS server", args: verify(w.good, root, purpose, tlsServer), says: "The certificate chain does not match the intended purpose"},
		{name: "expired", args: verify(w.expired, root), says: "The certificate chain uses expired certificate"},
		{name: "lists of both CAs", args: verify(w.good, root, "--load-crl", lists(w.good)), want: true, says: ok},
		{name: "revoked", args: verify(w.revoked, root, "--load-crl", lists(w.revoked)), says: "The certificate chain is revoked"},
		{name: "revoked, another shard's list", args: verify(w.revoked, root, "--load-crl", w.otherShard(w.revoked.issued.Certificate)), want: true, says: ok,
			wrong: "it does not look at which certificates a list is for (issuingDistributionPoint, critical or not): give it the list that the certificate names"},
		{name: "revoked, no list given", args: verify(w.revoked, root), want: true, says: ok, wrong: "it knows only the lists it is given"},
	}
	return g
}

func (w *world) certtoolSignatures() group {
	g := group{
		tool: "certtool", use: "detached signatures",
		how: "certtool --p7-verify --inder --load-ca-certificate elevated-twin.pem --load-data FILE --infile FILE.p7s",
	}
	content := []byte("what acme's builder built\n")
	file, other := w.file(".bin", content), w.file(".bin", []byte("something else"))
	signature := w.file(".p7s", w.signDetached(content))
	verify := func(file, anchor string) []string {
		return []string{"certtool", "--p7-verify", "--inder", "--load-ca-certificate", anchor, "--load-data", file, "--infile", signature}
	}
	const ok = "Signature status: ok"
	g.cases = []kase{
		{name: "root", args: verify(file, w.root()), shows: ok, want: true, says: ok},
		{name: "twin of its tier", args: verify(file, w.twin("elevated")), shows: ok, want: true, says: ok},
		{name: "twin of another tier", args: verify(file, w.twin("standard")), shows: ok, says: "verification failed"},
		{name: "another file", args: verify(other, w.root()), shows: ok, says: "verification failed"},
	}
	return g
}

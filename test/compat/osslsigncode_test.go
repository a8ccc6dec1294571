package compat

import "crypto/x509"

// signedPE is a Windows program signed in the past.
type signedPE struct{ stamped, bare string }

func (w *world) signPE(l leaf, more ...string) string {
	w.t.Helper()
	out := w.fresh(".exe")
	args := []string{"osslsigncode", "sign", "-certs", l.both, "-key", l.keyPEM, "-h", "sha256", "-in", w.program, "-out", out}
	w.must(append(args, more...)...)
	return out
}

func (w *world) signPEInThePast() signedPE {
	if w.program == "" {
		return signedPE{} // other projects' test data is not at hand
	}
	return signedPE{stamped: w.signPE(w.expired, "-ts", w.url+"/tsa"), bare: w.signPE(w.expired)}
}

// authenticode takes what was signed in the past, and by the revoked leaf before that
// was known.
func (w *world) authenticode(past signedPE) group {
	g := group{
		tool: "osslsigncode", use: "Windows programs",
		how: "osslsigncode sign -certs vendor-and-elevated-ca.pem -key vendor.key -h sha256 -ts http://CA/tsa -in IN.exe -out OUT.exe\n" +
			"osslsigncode verify -CAfile elevated-twin.pem -TSA-CAfile root.pem -in OUT.exe",
		about: "The signature is made by the tool, with a certificate of ours and our timestamps. The program is one of osslsigncode's own tests.",
	}
	stamped, bare := w.signPE(w.good, "-ts", w.url+"/tsa"), w.signPE(w.good)
	standard, revoked := w.signPE(w.standard, "-ts", w.url+"/tsa"), w.signPE(w.revoked, "-ts", w.url+"/tsa")
	root := w.root()
	verify := func(file, anchor string, more ...string) []string {
		return append([]string{"osslsigncode", "verify", "-CAfile", anchor, "-TSA-CAfile", root, "-in", file}, more...)
	}
	tampered := w.read(stamped)
	tampered[0x600] ^= 1 // in the code
	lists := func(l leaf) string {
		return w.lists(append([]*x509.Certificate{l.issued.Certificate}, l.issued.Chain...)...)
	}
	const ok, untrusted = "Signature verification: ok", "unable to get local issuer certificate"
	g.cases = []kase{
		{name: "root", args: verify(stamped, root), want: true, says: ok},
		{name: "twin of its tier", args: verify(stamped, w.twin("elevated")), want: true, says: ok},
		{name: "twin of a lower tier", args: verify(stamped, w.twin("standard")), says: untrusted},
		{name: "twin of a higher tier", args: verify(stamped, w.twin("high")), says: untrusted},
		{name: "SLSA 2 from tier standard, its twin", args: verify(standard, w.twin("standard")), want: true, says: ok},
		{name: "SLSA 2 from tier standard, twin of elevated", args: verify(standard, w.twin("elevated")), says: untrusted},
		{name: "no timestamp", args: verify(bare, root), want: true, says: ok},
		{name: "expired since, timestamp", args: verify(past.stamped, root), want: true, says: ok},
		{name: "expired since, no timestamp", args: verify(past.bare, root), says: "certificate has expired"},
		{name: "code changed", args: verify(w.file(".exe", tampered), root), says: "MISMATCH!!!"},
		{name: "not signed", args: verify(w.program, root), says: "No signature found"},
		{name: "lists of both CAs", args: verify(stamped, root, "-CRLfile", lists(w.good)), want: true, says: ok},
		{name: "revoked", args: verify(revoked, root, "-CRLfile", lists(w.revoked)), says: "certificate revoked",
			older: "release 2.5, which Debian 12 has, accepts it all the same; 2.9 refuses", olderSays: "Signature CRL verification: ok"},
	}
	return g
}

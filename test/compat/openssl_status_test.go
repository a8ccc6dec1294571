package compat

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
)

// post sends a file to one of the public endpoints and returns the answer as a file.
func (w *world) post(path, mediaType, file string) string {
	w.t.Helper()
	resp, err := http.Post(w.url+path, mediaType, bytes.NewReader(w.read(file)))
	w.check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.check(err)
	if resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: %s: %s", path, resp.Status, body)
	}
	return w.file(".answer", body)
}

// stamp asks the timestamping authority as openssl does.
func (w *world) stamp(data string, options ...string) (query, reply string) {
	w.t.Helper()
	query = w.fresh(".tsq")
	w.must(append([]string{"openssl", "ts", "-query", "-data", data, "-out", query}, options...)...)
	return query, w.post("/tsa", "application/timestamp-query", query)
}

func (w *world) opensslTS() group {
	g := group{
		tool: "openssl", use: "timestamps",
		how: "openssl ts -query -data FILE -sha256 -cert -out FILE.tsq\n" +
			"curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE.tsq http://CA/tsa > FILE.tsr\n" +
			"openssl ts -verify -queryfile FILE.tsq -in FILE.tsr -CAfile root.pem",
		about: "The authority stands under a CA of its own, so the anchor is the root (or that CA, with `-partial_chain`), never a tier.",
	}
	file, other := w.file(".bin", []byte("data")), w.file(".bin", []byte("other data"))
	query, reply := w.stamp(file, "-sha256", "-cert", "-tspolicy", w.ca.Arc().TimestampPolicy().String())
	plainQuery, plain := w.stamp(file, "-sha512")
	_, noNonce := w.stamp(file, "-sha384", "-cert", "-no_nonce")
	oldQuery, old := w.stamp(file, "-sha1", "-cert")
	strangeQuery, strange := w.stamp(file, "-sha256", "-tspolicy", "1.2.3.4")
	again, _ := w.stamp(file, "-sha256", "-cert")
	token := w.fresh(".token")
	w.must("openssl", "ts", "-reply", "-in", reply, "-token_out", "-out", token)
	authorities := w.pem("CERTIFICATE", w.timestampers()...)
	root := w.root()
	verify := func(what, answer, anchor string, more ...string) []string {
		mode := "-queryfile"
		if what == file || what == other {
			mode = "-data"
		}
		return append([]string{"openssl", "ts", "-verify", mode, what, "-in", answer, "-CAfile", anchor}, more...)
	}
	const ok = "Verification: OK"
	g.cases = []kase{
		{name: "answer against query (SHA-256, nonce, policy, certificates)", args: verify(query, reply, root), want: true, says: ok},
		{name: "answer against file", args: verify(file, reply, root), want: true, says: ok},
		{name: "token against file", args: verify(file, token, root, "-token_in"), want: true, says: ok},
		{name: "SHA-384, no nonce", args: verify(file, noNonce, root), want: true, says: ok},
		{name: "SHA-512, certificates from a file", args: verify(plainQuery, plain, root, "-untrusted", authorities), want: true, says: ok},
		{name: "SHA-512, no certificates", args: verify(plainQuery, plain, root), says: "signer certificate not found"},
		{name: "another file", args: verify(other, reply, root), says: "message imprint mismatch"},
		{name: "another query for the same file", args: verify(again, reply, root), says: "nonce mismatch"},
		{name: "answer with one bit changed", args: verify(file, w.flipped(reply, ".tsr"), root), says: "Verification: FAILED"},
		{name: "twin of a tier as anchor", args: verify(query, reply, w.twin("elevated")), says: "unable to get local issuer certificate"},
		{name: "SHA-1", args: verify(oldQuery, old, root), says: "failure codes: badAlg", note: "our refusal"},
		{name: "a policy that is not ours", args: verify(strangeQuery, strange, root), says: "failure codes: unacceptedPolicy", note: "our refusal"},
	}
	return g
}

// timestampers are the certificates of the authority and its CA.
func (w *world) timestampers() [][]byte {
	w.t.Helper()
	authority, err := w.ca.Certificate("timestamping")
	w.check(err)
	return append(ders(w.tsa), authority.Raw)
}

func (w *world) opensslOCSP() group {
	g := group{
		tool: "openssl", use: "OCSP",
		how:   "openssl ocsp -issuer elevated-ca.pem -cert vendor.pem -url http://CA/ocsp -CAfile root.pem -verify_other elevated-ca.pem",
		about: "The answer is signed by a responder of the tier's CA; its certificate comes with the answer. With a twin as anchor `-verify_other` is not needed. openssl asks with a nonce and by POST.",
	}
	service := w.good.issued.Certificate.OCSPServer[0]
	root, elevated := w.root(), w.twin("elevated")
	ask := func(issuer, anchor string, more ...string) []string {
		return append([]string{"openssl", "ocsp", "-issuer", issuer, "-url", service, "-CAfile", anchor, "-verify_other", issuer}, more...)
	}
	byGet := func(l leaf) []string {
		query := w.fresh(".ocsp")
		w.must("openssl", "ocsp", "-issuer", l.chain, "-cert", l.cert, "-no_nonce", "-reqout", query)
		answer := w.file(".answer", w.get(service+"/"+url.PathEscape(base64.StdEncoding.EncodeToString(w.read(query)))))
		return []string{"openssl", "ocsp", "-respin", answer, "-issuer", l.chain, "-cert", l.cert, "-CAfile", root, "-verify_other", l.chain, "-no_nonce"}
	}
	good, bad := w.good, w.revoked
	g.cases = []kase{
		{name: "good", args: ask(good.chain, root, "-cert", good.cert), shows: ": good", want: true, says: "Response verify OK"},
		{name: "good, by GET without nonce", args: byGet(good), shows: ": good", want: true, says: "Response verify OK"},
		{name: "good, certificate named with SHA-256", args: ask(good.chain, root, "-sha256", "-cert", good.cert), shows: ": good", want: true, says: "Response verify OK"},
		{name: "good, twin", args: []string{"openssl", "ocsp", "-issuer", good.chain, "-cert", good.cert, "-url", service, "-CAfile", elevated}, shows: ": good", want: true, says: "Response verify OK"},
		{name: "revoked", args: ask(bad.chain, root, "-cert", bad.cert), shows: ": good", says: "Reason: keyCompromise"},
		{name: "revoked, by GET", args: byGet(bad), shows: ": good", says: "Reason: keyCompromise"},
		{name: "serial number we never gave", args: ask(good.chain, root, "-serial", "0x1234"), shows: ": good", says: "0x1234: unknown"},
		{name: "another tier named as issuer", args: ask(w.standard.chain, root, "-cert", good.cert), shows: ": good", says: "Responder Error: unauthorized (6)"},
		{name: "twin of another tier as anchor", args: []string{"openssl", "ocsp", "-issuer", good.chain, "-cert", good.cert, "-url", service, "-CAfile", w.twin("standard")}, shows: ": nothing", says: "Response Verify Failure"},
	}
	return g
}

func (w *world) opensslCRL() group {
	g := group{
		tool: "openssl", use: "revocation lists",
		how: "openssl crl -inform DER -in LIST.crl -CAfile elevated-ca.pem -noout",
	}
	list := w.file(".crl", w.get(w.good.issued.Certificate.CRLDistributionPoints[0]))
	rootList := w.file(".crl", w.get(w.good.issued.Chain[0].CRLDistributionPoints[0]))
	verify := func(list, issuer string) []string {
		return []string{"openssl", "crl", "-inform", "DER", "-in", list, "-CAfile", issuer, "-noout"}
	}
	forged := w.read(list)
	forged[len(forged)-1] ^= 1 // in the signature
	g.cases = []kase{
		{name: "tier's list, its CA", args: verify(list, w.good.chain), shows: "verify OK", want: true, says: "verify OK"},
		{name: "root's list, the root", args: verify(rootList, w.root()), shows: "verify OK", want: true, says: "verify OK"},
		{name: "tier's list, another tier's CA", args: verify(list, w.standard.chain), shows: "verify OK", says: "Error getting CRL issuer certificate"},
		{name: "tier's list, signature changed", args: verify(w.file(".crl", forged), w.good.chain), shows: "verify OK", says: "verify failure"},
	}
	return g
}

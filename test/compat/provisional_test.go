package compat

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/test/cast"
	"github.com/hallmark-pki/hallmark/test/sample"
	"github.com/hallmark-pki/hallmark/truststore"
	"github.com/hallmark-pki/hallmark/verify"
)

const rebuilderID = "https://rebuild.example.org/"

func publicPEM(w *world, key *ecdsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	w.check(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// early is a file with a provisional signature.
type early struct {
	path   string
	signed sign.Result
	digest [32]byte
}

// signEarly has a file signed on basic evidence, with a certificate for it alone.
func (w *world) signEarly(kind format.Kind, suffix string, content []byte) early {
	w.t.Helper()
	e := early{path: w.file(suffix, content)}
	e.signed, e.digest = w.sealedAs(w.early, kind, e.path, func(r *sign.Request) { r.Mode = sign.Provisional })
	if e.signed.State != store.SignatureProvisional {
		w.t.Fatalf("the signature is %q", e.signed.State)
	}
	return e
}

// reproduce has the rebuilder say that a file is what its source builds to.
func (w *world) reproduce(e early) {
	w.t.Helper()
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects:  []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": hex.EncodeToString(e.digest[:])}}},
		BuilderID: rebuilderID, BuildType: rebuilderID + "recipe",
		Source: attest.ResourceDescriptor{URI: "https://git.acme.example/tool", Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	w.check(err)
	w.fileOutcome(statement)
}

func (w *world) fileOutcome(statement attest.Statement) {
	w.t.Helper()
	envelope, err := attest.SignStatement(context.Background(), statement, w.rebuilder)
	w.check(err)
	_, err = w.evidence.Independent().Put(context.Background(), cast.Vendor, envelope)
	w.check(err)
}

// contradict has the rebuilder say that a file is not what its source builds to.
func (w *world) contradict(e early) {
	w.t.Helper()
	statement, err := attest.NewRebuildFailure(attest.RebuildFailure{
		Subject: attest.Subject{Name: "tool", Digest: map[string]string{"sha256": hex.EncodeToString(e.digest[:])}}, Rebuilder: rebuilderID,
		Source: attest.ResourceDescriptor{URI: "https://git.acme.example/tool", Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
		Recipe: strings.Repeat("22", 32), Reason: attest.RebuildMismatch,
		Got:       []attest.ResourceDescriptor{{Name: "tool", Digest: map[string]string{"sha256": strings.Repeat("00", 32)}}},
		StartedOn: w.now().Add(-time.Minute), FinishedOn: w.now(),
	})
	w.check(err)
	w.fileOutcome(statement)
}

// listsOf are the lists that the certificates of a signature name, in PEM.
func (w *world) listsOf(e early) (certs []*x509.Certificate) {
	w.t.Helper()
	var record store.Certificate
	w.check(w.store.View(context.Background(), func(r store.Reader) (err error) {
		record, err = store.Certificates.Get(r, e.signed.Serial)
		return err
	}))
	leaf, err := x509.ParseCertificate(record.DER)
	w.check(err)
	issuing, err := w.ca.Certificate(record.IssuingCA())
	w.check(err)
	return []*x509.Certificate{leaf, issuing}
}

// judgeWith is our own verdict with today's lists.
func (w *world) judgeWith(e early) verify.Verdict {
	w.t.Helper()
	status := verify.Status{Number: 1, IssuedAt: w.now(), NextUpdate: w.now().Add(time.Hour)}
	for _, c := range w.listsOf(e) {
		status.CRLs = append(status.CRLs, w.get(c.CRLDistributionPoints[0]))
	}
	policy := verify.DefaultPolicy()
	policy.Revocation = verify.Required
	v, err := verify.New(verify.Config{Now: w.now, Policy: policy, Status: status, Trust: verify.Trust{
		Name: "Example CA", Arc: w.trust.Arc, Roots: w.trust.Roots, TimestampRoots: w.trust.TimestampRoots, Logs: []string{w.vkey}, VSAKeys: w.trust.VSAKeys, IssuedAt: w.now()}})
	w.check(err)
	return v.File(context.Background(), e.path)
}

// provisional are signatures that were given out early: of each format one that was
// confirmed since, and one that a rebuilder contradicted, whose certificate was revoked
// without a human. All are good to everybody before.
func (w *world) provisional() []group {
	root, elevated := w.root(), w.truststore(truststore.MarshalJKS, "elevated")
	windows := func(e early, lists bool) []string {
		args := []string{"osslsigncode", "verify", "-CAfile", root, "-TSA-CAfile", root, "-in", e.path}
		if lists {
			args = append(args, "-CRLfile", w.lists(w.listsOf(e)...))
		}
		return args
	}
	java := func(e early, lists bool) []string {
		args := []string{"-verify", "-strict", "-keystore", elevated, "-storepass", storePassword}
		if lists {
			args = append(args, "-revCheck")
		}
		return w.jarsigner(append(args, e.path)...)
	}
	open := []early{w.signEarly(format.PE, ".exe", sample.Program([]byte("good"))), w.signEarly(format.JAR, ".jar", sample.Archive([]byte("good")))}
	bad := []early{w.signEarly(format.PE, ".exe", sample.Program([]byte("bad"))), w.signEarly(format.JAR, ".jar", sample.Archive([]byte("bad")))}
	tools := []func(early, bool) []string{windows, java}
	for i, tool := range tools {
		for _, e := range []early{open[i], bad[i]} {
			w.must(tool(e, true)...)
			if v := w.judgeWith(e); v.Outcome != verify.Valid {
				w.t.Fatalf("hallmark-verify, before: %v %v", v.Outcome, v.Reasons)
			}
		}
		w.reproduce(open[i])
		w.contradict(bad[i])
	}
	w.check(w.settling.Sweep(context.Background()))
	for i := range tools {
		if v := w.judgeWith(open[i]); v.Outcome != verify.Valid {
			w.t.Errorf("hallmark-verify, confirmed: %v %v", v.Outcome, v.Reasons)
		}
		v := w.judgeWith(bad[i])
		if v.Outcome != verify.NotValid || !slices.ContainsFunc(v.Reasons, func(r verify.Reason) bool { return r.Code == verify.Revoked }) {
			w.t.Errorf("hallmark-verify, taken back: %v %v", v.Outcome, v.Reasons)
		}
	}
	const about = "Signed with `--mode provisional`, and good to everybody. One was confirmed; of the other a rebuilder said that its source builds to something else, and its certificate, for this file alone, was revoked at once. "
	return []group{{
		tool: "osslsigncode", use: "programs with a provisional signature",
		how:   "osslsigncode verify -CAfile root.pem -TSA-CAfile root.pem -CRLfile lists.pem -in FILE.exe",
		about: about + "The lists are those that the certificates name.",
		cases: []kase{
			{name: "confirmed", args: windows(open[0], true), want: true, says: "Signature verification: ok"},
			{name: "taken back", args: windows(bad[0], true), says: "certificate revoked",
				older: "release 2.5, which Debian 12 has, accepts it all the same; 2.9 refuses", olderSays: "Signature CRL verification: ok"},
		},
	}, {
		tool: "jarsigner", use: "JAR files with a provisional signature",
		how:   "jarsigner -verify -strict -revCheck -keystore elevated.jks -storepass changeit FILE.jar",
		about: about + "Java asks for the status itself.",
		cases: []kase{
			{name: "confirmed", args: java(open[1], true), want: true, says: "jar verified."},
			{name: "taken back", args: java(bad[1], true), says: "revoked"},
			{name: "taken back, without -revCheck", args: java(bad[1], false), want: true, says: "jar verified.", wrong: "Java asks for a certificate's status only with -revCheck"},
		},
	}}
}

package server

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/mirror"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
)

// reach lets the world's gate, mirrors and verifiers fetch from this machine, under the
// CA's own root and those of hosts that tests add; it asks no name server.
func (w *world) reach() outbound.Policy {
	return outbound.Policy{RootCAs: w.roots, AllowPrivate: true, Resolver: func(context.Context, string) ([]netip.Addr, error) {
		return nil, errors.New("tests are offline")
	}}
}

// ownHost is a vendor's static host: a plain file server with https over a folder.
func (w *world) ownHost(dir string) string {
	host := httptest.NewTLSServer(http.FileServer(http.Dir(dir)))
	w.t.Cleanup(host.Close)
	w.roots.AddCert(host.Certificate())
	return host.URL
}

// betaAt takes beta to a certificate that says that its evidence is at some addresses.
func (w *world) betaAt(urls ...string) ext.Mark {
	w.t.Helper()
	a := w.newAssessment("beta")
	a.Scope.Repositories = urls
	w.accept("olga", w.handIn(a))
	var cert api.Certificate
	w.must("beta", "POST", "/v1/certificates", api.NewCertificate{}, &cert)
	leaf, err := x509.ParseCertificate(cert.DER)
	if err != nil {
		w.t.Fatal(err)
	}
	mark, err := w.server.CA.Arc().ReadMark(leaf)
	if err != nil {
		w.t.Fatal(err)
	}
	return mark
}

// fetcher follows certificates' addresses as hallmark-verify does, and may reach this
// machine.
type fetcher struct{ policy outbound.Policy }

func (f fetcher) Fetch(ctx context.Context, address string) ([]byte, error) {
	body, err := outbound.Get(ctx, f.policy, address)
	var status *outbound.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		err = verify.ErrNotFound
	}
	return body, err
}

// judge verifies a detached signature whose staple has lost its summary, under a policy
// that has it fetched.
func (w *world) judge(content, cms []byte) verify.Verdict {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "hello.tar")
	if err := errors.Join(os.WriteFile(file, content, 0o600), os.WriteFile(file+".p7s", w.withoutSummary(cms), 0o600)); err != nil {
		w.t.Fatal(err)
	}
	trust, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		w.t.Fatal(err)
	}
	policy := verify.DefaultPolicy()
	policy.Attestations = verify.Fetch
	v, err := verify.New(verify.Config{Trust: trust, Policy: policy, Now: time.Now, Fetcher: fetcher{w.reach()}})
	if err != nil {
		w.t.Fatal(err)
	}
	return v.File(w.t.Context(), file)
}

func (w *world) withoutSummary(cms []byte) []byte {
	w.t.Helper()
	fail := func(err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	signed, err := pkcs7.Unmarshal(cms)
	fail(err)
	list := signed.Content.SignerInfos[0].UnauthenticatedAttributes
	id := w.server.CA.Arc().Staple()
	var kept pkcs7.AttributeList
	for _, a := range list {
		if !a.Type.Equal(id) {
			kept = append(kept, a)
			continue
		}
		staple, err := ext.ParseStaple(a.Values.Bytes)
		fail(err)
		staple.VSA = nil
		der, err := staple.Marshal()
		fail(err)
		a.Values.Bytes, a.Values.FullBytes = der, nil
		kept = append(kept, a)
	}
	signed.Content.SignerInfos[0].UnauthenticatedAttributes = kept
	signed.Content.SignerInfos[0].RawContent = nil // or it would be written as it was
	out, err := signed.Marshal()
	fail(err)
	if bytes.Equal(out, cms) {
		w.t.Fatal("no summary was stapled")
	}
	return out
}

// TestCertificatesAddressGivesEvidence: the address in a certificate, served by the CA
// itself, has the evidence from the first minute, and the CA's summary once there is a
// signature; a verifier that has to fetch it finds it there.
func TestCertificatesAddressGivesEvidence(t *testing.T) {
	w := newWorld(t)
	mark := w.betaAt(w.http.URL + "/att/beta")
	content := []byte("built by beta")
	digest := digestOf(string(content))
	address := ext.EvidenceURL(mark.Repository.URLs[0], digestBytes(digest))
	if _, err := outbound.Get(t.Context(), w.reach(), address); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("before there is evidence: %v", err)
	}
	provenance := w.provenance(digest)
	w.must("beta", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{provenance}}, nil)
	if body, err := outbound.Get(t.Context(), w.reach(), address); err != nil || string(body) != string(provenance)+"\n" {
		t.Errorf("%q, %v", body, err)
	}
	var signed api.Signature
	for range 3 { // the summary is filed once
		w.must("beta", "POST", "/v1/signatures", api.NewSignature{SHA256: digest, Format: "detached", Product: "hello"}, &signed)
	}
	body, err := outbound.Get(t.Context(), w.reach(), address)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := repository.ParseLines(body)
	if err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, want the provenance and the summary: %v", len(lines), err)
	}
	opened, err := attest.Open(lines[1], w.server.CA.VSASigner().Public())
	if err != nil || opened.Statement.PredicateType != attest.VSAType {
		t.Errorf("%+v, %v", opened.Statement, err)
	}
	if v := w.judge(content, signed.CMS); v.Outcome != verify.Valid {
		t.Errorf("%v %v", v.Outcome, v.Reasons)
	}
}

// TestVendorHostsItself: a vendor mirrors its repository into a folder and serves that
// with a plain file server; then the CA's own is not needed by who verifies. The other
// way round, the gate finds evidence that only the vendor's host has.
func TestVendorHostsItself(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	mark := w.betaAt(w.ownHost(filepath.Join(dir, "beta")))
	content := []byte("built by beta")
	digest := digestOf(string(content))
	ask := api.NewSignature{SHA256: digest, Format: "detached", Product: "hello"}
	if got := w.do("beta", "POST", "/v1/signatures", ask); got.status != http.StatusForbidden || !strings.Contains(string(got.body), "provenance.available") {
		t.Fatalf("without evidence: %d %s", got.status, got.body)
	}
	host, err := repository.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := host.Put(t.Context(), "beta", w.provenance(digest)); err != nil {
		t.Fatal(err)
	}
	w.later(time.Minute) // the gate has asked there a moment ago
	var signed api.Signature
	w.must("beta", "POST", "/v1/signatures", ask, &signed)
	var here api.Attestations
	w.must("beta", "GET", "/v1/attestations/"+digest, nil, &here)
	if len(here.Envelopes) != 2 {
		t.Errorf("%d envelopes are on file here, want the vendor's and the summary", len(here.Envelopes))
	}
	if v := w.judge(content, signed.CMS); !v.Has(verify.SummaryMissing) {
		t.Errorf("the vendor's host has no summary yet: %v %v", v.Outcome, v.Reasons)
	}
	m := mirror.Mirror{From: w.http.URL + "/att/beta", Policy: w.reach(), Into: host, Vendor: "beta"}
	report, err := m.Run(t.Context(), func(yield func(mirror.Artifact, error) bool) { yield(mirror.Artifact{SHA256: digest}, nil) })
	if err != nil || report.Added != 1 || report.Kept != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if v := w.judge(content, signed.CMS); v.Outcome != verify.Valid {
		t.Errorf("%v %v at %s", v.Outcome, v.Reasons, mark.Repository.URLs)
	}
}

func digestBytes(digest string) [32]byte {
	sum, _ := parseDigest(digest) // made by digestOf
	return sum
}

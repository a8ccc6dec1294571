package sign

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/store"
)

// notaryService is the world's service, which also signs manifests.
func notaryService(t testing.TB, w *world) *Service {
	t.Helper()
	c := w.service(t).c
	c.Formats = append(format.Files(), oci.Format{})
	s, err := New(c)
	must(t, err)
	return s
}

func (w *world) manifest() Request {
	r := w.request()
	r.Format, r.MediaType, r.Size = string(oci.Kind), oci.MediaTypeManifest, int64(len(testContent))
	return r
}

// TestSignManifest: notation's library verifies what the service signed, the descriptor
// is the one that was asked for, and timestamp and staple are about it.
func TestSignManifest(t *testing.T) {
	w := newWorld(t)
	res, err := notaryService(t, w).Sign(t.Context(), w.manifest())
	must(t, err)
	parsed, err := jws.ParseEnvelope(res.CMS)
	must(t, err)
	content, err := parsed.Verify()
	must(t, err)
	anchor, err := signature.VerifyAuthenticity(&content.SignerInfo, []*x509.Certificate{w.root.cert})
	if err != nil || !anchor.Equal(w.root.cert) {
		t.Error(err)
	}
	// The library writes the members in an order of its own.
	want := oci.NewDescriptor(oci.MediaTypeManifest, w.digest, int64(len(testContent)))
	if got, err := oci.ParsePayload(content.Payload.Content); err != nil || got != want {
		t.Errorf("payload %s, %v", content.Payload.Content, err)
	}
	if content.SignerInfo.SignatureAlgorithm != signature.AlgorithmES256 || len(content.SignerInfo.UnsignedAttributes.TimestampSignature) == 0 {
		t.Errorf("%+v", content.SignerInfo)
	}
	e, err := oci.ParseEnvelope(res.CMS)
	must(t, err)
	must(t, e.Verify(w.vendor.Public()))
	if e.Thumbprint != sha256.Sum256(e.Chain[0]) || len(e.Chain) != 3 || !e.ConfirmBy.IsZero() {
		t.Errorf("%+v", e)
	}
	staple, err := ext.ParseStaple(e.Staple)
	if err != nil || string(staple.VSA) != string(res.VSA) || len(staple.Receipts) != 1 || len(staple.CRLs) != 1 {
		t.Errorf("staple %+v, %v", staple, err)
	}
	recorded := false
	must(t, w.store.View(t.Context(), func(r store.Reader) error {
		sig, err := store.Signatures.Get(r, res.ID)
		recorded = err == nil && sig.Format == "oci" && sig.Digest == hex.EncodeToString(w.digest[:])
		return err
	}))
	if !recorded {
		t.Error("not on record")
	}
}

// TestManifestRefusals: what cannot be signed is refused before the gate is asked.
func TestManifestRefusals(t *testing.T) {
	w := newWorld(t)
	s := notaryService(t, w)
	for name, change := range map[string]func(*Request){
		"no media type":        func(r *Request) { r.MediaType = "" },
		"media type":           func(r *Request) { r.MediaType = "application/octet-stream" },
		"media type with JSON": func(r *Request) { r.MediaType += `","digest":"sha256:00` },
		"no size":              func(r *Request) { r.Size = 0 },
		"negative size":        func(r *Request) { r.Size = -1 },
		"5 MiB":                func(r *Request) { r.Size = 5 << 20 },
		"another digest":       func(r *Request) { r.Signed = [32]byte{1} },
		"a file's with a size": func(r *Request) { r.Format = string(format.Detached) },
	} {
		r := w.manifest()
		change(&r)
		_, err := s.Sign(t.Context(), r)
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != CodeRequest || refusal.Field == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.service(t).Sign(t.Context(), w.manifest()); err == nil {
		t.Error("a service without the format signs")
	}
	r := w.manifest()
	r.Digest = sha256.Sum256([]byte("another manifest"))
	_, err := s.Sign(t.Context(), r)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Decision == nil {
		t.Errorf("no evidence about this digest: %v", err)
	}
}

// TestManifestFails: whoever helps may fail, and then there is no signature.
func TestManifestFails(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"key": func(w *world) { w.keyErr = errBroken }, "stamp": func(w *world) { w.stampErr = errBroken },
		"chain": func(w *world) { w.certErr = errBroken }, "CRL": func(w *world) { w.crlErr = errBroken },
	} {
		w := newWorld(t)
		fail(w)
		if _, err := notaryService(t, w).Sign(t.Context(), w.manifest()); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// brokenKey answers with something else than a signature.
type brokenKey struct {
	crypto.Signer
	answer []byte
}

func (k brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return k.answer, nil }

// TestBuildNotary holds for each kind of key, and finds out what a key device did wrong.
func TestBuildNotary(t *testing.T) {
	w := newWorld(t)
	payload, err := oci.Payload(oci.NewDescriptor(oci.MediaTypeIndex, [32]byte{1}, 100))
	must(t, err)
	r, err := rsaOnce()
	must(t, err)
	build := func(key crypto.Signer, change func(*NotaryInput)) (oci.Envelope, error) {
		_, leaf := w.newLeaf(t, key.Public(), w.rec)
		in := NotaryInput{Payload: payload, Signer: key, Chain: []*x509.Certificate{leaf, w.issuing.cert, w.root.cert}, SigningTime: w.now}
		if change != nil {
			change(&in)
		}
		return BuildNotary(context.Background(), in)
	}
	for alg, key := range map[string]crypto.Signer{"ES256": w.vendor, "ES384": newKey(t, elliptic.P384()), "PS384": r} {
		by := w.now.Add(time.Hour)
		e, err := build(key, func(in *NotaryInput) { in.ConfirmBy = by })
		if err != nil || e.Algorithm != alg || !e.ConfirmBy.Equal(by.Truncate(time.Second)) {
			t.Errorf("%s: %+v, %v", alg, e, err)
		}
	}
	good, err := w.vendor.Sign(nil, make([]byte, 32), crypto.SHA256)
	must(t, err)
	for name, change := range map[string]func(*NotaryInput){
		"another key":         func(in *NotaryInput) { in.Signer = newKey(t, elliptic.P256()) },
		"no key":              func(in *NotaryInput) { in.Signer = nil },
		"no root":             func(in *NotaryInput) { in.Chain = in.Chain[:2] },
		"no chain":            func(in *NotaryInput) { in.Chain = nil },
		"chain out of order":  func(in *NotaryInput) { in.Chain[1], in.Chain[2] = in.Chain[2], in.Chain[1] },
		"expired":             func(in *NotaryInput) { in.SigningTime = testEnd.Add(time.Hour) },
		"payload":             func(in *NotaryInput) { in.Payload = []byte(`{"targetArtifact":{}}`) },
		"garbage of the key":  func(in *NotaryInput) { in.Signer = brokenKey{in.Signer, []byte("garbage")} },
		"signature of others": func(in *NotaryInput) { in.Signer = brokenKey{in.Signer, good} },
	} {
		if e, err := build(w.vendor, change); err == nil || e.Signature != nil {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := BuildNotary(ctx, NotaryInput{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRefreshManifest: a JWS gets a staple of today, and nothing under its signature changes.
func TestRefreshManifest(t *testing.T) {
	w := newWorld(t)
	s := notaryService(t, w)
	res, err := s.Sign(t.Context(), w.manifest())
	must(t, err)
	again, err := s.Refresh(t.Context(), "vendor", res.ID, res.CMS)
	must(t, err)
	before, err := oci.ParseEnvelope(res.CMS)
	must(t, err)
	after, err := oci.ParseEnvelope(again)
	must(t, err)
	if string(before.Signature) != string(after.Signature) || string(before.Token) != string(after.Token) || after.Verify(w.vendor.Public()) != nil {
		t.Error("more than the staple changed")
	}
	for name, raw := range map[string][]byte{"another": []byte("{}"), "none": nil} {
		if _, err := s.Refresh(t.Context(), "vendor", res.ID, raw); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

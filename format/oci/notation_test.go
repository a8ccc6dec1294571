package oci_test

import (
	"context"
	"crypto/x509"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	revocationresult "github.com/notaryproject/notation-core-go/revocation/result"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"

	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// store is notation's trust store.
type store map[truststore.Type][]*x509.Certificate

func (s store) GetCertificates(_ context.Context, t truststore.Type, _ string) ([]*x509.Certificate, error) {
	return s[t], nil
}

// unrevoked answers for the CRLs, which notation would fetch over HTTP.
type unrevoked struct{}

func (unrevoked) ValidateContext(_ context.Context, o revocation.ValidateContextOptions) ([]*revocationresult.CertRevocationResult, error) {
	var out []*revocationresult.CertRevocationResult
	for range o.CertChain {
		out = append(out, &revocationresult.CertRevocationResult{Result: revocationresult.ResultOK,
			ServerResults: []*revocationresult.ServerResult{{Result: revocationresult.ResultOK}}})
	}
	return out, nil
}

// notationSays asks notation's own library about an artefact of a layout on disk.
func notationSays(t testing.TB, trust store, dir string, d oci.Descriptor) error {
	t.Helper()
	policy := &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{{
		Name: "test", RegistryScopes: []string{"*"}, TrustStores: []string{"ca:test", "tsa:test"}, TrustedIdentities: []string{"*"},
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: trustpolicy.LevelStrict.Name, VerifyTimestamp: trustpolicy.OptionAfterCertExpiry},
	}}}
	v, err := verifier.NewWithOptions(policy, trust, nil, verifier.VerifierOptions{
		RevocationCodeSigningValidator: unrevoked{}, RevocationTimestampingValidator: unrevoked{}})
	if err != nil {
		t.Fatal(err)
	}
	repo, err := registry.NewOCIRepository(dir, registry.RepositoryOptions{})
	if err != nil {
		return err
	}
	_, _, err = notation.Verify(t.Context(), v, repo, notation.VerifyOptions{
		ArtifactReference: "example.com/app@" + d.Digest, MaxSignatureAttempts: 8})
	return err
}

func trustIn(p *pki.PKI, anchor *x509.Certificate) store {
	return store{truststore.TypeCA: {anchor}, truststore.TypeTSA: {p.Root.Cert}}
}

// lasting is a leaf that holds today, whenever that is.
func lasting(t testing.TB, p *pki.PKI, issuer *pki.Identity) *pki.Identity {
	t.Helper()
	return p.NewLeaf(t, issuer, p.Claims(2), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = p.Root.Cert.NotBefore, p.Root.Cert.NotAfter
	})
}

// expired is a leaf that held when signatures are made here, and does not today.
func expired(t testing.TB, p *pki.PKI) *pki.Identity {
	t.Helper()
	return p.NewLeaf(t, p.High, p.Claims(3), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = p.Signed.Add(-time.Hour), p.Signed.Add(time.Hour)
	})
}

// TestNotation: notation's library reads what Attach wrote, from the layout on disk, and
// takes it for the root and for the tier's CA alone.
func TestNotation(t *testing.T) {
	p := pki.New(t)
	layout := pki.NewLayout(t, t.TempDir())
	d := layout.Image(t, "a layer")
	layout.Tag(t, d, "v1")
	layout.Attach(t, d, p.SignOCIAs(t, lasting(t, p, p.High), d))
	for name, c := range map[string]struct {
		anchor *x509.Certificate
		good   bool
	}{
		"root": {p.Root.Cert, true}, "the tier's CA": {p.High.Cert, true},
		"another tier's CA": {p.Low.Cert, false}, "another root": {pki.New(t).Root.Cert, false},
	} {
		if err := notationSays(t, trustIn(p, c.anchor), layout.Dir, d); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNotationTwin: a chain that ends in a tier's self-signed twin is one to notation too.
func TestNotationTwin(t *testing.T) {
	p := pki.New(t)
	layout := pki.NewLayout(t, t.TempDir())
	d := layout.Image(t, "a layer")
	layout.Tag(t, d, "v1")
	leaf := lasting(t, p, p.High)
	layout.Attach(t, d, p.SignOCIAs(t, leaf, d, func(j *pki.JWS) { j.Chain = [][]byte{leaf.Cert.Raw, p.Twin.Raw} }))
	if err := notationSays(t, trustIn(p, p.Twin), layout.Dir, d); err != nil {
		t.Error(err)
	}
	if err := notationSays(t, trustIn(p, p.Root.Cert), layout.Dir, d); err == nil {
		t.Error("the root is nowhere in this chain")
	}
}

// TestNotationRefuses breaks one thing at a time.
func TestNotationRefuses(t *testing.T) {
	p := pki.New(t)
	leaf := lasting(t, p, p.High)
	other := lasting(t, p, p.High)
	image := func(l *pki.Layout, layer string) oci.Descriptor {
		d := l.Image(t, layer)
		l.Tag(t, d, layer)
		return d
	}
	for name, c := range map[string]func(l *pki.Layout) oci.Descriptor{
		"a byte of the manifest": func(l *pki.Layout) oci.Descriptor {
			d := image(l, "v1")
			l.Attach(t, d, p.SignOCIAs(t, leaf, d))
			l.Flip(t, d)
			return d
		},
		"another manifest's signature": func(l *pki.Layout) oci.Descriptor {
			good, d := image(l, "v1"), image(l, "v2")
			envelope := p.SignOCIAs(t, leaf, good)
			attachAnyhow(t, l, d, envelope)
			return d
		},
		"payload": func(l *pki.Layout) oci.Descriptor {
			d := image(l, "v1")
			attachAnyhow(t, l, d, p.SignOCIAs(t, leaf, d, func(j *pki.JWS) {
				j.Payload = map[string]any{"targetArtifact": oci.NewDescriptor(d.MediaType, [32]byte{1}, d.Size)}
			}))
			return d
		},
		"chain of another leaf": func(l *pki.Layout) oci.Descriptor {
			d := image(l, "v1")
			attachAnyhow(t, l, d, p.SignOCIAs(t, leaf, d, func(j *pki.JWS) { j.Chain[0] = other.Cert.Raw }))
			return d
		},
		"chain without root": func(l *pki.Layout) oci.Descriptor {
			d := image(l, "v1")
			attachAnyhow(t, l, d, p.SignOCIAs(t, leaf, d, func(j *pki.JWS) { j.Chain = j.Chain[:2] }))
			return d
		},
		"expired, no timestamp": func(l *pki.Layout) oci.Descriptor {
			d := image(l, "v1")
			l.Attach(t, d, p.SignOCIAs(t, expired(t, p), d, func(j *pki.JWS) { j.Token = nil }))
			return d
		},
		"no signature": func(l *pki.Layout) oci.Descriptor { return image(l, "v1") },
	} {
		l := pki.NewLayout(t, t.TempDir())
		d := c(l)
		if err := notationSays(t, trustIn(p, p.Root.Cert), l.Dir, d); err == nil {
			t.Errorf("%s: notation takes it", name)
		}
	}
	l := pki.NewLayout(t, t.TempDir())
	d := image(l, "v1")
	l.Attach(t, d, p.SignOCIAs(t, expired(t, p), d))
	if err := notationSays(t, trustIn(p, p.Root.Cert), l.Dir, d); err != nil {
		t.Errorf("expired, with a timestamp: %v", err)
	}
}

// attachAnyhow makes a referrer by hand, for what Attach refuses.
func attachAnyhow(t testing.TB, l *pki.Layout, d oci.Descriptor, envelope []byte) oci.Descriptor {
	t.Helper()
	m := l.JSON(t, oci.MediaTypeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": oci.MediaTypeManifest, "config": l.Blob(t, oci.MediaTypeSignature, []byte("{}")),
		"layers": []any{l.Blob(t, oci.MediaTypeEnvelope, envelope)}, "subject": d,
	})
	l.Tag(t, m, "")
	return m
}

// TestOurReaderOfNotations: notation itself attaches, and we find it.
func TestOurReaderOfNotations(t *testing.T) {
	p := pki.New(t)
	l := pki.NewLayout(t, filepath.Join(t.TempDir(), "layout"))
	d := l.Image(t, "a layer")
	l.Tag(t, d, "v1")
	repo, err := registry.NewOCIRepository(l.Dir, registry.RepositoryOptions{})
	if err != nil {
		t.Fatal(err)
	}
	envelope := p.SignOCI(t, d)
	subject, err := repo.Resolve(t.Context(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := repo.PushSignature(t.Context(), oci.MediaTypeEnvelope, envelope, subject, map[string]string{"io.cncf.notary.x509chain.thumbprint#S256": "[]"}); err != nil {
		t.Fatal(err)
	}
	layout := open(t, l.Dir)
	found, err := layout.Signatures(d)
	if err != nil || len(found) != 1 || string(found[0].Envelope) != string(envelope) {
		t.Errorf("%d signatures, %v", len(found), err)
	}
	if got, err := layout.Resolve(oci.Reference{Dir: l.Dir}); err != nil || got != d {
		t.Errorf("the only artefact: %v, %v", got, err)
	}
}

func open(t testing.TB, dir string) *oci.Layout {
	t.Helper()
	l, err := oci.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func wantReason(t testing.TB, name string, err error, want oci.Reason) {
	t.Helper()
	if !errors.Is(err, &oci.Error{Reason: want}) {
		t.Errorf("%s: %v, want %s", name, err, want)
	}
}

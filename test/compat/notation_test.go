package compat

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/test/cast"
	"github.com/hallmark-pki/hallmark/test/pki"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
)

// image is an OCI layout with one artefact.
type image struct {
	layout *pki.Layout
	d      oci.Descriptor
}

func (w *world) newImage(layer string) image {
	w.t.Helper()
	layout := pki.NewLayout(w.t, w.fresh(".oci"))
	d := layout.Image(w.t, layer)
	layout.Tag(w.t, d, "v1")
	return image{layout, d}
}

// newSerial is a certificate of a key that the signing service holds.
func (w *world) newSerial() string {
	w.t.Helper()
	key, err := w.ca.NewSigningKey(context.Background(), cast.Vendor)
	w.check(err)
	issued, err := w.ca.Issue(context.Background(), ca.Request{Vendor: cast.Vendor, SigningKey: key.ID, By: "test", Way: "api"})
	w.check(err)
	return issued.Record.Serial
}

// signImage has the signing service sign an artefact of whose manifest it gets digest,
// media type and size. It returns the manifest of the signature.
func (w *world) signImage(of image, serial string) oci.Descriptor {
	w.t.Helper()
	ctx := context.Background()
	raw, err := hex.DecodeString(of.d.Hex())
	w.check(err)
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects:  []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": of.d.Hex()}}},
		BuilderID: "https://ci.acme.example/linux", BuildType: "https://ci.acme.example/make/v1",
		Source: attest.ResourceDescriptor{URI: "https://git.acme.example/tool", Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	w.check(err)
	envelope, err := attest.SignStatement(ctx, statement, w.people.Builder)
	w.check(err)
	_, err = w.evidence.Put(ctx, cast.Vendor, envelope)
	w.check(err)
	signed, err := w.signing.Sign(ctx, sign.Request{
		Vendor: cast.Vendor, Digest: [sha256.Size]byte(raw), Format: string(oci.Kind), Product: "tool", Certificate: serial, By: cast.Vendor,
		MediaType: of.d.MediaType, Size: of.d.Size,
	})
	w.check(err)
	return of.layout.Attach(w.t, of.d, signed.CMS)
}

// signedLike is an image that carries another's signature, which hallmark itself would
// not attach.
func (w *world) signedLike(other image, signature oci.Descriptor) image {
	w.t.Helper()
	i := w.newImage("evil")
	blobs := filepath.Join(i.layout.Dir, "blobs", "sha256")
	w.check(os.CopyFS(filepath.Join(i.layout.Dir, "other"), os.DirFS(filepath.Join(other.layout.Dir, "blobs", "sha256"))))
	files, err := filepath.Glob(filepath.Join(i.layout.Dir, "other", "*"))
	w.check(err)
	for _, f := range files {
		w.check(os.Rename(f, filepath.Join(blobs, filepath.Base(f))))
	}
	w.check(os.Remove(filepath.Join(i.layout.Dir, "other")))
	var manifest map[string]any
	w.check(json.Unmarshal(w.read(filepath.Join(blobs, signature.Hex())), &manifest))
	manifest["subject"] = i.d
	i.layout.Tag(w.t, i.layout.JSON(w.t, signature.MediaType, manifest), "signature")
	return i
}

// notationStore is notation's trust store, as `hallmark trust export --format notation`
// fills it.
type notationStore map[truststore.Type]*x509.Certificate

func (s notationStore) GetCertificates(_ context.Context, t truststore.Type, _ string) ([]*x509.Certificate, error) {
	return []*x509.Certificate{s[t]}, nil
}

// notation asks notation's own library, which fetches lists and OCSP answers over HTTP.
func (w *world) notation(i image, anchor *x509.Certificate, revocation trustpolicy.ValidationAction) func(context.Context) said {
	trust := notationStore{truststore.TypeCA: anchor, truststore.TypeTSA: w.trust.Roots[0]}
	policy := &trustpolicy.Document{Version: "1.0", TrustPolicies: []trustpolicy.TrustPolicy{{
		Name: "test", RegistryScopes: []string{"*"}, TrustStores: []string{"ca:test", "tsa:test"}, TrustedIdentities: []string{"*"},
		SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: trustpolicy.LevelStrict.Name, VerifyTimestamp: trustpolicy.OptionAlways,
			Override: map[trustpolicy.ValidationType]trustpolicy.ValidationAction{trustpolicy.TypeRevocation: revocation}},
	}}}
	return func(ctx context.Context) said {
		v, err := verifier.New(policy, trust, nil)
		if err != nil {
			return said{text: err.Error()}
		}
		repo, err := registry.NewOCIRepository(i.layout.Dir, registry.RepositoryOptions{})
		if err != nil {
			return said{text: err.Error()}
		}
		_, outcomes, err := notation.Verify(ctx, v, repo, notation.VerifyOptions{ArtifactReference: "example.com/tool@" + i.d.Digest, MaxSignatureAttempts: 8})
		for _, o := range outcomes {
			err = errors.Join(err, o.Error)
		}
		if err != nil {
			return said{text: err.Error()}
		}
		return said{text: "Successfully verified signature", ok: true}
	}
}

// images are OCI layouts that the signing service signed the manifest of, before the
// Notary Project's own verifier; and the serial number of the certificate that is to be
// revoked before it looks.
func (w *world) images() (g group, revokedSerial string) {
	g = group{
		tool: "notation", use: "OCI images that `hallmark sign` signed",
		how: "hallmark trust export --tier elevated --format notation --out ~/.config/notation\n" +
			"hallmark sign --product tool IMAGE:TAG\n" +
			"notation verify --oci-layout IMAGE@DIGEST",
		about: "The judge is the Go library of the Notary Project that its program is made of, with the level *strict* and the lists and OCSP answers of the CA. `hallmark-verify` judges each of these layouts as it does.",
	}
	elevated, err := w.ca.Certificate("elevated")
	w.check(err)
	standard, err := w.ca.Certificate("standard")
	w.check(err)
	root := w.trust.Roots[0]
	serial, revokedSerial := w.newSerial(), w.newSerial()
	good, revoked, unsigned, changed := w.newImage("hello"), w.newImage("lost"), w.newImage("unsigned"), w.newImage("changed")
	foreign := w.signedLike(good, w.signImage(good, serial))
	w.signImage(revoked, revokedSerial)
	w.signImage(changed, serial)
	changed.layout.Flip(w.t, changed.d)
	const ok, untrusted = "Successfully verified signature", "does not contain any trusted certificate"
	const enforce, skip = trustpolicy.ActionEnforce, trustpolicy.ActionSkip
	g.cases = []kase{
		{name: "the CA of its tier", ask: w.notation(good, elevated, enforce), want: true, says: ok, file: good.layout.Dir},
		{name: "root", ask: w.notation(good, root, enforce), want: true, says: ok},
		{name: "the CA of another tier", ask: w.notation(good, standard, enforce), says: untrusted},
		{name: "not signed", ask: w.notation(unsigned, elevated, enforce), says: "no signature is associated with", file: unsigned.layout.Dir},
		{name: "signature of another image", ask: w.notation(foreign, elevated, enforce), says: "content descriptor mismatch", file: foreign.layout.Dir},
		{name: "manifest changed", ask: w.notation(changed, elevated, enforce), says: "mismatched digest", file: changed.layout.Dir},
		{name: "revoked", ask: w.notation(revoked, elevated, enforce), says: "is revoked"},
		{name: "revoked, not asked for", ask: w.notation(revoked, elevated, skip), want: true, says: ok, wrong: "the policy says not to ask for a certificate's status"},
	}
	return g, revokedSerial
}

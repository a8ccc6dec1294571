package layout

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"

	"github.com/hallmark-pki/hallmark/attest"
)

// Document is an envelope that holds a layout or a link: exactly one of both is there.
type Document struct {
	SHA256 string // of the envelope, lower-case hex
	// ID is the SHA-256 of the payload, by which a scope names a layout.
	ID     string
	Layout *attest.Layout
	Link   *attest.StepLink

	envelope dsse.Envelope
	payload  []byte
	keys     map[string]functionary // of a layout
}

// functionary is a key of a layout.
type functionary struct {
	id       string // SHA-256 of the key itself: a key under two names is one
	verifier dsse.Verifier
}

// Read reads an envelope. It checks form: nothing is verified yet. Errors are those of
// attest.ParseEnvelope, ParseLayout, ParseStepLink, and an *attest.Error for keys and rules.
func Read(raw []byte) (*Document, error) {
	u, err := attest.ParseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	if u.PayloadType != attest.PayloadType {
		return nil, &attest.Error{Reason: attest.WrongPayload, Field: "payloadType", Detail: "not in-toto"}
	}
	sum := sha256.Sum256(raw)
	d := &Document{SHA256: hex.EncodeToString(sum[:]), ID: attest.LayoutKeyID(u.Payload), payload: u.Payload}
	if err := json.Unmarshal(raw, &d.envelope); err != nil {
		return nil, &attest.Error{Reason: attest.Malformed, Err: err}
	}
	for i := range d.envelope.Signatures {
		d.envelope.Signatures[i].KeyID = "" // a hint that is not signed; the library goes by it
	}
	if attest.IsLayout(u.Payload) {
		return d, d.readLayout()
	}
	l, err := attest.ParseStepLink(u.Payload)
	if err != nil {
		return nil, err
	}
	d.Link = &l
	return d, checkArtifacts(l)
}

// checkArtifacts refuses what the rules would see as one path and the link has as two, and
// what a MATCH would take for the same as anything else without a digest.
func checkArtifacts(l attest.StepLink) error {
	for _, artifacts := range []map[string]map[string]string{l.Materials, l.Products} {
		for name, digest := range artifacts {
			if path.Clean(name) != name {
				return bad("materials and products", "path %s is not in its shortest form", quote(name))
			}
			if len(digest) == 0 {
				return bad("materials and products", "path %s has no digest", quote(name))
			}
		}
	}
	return nil
}

func (d *Document) readLayout() error {
	l, err := attest.ParseLayout(d.payload)
	if err != nil {
		return err
	}
	d.Layout, d.keys = &l, map[string]functionary{}
	for id, k := range l.Keys {
		if d.keys[id], err = readKey(id, k); err != nil {
			return err
		}
	}
	for _, s := range l.Steps {
		for _, rules := range [][][]string{s.Materials, s.Products} {
			for _, r := range rules {
				if why := wrongRule(r); why != "" {
					return bad("steps", "step %s: %s: %s", quote(s.Name), why, quote(fmt.Sprint(r)))
				}
			}
		}
	}
	return nil
}

// wrongRule says what is wrong with an artifact rule, or "". The library takes a pattern
// that is none as one that nothing matches, so that a DISALLOW with it would always hold.
func wrongRule(words []string) string {
	rule, err := in_toto.UnpackRule(words)
	if err != nil {
		return "not an artifact rule"
	}
	if rule["type"] == "match" && rule["dstType"] != "materials" && rule["dstType"] != "products" {
		return "an artifact rule matches with MATERIALS or PRODUCTS"
	}
	// The library negates a class by "!", path by "^"; else their patterns are the same.
	pattern := strings.ReplaceAll(path.Clean(rule["pattern"]), "[!", "[^")
	if _, err := path.Match(pattern, ""); err != nil && rule["type"] != "require" {
		return "an artifact rule with a pattern that ends too early"
	}
	return ""
}

// readKey makes a verifier of a key that passes the rules for all keys of evidence.
func readKey(id string, k attest.LayoutKey) (functionary, error) {
	pub, err := publicKey(k)
	if err != nil {
		return functionary{}, bad("keys", "key %s: %s", quote(id), quote(err.Error()))
	}
	own, err := attest.KeyID(pub)
	if err != nil {
		return functionary{}, bad("keys", "key %s: %s", quote(id), quote(err.Error()))
	}
	ssl := &signerverifier.SSLibKey{KeyID: id, KeyType: k.Type, Scheme: k.Scheme, KeyVal: signerverifier.KeyVal{Public: k.Public}}
	var v dsse.Verifier
	switch pub.(type) {
	case *rsa.PublicKey:
		v, err = signerverifier.NewRSAPSSSignerVerifierFromSSLibKey(ssl)
	case *ecdsa.PublicKey:
		v, err = signerverifier.NewECDSASignerVerifierFromSSLibKey(ssl)
	default:
		v, err = signerverifier.NewED25519SignerVerifierFromSSLibKey(ssl)
	}
	if err != nil {
		return functionary{}, bad("keys", "key %s: %s", quote(id), quote(err.Error()))
	}
	return functionary{own, v}, nil
}

// publicKey reads a key, which must be of the kind that the layout states. The library
// takes that for granted, and panics where it is wrong.
func publicKey(k attest.LayoutKey) (pub crypto.PublicKey, err error) {
	stated, ok := k.Type+" "+k.Scheme, false
	if stated == "ed25519 ed25519" {
		raw, err := hex.DecodeString(k.Public)
		return ed25519.PublicKey(raw), err
	}
	if pub, err = attest.ParsePublicKey(k.Public); err != nil {
		return nil, err
	}
	switch pub.(type) {
	case *rsa.PublicKey:
		ok = stated == "rsa rsassa-pss-sha256"
	case *ecdsa.PublicKey:
		ok = stated == "ecdsa ecdsa-sha2-nistp256" || stated == "ecdsa ecdsa-sha2-nistp384"
	}
	if !ok {
		return nil, fmt.Errorf("a %T with type and scheme %.64q", pub, stated)
	}
	return pub, nil
}

// by reports whether a functionary signed a document's very payload.
func (d *Document) by(f functionary) bool {
	v, err := dsse.NewEnvelopeVerifier(f.verifier)
	if err != nil {
		return false
	}
	_, body, err := v.VerifyAndDecode(context.Background(), &d.envelope)
	return err == nil && string(body) == string(d.payload)
}

func bad(field, format string, args ...any) error {
	return &attest.Error{Reason: attest.BadStatement, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// maxQuoted is how much of outside text goes into a message, in bytes.
const maxQuoted = 80

func quote(s string) string { return fmt.Sprintf("%.*q", maxQuoted, s) }

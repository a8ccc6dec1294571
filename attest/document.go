package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// UnverifiedDocument is an envelope that has been read once and can be held against
// keys any number of times. Nothing in it is to be believed before Signers has named a
// key.
type UnverifiedDocument struct {
	SHA256    string // of the envelope's bytes, lower-case hex
	Statement Statement
	KeyIDs    []string // hints, one for each signature: who is said to have signed

	signatures []signature
	pae        []byte
}

// ReadDocument reads an envelope that holds an in-toto statement. Refusals are those of
// ParseEnvelope and ParseStatement, and WrongPayload.
func ReadDocument(raw []byte) (*UnverifiedDocument, error) {
	u, sigs, err := parseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	if u.PayloadType != PayloadType {
		return nil, refuse(WrongPayload, "payloadType", "%.64q, want %q", u.PayloadType, PayloadType)
	}
	s, err := ParseStatement(u.Payload)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(raw)
	return &UnverifiedDocument{SHA256: hex.EncodeToString(sum[:]), Statement: s, KeyIDs: u.KeyIDs, signatures: sigs, pae: pae(u.PayloadType, u.Payload)}, nil
}

// Signers returns the KeyID of each distinct key of a ring that has signed the
// document, in the order of the signatures; none is no error. The hint of a signature
// says which key is tried first, and nothing else. At most MaxSignatures times MaxKeys
// verifications are made, whatever the size of the ring.
func (d *UnverifiedDocument) Signers(ring *Keyring) []string {
	var out []string
	budget := MaxSignatures * MaxKeys
	for _, s := range d.signatures {
		if k, ok := ring.signerOf(d.pae, s, &budget); ok && !slices.Contains(out, k.id) {
			out = append(out, k.id)
		}
	}
	return out
}

// Keyring is a set of public keys that have passed the rules of this package. It is
// safe for concurrent use.
type Keyring struct {
	keys []key
	byID map[string]int
	name [sha256.Size]byte
}

// NewKeyring makes a ring of 0 to MaxRing keys; one given twice counts once. Errors:
// BadKey.
func NewKeyring(keys ...crypto.PublicKey) (*Keyring, error) {
	r := &Keyring{byID: map[string]int{}}
	for _, pub := range keys {
		k, err := newKey(pub)
		if err != nil {
			return nil, err
		}
		if _, known := r.byID[k.id]; !known {
			r.byID[k.id] = len(r.keys)
			r.keys = append(r.keys, k)
		}
	}
	if len(r.keys) > MaxRing {
		return nil, refuse(BadKey, "key", "%d keys, at most %d", len(r.keys), MaxRing)
	}
	ids := make([]string, 0, len(r.keys))
	for _, k := range r.keys {
		ids = append(ids, k.id)
	}
	slices.Sort(ids)
	h := sha256.New()
	for _, id := range ids {
		h.Write([]byte(id))
	}
	h.Sum(r.name[:0])
	return r, nil
}

// Name is the same for rings of the same keys, and for no others.
func (r *Keyring) Name() [sha256.Size]byte { return r.name }

func (r *Keyring) signerOf(pae []byte, s signature, budget *int) (key, bool) {
	first, hinted := r.byID[s.keyID]
	if hinted {
		*budget--
		if r.keys[first].Verify(context.Background(), pae, s.sig) == nil {
			return r.keys[first], true
		}
	}
	for i, k := range r.keys {
		if hinted && i == first {
			continue
		}
		if *budget--; *budget < 0 {
			return key{}, false
		}
		if k.Verify(context.Background(), pae, s.sig) == nil {
			return k, true
		}
	}
	return key{}, false
}

// CertifiedSignature is a signature that came with a certificate of its key. Nothing
// about it has been checked.
type CertifiedSignature struct {
	Value      []byte
	Chain      []byte   // PEM or DER as it stands in the fields, one behind the other, the leaf first
	Timestamps [][]byte // RFC 3161 tokens or responses over Value, DER

	pae []byte
}

// Certified returns the signatures with certificates. They are read in two forms:
// "cert", PEM, as SLSA's GitHub builders write it, and "certificate" with
// "intermediates" and "timestamps", as in-toto's witness does.
func (d *UnverifiedDocument) Certified() []CertifiedSignature {
	var out []CertifiedSignature
	for _, s := range d.signatures {
		if len(s.chain) > 0 {
			out = append(out, CertifiedSignature{Value: s.sig, Chain: s.chain, Timestamps: s.timestamps, pae: d.pae})
		}
	}
	return out
}

// Verify reports whether this signature, and not just one beside it, is by a key; keyID
// is then its KeyID. Errors: BadKey, NotVerified.
func (c CertifiedSignature) Verify(pub crypto.PublicKey) (keyID string, err error) {
	k, err := newKey(pub)
	if err != nil {
		return "", err
	}
	if err := k.Verify(context.Background(), c.pae, c.Value); err != nil {
		return "", &Error{Reason: NotVerified, Field: "signatures", Err: err}
	}
	return k.id, nil
}

// readCertificate takes what a signature object says about its key, beside the hint.
// What cannot be read is as good as absent: most readers have the key already.
func (f fields) readCertificate(s *signature) {
	var err error
	f.err = &err
	defer func() {
		if err != nil {
			s.chain, s.timestamps = nil, nil
		}
	}()
	if raw := f.raw("cert"); raw != nil && raw[0] == '"' {
		s.chain = []byte(f.text("cert"))
	}
	if raw := f.raw("certificate"); raw != nil {
		s.chain = f.base64("certificate")
		for _, raw := range f.list("intermediates", maxCertificates) {
			s.chain = append(s.chain, f.decodeBase64("intermediates", raw)...)
		}
	}
	for _, raw := range f.list("timestamps", maxTimestamps) {
		g := readFields(f.reason, f.at("timestamps"), raw, f.err)
		if g.text("type") == "tsp" {
			s.timestamps = append(s.timestamps, g.base64("data"))
		}
	}
	if len(s.chain) > maxChain {
		f.fail(f.at("certificate"), "%d bytes, at most %d", len(s.chain), maxChain)
	}
}

func (f fields) decodeBase64(name string, raw json.RawMessage) []byte {
	g := fields{reason: f.reason, err: f.err, path: f.path, m: map[string]json.RawMessage{name: raw}}
	return bytes.Clone(g.base64(name))
}

package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format/oci"
)

// NotaryInput is what a Notary Project signature is made of.
type NotaryInput struct {
	// Payload names the manifest: oci.Payload.
	Payload []byte
	// Signer holds the private key of Chain[0]: ECDSA, or RSA with 3072 or 4096 bits.
	Signer crypto.Signer
	// Chain is the signer's certificate and then each issuer's, the self-signed root
	// last: unlike CMS, the Notary Project wants it inside.
	Chain       []*x509.Certificate
	SigningTime time.Time // what the signer says, to the second
	// ConfirmBy makes the signature a provisional one; zero: it is not.
	ConfirmBy time.Time
}

// BuildNotary makes a signature as package format/oci describes it, without timestamp
// and staple. The library writes it and checks the chain against the Notary Project's
// rules (it puts the members of the payload in an order of its own, which means nothing);
// what it wrote is read back and verified, since a key device that returns
// something else must be found out here.
func BuildNotary(ctx context.Context, in NotaryInput) (oci.Envelope, error) {
	e, err := in.build(ctx)
	if err != nil {
		return oci.Envelope{}, fmt.Errorf("build JWS: %w", err)
	}
	return e, nil
}

func (in NotaryInput) build(ctx context.Context) (oci.Envelope, error) {
	if err := ctx.Err(); err != nil {
		return oci.Envelope{}, err
	}
	if in.Signer == nil || len(in.Chain) < 2 {
		return oci.Envelope{}, errors.New("no signer, or a chain without a root")
	}
	target, err := oci.ParsePayload(in.Payload)
	if err != nil {
		return oci.Envelope{}, err
	}
	leaf := in.Chain[0]
	if key, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !key.Equal(in.Signer.Public()) {
		return oci.Envelope{}, errors.New("the certificate is not the signer's")
	}
	thumbprint := sha256.Sum256(leaf.Raw)
	request := (&signature.SignRequest{
		Payload:       signature.Payload{ContentType: oci.MediaTypePayload, Content: in.Payload},
		Signer:        notarySigner{in.Signer, in.Chain},
		SigningTime:   in.SigningTime.UTC(),
		SigningScheme: signature.SigningSchemeX509,
		SigningAgent:  "hallmark",
		ExtendedSignedAttributes: []signature.Attribute{
			{Key: oci.HeaderThumbprint, Value: base64.RawURLEncoding.EncodeToString(thumbprint[:])},
		},
	}).WithContext(ctx)
	if !in.ConfirmBy.IsZero() {
		request.ExtendedSignedAttributes = append(request.ExtendedSignedAttributes, signature.Attribute{
			Key: oci.HeaderConfirmBy, Value: in.ConfirmBy.UTC().Truncate(time.Second).Format(time.RFC3339)})
	}
	raw, err := jws.NewEnvelope().Sign(request)
	if err != nil {
		return oci.Envelope{}, err
	}
	e, err := oci.ParseEnvelope(raw)
	if err == nil {
		err = e.Verify(leaf.PublicKey)
	}
	if err == nil && (e.Target != target || e.Thumbprint != thumbprint) {
		err = errors.New("it is about something else")
	}
	if err != nil {
		return oci.Envelope{}, fmt.Errorf("check what was signed: %w", err)
	}
	return e, nil
}

// notarySigner gives the library a key that stays where it is.
type notarySigner struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// KeySpec implements signature.Signer.
func (s notarySigner) KeySpec() (signature.KeySpec, error) {
	return signature.ExtractKeySpec(s.chain[0])
}

// Sign implements signature.Signer: the raw value of RFC 7518 §3.4 and §3.5.
func (s notarySigner) Sign(payload []byte) ([]byte, []*x509.Certificate, error) {
	_, hash, err := oci.Algorithm(s.key.Public())
	if err != nil {
		return nil, nil, err
	}
	h := hash.New()
	h.Write(payload)
	digest := h.Sum(nil)
	switch pub := s.key.Public().(type) {
	case *rsa.PublicKey:
		value, err := s.key.Sign(rand.Reader, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash})
		return value, s.chain, err
	case *ecdsa.PublicKey:
		der, err := s.key.Sign(rand.Reader, digest, hash)
		if err != nil {
			return nil, nil, err
		}
		value, err := sideBySide(der, (pub.Params().BitSize+7)/8)
		return value, s.chain, err
	}
	return nil, nil, fmt.Errorf("key type %T", s.key.Public())
}

// sideBySide turns the DER of an ECDSA signature, RFC 3279 §2.2.3, into r and s of n
// bytes each.
func sideBySide(der []byte, n int) ([]byte, error) {
	in := cryptobyte.String(der)
	var body cryptobyte.String
	var r, s []byte
	ok := in.ReadASN1(&body, asn1.SEQUENCE) && in.Empty() &&
		body.ReadASN1Integer(&r) && body.ReadASN1Integer(&s) && body.Empty()
	if !ok || len(r) > n || len(s) > n {
		return nil, errors.New("what the key returned is no ECDSA signature")
	}
	out := make([]byte, 2*n)
	copy(out[n-len(r):], r)
	copy(out[2*n-len(s):], s)
	return out, nil
}

// notaryJob is what signature hands on.
type notaryJob struct {
	g       ground
	payload []byte
	key     crypto.Signer
	issuer  *x509.Certificate
	vsa     []byte
	now     time.Time
}

// notary makes a JWS with its timestamp and staple.
func (s *Service) notary(ctx context.Context, j notaryJob) ([]byte, error) {
	root, err := s.c.Issuers.Root(j.g.record.IssuingCA())
	if err != nil {
		return nil, fmt.Errorf("root of issuing CA %s: %w", j.g.record.IssuingCA(), err)
	}
	e, err := BuildNotary(ctx, NotaryInput{
		Payload: j.payload, Signer: j.key, Chain: []*x509.Certificate{j.g.certificate, j.issuer, root},
		SigningTime: j.now, ConfirmBy: j.g.confirmBy})
	if err != nil {
		return nil, err
	}
	hash, imprint, err := e.Imprint(j.key.Public())
	if err != nil {
		return nil, err
	}
	if e.Token, err = s.c.Stamper.StampDigest(ctx, hash, imprint); err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	if e.Staple, err = s.staple(ctx, j.g, j.vsa); err != nil {
		return nil, err
	}
	return e.Marshal()
}

// restapleNotary is restaple for a JWS.
func (s *Service) restapleNotary(ctx context.Context, g ground, summary, raw []byte) ([]byte, error) {
	foreign := func(why string) error {
		return refuse(CodeRequest, "hand in the signature as the service gave it out", "not a signature of certificate %s: %s", g.record.Serial, why)
	}
	e, err := oci.ParseEnvelope(raw)
	if err != nil {
		return nil, foreign("it does not parse")
	}
	if leaf, err := x509.ParseCertificate(g.record.DER); err != nil || !bytes.Equal(e.Chain[0], leaf.Raw) || e.Verify(leaf.PublicKey) != nil {
		return nil, foreign("another certificate signed it")
	}
	old, err := ext.ParseStaple(e.Staple)
	if err != nil {
		return nil, foreign("staple: " + err.Error())
	}
	if summary == nil {
		summary = old.VSA
	}
	if e.Staple, err = s.staple(ctx, g, summary); err != nil {
		return nil, err
	}
	return e.Marshal()
}

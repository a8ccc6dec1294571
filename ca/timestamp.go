package ca

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/digitorus/timestamp"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// timestamper is the timestamping authority (RFC 3161): one leaf whose only
// purpose it is, under a CA of its own.
type timestamper struct {
	cert   *x509.Certificate
	chain  []*x509.Certificate // sent along when certificates are asked for: its CA
	cross  []*x509.Certificate // and its CA under other roots
	signer crypto.Signer
	policy asn1.ObjectIdentifier
	clock  *stampClock
	molds  sync.Map // crypto.Hash → *stampMold
}

func (c *CA) setTimestamper() error {
	c.tsa = &timestamper{
		cert: c.hierarchy.tsa, chain: []*x509.Certificate{c.hierarchy.timestamping}, cross: c.hierarchy.stampCross,
		signer: c.hierarchy.keys[c.hierarchy.manifest.newest(nameTSA)], policy: c.arc.TimestampPolicy(), clock: newStampClock(c.store, c.now, c.clockTrusted),
	}
	return nil
}

// rejection is a TimeStampResp without a token (RFC 3161 §2.4.2).
type rejection struct {
	failure int // bit of PKIFailureInfo
	text    string
}

func (r *rejection) Error() string { return r.text }

// Failures of RFC 3161 §2.4.2.
const (
	failBadAlg              = 0
	failBadRequest          = 2
	failBadDataFormat       = 5
	failTimeNotAvailable    = 14
	failUnacceptedPolicy    = 15
	failUnacceptedExtension = 16
	failSystem              = 25
)

// stampHashes are the imprints accepted; a collision in an older one would let one
// token vouch for two files.
var stampHashes = map[crypto.Hash]bool{crypto.SHA256: true, crypto.SHA384: true, crypto.SHA512: true}

// Timestamp answers a TimeStampReq with a TimeStampResp, DER in and out (RFC 3161
// §2.4). A request that is not granted gets a rejection, which is an answer and no
// error; an error comes with a systemFailure response and is for the log.
func (c *CA) Timestamp(ctx context.Context, request []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	req, err := c.tsa.parse(request)
	var no *rejection
	if errors.As(err, &no) {
		return no.marshal()
	}
	if err != nil {
		return nil, err
	}
	response, err := c.tsa.grant(ctx, req)
	if errors.Is(err, ErrTimeNotAvailable) {
		c.log.ErrorContext(ctx, "timestamp refused", "error", err)
		return (&rejection{failTimeNotAvailable, "the authority's clock cannot be trusted"}).marshal()
	}
	if err != nil {
		failed, marshalErr := (&rejection{failSystem, "the authority could not make a token"}).marshal()
		return failed, errors.Join(fmt.Errorf("timestamp: %w", err), marshalErr)
	}
	return response, nil
}

// StampDigest returns a TimeStampToken over a digest, with certificates: what goes
// into a signature's id-aa-timeStampToken attribute. The hash must be SHA-256,
// SHA-384 or SHA-512 and the digest of its length. The error wraps ErrTimeNotAvailable
// when the clock cannot be trusted.
func (c *CA) StampDigest(ctx context.Context, hash crypto.Hash, digest []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !stampHashes[hash] || len(digest) != hash.Size() {
		return nil, fmt.Errorf("timestamp: %d bytes of %v", len(digest), hash)
	}
	now, err := c.tsa.time(ctx)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	mold, err := c.tsa.mold(hash)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	token, err := mold.stamp(digest, now, c.tsa.signer)
	if err != nil {
		return nil, fmt.Errorf("timestamp: %w", err)
	}
	return token, nil
}

// parse checks a request, the error is a *rejection.
func (t *timestamper) parse(request []byte) (*timestamp.Request, error) {
	if len(request) > maxTimestampRequestBytes {
		return nil, &rejection{failBadDataFormat, "request is too large"}
	}
	// The library reads the version and drops it.
	var body cryptobyte.String
	var version int
	if s := cryptobyte.String(request); !s.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) {
		return nil, &rejection{failBadDataFormat, "request cannot be read"}
	}
	if version != 1 {
		return nil, &rejection{failBadRequest, "request version is not 1"}
	}
	req, err := timestamp.ParseRequest(request)
	if errors.Is(err, timestamp.ParseError("Time-Stamp request uses unknown hash function")) {
		return nil, &rejection{failBadAlg, "imprint must be SHA-256, SHA-384 or SHA-512"}
	}
	if err != nil {
		return nil, &rejection{failBadDataFormat, "request cannot be read"}
	}
	switch {
	case !stampHashes[req.HashAlgorithm]:
		return nil, &rejection{failBadAlg, "imprint must be SHA-256, SHA-384 or SHA-512"}
	case len(req.HashedMessage) != req.HashAlgorithm.Size():
		return nil, &rejection{failBadDataFormat, "imprint has not the length of its hash"}
	case req.TSAPolicyOID != nil && !req.TSAPolicyOID.Equal(t.policy):
		return nil, &rejection{failUnacceptedPolicy, "policy is not " + t.policy.String()}
	case len(req.Extensions) != 0:
		return nil, &rejection{failUnacceptedExtension, "no extension is supported"}
	case req.Nonce != nil && req.Nonce.BitLen() > maxNonceBits:
		return nil, &rejection{failBadRequest, "nonce is too long"}
	}
	return req, nil
}

// grant makes the token. Its serial number is 160 random bits from the library, so
// none is repeated after a restart.
func (t *timestamper) grant(ctx context.Context, req *timestamp.Request) ([]byte, error) {
	now, err := t.time(ctx)
	if err != nil {
		return nil, err
	}
	stamp := timestamp.Timestamp{
		HashAlgorithm: req.HashAlgorithm, HashedMessage: req.HashedMessage,
		Time: now, Accuracy: timestampAccuracy,
		Policy: t.policy, Nonce: req.Nonce, AddTSACertificate: req.Certificates,
	}
	// Given the chain, the library would verify it again for each token. It was verified
	// when the hierarchy was opened.
	response, err := stamp.CreateResponseWithOpts(t.cert, t.signer, crypto.SHA256)
	if err != nil || !req.Certificates {
		return response, err
	}
	return addCertificates(response, slices.Concat(t.chain, t.cross))
}

// time is that of the next token.
func (t *timestamper) time(ctx context.Context) (time.Time, error) {
	now, err := t.clock.stampTime(ctx)
	if err == nil && (now.Before(t.cert.NotBefore) || now.After(t.cert.NotAfter)) {
		err = fmt.Errorf("the authority's certificate is good from %s to %s", t.cert.NotBefore.Format(time.RFC3339), t.cert.NotAfter.Format(time.RFC3339))
	}
	return now, err
}

func (r *rejection) marshal() ([]byte, error) {
	bits := make([]byte, r.failure/8+1)
	bits[r.failure/8] = 0x80 >> (r.failure % 8)
	const statusRejection = 2
	type pkiStatusInfo struct {
		Status       int
		StatusString []asn1.RawValue
		FailInfo     asn1.BitString
	}
	der, err := asn1.Marshal(struct{ Status pkiStatusInfo }{pkiStatusInfo{
		Status:       statusRejection,
		StatusString: []asn1.RawValue{{Tag: asn1.TagUTF8String, Bytes: []byte(r.text)}},
		FailInfo:     asn1.BitString{Bytes: bits, BitLength: r.failure + 1},
	}})
	if err != nil {
		return nil, fmt.Errorf("encode timestamp rejection: %w", err)
	}
	return der, nil
}

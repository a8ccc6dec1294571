package demo

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/hallmark-pki/hallmark/sign"
)

// forge is what a rogue CA can do at best: it makes an issuing CA and a leaf that
// equal the real ones in every name and extension, signs a tarball of its own with
// them, and has the real timestamping authority stamp it.
func (s *stage) forge(ctx context.Context, name string) error {
	if err := s.write(name, []byte("malware, in a package of Acme's name\n")); err != nil {
		return err
	}
	chain, key, err := s.forgeChain()
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte("malware, in a package of Acme's name\n"))
	cms, err := sign.BuildCMS(ctx, sign.CMSInput{Digest: digest[:], Signer: key, Chain: chain, SigningTime: time.Now()})
	if err != nil {
		return err
	}
	hash, imprint := cms.Imprint()
	token, err := s.stamp(ctx, hash, imprint)
	if err != nil {
		return err
	}
	if err := cms.AddTimestamp(token); err != nil {
		return err
	}
	der, err := cms.Marshal()
	if err != nil {
		return err
	}
	s.say("\nmallory$ (makes forged.tar.gz.p7s with a CA of her own)")
	return s.write(name+".p7s", der)
}

// forgeChain copies acme.pem, leaf and issuing CA, under new keys.
func (s *stage) forgeChain() ([]*x509.Certificate, crypto.Signer, error) {
	raw, err := os.ReadFile(s.path("acme.pem"))
	if err != nil {
		return nil, nil, err
	}
	var real []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, nil, err
		}
		real = append(real, cert)
	}
	if len(real) < 2 {
		return nil, nil, fmt.Errorf("acme.pem holds %d certificates", len(real))
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	// Only the name of the root is needed to be issued by it.
	root := &x509.Certificate{RawSubject: real[1].RawIssuer}
	ca, err := copyCertificate(real[1], root, caKey.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	leaf, err := copyCertificate(real[0], ca, leafKey.Public(), caKey)
	if err != nil {
		return nil, nil, err
	}
	return []*x509.Certificate{leaf, ca}, leafKey, nil
}

// copyCertificate reissues a certificate with every extension as it is.
func copyCertificate(from, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: from.SerialNumber, RawSubject: from.RawSubject, NotBefore: from.NotBefore, NotAfter: from.NotAfter,
		ExtraExtensions: from.Extensions,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// stamp asks the CA's public timestamping endpoint, like anybody can.
func (s *stage) stamp(ctx context.Context, hash crypto.Hash, imprint []byte) ([]byte, error) {
	request, err := (&timestamp.Request{HashAlgorithm: hash, HashedMessage: imprint, Certificates: true}).Marshal()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.publicURL+"/tsa", bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	const maxReply = 64 << 10
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, err
	}
	reply, err := timestamp.ParseResponse(raw)
	if err != nil {
		return nil, err
	}
	return reply.RawToken, nil
}

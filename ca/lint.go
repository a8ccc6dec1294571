package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/ext"
	"go.step.sm/crypto/keyutil"
)

// linter is package lint with what this CA knows. Safe for concurrent use.
type linter struct {
	rules     *lint.Linter
	arc       ext.Arc // of the marks; a leaf is not linted without
	publicURL string  // "" while the hierarchy is being made
}

func newLinter() (*linter, error) {
	rules, err := lint.New()
	if err != nil {
		return nil, err
	}
	return &linter{rules: rules}, nil
}

// lint returns a refusal that names each finding of level warning or worse. issuer nil
// means that the certificate is its own; like is one with much in common, or nil.
func (l *linter) lint(der []byte, issuer *x509.Certificate, like *lint.Certificate) (*lint.Certificate, error) {
	cert, err := lint.Read(der, lint.Context{Issuer: issuer, Arc: l.arc, PublicURL: l.publicURL, Like: like})
	if err != nil {
		return nil, refuse(CodeLint, "", "%v", err)
	}
	if cert.Kind == lint.KindLeaf && l.arc.IsZero() {
		return nil, errors.New("lint: the arc of the marks is not known")
	}
	found := l.rules.Findings(cert)
	if len(found) == 0 {
		return cert, nil
	}
	texts := make([]string, len(found))
	for i, f := range found {
		texts[i] = f.String()
	}
	return nil, refuse(CodeLint, "", "%s", strings.Join(texts, "; "))
}

// ticket is leave to sign one to-be-signed certificate once. Only press makes
// tickets, after linting, and only issuer.sign redeems them.
type ticket struct {
	tbs       []byte // DER TBSCertificate
	algorithm x509.SignatureAlgorithm
	outer     []byte            // DER of signatureAlgorithm, the same AlgorithmIdentifier as inside tbs
	cert      *x509.Certificate // as linted, under the throwaway key
	read      *lint.Certificate // the same
	used      atomic.Bool
}

// press turns a template into the exact bytes to be signed, and lints them under a
// throwaway key of the issuer's kind, so that whatever the lints object to was
// never signed by a key that anyone trusts.
//
// parent is the issuer's certificate (the template itself, for a self-signed one)
// and real the key that will sign.
func (l *linter) press(template, parent *x509.Certificate, pub, real crypto.PublicKey, throwaway crypto.Signer) (*ticket, error) {
	stand := *parent
	stand.PublicKey = throwaway.Public() // CreateCertificate refuses a key that does not fit the parent
	der, err := x509.CreateCertificate(rand.Reader, template, &stand, pub, throwaway)
	if err != nil {
		return nil, fmt.Errorf("build certificate: %w", err)
	}
	issuer := parent
	if template == parent {
		issuer = nil
	}
	return l.judge(der, issuer, nil)
}

// pressTBS is press for bytes that are complete.
func (l *linter) pressTBS(tbs, outer []byte, algorithm x509.SignatureAlgorithm, issuer *x509.Certificate, throwaway crypto.Signer, like *lint.Certificate) (*ticket, error) {
	der, err := signTBS(tbs, outer, algorithm, throwaway)
	if err != nil {
		return nil, err
	}
	leave, err := l.judge(der, issuer, like)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(leave.tbs, tbs) || leave.algorithm != algorithm {
		return nil, errors.New("lint: what was read is not what was written")
	}
	return leave, nil
}

// judge lints a certificate under a throwaway key. issuer and like are as in lint.
func (l *linter) judge(der []byte, issuer *x509.Certificate, like *lint.Certificate) (*ticket, error) {
	read, err := l.lint(der, issuer, like)
	if err != nil {
		return nil, err
	}
	_, outer, _, err := cutCertificate(der)
	if err != nil {
		return nil, err
	}
	return &ticket{tbs: read.X509.RawTBSCertificate, algorithm: read.X509.SignatureAlgorithm, outer: outer, cert: read.X509, read: read}, nil
}

func isCodeSigning(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage) == 1 && c.ExtKeyUsage[0] == x509.ExtKeyUsageCodeSigning
}

// throwawayFor makes a key of the same kind and size, so that the signature
// algorithm inside the to-be-signed content is the real one.
func throwawayFor(pub crypto.PublicKey) (crypto.Signer, error) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return keyutil.GenerateSigner("EC", k.Curve.Params().Name, 0)
	case *rsa.PublicKey:
		return keyutil.GenerateSigner("RSA", "", k.N.BitLen())
	}
	return nil, fmt.Errorf("issuing key is %T, want ECDSA or RSA", pub)
}

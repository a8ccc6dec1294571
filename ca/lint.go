package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"

	"github.com/hallmark-pki/hallmark/ext"
	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
	"go.step.sm/crypto/keyutil"
)

// allowedFindings are zlint findings that stand, by lint name, each with the reason.
// There are none: what we make passes everything that is asked.
var allowedFindings = map[string]string{}

// codeSigningPolicy returns the CABF's reserved policy for non-EV code signing (Code
// Signing BR section 7.1.6.1). zlint's code-signing lints apply only to
// certificates that assert it. We are a private CA and must not; its twin, which
// is linted and thrown away, does.
func codeSigningPolicy() (x509.OID, error) {
	return x509.ParseOID(ext.CodeSigningBaselinePolicy().String())
}

// linter holds zlint's checks, filtered once: the whole registry has hundreds for
// TLS certificates. Safe for concurrent use.
type linter struct {
	general     lint.Registry // RFCs and community rules
	codeSigning lint.Registry // CABF Code Signing BR
}

func newLinter() (*linter, error) {
	all := lint.GlobalRegistry()
	general, err := all.Filter(lint.FilterOptions{IncludeSources: lint.SourceList{
		lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community,
	}})
	if err != nil {
		return nil, fmt.Errorf("select lints: %w", err)
	}
	codeSigning, err := all.Filter(lint.FilterOptions{IncludeSources: lint.SourceList{lint.CABFCSBaselineRequirements}})
	if err != nil {
		return nil, fmt.Errorf("select code-signing lints: %w", err)
	}
	if len(general.Names()) == 0 || len(codeSigning.Names()) == 0 {
		return nil, errors.New("select lints: none found")
	}
	return &linter{general: general, codeSigning: codeSigning}, nil
}

// lint returns an error that names each finding of level warning or worse.
func (l *linter) lint(der []byte, with lint.Registry) error {
	cert, err := zx509.ParseCertificate(der)
	if err != nil {
		return refuse(CodeLint, "", "zcrypto cannot read the certificate: %v", err)
	}
	var found []string
	for name, r := range zlint.LintCertificateEx(cert, with).Results {
		if r.Status < lint.Warn || allowedFindings[name] != "" {
			continue
		}
		finding := name + " (" + r.Status.String() + ")"
		if r.Details != "" {
			finding += ": " + r.Details
		}
		found = append(found, finding)
	}
	if len(found) == 0 {
		return nil
	}
	sort.Strings(found)
	return refuse(CodeLint, "", "%s", strings.Join(found, "; "))
}

// ticket is leave to sign one to-be-signed certificate once. Only press makes
// tickets, after linting, and only issuer.sign redeems them.
type ticket struct {
	tbs       []byte // DER TBSCertificate
	algorithm x509.SignatureAlgorithm
	outer     []byte // DER of signatureAlgorithm, the same AlgorithmIdentifier as inside tbs
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
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read back certificate: %w", err)
	}
	if err := l.lint(der, l.general); err != nil {
		return nil, err
	}
	if isCodeSigning(template) && !template.IsCA {
		if err := l.lintTwin(template, &stand, pub, throwaway); err != nil {
			return nil, err
		}
	}
	outer, err := outerAlgorithm(der)
	if err != nil {
		return nil, err
	}
	return &ticket{tbs: cert.RawTBSCertificate, algorithm: cert.SignatureAlgorithm, outer: outer}, nil
}

func (l *linter) lintTwin(template, parent *x509.Certificate, pub crypto.PublicKey, throwaway crypto.Signer) error {
	policy, err := codeSigningPolicy()
	if err != nil {
		return fmt.Errorf("code-signing policy: %w", err)
	}
	twin := *template
	twin.Policies = append(append([]x509.OID(nil), template.Policies...), policy)
	der, err := x509.CreateCertificate(rand.Reader, &twin, parent, pub, throwaway)
	if err != nil {
		return fmt.Errorf("build certificate: %w", err)
	}
	return l.lint(der, l.codeSigning)
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

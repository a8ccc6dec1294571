package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// chain finds a path from the signer to a root of the trust bundle that held at the
// trusted time, RFC 5280 §6. Only certificates inside the signature serve as
// intermediates. Where there are several paths, the first that is fit is used.
func (v *Verifier) chain(leaf *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	if err := checkLeaf(leaf); err != nil {
		return nil, err
	}
	c, err := v.codePath(leaf, others, at)
	if err != nil {
		return nil, err
	}
	if err := CheckForm(leaf); err != nil {
		return nil, because(SignerUnfit, "%v", err)
	}
	return c, nil
}

func (v *Verifier) codePath(leaf *x509.Certificate, others []*x509.Certificate, at time.Time) ([]*x509.Certificate, error) {
	if k, ok := v.leafPaths.known(leaf, others, at); ok {
		return k.chain, nil
	}
	if c := v.codePaths.below(leaf, others, x509.ExtKeyUsageCodeSigning, at); c != nil {
		v.leafPaths.remember(c)
		return c, nil
	}
	c, err := findPath(leaf, others, v.roots, x509.ExtKeyUsageCodeSigning, at, checkIssuers)
	if err != nil {
		return nil, err
	}
	v.codePaths.remember(c[1:])
	v.leafPaths.remember(c)
	return c, nil
}

// findPath returns the first path, RFC 5280 §6.1, that is fit.
func findPath(leaf *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage, at time.Time, fit func([]*x509.Certificate) error) ([]*x509.Certificate, error) {
	chains, err := buildChains(leaf, others, roots, usage, at)
	if err != nil {
		return nil, explainChain(err, leaf, others, roots, usage, at)
	}
	var first error
	for _, c := range chains {
		err := fit(c)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func buildChains(leaf *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage, at time.Time) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, c := range others {
		intermediates.AddCert(c)
	}
	return leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
	})
}

// explainChain says what is wrong with a path that leads somewhere. crypto/x509 says so
// for the leaf only; for the others, see whether the path would do at another time.
func explainChain(err error, leaf *x509.Certificate, others []*x509.Certificate, roots *x509.CertPool, usage x509.ExtKeyUsage, at time.Time) error {
	for _, c := range append([]*x509.Certificate{leaf}, others...) {
		if len(c.UnhandledCriticalExtensions) > 0 {
			return because(CriticalExtension, "%q: %v", c.Subject, c.UnhandledCriticalExtensions[0])
		}
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.CANotAuthorizedForThisName:
			return because(NameConstraint, "%v", err)
		case x509.NoValidChains:
			return because(PolicyConstraint, "%v", err)
		case x509.Expired:
			return because(ChainExpired, "at %s: %v", at.UTC().Format(time.RFC3339), err)
		case x509.IncompatibleUsage:
			return because(IssuerUnfit, "%v", err)
		}
	}
	for _, c := range append([]*x509.Certificate{leaf}, others...) {
		if _, again := buildChains(leaf, others, roots, usage, c.NotBefore); again == nil {
			return because(ChainExpired, "the path holds at %s but not at %s", day(c.NotBefore), at.UTC().Format(time.RFC3339))
		}
	}
	return because(ChainUntrusted, "%v", err)
}

// checkLeaf demands of the signer's certificate what a code signing certificate of
// this CA has, RFC 5280 §4.2.1.3 and §4.2.1.12: crypto/x509 takes a certificate
// without key usages for one that may do everything.
func checkLeaf(c *x509.Certificate) error {
	switch {
	case c.IsCA:
		return because(SignerUnfit, "a CA certificate")
	case c.KeyUsage != x509.KeyUsageDigitalSignature:
		return because(SignerUnfit, "key usage is not digitalSignature alone")
	case len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageCodeSigning || len(c.UnknownExtKeyUsage) > 0:
		return because(SignerUnfit, "extended key usage is not codeSigning alone")
	case len(c.URIs) != 1:
		return because(SignerUnfit, "%d URIs as subject alternative names, want the vendor's", len(c.URIs))
	case !c.URIs[0].IsAbs():
		// RFC 5280 §4.2.1.6 forbids relative ones; crypto/x509 reads them.
		return because(SignerUnfit, "the vendor %.64q is no absolute URI", c.URIs[0])
	}
	if err := keyStrength(c.PublicKey, minLeafRSABits); err != nil {
		return because(KeyWeak, "signer: %v", err)
	}
	return nil
}

// checkIssuers demands of every CA certificate of the path what crypto/x509 leaves
// open. The anchor is what the machine's owner trusts and is asked only when it is
// the issuing CA itself, that is, a tier's self-signed twin.
func checkIssuers(chain []*x509.Certificate) error {
	if err := checkAuthorities(chain); err != nil {
		return err
	}
	for i, c := range chain[1:] {
		isAnchor := i+1 == len(chain)-1
		if isAnchor && i > 0 {
			continue
		}
		if !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageCodeSigning) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny) {
			return because(IssuerUnfit, "%q is not a CA for code signing", c.Subject)
		}
	}
	return nil
}

// checkAuthorities is the part of it that no kind of CA is let off.
func checkAuthorities(chain []*x509.Certificate) error {
	if len(chain) < 2 {
		return because(IssuerUnfit, "the signer's own certificate is a root of the trust bundle")
	}
	for i, c := range chain[1:] {
		if err := keyStrength(c.PublicKey, minRSABits); err != nil {
			return because(KeyWeak, "%q: %v", c.Subject, err)
		}
		if c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return because(IssuerUnfit, "%q may not sign certificates", c.Subject)
		}
		if isEmptyName(c.RawSubject) {
			return because(IssuerUnfit, "CA %d above the signer has no name, RFC 5280 §4.1.2.6", i+1)
		}
		if isAnchor := i+1 == len(chain)-1; isAnchor {
			continue
		}
		if err := CheckForm(c); err != nil {
			return because(IssuerUnfit, "%q: %v", c.Subject, err)
		}
	}
	return checkConstraints(chain)
}

// checkCeiling demands that every CA certificate below the anchor, or the anchor if
// it is the issuing CA, carries the policy of every claim and of its lower levels:
// what a tier may certify stands in its certificate, RFC 5280 §4.2.1.4. anyPolicy
// there counts for nothing, and no mapping makes one policy another: this is stricter
// than RFC 5280 §6.1, which crypto/x509 has applied by then with the constraints on
// policies that the CAs set.
func checkCeiling(chain []*x509.Certificate, policies []x509.OID) error {
	issuers := belowAnchor(chain)
	if err := checkMappings(issuers); err != nil {
		return err
	}
	for _, c := range issuers {
		for _, p := range policies {
			if !slices.ContainsFunc(c.Policies, p.Equal) {
				return because(TierCeiling, "%q may not certify policy %s", c.Subject, p)
			}
		}
	}
	return nil
}

// belowAnchor are the CA certificates of a path that its anchor vouches for; where the
// anchor itself issued the signer, it is asked.
func belowAnchor(chain []*x509.Certificate) []*x509.Certificate {
	if len(chain) > 2 {
		return chain[1 : len(chain)-1]
	}
	return chain[1:]
}

// keyStrength refuses keys that are short or of a kind outside of the profile.
func keyStrength(pub crypto.PublicKey, minRSA int) error {
	switch key := pub.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSABits {
			return fmt.Errorf("RSA key of %d bits, want %d to %d", n, minRSA, maxRSABits)
		}
		return nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("curve %s: want P-256, P-384 or P-521", key.Params().Name)
	default:
		return fmt.Errorf("key type %T: want ECDSA or RSA", pub)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

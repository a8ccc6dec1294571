package audit

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// ownerCA is whose key a root's is, to keyOwners: the same CA may certify many
// builders, but none of them may hold its key.
const ownerCA = "a certificate authority"

// identityOwners remembers which builder each issuer and subject was given for: an
// identity of two builders would let the weaker one speak for the other.
type identityOwners map[[2]string]string

func (o identityOwners) check(p *problems, at string, b Builder, keys keyOwners) {
	p.scopeCount(at, len(b.Identities), 0)
	here := unique{}
	for i, identity := range b.Identities {
		field := fmt.Sprintf("%s[%d]", at, i)
		p.httpsURL(field+".issuer", identity.Issuer)
		p.certificateSubject(field+".subject", identity.Subject)
		_, id, err := parseRoot(identity.Root)
		switch {
		case identity.Root == "":
			p.add(CodeMissing, field+".root", "is required")
		case err != nil:
			p.add(CodeIdentity, field+".root", "%v", err)
		default:
			keys.claim(p, field+".root", ownerCA, id)
		}
		if identity.TimestampRoot != "" {
			if _, _, err := parseRoot(identity.TimestampRoot); err != nil {
				p.add(CodeIdentity, field+".timestamp_root", "%v", err)
			}
		}
		name := [2]string{identity.Issuer, identity.Subject}
		if other, ok := o[name]; ok && other != b.ID {
			p.add(CodeIdentity, field+".subject", "is an identity of builder %q as well", clip(other))
		}
		o[name] = b.ID
		// Two roots for one identity on one builder: the CA is changing its key.
		if key := strings.Join([]string{identity.Issuer, identity.Subject, id}, "\n"); here[key] {
			p.add(CodeIdentity, field, "stands there twice")
		} else {
			here[key] = true
		}
	}
}

// certificateSubject checks the name that a short-lived certificate carries as its one
// subject alternative name: a URI or an e-mail address, compared as a whole.
func (p *problems) certificateSubject(field, s string) {
	switch {
	case s == "":
		p.add(CodeMissing, field, "is required")
	case strings.ContainsRune(s, '*'):
		p.noWildcard(field, s)
	case len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		p.add(CodeIdentity, field, "want at most %d characters of printable ASCII without spaces", maxURL)
	case !isEmail(s) && !isIdentityURI(s):
		p.add(CodeIdentity, field, "%q is neither a URI with a host nor an e-mail address", clip(s))
	}
}

func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s
}

func isIdentityURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && u.Host != "" && u.User == nil
}

// parseRoot reads the certificate of a CA: exactly one PEM block, a CA that may sign
// certificates (RFC 5280 §4.2.1.3 and §4.2.1.9), a key that attest accepts. It returns
// the key's id too. A trust anchor's own signature proves nothing and is not looked at.
func parseRoot(text string) (*x509.Certificate, string, error) {
	if len(text) > maxRootBytes {
		return nil, "", fmt.Errorf("is %d bytes long, at most %d", len(text), maxRootBytes)
	}
	text = strings.TrimSpace(text)
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(rest) > 0 || !strings.HasPrefix(text, "-----BEGIN") {
		return nil, "", errors.New("not exactly one PEM block CERTIFICATE")
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, "", err
	}
	switch {
	case !cert.BasicConstraintsValid || !cert.IsCA:
		return nil, "", errors.New("is not the certificate of a CA")
	case cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return nil, "", errors.New("may not sign certificates: its key usage lacks keyCertSign")
	case len(cert.UnhandledCriticalExtensions) > 0:
		return nil, "", fmt.Errorf("has a critical extension %v that is not understood here", cert.UnhandledCriticalExtensions[0])
	}
	id, err := attest.KeyID(cert.PublicKey)
	return cert, id, err
}

// Roots reads the CA that certifies an identity, and the one of its timestamps, nil where
// there is none.
func (i Identity) Roots() (root, timestamps *x509.Certificate, err error) {
	if root, _, err = parseRoot(i.Root); err != nil || i.TimestampRoot == "" {
		return root, nil, err
	}
	timestamps, _, err = parseRoot(i.TimestampRoot)
	return root, timestamps, err
}

// validateRoots refuses a root that was not valid when the work was done: whoever
// looked at it then would have noticed.
func (a Assessment) validateRoots(p *problems) {
	for i, b := range a.Scope.Builders {
		for j, identity := range b.Identities {
			cert, _, err := parseRoot(identity.Root)
			if err != nil || a.AssessedAt.IsZero() {
				continue // reported already
			}
			if a.AssessedAt.Before(cert.NotBefore) || a.AssessedAt.After(cert.NotAfter) {
				p.add(CodeIdentity, fmt.Sprintf("scope.builders[%d].identities[%d].root", i, j), "is valid from %s until %s, not at %s",
					cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339), a.AssessedAt.Format(time.RFC3339))
			}
		}
	}
}

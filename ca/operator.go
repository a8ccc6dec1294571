package ca

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/templates"
)

// IssueClient makes a person's mTLS certificate under the operator CA: the common
// name is the person's id, and a vendor's person has the vendor's URI as SAN.
// Validity 0 takes MaxClientValidity, which is also the most.
//
// It is not on record yet: the caller stores a store.ClientCertificate in the
// transaction that uses up the enrolment, before handing it out. A client
// certificate that is not on record must not be accepted, so that one which never
// got there opens nothing.
func (c *CA) IssueClient(ctx context.Context, pub crypto.PublicKey, person store.Person, validity time.Duration) (*x509.Certificate, error) {
	if err := CheckKey(pub); err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	if validity == 0 {
		validity = MaxClientValidity
	}
	if validity < minValidity || validity > MaxClientValidity {
		return nil, fmt.Errorf("client certificate: %w", refuse(CodeValidity, "", "a validity of %s, want %s to %s", validity, minValidity, MaxClientValidity))
	}
	now := c.now().UTC()
	if person.ID == "" || !person.DisabledAt.IsZero() {
		return nil, fmt.Errorf("client certificate: %w", refuse(CodeBadRequest, "", "person %q has no id or is disabled", person.ID))
	}
	v := templates.Values{CommonName: person.ID, Organization: person.Organization}
	if person.Vendor != "" {
		err := c.store.View(ctx, func(r store.Reader) error {
			vendor, err := c.activeVendor(r, person.Vendor)
			v.URIs = []string{vendor.URI}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
	}
	cert, err := c.underOperator(templates.Client, pub, v, now, validity)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return cert, nil
}

func (c *CA) underOperator(kind templates.Name, pub crypto.PublicKey, v templates.Values, now time.Time, life time.Duration) (*x509.Certificate, error) {
	p, err := templates.Load(kind)
	if err != nil {
		return nil, err
	}
	from, until := now.Add(-backdate), now.Add(life)
	if start := c.operator.cert.NotBefore; start.After(from) {
		from = start
	}
	if end := c.operator.cert.NotAfter; end.Before(until) {
		until = end
	}
	t, err := render(p, pub, v, c.random, from, until)
	if err != nil {
		return nil, err
	}
	return c.operator.issue(t)
}

// ClientRoots returns a pool of the operator CA's root, to verify clients with.
func (c *CA) ClientRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.operator.cert)
	return pool
}

// OperatorRoot returns the root of client and server certificates. It is not in
// the trust bundle: who may talk to the server says nothing about software.
func (c *CA) OperatorRoot() *x509.Certificate { return c.operator.cert }

// OperatorRootFingerprint returns the SHA-256 that a client pins at enrolment.
func (c *CA) OperatorRootFingerprint() string { return Fingerprint(c.operator.cert) }

// serverCertificate is the server's TLS certificate, with a key that exists in
// memory only.
type serverCertificate struct {
	mu      sync.Mutex
	names   []string
	current tls.Certificate
}

func newServerCertificate(c *CA, names []string) (*serverCertificate, error) {
	if len(names) == 0 {
		names = defaultServerNames(c.publicURL)
	}
	s := &serverCertificate{names: names}
	return s, s.renew(c)
}

func (s *serverCertificate) renew(c *CA) error {
	var v templates.Values
	for _, name := range s.names {
		if ip := net.ParseIP(name); ip != nil {
			v.IPAddresses = append(v.IPAddresses, ip.String())
		} else {
			v.DNSNames = append(v.DNSNames, name)
		}
	}
	v.CommonName, v.Organization = s.names[0], first(c.operator.cert.Subject.Organization)
	key, err := newP256()
	if err != nil {
		return fmt.Errorf("server certificate: %w", err)
	}
	cert, err := c.underOperator(templates.Server, key.Public(), v, c.now().UTC(), serverValidity)
	if err != nil {
		return fmt.Errorf("server certificate: %w", err)
	}
	s.current = tls.Certificate{Certificate: [][]byte{cert.Raw, c.operator.cert.Raw}, PrivateKey: key, Leaf: cert}
	return nil
}

// ServerTLS returns the server's certificate as it is now. A server that runs for
// months uses GetServerCertificate instead.
func (c *CA) ServerTLS() tls.Certificate {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.server.current
}

// GetServerCertificate is for tls.Config.GetCertificate: it renews the certificate
// when half its life is over.
func (c *CA) GetServerCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.now().After(s.current.Leaf.NotAfter.Add(-serverValidity / 2)) {
		if err := s.renew(c); err != nil {
			c.log.Error("renew server certificate", "error", err)
			if !c.now().Before(s.current.Leaf.NotAfter) {
				return nil, errors.New("the server's certificate has expired and cannot be renewed")
			}
		}
	}
	current := s.current
	return &current, nil
}

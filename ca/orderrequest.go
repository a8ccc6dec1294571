package ca

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// issuerAdds are extensions that no request has: the issuer writes them, as it does
// the CRL distribution point and the authority information access.
func issuerAdds() []asn1.ObjectIdentifier {
	return []asn1.ObjectIdentifier{ext.AuthorityKeyIdentifier(), ext.SubjectKeyIdentifier()}
}

// requested are the extensions of an ordered certificate that its request must have,
// as the linted bytes will have them.
func (o order) requested(c ordered, pub crypto.PublicKey) (*x509.Certificate, []pkix.Extension, error) {
	t, err := o.template(c, pub, nil, time.Unix(0, 0))
	if err != nil {
		return nil, nil, err
	}
	throwaway, err := throwawayFor(pub)
	if err != nil {
		return nil, nil, err
	}
	t.PublicKey = throwaway.Public() // CreateCertificate wants the parent's, which this is, to be the signer's
	der, err := x509.CreateCertificate(rand.Reader, t, t, throwaway.Public(), throwaway)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	adds := issuerAdds()
	return cert, slices.DeleteFunc(slices.Clone(cert.Extensions), func(e pkix.Extension) bool {
		return slices.ContainsFunc(adds, e.Id.Equal)
	}), nil
}

// addRequest lets the holder of the key ask for the certificate.
func (o order) addRequest(c ordered, signer crypto.Signer) (ordered, error) {
	cert, extensions, err := o.requested(c, signer.Public())
	if err != nil {
		return ordered{}, err
	}
	c.Request, err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{RawSubject: cert.RawSubject, ExtraExtensions: extensions}, signer)
	return c, err
}

// openRequest checks that a request asks for exactly what is ordered and returns its
// key. The error is a *CeremonyError.
func (o order) openRequest(c ordered) (crypto.PublicKey, error) {
	req, err := x509.ParseCertificateRequest(c.Request)
	if err != nil {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s: %v", c.Name, err)
	}
	if err := req.CheckSignature(); err != nil {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s: %v", c.Name, err)
	}
	if err := CheckKey(req.PublicKey); err != nil {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s: %v", c.Name, err)
	}
	cert, extensions, err := o.requested(c, req.PublicKey)
	if err != nil {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s: %v", c.Name, err)
	}
	if !bytes.Equal(req.RawSubject, cert.RawSubject) {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s is for %q, ordered is %q", c.Name, req.Subject, cert.Subject)
	}
	same := slices.EqualFunc(req.Extensions, extensions, func(a, b pkix.Extension) bool {
		return a.Id.Equal(b.Id) && a.Critical == b.Critical && bytes.Equal(a.Value, b.Value)
	})
	if !same {
		return nil, ceremonyRefuses(CeremonyRequest, "request %s asks for other extensions than its profile and policies", c.Name)
	}
	return req.PublicKey, nil
}

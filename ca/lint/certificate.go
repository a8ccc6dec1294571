package lint

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/ext"
	zx509 "github.com/zmap/zcrypto/x509"
	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Context is what a certificate alone does not tell. A rule that needs what is missing
// here is not applicable.
type Context struct {
	Kind      Kind              // "": as content and issuer suggest
	Issuer    *x509.Certificate // the CA that issues it; nil: not known, or itself when it names itself
	Arc       ext.Arc           // of the marks
	PublicURL string            // what stands before /crl, /ca and /ocsp
	// Like is a certificate that was read before and has much in common with this one; nil
	// if none is known. It changes how long reading takes, and nothing else.
	Like *Certificate
}

// Certificate is one certificate as rules see it.
type Certificate struct {
	Context
	Raw  []byte
	X509 *x509.Certificate // nil when crypto/x509 cannot read it

	mark    ext.Mark // when broken is ""
	broken  string   // why there is no mark to judge
	fields  fields   // as they stand, also where crypto/x509 gave up
	zcrypto *zx509.Certificate
	trouble []error // of the three readers
}

// fields are those parts of a certificate that crypto/x509 does not hand out.
type fields struct {
	version        int // 1 when absent
	innerAlgorithm []byte
	outerAlgorithm []byte
	uniqueIDs      bool
	extensions     []extension

	// DER, of the whole element; versionDER is empty when absent.
	tbs, versionDER, serial, issuer, validity, subject, key, signature []byte
}

type extension struct {
	id            asn1.ObjectIdentifier
	critical      bool
	falseCritical bool // critical FALSE is written out, which DER does not allow
	value         []byte
	raw           []byte // DER of the whole
}

// Read reads a certificate for Findings and All. It fails only for what is no
// certificate at all; what crypto/x509 or zcrypto cannot read is a finding.
func Read(raw []byte, ctx Context) (*Certificate, error) {
	if len(raw) > maxCertificateBytes {
		return nil, fmt.Errorf("certificate of %d bytes, at most %d", len(raw), maxCertificateBytes)
	}
	c := &Certificate{Context: ctx, Raw: raw}
	var err error
	if c.fields, err = readFields(raw); err != nil {
		return nil, err
	}
	if c.X509, err = x509.ParseCertificate(raw); err != nil {
		c.X509 = nil
		c.trouble = append(c.trouble, err)
	}
	if c.zcrypto, err = c.readZcrypto(); err != nil {
		c.zcrypto = nil
		c.trouble = append(c.trouble, err)
	}
	if c.Issuer == nil && c.X509 != nil && bytes.Equal(c.X509.RawIssuer, c.X509.RawSubject) {
		c.Issuer = c.X509 // self-issued
	}
	if c.Kind == "" {
		c.Kind = c.guess()
	}
	c.readMark()
	c.Like = nil // has served
	return c, nil
}

var errNoCertificate = errors.New("not a certificate")

// readFields walks RFC 5280 §4.1:
//
//	Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }
//	TBSCertificate ::= SEQUENCE { version [0] DEFAULT v1, serialNumber, signature, issuer,
//	    validity, subject, subjectPublicKeyInfo, issuerUniqueID [1] OPTIONAL,
//	    subjectUniqueID [2] OPTIONAL, extensions [3] OPTIONAL }
func readFields(raw []byte) (fields, error) {
	f := fields{version: 1}
	in := cryptobyte.String(raw)
	var cert, tbs, version, skipped cryptobyte.String
	var hasVersion bool
	ok := in.ReadASN1(&cert, cbasn1.SEQUENCE) && in.Empty() &&
		element(&cert, &f.tbs, cbasn1.SEQUENCE) && element(&cert, &f.outerAlgorithm, cbasn1.SEQUENCE) &&
		element(&cert, &f.signature, cbasn1.BIT_STRING) && cert.Empty()
	whole := cryptobyte.String(f.tbs)
	ok = ok && whole.ReadASN1(&tbs, cbasn1.SEQUENCE)
	behind := tbs
	ok = ok && tbs.ReadOptionalASN1(&version, &hasVersion, context(0))
	if ok && hasVersion {
		f.versionDER = behind[:len(behind)-len(tbs)]
		ok = version.ReadASN1Integer(&f.version) && version.Empty()
		f.version++
	}
	ok = ok && element(&tbs, &f.serial, cbasn1.INTEGER)
	for _, to := range []*[]byte{&f.innerAlgorithm, &f.issuer, &f.validity, &f.subject, &f.key} {
		ok = ok && element(&tbs, to, cbasn1.SEQUENCE)
	}
	if !ok {
		return fields{}, errNoCertificate
	}
	for n := range uint8(2) {
		var present bool
		if !tbs.ReadOptionalASN1(&skipped, &present, cbasn1.Tag(n+1).ContextSpecific()) {
			return fields{}, errNoCertificate
		}
		f.uniqueIDs = f.uniqueIDs || present
	}
	var err error
	f.extensions, err = readExtensions(tbs)
	return f, err
}

func element(in *cryptobyte.String, to *[]byte, tag cbasn1.Tag) bool {
	return in.ReadASN1Element((*cryptobyte.String)(to), tag)
}

func readExtensions(rest cryptobyte.String) ([]extension, error) {
	var wrapped, list cryptobyte.String
	var present bool
	if !rest.ReadOptionalASN1(&wrapped, &present, context(3)) || !rest.Empty() {
		return nil, errNoCertificate
	}
	if !present {
		return nil, nil
	}
	if !wrapped.ReadASN1(&list, cbasn1.SEQUENCE) || !wrapped.Empty() {
		return nil, errNoCertificate
	}
	var all []extension
	for !list.Empty() {
		var one, value cryptobyte.String
		var e extension
		behind := list
		if !list.ReadASN1(&one, cbasn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&e.id) {
			return nil, errNoCertificate
		}
		e.raw = behind[:len(behind)-len(list)]
		if one.PeekASN1Tag(cbasn1.BOOLEAN) {
			var flag cryptobyte.String
			if !one.ReadASN1(&flag, cbasn1.BOOLEAN) || len(flag) != 1 {
				return nil, errNoCertificate
			}
			e.critical = flag[0] != 0 // other values than 00 and FF are the rule der's business
			e.falseCritical = !e.critical
		}
		if !one.ReadASN1(&value, cbasn1.OCTET_STRING) || !one.Empty() {
			return nil, errNoCertificate
		}
		e.value = value
		all = append(all, e)
	}
	return all, nil
}

func context(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific().Constructed() }

// extension returns the first extension of that id, or nil.
func (c *Certificate) extension(id asn1.ObjectIdentifier) *extension {
	for i := range c.fields.extensions {
		if c.fields.extensions[i].id.Equal(id) {
			return &c.fields.extensions[i]
		}
	}
	return nil
}

package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
)

// addCertificates puts further certificates into a TimeStampResp (RFC 3161 §2.4.2).
// They stand outside of what is signed (RFC 5652 §5.1). The library that makes the
// response takes one chain only, and after a rollover of the root there are two; and it
// verifies what it takes.
func addCertificates(response []byte, certs []*x509.Certificate) ([]byte, error) {
	var r struct {
		Status asn1.RawValue
		Token  struct {
			Type   asn1.ObjectIdentifier
			Signed struct {
				Version      int
				Digests      asn1.RawValue
				Content      asn1.RawValue
				Certificates asn1.RawValue // [0] IMPLICIT SET OF
				Signers      asn1.RawValue
			} `asn1:"explicit,tag:0"`
		}
	}
	if rest, err := asn1.Unmarshal(response, &r); err != nil || len(rest) != 0 {
		return nil, fmt.Errorf("read back timestamp: %w", errors.Join(err, errors.New("not one value")))
	}
	have := r.Token.Signed.Certificates
	if have.Class != asn1.ClassContextSpecific || have.Tag != 0 {
		return nil, errors.New("read back timestamp: no certificates")
	}
	all := append([]byte(nil), have.Bytes...)
	for _, c := range certs {
		all = append(all, c.Raw...)
	}
	r.Token.Signed.Certificates = asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: all}
	out, err := asn1.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode timestamp: %w", err)
	}
	return out, nil
}

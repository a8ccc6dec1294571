package sign

import (
	"crypto/x509"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/store"
)

// records spares reading, decoding and parsing again what a signature stands on, as long
// as it is what the snapshot holds: see store.Memo.
type records struct {
	vendors      store.Memo[store.Vendor]
	keys         store.Memo[store.SigningKey]
	certificates store.Memo[store.Certificate]
	policies     store.Memo[store.SigningPolicy]
	marks        recent.Values[string, marked] // by the certificate's DER
}

// marked is a certificate and what it says.
type marked struct {
	certificate *x509.Certificate
	mark        ext.Mark
}

// read parses a certificate with its mark.
func (r *records) read(arc ext.Arc, der []byte) (marked, error) {
	if known, ok := recent.GetBytes(&r.marks, der); ok {
		return known, nil
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return marked{}, err
	}
	mark, err := arc.ReadMark(cert)
	if err != nil {
		return marked{}, err
	}
	m := marked{cert, mark}
	r.marks.Put(string(der), m)
	return m, nil
}

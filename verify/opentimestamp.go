package verify

import (
	"crypto/x509"
	"time"
)

// OpenTimestamp verifies a time-stamp token over a signature value, RFC 3161 §2.4.2, as
// strictly as the tokens inside signatures are: the authority leads to one of the roots at
// the time the token gives, which is returned. For those who have to know when something
// else than a signature of ours was signed.
func OpenTimestamp(token, signature []byte, roots []*x509.Certificate, now time.Time) (time.Time, error) {
	v := Verifier{stampRoots: x509.NewCertPool(), stampPaths: newPaths()}
	for _, r := range roots {
		v.stampRoots.AddCert(r)
	}
	s, err := v.openTimestamp(token, signature, now)
	if err != nil {
		return time.Time{}, err
	}
	return s.at, nil
}

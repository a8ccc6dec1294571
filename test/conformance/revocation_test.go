package conformance

import (
	"crypto/x509"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/ocsp"
)

func revocationSuites() []suite {
	return []suite{
		{"boringssl-crl", "boringssl-pki/crl", boringCRLAbout, 42, boringCRL},
		{"boringssl-ocsp", "boringssl-pki/ocsp", boringOCSPAbout, 20, boringOCSP},
	}
}

const boringCRLAbout = `BoringSSL's CRLs, each for one certificate and its issuer, with ` + "`verify.CRLs`" + ` and a greatest age of 7 days. They have no
CRL number, so each is judged as if none were demanded; as it is, none is accepted. The issuers lack basic constraints, without which
no path would lead over them; they are taken for CAs here.`

// boringTable is what both of BoringSSL's folders have: when to judge, and each file's
// verdict.
type boringTable struct {
	VerifyTime time.Time `json:"verify_time"`
	MaxAgeDays int       `json:"max_age_days"`
	Cases      []struct{ File, Status string }
}

func (b boringTable) maxAge() time.Duration { return time.Duration(b.MaxAgeDays) * 24 * time.Hour }

func boringWant(status string) string {
	return map[string]string{"GOOD": accept, "REVOKED": revoked, "UNKNOWN": refuse}[status]
}

// pair reads the certificate in question and its issuer.
func pair(raw []byte) (leaf, issuer *x509.Certificate, err error) {
	for name, to := range map[string]**x509.Certificate{"CERTIFICATE": &leaf, "CA CERTIFICATE": &issuer} {
		for _, der := range blocks(raw, name) {
			if *to, err = x509.ParseCertificate(der); err != nil {
				return nil, nil, unparsed{err}
			}
		}
	}
	return leaf, issuer, nil
}

func boringCRL(t *testing.T, dir string) []row {
	var table boringTable
	readJSON(t, &table, dir, "expectations.json")
	var rows []row
	for _, c := range table.Cases {
		raw := read(t, dir, c.File)
		r := row{id: c.File, want: boringWant(c.Status)}
		leaf, issuer, err := pair(raw)
		if err == nil {
			issuer.BasicConstraintsValid, issuer.IsCA = true, true
			lists := verify.CRLs{Lists: blocks(raw, "CRL"), MaxAge: table.maxAge(), Now: table.VerifyTime, UnnumberedUnsafe: true}
			err = lists.Check(leaf, issuer)
			if lists.UnnumberedUnsafe = false; lists.Check(leaf, issuer) == nil {
				t.Errorf("%s: accepted without a number", c.File)
			}
		}
		rows = append(rows, r.judged(err))
	}
	return rows
}

const boringOCSPAbout = `BoringSSL's OCSP responses, with ` + "`ocsp.Checker`" + `. They are signed with SHA-1, so each is judged as if that were allowed; as it
is, none is accepted.`

func boringOCSP(t *testing.T, dir string) []row {
	var table boringTable
	readJSON(t, &table, dir, "expectations.json")
	strict := ocsp.Checker{Now: func() time.Time { return table.VerifyTime }, MaxAge: table.maxAge()}
	lax := strict
	lax.SHA1Unsafe = true
	var rows []row
	for _, c := range table.Cases {
		raw := read(t, dir, c.File)
		leaf, issuer, err := pair(raw)
		responses := blocks(raw, "OCSP RESPONSE")
		if err != nil || len(responses) != 1 {
			t.Fatal(c.File, err)
		}
		q := ocsp.Query{Certificate: leaf, Issuer: issuer}
		a, err := lax.Check(responses[0], q)
		r := row{id: c.File, want: boringWant(c.Status), got: refuse, code: string(ocsp.CodeOf(err))}
		switch {
		case err != nil:
			r.detail = err.Error()
		case a.Status == ocsp.Good:
			r.got = accept
		case a.Status == ocsp.Revoked:
			r.got = revoked
		}
		rows = append(rows, r)
		if a, err := strict.Check(responses[0], q); err == nil {
			t.Errorf("%s: accepted with SHA-1: %+v", filepath.Base(c.File), a)
		}
	}
	return rows
}

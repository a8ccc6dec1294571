package ocsp_test

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/corpora"
	"github.com/hallmark-pki/hallmark/verify/ocsp"
)

// stricter are responses that their authors accept and we refuse, with the reason.
var stricter = map[string]ocsp.Code{
	// That client knows the extension for Certificate Transparency; we do not.
	"has_critical_ct_extension.pem": ocsp.CriticalExtension,
	// One certificate, two answers, good and revoked: the worse one counts there. Whoever
	// sends both is not to be relied on, and a refusal is not "good" either.
	"multiple_response_good_revoked.pem": ocsp.Ambiguous,
}

// TestCorpus: the verdicts of BoringSSL's suite. Its responses are signed with SHA-1, so
// each is judged twice: as if that were allowed, and as it is, when none is accepted.
func TestCorpus(t *testing.T) {
	dir := corpora.Folder(t, "boringssl-pki", "ocsp")
	var table struct {
		VerifyTime time.Time `json:"verify_time"`
		MaxAgeDays int       `json:"max_age_days"`
		Cases      []struct{ File, Status string }
	}
	raw, err := os.ReadFile(filepath.Join(dir, "expectations.json"))
	if err == nil {
		err = json.Unmarshal(raw, &table)
	}
	if err != nil || len(table.Cases) < 20 {
		t.Fatal(err, len(table.Cases))
	}
	strict := ocsp.Checker{Now: func() time.Time { return table.VerifyTime }, MaxAge: time.Duration(table.MaxAgeDays) * 24 * time.Hour}
	names := map[string]ocsp.Status{"GOOD": ocsp.Good, "REVOKED": ocsp.Revoked, "UNKNOWN": ocsp.Unknown}
	for _, c := range table.Cases {
		q, response := sample(t, filepath.Join(dir, c.File))
		a, err := strict.WithSHA1().Check(response, q)
		switch code, isStricter := stricter[c.File]; {
		case isStricter && ocsp.CodeOf(err) != code:
			t.Errorf("%s: %v, listed as %s", c.File, err, code)
		case !isStricter && a.Status != names[c.Status]:
			t.Errorf("%s: %s (%v), its authors say %s", c.File, a.Status, err, c.Status)
		}
		if a, err := strict.Check(response, q); err == nil {
			t.Errorf("%s: accepted with SHA-1: %+v", c.File, a)
		}
	}
}

func sample(t testing.TB, path string) (ocsp.Query, []byte) {
	t.Helper()
	rest, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var q ocsp.Query
	var response []byte
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "CERTIFICATE":
			q.Certificate, err = x509.ParseCertificate(block.Bytes)
		case "CA CERTIFICATE":
			q.Issuer, err = x509.ParseCertificate(block.Bytes)
		case "OCSP RESPONSE":
			response = block.Bytes
		}
		if err != nil {
			t.Fatal(path, err)
		}
	}
	return q, response
}

package pki

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
)

// SignFile signs a file in its own format, as the service does: what is signed, and
// what the summary states, follows from the file's digests. edits change one thing each.
func (p *PKI) SignFile(t testing.TB, path string, edits ...func(*CMS)) {
	t.Helper()
	f, err := format.Detect(format.Files(), path)
	if err != nil {
		t.Fatal(err)
	}
	a, err := f.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	d, err := a.Digests()
	if err != nil {
		t.Fatal(err)
	}
	tbs, err := f.ToBeSigned(d.Signed)
	if err != nil {
		t.Fatal(err)
	}
	all := append([]func(*CMS){func(c *CMS) {
		c.ContentType, c.Content, c.BareContent, c.TokenType = tbs.ContentType, tbs.Content, true, tbs.Timestamp
		c.Replace(OIDContentType, DER(t, tbs.ContentType))
		for _, extra := range tbs.Attributes {
			c.Replace(extra.Type, extra.Value)
		}
		vsa := p.SummaryWith(t, p.SummaryKey, d.SHA256, func(v *attest.VSA) {
			v.Result = attest.Passed
			v.Subjects[0].Digest[f.Algorithm()] = hexString(d.Signed[:])
		})
		c.Staple = &ext.Staple{VSA: vsa, Receipts: [][]byte{p.Receipt(t, 3)}}
	}}, edits...)
	if _, err := f.Attach(path, p.Sign(t, tbs.Digest, all...), format.Options{Digest: d.Signed}); err != nil {
		t.Fatal(err)
	}
}

// Copy copies a file into a folder and returns its new path.
func Copy(t testing.TB, dir, from string) string {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, filepath.Base(from))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

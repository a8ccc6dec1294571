package verify_test

import (
	"context"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// TestCorpusCMS: OpenSSL's broken signatures are all refused. They are BER, so the
// form alone refuses them; each defect in DER is among the negatives.
func TestCorpusCMS(t *testing.T) {
	v, digest, _ := bundle(t)
	files, err := filepath.Glob(filepath.Join(corpora.Folder(t, "cms", "openssl"), "*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if block, _ := pem.Decode(raw); block != nil {
			raw = block.Bytes
		}
		if got := v.Signature(context.Background(), name, digest, raw); got.Outcome != verify.NotValid {
			t.Errorf("%s: %v", filepath.Base(name), got.Outcome)
		}
	}
}

// TestCorpusTimestamps: tokens of a public and of a test authority. Both are refused
// because we are stricter: the first binds its certificate by SHA-1 only (which RFC 5816
// replaced), the second has a SignedData version that RFC 5652 §5.1 reserves for
// id-data.
func TestCorpusTimestamps(t *testing.T) {
	dir := corpora.Folder(t, "rfc3161")
	for _, c := range []struct {
		response, want string
	}{
		{"openssl/sectigo-all-zero.tsr", "timestamp-malformed: attribute-missing: signed attribute 1.2.840.113549.1.9.16.2.47"},
		{"rekor/test.tsr", "timestamp-malformed: signature-malformed: SignedData version 1"},
	} {
		raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(c.response)))
		if err != nil {
			t.Fatal(err)
		}
		var response struct{ Status, Token asn1.RawValue }
		if _, err := asn1.Unmarshal(raw, &response); err != nil {
			t.Fatal(err)
		}
		_, _, err = verify.ReadToken(response.Token.FullBytes)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.response, got, c.want)
		}
	}
}

// TestCorpusSeeds: nearly all of these are malformed; none is valid, none panics.
func TestCorpusSeeds(t *testing.T) {
	v, digest, _ := bundle(t)
	dir := corpora.Folder(t, "fuzz")
	archive(t, filepath.Join(dir, "openssl-cms.tar.gz"), func(name string, data []byte) {
		if got := v.Signature(context.Background(), name, digest, data); got.Outcome != verify.NotValid {
			t.Errorf("%s: %v", name, got.Outcome)
		}
	})
	parsed := 0
	archive(t, filepath.Join(dir, "openssl-crl.tar.gz"), func(_ string, data []byte) {
		if verify.ParseCRL(data) == nil {
			parsed++
		}
	})
	t.Logf("%d CRLs parsed", parsed)
	archive(t, filepath.Join(dir, "openssl-asn1parse.tar.gz"), func(_ string, data []byte) { _ = verify.CheckDER(data) })
}

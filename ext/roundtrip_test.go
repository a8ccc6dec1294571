package ext

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// goldenValue is a .der file of testdata.
type goldenValue struct {
	file  string
	codec codec
	der   []byte
}

// goldenValues reads all of them and fails when a codec has none.
func goldenValues(t testing.TB) []goldenValue {
	t.Helper()
	var all []goldenValue
	for _, c := range codecs() {
		files := must[[]string](t)(filepath.Glob("testdata/*." + c.name + ".der"))
		if len(files) == 0 {
			t.Fatalf("no golden file for %s", c.name)
		}
		for _, file := range files {
			all = append(all, goldenValue{file, c, must[[]byte](t)(os.ReadFile(file))})
		}
	}
	return all
}

func TestParseThenMarshalGivesTheSameBytes(t *testing.T) {
	for _, g := range goldenValues(t) {
		sameBytes(t, must[[]byte](t)(g.codec.again(g.der)), g.der)
	}
}

func TestMarshalThenParseGivesTheSameValue(t *testing.T) {
	for _, m := range []Mark{plainMark(1), plainMark(4), richMark(), largestMark()} {
		der := must[[]byte](t)(m.Assurance.Marshal())
		if diff := cmp.Diff(m.Assurance, must[Assurance](t)(ParseAssurance(der))); diff != "" {
			t.Error(diff)
		}
		der = must[[]byte](t)(m.Repository.Marshal())
		if diff := cmp.Diff(m.Repository, must[AttestationRepository](t)(ParseAttestationRepository(der))); diff != "" {
			t.Error(diff)
		}
	}
	big := Staple{VSA: make([]byte, MaxVSABytes), Receipts: [][]byte{make([]byte, MaxReceiptBytes)}, CRLs: [][]byte{make([]byte, MaxCRLBytes)}}
	for _, s := range []Staple{sampleStaple(), big, {VSA: []byte("{}")}, {Receipts: [][]byte{{1}}}, {CRLs: [][]byte{{1}, {1}}}} {
		der := must[[]byte](t)(s.Marshal())
		if diff := cmp.Diff(s, must[Staple](t)(ParseStaple(der))); diff != "" {
			t.Error(diff)
		}
	}
}

// The zone of a time is not in the encoding; parsed times are UTC.
func TestTimesArePrintedInUTC(t *testing.T) {
	m := plainMark(3)
	want := must[[]byte](t)(m.Assurance.Marshal())
	zone := time.FixedZone("", -9*3600)
	ref := &m.Assurance.Claims[0].Assessment
	ref.AssessedAt, ref.ValidUntil = ref.AssessedAt.In(zone), ref.ValidUntil.In(zone)
	sameBytes(t, must[[]byte](t)(m.Assurance.Marshal()), want)
	if got := must[Assurance](t)(ParseAssurance(want)).Claims[0].Assessment.AssessedAt.Location(); got != time.UTC {
		t.Errorf("location %v", got)
	}
}

func TestGoodURLs(t *testing.T) {
	urls := []string{
		"https://example.com", "https://example.com/", "https://example.com:8443/a/b-c_d~e/%20/", "https://EXAMPLE.com",
		"https://192.0.2.1/x", "https://[2001:db8::1]", "https://[2001:db8::1]:443/a", "https://a/x@y:z;p=1,2!$&'()*+",
	}
	der := must[[]byte](t)(AttestationRepository{urls}.Marshal())
	if diff := cmp.Diff(urls, must[AttestationRepository](t)(ParseAttestationRepository(der)).URLs); diff != "" {
		t.Error(diff)
	}
}

func TestGoodFrameworkURIs(t *testing.T) {
	for _, uri := range []string{slsaURI, "urn:example:framework:1", "tag:example.com,2026:x", "https://example.com/a?b=c#d", fill("https://example.com/", MaxURILength)} {
		a := plainMark(1).Assurance
		a.Claims[0].Framework = uri
		if _, err := a.Marshal(); err != nil {
			t.Error(err)
		}
	}
}

func TestEvidenceURL(t *testing.T) {
	digest := [32]byte{0xab, 0x01}
	hex := "ab01" + strings.Repeat("0", 60)
	for base, want := range map[string]string{
		"https://example.com":       "https://example.com/sha256/ab/" + hex + ".jsonl",
		"https://example.com/":      "https://example.com/sha256/ab/" + hex + ".jsonl",
		"https://example.com/acme":  "https://example.com/acme/sha256/ab/" + hex + ".jsonl",
		"https://example.com/acme/": "https://example.com/acme/sha256/ab/" + hex + ".jsonl",
	} {
		if got := EvidenceURL(base, digest); got != want {
			t.Errorf("EvidenceURL(%q) = %q, want %q", base, got, want)
		}
	}
}

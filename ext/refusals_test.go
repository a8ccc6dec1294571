package ext

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseRefuses(t *testing.T) {
	good := map[string]func() ([]byte, error){
		"assurance":             richMark().Assurance.Marshal,
		"attestationRepository": richMark().Repository.Marshal,
		"staple":                sampleStaple().Marshal,
	}
	breakages := map[string][]breakage{
		"assurance":             assuranceBreakages(),
		"attestationRepository": repositoryBreakages(),
		"staple":                stapleBreakages(),
	}
	for _, c := range codecs() {
		der := must[[]byte](t)(good[c.name]())
		for _, b := range breakages[c.name] {
			t.Run(c.name+"/"+b.name, func(t *testing.T) {
				n := grow(t, der)
				b.change(n)
				if bytes.Equal(n.der(), der) {
					t.Fatal("nothing was broken")
				}
				_, err := c.again(n.der())
				wantRefusal(t, err, b.reason, b.field)
			})
		}
	}
}

// A refused value leaves nothing behind that a caller could use by mistake.
func TestParseReturnsZeroOnRefusal(t *testing.T) {
	der := must[[]byte](t)(richMark().Assurance.Marshal())
	n := grow(t, der)
	set("\x00", 1, 1, level)(n)
	a, err := ParseAssurance(n.der())
	if err == nil || a.Claims != nil {
		t.Errorf("got %v, %v", a, err)
	}
	der = must[[]byte](t)(richMark().Repository.Marshal())
	n = grow(t, der)
	set("http://example.com", 1, 1)(n)
	r, err := ParseAttestationRepository(n.der())
	if err == nil || r.URLs != nil {
		t.Errorf("got %v, %v", r, err)
	}
	der = must[[]byte](t)(sampleStaple().Marshal())
	n = grow(t, der)
	empty(3, 0)(n)
	s, err := ParseStaple(n.der())
	if err == nil || s.VSA != nil || s.Receipts != nil || s.CRLs != nil {
		t.Errorf("got %v, %v", s, err)
	}
}

// Every prefix of a good encoding is refused.
func TestParseRefusesEveryPrefix(t *testing.T) {
	for _, g := range goldenValues(t) {
		for i := range g.der {
			if _, err := g.codec.again(g.der[:i]); err == nil {
				t.Fatalf("%s: accepted its first %d of %d bytes", g.file, i, len(g.der))
			}
		}
	}
}

// Marshal refuses what Parse refuses: nothing is printed that could not be read back.
func TestMarshalRefuses(t *testing.T) {
	claim := func(change func(*Claim)) func() ([]byte, error) {
		a := richMark().Assurance
		change(&a.Claims[0])
		return a.Marshal
	}
	urls := func(urls ...string) func() ([]byte, error) { return AttestationRepository{urls}.Marshal }
	cases := []struct {
		name    string
		marshal func() ([]byte, error)
		reason  Reason
		field   string
	}{
		{"no claims", Assurance{}.Marshal, ReasonEmpty, "claims"},
		{"17 claims", Assurance{make([]Claim, MaxClaims+1)}.Marshal, ReasonTooMany, "claims"},
		{"twice", Assurance{[]Claim{sampleClaim(1), sampleClaim(2)}}.Marshal, ReasonDuplicateClaim, "claims[1]"},
		{"framework", claim(func(c *Claim) { c.Framework = "slsa" }), ReasonNotURI, "claims[0].framework"},
		{"track", claim(func(c *Claim) { c.Track = "" }), ReasonEmpty, "claims[0].track"},
		{"level 0", claim(func(c *Claim) { c.Level = 0 }), ReasonLevelZero, "claims[0].level"},
		{"level -1", claim(func(c *Claim) { c.Level = -1 }), ReasonNegative, "claims[0].level"},
		{"level 10", claim(func(c *Claim) { c.Level = MaxLevel + 1 }), ReasonTooLarge, "claims[0].level"},
		{"level id", claim(func(c *Claim) { c.LevelID = "SLSA 3" }), ReasonCharacter, "claims[0].levelID"},
		{"properties", claim(func(c *Claim) { c.Properties = make([]string, MaxProperties+1) }), ReasonTooMany, "claims[0].properties"},
		{"property", claim(func(c *Claim) { c.Properties = []string{"A", "A"} }), ReasonDuplicate, "claims[0].properties[1]"},
		{"payload unset", claim(func(c *Claim) { c.Assessment.Payload = [32]byte{} }), ReasonDigest, "claims[0].assessment.payload"},
		{"auditor unset", claim(func(c *Claim) { c.Assessment.Auditor = [32]byte{} }), ReasonDigest, "claims[0].assessment.auditor"},
		{"time unset", claim(func(c *Claim) { c.Assessment.AssessedAt = time.Time{} }), ReasonTime, "claims[0].assessment.assessedAt"},
		{"time with fraction", claim(func(c *Claim) { c.Assessment.ValidUntil = c.Assessment.ValidUntil.Add(1) }), ReasonTime, "claims[0].assessment.validUntil"},
		{"year 10000", claim(func(c *Claim) { c.Assessment.ValidUntil = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }), ReasonTime, "claims[0].assessment.validUntil"},
		{"period", claim(func(c *Claim) { c.Assessment.ValidUntil = c.Assessment.AssessedAt }), ReasonPeriod, "claims[0].assessment.validUntil"},
		{"origin", claim(func(c *Claim) { c.Assessment.LogOrigin = "a b" }), ReasonCharacter, "claims[0].assessment.logOrigin"},
		{"index", claim(func(c *Claim) { c.Assessment.LogIndex = MaxLogIndex + 1 }), ReasonTooLarge, "claims[0].assessment.logIndex"},
		{"no URLs", urls(), ReasonEmpty, "urls"},
		{"9 URLs", urls(make([]string, MaxURLs+1)...), ReasonTooMany, "urls"},
		{"URL twice", urls("https://a/", "https://a/"), ReasonDuplicate, "urls[1]"},
		{"nothing stapled", Staple{}.Marshal, ReasonEmpty, "staple"},
		{"VSA", Staple{VSA: make([]byte, MaxVSABytes+1)}.Marshal, ReasonTooLong, "vsa"},
		{"receipts", Staple{Receipts: make([][]byte, MaxReceipts+1)}.Marshal, ReasonTooMany, "receipts"},
		{"receipt", Staple{Receipts: [][]byte{{}}}.Marshal, ReasonEmpty, "receipts[0]"},
		{"CRL", Staple{CRLs: [][]byte{{1}, make([]byte, MaxCRLBytes+1)}}.Marshal, ReasonTooLong, "crls[1]"},
		{"staple", Staple{CRLs: [][]byte{make([]byte, MaxCRLBytes), make([]byte, MaxCRLBytes), make([]byte, MaxCRLBytes), make([]byte, MaxCRLBytes)}}.Marshal, ReasonTooBig, "staple"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			der, err := c.marshal()
			wantRefusal(t, err, c.reason, c.field)
			if der != nil {
				t.Errorf("bytes beside the error")
			}
		})
	}
	for _, u := range badURLs() {
		_, err := urls("https://example.com/", u.url)()
		wantRefusal(t, err, u.reason, "urls[1]")
	}
}

// Each documented Reason has a test that sees it: the constants of reason.go all occur
// in this package's tests.
func TestEveryReasonIsTested(t *testing.T) {
	fset := token.NewFileSet()
	file := must[*ast.File](t)(parser.ParseFile(fset, "reason.go", nil, 0))
	reasons := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Reason") {
			reasons[spec.Names[0].Name] = 0
		}
		return true
	})
	if len(reasons) < 30 {
		t.Fatalf("found only %d reasons", len(reasons))
	}
	for _, name := range must[[]string](t)(filepath.Glob("*_test.go")) {
		file := must[*ast.File](t)(parser.ParseFile(fset, name, nil, 0))
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if _, known := reasons[id.Name]; known {
					reasons[id.Name]++
				}
			}
			return true
		})
	}
	for name, uses := range reasons {
		if uses == 0 {
			t.Errorf("%s is in no test", name)
		}
	}
}

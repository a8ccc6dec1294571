package interchange

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	vsav1 "github.com/in-toto/attestation/go/predicates/vsa/v1"
	statementv1 "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

func options() VSAOptions {
	return VSAOptions{VerifierID: "https://ca.example", Accepted: accepted(), Now: clock}
}

// TestVSAGolden: the bytes of a summary do not change from run to run.
func TestVSAGolden(t *testing.T) {
	s, err := VSA(sampleOf(t, short(t), "build", 2), options())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/vsa-build-2.json", append(raw, '\n'))
}

// TestVSA: both tracks of SLSA v1.2 go out as summaries that our own reader and
// in-toto's types read.
func TestVSA(t *testing.T) {
	for _, c := range []struct {
		track, level string
		n            int
	}{
		{"build", "SLSA_BUILD_LEVEL_2", 2},
		{"source", "SLSA_SOURCE_LEVEL_3", 3},
	} {
		t.Run(c.level, func(t *testing.T) {
			a, _ := sample(t, "slsa-v1.2", c.track, c.n)
			s, err := VSA(a, options())
			if err != nil {
				t.Fatal(err)
			}
			v, err := attest.ParseVSA(s)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{c.level}, v.VerifiedLevels); d != "" || v.Result != attest.Passed || !v.TimeVerified.Equal(noon) {
				t.Errorf("%s, %s at %s", d, v.Result, v.TimeVerified)
			}
			if v.ResourceURI != a.Vendor.URI || !s.Covers("sha256", hexSum([]byte(a.Vendor.URI))) || v.SLSAVersion != "1.2" {
				t.Errorf("about %s, %v, SLSA %s", v.ResourceURI, s.Subject, v.SLSAVersion)
			}
			if len(v.InputAttestations) != 1 || v.InputAttestations[0].Digest["sha256"] != accepted().Assessment || v.Policy.Digest["sha256"] != a.Framework.Digest["sha256"] {
				t.Errorf("input %v, policy %v", v.InputAttestations, v.Policy)
			}
			inTotoReads(t, s, v.VerifiedLevels)
		})
	}
}

func inTotoReads(t *testing.T, s attest.Statement, wantLevels []string) {
	t.Helper()
	raw, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var st statementv1.Statement
	if err := protojson.Unmarshal(raw, &st); err != nil {
		t.Fatalf("in-toto refuses the statement: %v", err)
	}
	if err := st.Validate(); err != nil {
		t.Fatalf("in-toto finds the statement invalid: %v", err)
	}
	var v vsav1.VerificationSummary
	if err := protojson.Unmarshal(s.Predicate, &v); err != nil {
		t.Fatalf("in-toto refuses the predicate: %v", err)
	}
	if !slices.Equal(v.GetVerifiedLevels(), wantLevels) || v.GetVerificationResult() != attest.Passed {
		t.Errorf("in-toto reads another summary: %v", &v)
	}
}

// TestVSARefuses: a sound export with one thing wrong, and the reason it gets.
func TestVSARefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(a *audit.Assessment, o *VSAOptions)
		want  Reason
	}{
		{"another framework with SLSA's words", func(a *audit.Assessment, _ *VSAOptions) { a.Framework.URI = "https://example.com/spec/v1.0/" }, NoToken},
		{"a level of another kind", func(a *audit.Assessment, _ *VSAOptions) { a.LevelID = "SLSA_LEVEL_2" }, NoToken},
		{"a level of another number", func(a *audit.Assessment, _ *VSAOptions) { a.LevelID = "SLSA_BUILD_LEVEL_3" }, NoToken},
		{"no level", func(a *audit.Assessment, _ *VSAOptions) { a.Level, a.LevelID = 0, "" }, NotCertified},
		{"ended", func(a *audit.Assessment, _ *VSAOptions) { a.ValidUntil = clock() }, Ended},
		{"no id", func(_ *audit.Assessment, o *VSAOptions) { o.Accepted.Assessment = "" }, NotAccepted},
		{"id in capitals", func(_ *audit.Assessment, o *VSAOptions) { o.Accepted.Assessment = "AB" + o.Accepted.Assessment[2:] }, NotAccepted},
		{"no acceptance", func(_ *audit.Assessment, o *VSAOptions) { o.Accepted.At = time.Time{} }, NotAccepted},
		{"assessment over http", func(_ *audit.Assessment, o *VSAOptions) { o.Accepted.URL = "http://ca.example/1" }, BadOption},
		{"assessment with a password", func(_ *audit.Assessment, o *VSAOptions) { o.Accepted.URL = "https://a:b@ca.example/1" }, BadOption},
		{"no verifier", func(_ *audit.Assessment, o *VSAOptions) { o.VerifierID = "" }, BadOption},
		{"policy over http", func(_ *audit.Assessment, o *VSAOptions) { o.PolicyURI = "http://ca.example/policy" }, BadOption},
		{"no clock", func(_ *audit.Assessment, o *VSAOptions) { o.Now = nil }, BadOption},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, _ := sample(t, "slsa-v1.2", "build", 2)
			o := options()
			c.spoil(&a, &o)
			s, err := VSA(a, o)
			wantReason(t, err, c.want)
			if s.PredicateType != "" || s.Subject != nil {
				t.Error("half a result with an error")
			}
		})
	}
	for _, id := range []string{"slsa-v0.1", "cncf-sscp-v1", "s2c2f-v1.1"} {
		t.Run(id, func(t *testing.T) {
			a, _ := sample(t, id, framework(t, id).Tracks[0].ID, 2)
			_, err := VSA(a, options())
			wantReason(t, err, NoToken)
		})
	}
}

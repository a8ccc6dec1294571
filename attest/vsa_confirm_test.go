package attest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A provisional summary promises nothing to those who do not know the field.
func TestProvisionalVSA(t *testing.T) {
	v := sampleVSA()
	v.VerifiedLevels, v.ConfirmBy = nil, noon.Add(time.Hour+time.Second/2)
	s, err := NewVSA(v)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseVSA(s)
	if err != nil {
		t.Fatal(err)
	}
	v.ConfirmBy = noon.Add(time.Hour)
	if d := cmp.Diff(v, got); d != "" {
		t.Error(d)
	}
	if !strings.Contains(string(s.Predicate), `"verifiedLevels":[]`) {
		t.Errorf("%s", s.Predicate)
	}
	for name, change := range map[string]func(*VSA){
		"a level": func(v *VSA) { v.VerifiedLevels = []string{"SLSA_LEVEL_1"} },
		"failed":  func(v *VSA) { v.Result = Failed },
	} {
		bad := v
		change(&bad)
		if _, err := NewVSA(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, text := range []string{`""`, `"tomorrow"`, `1`, `"0001-01-01T00:00:00Z"`} {
		raw := strings.Replace(string(s.Predicate), `"`+noon.Add(time.Hour).Format(time.RFC3339)+`"`, text, 1)
		if _, err := ParseVSA(Statement{PredicateType: VSAType, Subject: s.Subject, Predicate: json.RawMessage(raw)}); err == nil {
			t.Errorf("confirm by %s: accepted", text)
		}
	}
}

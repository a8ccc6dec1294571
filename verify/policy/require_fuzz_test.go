package policy_test

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/policy"
)

// FuzzParseRequire: what is read is one list that demands something for each item of the
// text; nothing in it becomes another key of a policy.
func FuzzParseRequire(f *testing.F) {
	for _, s := range []string{"slsa-v0.1:3", "slsa-v1.2/build:3", "slsa-v0.1:3,slsa-v1.2/build:2", "", ":", "a:b", "slsa-v0.1:3}], mode: warn, x: [{y: 1", "slsa-v1.2/\":1", "a/:1", "slsa-v0.1:0x3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := policy.ParseRequire(s)
		if err != nil {
			if got != nil {
				t.Fatalf("%v beside an error", got)
			}
			return
		}
		if len(got) != 1 || len(got[0]) != strings.Count(s, ",")+1 {
			t.Fatalf("%q demands %+v", s, got)
		}
		for _, r := range got[0] {
			if r.Framework == "" || r.Level < 1 {
				t.Fatalf("%q demands %+v", s, r)
			}
		}
	})
}

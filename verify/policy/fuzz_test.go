package policy_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/verify/policy"
)

// FuzzParseRequire: whatever is taken from a command line is a requirement that a policy
// could have, and none of it is empty: it cannot let everything pass.
func FuzzParseRequire(f *testing.F) {
	for _, seed := range []string{"slsa-v0.1:3", "slsa-v1.2/build:3,slsa-v0.1/slsa:1", "slsa-v0.1:0", "x\"}, {:1", "s2c2f-v1.1:255", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require, err := policy.ParseRequire(s)
		if err != nil {
			return
		}
		if len(require) != 1 || len(require[0]) == 0 {
			t.Errorf("%q: %v", s, require)
		}
		for _, r := range require[0] {
			if r.Level < 1 || r.Framework == "" || r.Track == "" {
				t.Errorf("%q: %+v", s, r)
			}
		}
	})
}

package scan_test

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/scan"
)

// FuzzQuery: what is read has one form, and that form is read as itself.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"5a:01:9c", "0x5A019C", "0005a", "", "g", strings.Repeat("ab", 32), "sha256:" + strings.Repeat("AB", 32), strings.Repeat("f", 41)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, parse := range map[string]func(string) (string, error){"serial": scan.ParseSerial, "assessment": scan.ParseAssessment} {
			read, err := parse(s)
			if err != nil {
				continue
			}
			if again, err := parse(read); err != nil || again != read || strings.Trim(read, "0123456789abcdef") != "" {
				t.Errorf("%s %q: %q, then %q, %v", name, s, read, again, err)
			}
		}
	})
}

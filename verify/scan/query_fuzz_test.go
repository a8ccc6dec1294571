package scan_test

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/scan"
)

// FuzzQuery: what is read as a serial number or a digest has one spelling, and is read from
// it again.
func FuzzQuery(f *testing.F) {
	for _, s := range []string{"05:AF", "0x1", "", "0", "00:00", strings.Repeat("f", 40), strings.Repeat("f", 41), "sha256:" + strings.Repeat("0A", 32), "zz", "1 2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for what, parse := range map[string]func(string) (string, error){"serial number": scan.ParseSerial, "assessment": scan.ParseAssessment} {
			got, err := parse(s)
			if err != nil {
				if got != "" {
					t.Fatalf("%s: %q beside an error", what, got)
				}
				continue
			}
			if again, err := parse(got); err != nil || again != got || strings.Trim(got, "0123456789abcdef") != "" || len(got) > 64 {
				t.Fatalf("%s: %q is read as %q, and that as %q, %v", what, s, got, again, err)
			}
		}
	})
}

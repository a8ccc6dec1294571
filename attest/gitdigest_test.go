package attest

import (
	"strings"
	"testing"
)

// TestGitDigests: repositories name their objects by SHA-1 or by SHA-256 (in-toto digest
// set v1.1), and nothing else.
func TestGitDigests(t *testing.T) {
	for _, algorithm := range []string{"gitBlob", "gitCommit", "gitTag", "gitTree"} {
		for value, want := range map[string]bool{
			strings.Repeat("5d", 20): true, strings.Repeat("5d", 32): true,
			strings.Repeat("5d", 24): false, strings.Repeat("5d", 64): false, strings.Repeat("5D", 32): false, "": false,
		} {
			_, err := ParseStatement([]byte(`{"_type":"` + StatementType + `","subject":[{"digest":{"` + algorithm + `":"` + value + `"}}],"predicateType":"x","predicate":{}}`))
			if want != (err == nil) || err != nil && !Is(err, BadStatement) {
				t.Errorf("%s of %d digits: %v", algorithm, len(value), err)
			}
		}
	}
	if _, err := ParseStatement([]byte(`{"_type":"` + StatementType + `","subject":[{"digest":{"sha1":"` + strings.Repeat("5d", 32) + `"}}],"predicateType":"x","predicate":{}}`)); !Is(err, BadStatement) {
		t.Errorf("SHA-1 of 64 digits: %v", err)
	}
}

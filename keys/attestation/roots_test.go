package attestation_test

import (
	"testing"

	"github.com/hallmark-pki/hallmark/keys/attestation"
	made "github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
)

// Whose YubiKeys are believed does not depend on how their statement is packed: else who
// is refused in one format is believed in the other.
func TestRootsOfBothFormats(t *testing.T) {
	m, key := made.New(t, noon), newKey(t)
	for named, other := range map[attestation.Format]attestation.Format{attestation.YubiKey: attestation.Step, attestation.Step: attestation.YubiKey} {
		v, err := attestation.New(attestation.Roots{named: m.Roots()})
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []attestation.Format{named, other} {
			if _, err := v.Verify(statement(t, m, format, key), noon); err != nil {
				t.Errorf("roots named for %s: %s: %v", named, format, err)
			}
		}
	}
	v, err := attestation.New(attestation.Roots{attestation.YubiKey: m.Roots(), attestation.Step: made.New(t, noon).Roots()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(statement(t, m, attestation.Step, key), noon); attestation.ReasonOf(err) != attestation.Chain {
		t.Errorf("each with its own: %v", err)
	}
}

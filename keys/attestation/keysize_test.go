package attestation_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/keys/attestation"
	made "github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
)

// A vendor writes the chain: no signature is verified with a key in it that takes a core
// for a second.
func TestRefusesAnEndlessModulus(t *testing.T) {
	m, key := made.New(t, noon), newKey(t)
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 8193))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n, 8192, 1).SetBit(n, 0, 1)
	long := m.Slot(t, &rsa.PublicKey{N: n, E: 65537}, func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = true, true })
	v := believing(t, m)
	object := m.StepStatement(t, key, challenge)
	object["x5c"] = append(object["x5c"].([][]byte), long.Raw)
	for format, data := range map[attestation.Format][]byte{
		attestation.YubiKey: append(m.YubiKey(t, key.Public()), made.PEM(long)...),
		attestation.Step:    made.Object(t, "step", object),
	} {
		_, err := v.Verify(attestation.Statement{Format: format, Data: data, Key: key.Public(), Challenge: challenge}, noon)
		if attestation.ReasonOf(err) != attestation.Chain || !strings.Contains(err.Error(), "8193 bits") {
			t.Errorf("%s: %v", format, err)
		}
	}
}

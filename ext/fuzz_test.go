package ext

import (
	"bytes"
	"errors"
	"testing"
)

// The law of all three: what is accepted is printed again byte for byte, and what is
// refused is refused with a ParseError.
func fuzz(f *testing.F, name string) {
	var target codec
	for _, g := range goldenValues(f) { // fails when there are none
		if g.codec.name == name {
			target = g.codec
			f.Add(g.der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		given := bytes.Clone(der)
		again, err := target.again(der)
		if !bytes.Equal(der, given) {
			t.Fatal("the input was written to")
		}
		if err != nil {
			if pe := new(ParseError); !errors.As(err, &pe) || pe.Reason == "" || pe.Field == "" {
				t.Fatalf("refused with %#v", err)
			}
			return
		}
		sameBytes(t, again, der)
	})
}

func FuzzParseAssurance(f *testing.F) { fuzz(f, "assurance") }

func FuzzParseAttestationRepository(f *testing.F) { fuzz(f, "attestationRepository") }

func FuzzParseStaple(f *testing.F) { fuzz(f, "staple") }

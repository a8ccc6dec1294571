package ext

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// A signature made before all evidence was there is provisional, and says so under its
// own signature value: its one signed attribute Arc.ConfirmBy is an Instant, by which the
// CA will have confirmed the build or revoked the certificate. Nobody can take the
// attribute out, or put the time off, without breaking the signature.

// MarshalConfirmBy prints the attribute's value. Fractions of a second are cut.
func MarshalConfirmBy(t time.Time) ([]byte, error) {
	t = t.UTC().Truncate(time.Second)
	if err := checkInstant(t, "confirmBy"); err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	addInstant(&b, t)
	return b.Bytes()
}

// ParseConfirmBy reads the attribute's value. The error is a *ParseError. Marshal of the
// result gives der again.
func ParseConfirmBy(der []byte) (time.Time, error) {
	in := cryptobyte.String(der)
	t, err := parseInstant(&in, "confirmBy")
	if err != nil {
		return time.Time{}, err
	}
	if err := atEnd(in, "confirmBy"); err != nil {
		return time.Time{}, err
	}
	return t, checkInstant(t, "confirmBy")
}

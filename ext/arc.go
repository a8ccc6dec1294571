package ext

import (
	"encoding/asn1"
	"slices"
	"strconv"
	"strings"
)

// Arc is the object identifier under which a CA's marks live. The zero Arc is unset:
// its OIDs are nil, and whatever needs one refuses with ReasonArc.
type Arc struct {
	oid asn1.ObjectIdentifier // never written to after ParseArc
}

// DefaultArc returns the arc used unless an operator chooses another.
func DefaultArc() Arc {
	a, err := ParseArc(defaultArc)
	if err != nil {
		panic(err) // our own constant
	}
	return a
}

// ParseArc reads an arc from dotted decimal text such as "1.3.6.1.4.1.32473.1": at most
// MaxArcLength characters, at least MinArcComponents numbers without sign or leading
// zero, none above MaxArcComponent. The first is 0, 1 or 2; the second is below 40
// unless the first is 2 (X.660 §7). The error is a *ParseError with ReasonArc.
func ParseArc(s string) (Arc, error) {
	if len(s) > MaxArcLength {
		return Arc{}, refuse(ReasonArc, "arc", "%d characters, at most %d", len(s), MaxArcLength)
	}
	parts := strings.Split(s, ".")
	if len(parts) < MinArcComponents {
		return Arc{}, refuse(ReasonArc, "arc", "%s has %d components, at least %d", quote(s), len(parts), MinArcComponents)
	}
	oid := make(asn1.ObjectIdentifier, len(parts))
	for i, part := range parts {
		n, err := arcComponent(part)
		if err != nil {
			return Arc{}, err
		}
		oid[i] = n
	}
	if err := checkRoot(oid[0], oid[1]); err != nil {
		return Arc{}, err
	}
	return Arc{oid}, nil
}

// arcComponent reads one number of an arc.
func arcComponent(s string) (int, error) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, refuse(ReasonArc, "arc", "component %s is not a decimal number", quote(s))
	}
	if len(s) > 1 && s[0] == '0' {
		return 0, refuse(ReasonArc, "arc", "component %s has a leading zero", quote(s))
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, refuse(ReasonArc, "arc", "component %s is above %d", quote(s), MaxArcComponent)
	}
	return int(n), nil
}

// checkRoot judges the first two numbers, which share one subidentifier (X.690 §8.19.4):
// under root 2 it is 80 more than the second number, and must not exceed the limit either.
func checkRoot(first, second int) error {
	switch {
	case first > 2:
		return refuse(ReasonArc, "arc", "root %d, at most 2", first)
	case first < 2 && second >= 40:
		return refuse(ReasonArc, "arc", "second component %d under root %d, at most 39", second, first)
	case second > MaxArcComponent-80:
		return refuse(ReasonArc, "arc", "second component %d, at most %d", second, MaxArcComponent-80)
	}
	return nil
}

// String returns the dotted text that ParseArc reads, or "" for the zero Arc.
func (a Arc) String() string { return a.oid.String() }

// IsZero reports whether the arc is unset.
func (a Arc) IsZero() bool { return len(a.oid) == 0 }

// Equal reports whether both arcs are the same.
func (a Arc) Equal(b Arc) bool { return slices.Equal(a.oid, b.oid) }

// Assurance is the OID of the Assurance extension, arc.1.
func (a Arc) Assurance() asn1.ObjectIdentifier { return a.under(arcAssurance) }

// AttestationRepository is the OID of the AttestationRepository extension, arc.2.
func (a Arc) AttestationRepository() asn1.ObjectIdentifier { return a.under(arcAttestationRepository) }

// Staple is the OID of the CMS unsigned attribute that holds a Staple, arc.4.
func (a Arc) Staple() asn1.ObjectIdentifier { return a.under(arcStaple) }

// TimestampPolicy is the policy under which the CA's time stamping authority works
// (RFC 3161 §2.4.2, TSTInfo.policy), arc.5.
func (a Arc) TimestampPolicy() asn1.ObjectIdentifier { return a.under(arcTimestampPolicy) }

// ConfirmBy is the OID of the CMS signed attribute that makes a signature a provisional
// one, arc.6.
func (a Arc) ConfirmBy() asn1.ObjectIdentifier { return a.under(arcConfirmBy) }

// under returns a fresh OID below the arc, or nil for the zero Arc.
func (a Arc) under(numbers ...int) asn1.ObjectIdentifier {
	if a.IsZero() {
		return nil
	}
	return slices.Concat(a.oid, numbers)
}

package ext

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
)

// Policy returns the certificate policy of one level of a track, arc.3.h1.h2.h3.level;
// h1, h2 and h3 are the first three 28-bit groups of
// SHA-256("hallmark policy" 0x00 framework 0x00 track). Nobody needs to be asked for a
// number, and 84 bits leave no two frameworks with the same one. The error is a
// *ParseError: ReasonArc for the zero Arc, else what a Claim would be refused for.
func (a Arc) Policy(framework, track string, level int) (x509.OID, error) {
	if a.IsZero() {
		return x509.OID{}, refuse(ReasonArc, "arc", "unset")
	}
	if err := checkLadder(framework, track, level); err != nil {
		return x509.OID{}, err
	}
	h := policyHash(framework, track)
	return a.policyOID(h[0], h[1], h[2], uint64(level))
}

// policyHash returns h1, h2 and h3. 28 bits because that is what always fits into an arc
// that every parser takes, and into four octets of DER. A zero byte cannot occur in a
// checked framework or track, so no two pairs hash the same input.
func policyHash(framework, track string) [3]uint64 {
	sum := sha256.Sum256([]byte("hallmark policy\x00" + framework + "\x00" + track))
	const group = 1<<28 - 1
	return [3]uint64{
		uint64(binary.BigEndian.Uint32(sum[0:4]) >> 4),    // bits 0..27
		uint64(binary.BigEndian.Uint32(sum[3:7]) & group), // bits 28..55
		uint64(binary.BigEndian.Uint32(sum[7:11]) >> 4),   // bits 56..83
	}
}

// policyOID returns arc.3 followed by numbers.
func (a Arc) policyOID(numbers ...uint64) (x509.OID, error) {
	oid, err := x509.OIDFromInts(append(a.policyRoot(len(numbers)), numbers...))
	if err != nil {
		return x509.OID{}, fmt.Errorf("policy under %s: %w", a, err)
	}
	return oid, nil
}

// policyRoot returns arc.3, with room for more numbers.
func (a Arc) policyRoot(more int) []uint64 {
	all := make([]uint64, 0, len(a.oid)+1+more)
	for _, n := range a.oid {
		all = append(all, uint64(n))
	}
	return append(all, arcPolicy)
}

// Policies returns the certificate policies of claims: one for each claim and each lower
// level of its track, so that whoever asks for a level accepts the higher ones. Each
// stands once; they are sorted by their DER, whatever the order of the claims. Errors
// are those of Policy, with the field below "claims[i]".
func (a Arc) Policies(claims []Claim) ([]x509.OID, error) {
	all, err := a.policies(claims)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, nil
	}
	return oids(all), nil
}

// policy is a certificate policy with its DER, which x509.OID encodes anew each time.
type policy struct {
	oid x509.OID
	der []byte
}

func oids(policies []policy) []x509.OID {
	out := make([]x509.OID, 0, len(policies))
	for _, p := range policies {
		out = append(out, p.oid)
	}
	return out
}

// policies is Policies.
func (a Arc) policies(claims []Claim) ([]policy, error) {
	var all []policy
	for i, c := range claims {
		more, err := a.claimPolicies(c)
		if err != nil {
			return nil, within(fmt.Sprintf("claims[%d]", i), err)
		}
		all = append(all, more...)
	}
	slices.SortFunc(all, func(p, q policy) int { return bytes.Compare(p.der, q.der) })
	return slices.CompactFunc(all, func(p, q policy) bool { return bytes.Equal(p.der, q.der) }), nil
}

// claimPolicies returns the policies of one claim, the lowest level's first.
func (a Arc) claimPolicies(c Claim) ([]policy, error) {
	if err := checkLevel(c.Level); err != nil { // a hostile level must not set the loop's length
		return nil, err
	}
	if a.IsZero() {
		return nil, refuse(ReasonArc, "arc", "unset")
	}
	if err := checkLadder(c.Framework, c.Track, c.Level); err != nil {
		return nil, err
	}
	h := policyHash(c.Framework, c.Track)
	numbers := append(a.policyRoot(4), h[0], h[1], h[2], 0)
	out := make([]policy, c.Level)
	for i := range out {
		numbers[len(numbers)-1] = uint64(i + 1)
		oid, err := x509.OIDFromInts(numbers)
		if err != nil {
			return nil, fmt.Errorf("policy under %s: %w", a, err)
		}
		out[i] = policy{oid, oidDER(oid)}
	}
	return out, nil
}

// oidDER returns the content octets of an OID.
func oidDER(oid x509.OID) []byte {
	der, err := oid.MarshalBinary()
	if err != nil {
		panic(err) // it never fails
	}
	return der
}

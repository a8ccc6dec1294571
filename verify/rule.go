package verify

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
)

// Rule changes the policy for some packages, some vendors, or some packages of a
// vendor. Of a policy's rules the first one that fits is used, and no other: what it
// names replaces what stands at the top of the policy, what it leaves out is as there.
//
// A package's name is what its builder wrote into it. A rule by package alone that
// demands less than the policy is therefore for everybody who names a package so; one
// that names the vendor too is not.
type Rule struct {
	// Package is a name, or the beginning of names and a "*": "linux-image-*". Names are
	// compared byte for byte. Only Debian packages have one; "*" stands for all of those.
	Package string
	// Vendor is the URI in the vendor's certificates, compared byte for byte. It is known
	// only once the signature and its chain hold.
	Vendor string

	// As in Policy; "" and nil leave it as it is there.
	Mode         Mode
	Require      [][]Requirement
	Revocation   Demand
	Timestamp    Demand
	Attestations Attestations
	Confirmed    Confirmation
	Assessments  Assessments
}

// For returns the policy for a package of a vendor, "" for what is not known, with the
// first rule applied that fits, and the rule's index; -1: none fits.
func (p Policy) For(packageName, vendor string) (Policy, int) {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.fits(packageName, vendor) })
	if i < 0 {
		p.Rules = nil
		return p, -1
	}
	r := p.Rules[i]
	p.Rules = nil
	p.Mode = either(r.Mode, p.Mode)
	p.Revocation = either(r.Revocation, p.Revocation)
	p.Timestamp = either(r.Timestamp, p.Timestamp)
	p.Attestations = either(r.Attestations, p.Attestations)
	p.Confirmed = either(r.Confirmed, p.Confirmed)
	p.Assessments = either(r.Assessments, p.Assessments)
	if r.Require != nil {
		p.Require = r.Require
	}
	return p, i
}

func either[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

func (r Rule) fits(packageName, vendor string) bool {
	return (r.Package == "" || matchesPackage(r.Package, packageName)) && (r.Vendor == "" || r.Vendor == vendor)
}

// matchesPackage compares a name with a pattern as Rule.Package describes it. No pattern
// fits what has no name.
func matchesPackage(pattern, name string) bool {
	if name == "" {
		return false
	}
	if beginning, isGlob := strings.CutSuffix(pattern, "*"); isGlob {
		return strings.HasPrefix(name, beginning)
	}
	return pattern == name
}

// changesNothing reports a rule of which nothing follows: a mistyped one, probably.
func (r Rule) changesNothing() bool {
	return r.Mode == "" && r.Require == nil && r.Revocation == "" && r.Timestamp == "" &&
		r.Attestations == "" && r.Confirmed == "" && r.Assessments == ""
}

func (r Rule) check() error {
	if r.Package == "" && r.Vendor == "" {
		return errors.New("want package, vendor, or both")
	}
	if r.changesNothing() {
		return errors.New("changes nothing")
	}
	return cmp.Or(checkPattern(r.Package), checkVendor(r.Vendor), checkRequire(r.Require), r.checkWords())
}

func (r Rule) checkWords() error {
	return cmp.Or(
		oneOf("mode", r.Mode, Enforce, Warn),
		oneOf("revocation", r.Revocation, Required, IfAvailable, Off),
		oneOf("timestamp", r.Timestamp, Required, IfAvailable),
		oneOf("attestations", r.Attestations, NoAttestations, Stapled, Fetch),
		oneOf("confirmed", r.Confirmed, ConfirmedOnly, ConfirmedOrNot),
		oneOf("assessments", r.Assessments, WhenSigned, InForceToday),
	)
}

// oneOf takes "" for a key that is not there.
func oneOf[T ~string](key string, got T, words ...T) error {
	if got == "" || slices.Contains(words, got) {
		return nil
	}
	return fmt.Errorf("%s %.32q: want one of %q", key, got, words)
}

// checkPattern refuses what no package's name could ever be.
func checkPattern(pattern string) error {
	beginning, isGlob := strings.CutSuffix(pattern, "*")
	switch {
	case pattern == "" || isGlob && beginning == "":
		return nil
	case isGlob && format.IsPackageName(beginning+"00"), !isGlob && format.IsPackageName(pattern):
		return nil
	}
	return fmt.Errorf("package %.80q: want a name in small letters, digits and + - ., or the beginning of one and *", pattern)
}

// checkVendor refuses what no certificate could ever say.
func checkVendor(vendor string) error {
	if vendor == "" {
		return nil
	}
	u, err := url.Parse(vendor)
	isASCII := strings.IndexFunc(vendor, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
	if err != nil || u.Scheme == "" || u.String() != vendor || !isASCII || len(vendor) > maxPolicyText {
		return fmt.Errorf("vendor %.80q: want the URI in its certificate, in the same letters", vendor)
	}
	return nil
}

// someRule reports whether the policy, or one of its rules, is so.
func (p Policy) someRule(is func(Rule) bool) bool { return slices.ContainsFunc(p.Rules, is) }

// MayFetch reports whether some file may be judged with evidence from the network, so
// that a Fetcher is needed.
func (p Policy) MayFetch() bool {
	return p.Attestations == Fetch || p.someRule(func(r Rule) bool { return r.Attestations == Fetch })
}

// mayLackTimestamp reports whether some file may be judged without a timestamp.
func (p Policy) mayLackTimestamp() bool {
	return p.Timestamp != Required || p.someRule(func(r Rule) bool { return r.Timestamp == IfAvailable })
}

// EnforcesPackages reports whether a rule refuses packages by their name, whatever the mode
// is for others. A file that may be any package, because its name cannot be read, is then
// none that a warning lets pass.
func (p Policy) EnforcesPackages() bool {
	return p.someRule(func(r Rule) bool { return r.Package != "" && either(r.Mode, p.Mode) == Enforce })
}

// namesPackages reports whether the name of a package can change what is demanded.
func (p Policy) namesPackages() bool {
	return p.someRule(func(r Rule) bool { return r.Package != "" }) ||
		slices.ContainsFunc(p.Exceptions, func(e Exception) bool { return e.Package != "" })
}

package verify

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Exception lets files pass that the policy refuses, until it expires.
//
// One by digest is for exactly one file and forgives everything, even a missing
// signature: the digest is the SHA-256 of the file, for a signed package of the
// bytes before its signature. One by vendor, by package, or by both forgives only
// RequirementUnmet: the signature must be good, and both must fit.
type Exception struct {
	Digest  string // lower-case hex, or ""
	Vendor  string // URI, or ""
	Package string // as in Rule, or ""
	Reason  string // for the report, never empty
	Expires time.Time
}

func (e Exception) check() error {
	switch {
	case (e.Digest == "") == (e.Vendor == "" && e.Package == ""):
		return errors.New("want either digest, or vendor and package, or one of them")
	case strings.TrimSpace(e.Reason) == "":
		return errors.New("reason is missing")
	case len(e.Reason) > maxPolicyText:
		return fmt.Errorf("reason longer than %d bytes", maxPolicyText)
	case e.Expires.IsZero():
		return errors.New("expires is missing")
	}
	if e.Digest == "" {
		return cmp.Or(checkVendor(e.Vendor), checkPattern(e.Package))
	}
	if b, err := hex.DecodeString(e.Digest); err != nil || len(b) != 32 || strings.ToLower(e.Digest) != e.Digest {
		return fmt.Errorf("digest %.80q: want sha256: and 64 lower-case hex digits", e.Digest)
	}
	return nil
}

// forgives reports whether the exception covers every reason of a verdict.
func (e Exception) forgives(v Verdict) bool {
	if e.Digest != "" {
		return e.Digest == v.Digest
	}
	onlyUnmet := len(v.Reasons) > 0 && !slices.ContainsFunc(v.Reasons, func(r Reason) bool { return r.Code != RequirementUnmet })
	return onlyUnmet && e.Covers(v.Package.Name, v.Vendor)
}

// Covers reports whether an exception by package or vendor is about this one.
func (e Exception) Covers(packageName, vendor string) bool {
	return e.Digest == "" && Rule{Package: e.Package, Vendor: e.Vendor}.fits(packageName, vendor)
}

// forgiven returns the first exception in force that covers every reason of the verdict.
func (p Policy) forgiven(v Verdict, now time.Time) (Exception, bool) {
	for _, e := range p.Exceptions {
		if now.Before(e.Expires) && e.forgives(v) {
			return e, true
		}
	}
	return Exception{}, false
}

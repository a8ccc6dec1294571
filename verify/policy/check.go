package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// soon is how long before its end an exception is worth a remark: a month, in which an
// audit can be agreed upon.
const soon = 30 * 24 * time.Hour

// Remarks says what in a policy that can be used may not be what its author meant.
func Remarks(p verify.Policy, now time.Time) []string {
	var out []string
	if p.Mode == verify.Warn {
		out = append(out, "mode is warn: nothing is refused where no rule says enforce")
	}
	if len(p.Require) == 0 {
		out = append(out, "require is missing: any claim will do, of any framework and level")
	}
	if p.Revocation == verify.Off {
		out = append(out, "revocation is off: a stolen key is good for ever")
	}
	if p.Revocation != verify.Off && p.WarnStatusAge == 0 && p.MaxStatusAge == 0 {
		out = append(out, "neither warn_status_age nor max_status_age: lists count until they end by themselves, and nobody is warned before")
	}
	for i, r := range p.Rules {
		for j, earlier := range p.Rules[:i] {
			if covers(earlier, r) {
				out = append(out, fmt.Sprintf("rule %d is never used: rule %d fits whatever it fits", i+1, j+1))
				break
			}
		}
		if what := demandsLess(r, p); r.Vendor == "" && what != "" {
			out = append(out, fmt.Sprintf("rule %d demands less (%s) of everybody who names a package so: name the vendor too", i+1, what))
		}
	}
	for i, e := range p.Exceptions {
		switch {
		case !now.Before(e.Expires):
			out = append(out, fmt.Sprintf("exception %d ended on %s", i+1, e.Expires.UTC().Format(time.DateOnly)))
		case e.Expires.Sub(now) <= soon:
			out = append(out, fmt.Sprintf("exception %d ends on %s", i+1, e.Expires.UTC().Format(time.DateOnly)))
		}
		if e.Digest == "" && e.Vendor == "" {
			out = append(out, fmt.Sprintf("exception %d is for everybody who names a package so: name the vendor too", i+1))
		}
	}
	return out
}

// covers reports that a fits whatever b fits.
func covers(a, b verify.Rule) bool {
	if a.Vendor != "" && a.Vendor != b.Vendor {
		return false
	}
	if a.Package == "" || a.Package == b.Package {
		return true
	}
	beginning, isGlob := strings.CutSuffix(a.Package, "*")
	return isGlob && b.Package != "" && strings.HasPrefix(strings.TrimSuffix(b.Package, "*"), beginning)
}

// demandsLess names a key in which a rule is laxer than the policy; "": none is.
func demandsLess(r verify.Rule, p verify.Policy) string {
	strength := func(words string, s string) int { return strings.Index(words, " "+s+" ") }
	for _, k := range []struct{ key, words, rule, top string }{
		{"mode", " warn enforce ", string(r.Mode), string(p.Mode)},
		{"revocation", " off if-available required ", string(r.Revocation), string(p.Revocation)},
		{"timestamp", " if-available required ", string(r.Timestamp), string(p.Timestamp)},
		{"attestations", " off fetch stapled ", string(r.Attestations), string(p.Attestations)},
		{"confirmed", " any required ", string(r.Confirmed), string(p.Confirmed)},
		{"assessments", " when-signed in-force-today ", string(r.Assessments), string(p.Assessments)},
	} {
		if k.rule != "" && strength(k.words, k.rule) < strength(k.words, k.top) {
			return k.key
		}
	}
	if r.Require != nil && lower(r.Require, p.Require) {
		return "require"
	}
	return ""
}

// lower reports that some alternative of a asks for less than every alternative of b: the
// same claims at lower levels, or fewer of them.
func lower(a, b [][]verify.Requirement) bool {
	for _, all := range a {
		met := len(b) == 0
		for _, other := range b {
			met = met || implies(all, other)
		}
		if !met {
			return true
		}
	}
	return false
}

// implies reports that who meets all of a meets all of b.
func implies(a, b []verify.Requirement) bool {
	for _, want := range b {
		found := false
		for _, have := range a {
			found = found || have.Framework == want.Framework && have.Track == want.Track && have.Level >= want.Level
		}
		if !found {
			return false
		}
	}
	return true
}

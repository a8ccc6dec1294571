package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// Explain says in plain sentences what a policy demands: of everybody, then what each
// rule changes, then who is excepted at that time.
func Explain(p verify.Policy, now time.Time) []string {
	out := demands(p)
	for i, r := range p.Rules {
		out = append(out, fmt.Sprintf("Rule %d, for %s%s: %s.", i+1, whom(r.Package, r.Vendor), unlessEarlier(i), strings.Join(changes(r), "; ")))
	}
	return append(out, excepted(p.Exceptions, now)...)
}

// ExplainFor says what a policy demands of a package by a vendor; either may be "", for
// a file without a name or a vendor not known.
func ExplainFor(p verify.Policy, packageName, vendor string, now time.Time) []string {
	one, rule := p.For(packageName, vendor)
	first := fmt.Sprintf("For %s no rule applies; the top of the policy does.", whom(packageName, vendor))
	if rule >= 0 {
		first = fmt.Sprintf("For %s rule %d applies.", whom(packageName, vendor), rule+1)
	}
	out := append([]string{first}, demands(one)...)
	var list []verify.Exception
	for _, e := range p.Exceptions {
		if e.Digest != "" || e.Covers(packageName, vendor) {
			list = append(list, e)
		}
	}
	return append(out, excepted(list, now)...)
}

func unlessEarlier(i int) string {
	if i == 0 {
		return ""
	}
	return " unless an earlier rule fits"
}

// whom names a pattern of packages and a vendor.
func whom(packageName, vendor string) string {
	what := "the package " + packageName
	if beginning, isGlob := strings.CutSuffix(packageName, "*"); isGlob {
		what = "packages whose names begin with " + beginning
		if beginning == "" {
			what = "all Debian packages"
		}
	}
	switch {
	case packageName == "" && vendor == "":
		return "a file without a package's name, by nobody known"
	case packageName == "":
		return "files by " + vendor
	case vendor != "":
		return what + " by " + vendor
	}
	return what
}

// demands are the sentences about one policy, without its rules.
func demands(p verify.Policy) []string {
	first := "A file is refused unless all of this holds."
	if p.Mode == verify.Warn {
		first = "A file of which not all of this holds is reported, and passes."
	}
	return append([]string{first},
		"Its signature is good, and its certificate leads to a root of the trust bundle and carries a mark.",
		"The mark claims "+claims(p.Require)+".",
		sentence(assessments(p)), sentence(timestamp(p.Timestamp)), sentence(revocation(p)), sentence(evidence(p.Attestations)), sentence(confirmed(p)))
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

func claims(require [][]verify.Requirement) string {
	if len(require) == 0 {
		return "some level of some framework, whichever"
	}
	var lists []string
	for _, all := range require {
		var list []string
		for _, r := range all {
			list = append(list, r.String())
		}
		lists = append(lists, strings.Join(list, " and "))
	}
	return strings.Join(lists, "; or ")
}

func assessments(p verify.Policy) string {
	if p.Assessments == verify.InForceToday {
		return "every assessment behind the claims was in force when the file was signed, and is in force today by a status bundle that is at hand"
	}
	return "every assessment behind the claims was in force when the file was signed"
}

func timestamp(d verify.Demand) string {
	if d == verify.Required {
		return "a trusted authority has timestamped the signature"
	}
	return "a timestamp is not needed; without one the signature counts as made now"
}

func revocation(p verify.Policy) string {
	ages := ""
	if p.WarnStatusAge > 0 {
		ages += ", with a note from an age of " + days(p.WarnStatusAge) + " on"
	}
	if p.MaxStatusAge > 0 {
		ages += ", and a list older than " + days(p.MaxStatusAge) + " does not count"
	}
	switch p.Revocation {
	case verify.Required:
		return "a revocation list that has not ended shows that the certificate was not revoked before the file was signed" + ages
	case verify.IfAvailable:
		return "revocation lists count if they are at hand, and nothing is refused for want of one" + ages
	}
	return "revocation is not looked at"
}

// days writes an age as a policy does.
func days(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

func evidence(a verify.Attestations) string {
	switch a {
	case verify.Stapled:
		return "a verification summary of the CA and a log receipt for every assessment are inside the signature"
	case verify.Fetch:
		return "a verification summary of the CA is inside the signature or in the repository that the certificate names, which is asked over the network, and a log receipt for every assessment is inside"
	}
	return "no evidence besides the certificate is asked for"
}

func confirmed(p verify.Policy) string {
	if p.Confirmed == verify.ConfirmedOnly || p.Confirmed == "" && p.Attestations != verify.NoAttestations {
		return "a provisional signature does not do"
	}
	return "a provisional signature does, with a note; once it should have been confirmed, only with newer revocation data"
}

// changes are what a rule replaces.
func changes(r verify.Rule) []string {
	var out []string
	switch r.Mode {
	case verify.Enforce:
		out = append(out, "what does not hold is refused")
	case verify.Warn:
		out = append(out, "what does not hold is reported, and passes")
	}
	if r.Require != nil {
		out = append(out, "the mark claims "+claims(r.Require))
	}
	p := verify.Policy{Revocation: r.Revocation, Assessments: r.Assessments, Attestations: r.Attestations, Confirmed: r.Confirmed}
	for _, c := range []struct{ set, says string }{
		{string(r.Assessments), assessments(p)},
		{string(r.Timestamp), timestamp(r.Timestamp)},
		{string(r.Revocation), revocation(p)},
		{string(r.Attestations), evidence(r.Attestations)},
		{string(r.Confirmed), confirmed(p)},
	} {
		if c.set != "" {
			out = append(out, c.says)
		}
	}
	return out
}

func excepted(list []verify.Exception, now time.Time) []string {
	var out []string
	for _, e := range list {
		whom, what := whom(e.Package, e.Vendor), "passes at a lower level"
		if e.Digest != "" {
			whom, what = "the file with SHA-256 "+e.Digest, "passes whatever is wrong with it"
		}
		until := "until " + e.Expires.UTC().Format(time.RFC3339)
		if !now.Before(e.Expires) {
			until = "no longer, the exception ended on " + e.Expires.UTC().Format(time.RFC3339)
		}
		out = append(out, fmt.Sprintf("Exception: %s %s, %s: %s.", whom, what, until, strings.TrimSuffix(e.Reason, ".")))
	}
	return out
}

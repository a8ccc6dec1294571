package lint

import "time"

// Status is what a rule says about a certificate.
type Status int

// In order of badness; the first two say that nothing was judged.
const (
	NotApplicable Status = iota // the rule is about something else
	NotInForce                  // the certificate begins before the rule's date
	Pass
	Warning
	Error
)

// String returns the status as reports spell it.
func (s Status) String() string {
	if s < NotApplicable || s > Error {
		return "unknown"
	}
	return [...]string{"not-applicable", "not-in-force", "pass", "warning", "error"}[s]
}

// MarshalText writes the status as reports spell it.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Source says where a rule comes from.
type Source string

// Sources of our rules. Those of zlint carry zlint's names.
const (
	SourceRFC      Source = "RFC"
	SourceCABF     Source = "CABF_CS_BR"
	SourceHallmark Source = "Hallmark" // the profiles of this CA
)

// Rule is one thing that a certificate must keep to. Its file has its id as name.
type Rule struct {
	ID       string
	Requires string // what, in one sentence
	Citation string // where it says so
	Source   Source
	InForce  time.Time // certificates that begin earlier are not judged; zero: all are

	applies func(*Certificate) bool
	broken  func(*Certificate) string // what is wrong, or ""
}

// judge applies one rule.
func (r *Rule) judge(c *Certificate) (Status, string) {
	if !r.applies(c) {
		return NotApplicable, ""
	}
	if !r.InForce.IsZero() && c.X509 != nil && c.X509.NotBefore.Before(r.InForce) {
		return NotInForce, ""
	}
	if detail := r.broken(c); detail != "" {
		return Error, detail
	}
	return Pass, ""
}

// Rules lists our rules in the order in which they are applied.
func Rules() []Rule {
	return []Rule{
		readable(), der(), duplicateExtension(), version(), extensions(),
		serialNumber(), signatureAlgorithm(), issuerName(), subjectName(), validity(), keyKind(),
		subjectKeyIdentifier(), authorityKeyIdentifier(), basicConstraints(), keyUsage(), extendedKeyUsage(),
		crlAddress(), issuerAddress(),
		leafValidity(), leafURI(), leafMark(), leafPolicies(), leafCeiling(), leafAssessment(),
		tierPolicies(), tsaValidity(), responderValidity(), responderNoCheck(),
	}
}

// always is for rules about every certificate that crypto/x509 can read.
func always(c *Certificate) bool { return c.X509 != nil }

// profiled is for rules about the certificates that this CA has a profile for.
func profiled(c *Certificate) bool { return c.X509 != nil && c.Kind != KindOther }

// only is for rules about some kinds.
func only(kinds ...Kind) func(*Certificate) bool {
	return func(c *Certificate) bool {
		if c.X509 == nil {
			return false
		}
		for _, k := range kinds {
			if c.Kind == k {
				return true
			}
		}
		return false
	}
}

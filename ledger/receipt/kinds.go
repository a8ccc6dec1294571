package receipt

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// kind is the form of one type of entry: the fields it has, and those it may have, by
// their names in JSON.
type kind struct {
	required, optional []string
}

// about is what every entry about an assessment that was in force names.
var about = []string{"assessment", "vendor", "auditor_spki_sha256", "framework", "level"}

// kinds is the whole list. A type that is not in it is refused.
var kinds = map[string]kind{
	AssessmentSubmitted:  {required: []string{"commitment"}},
	AssessmentRejected:   {required: []string{"commitment"}},
	AssessmentAccepted:   {required: about, optional: []string{"track", "second_auditor_spki_sha256"}},
	AssessmentReopened:   ended,
	AssessmentUpheld:     ended,
	AssessmentSuperseded: ended,
	AssessmentLowered:    ended,
	AssessmentExpired:    ended,
	AssessmentWithdrawn:  ended,

	AuditorAccredited: {required: []string{"auditor", "framework", "effective", "until"}},
	AuditorKey:        {required: []string{"auditor", "auditor_spki_sha256"}},
	AuditorSuspended:  {required: []string{"auditor", "framework", "effective"}},
	AuditorRevoked:    {required: []string{"auditor", "effective", "reason"}},

	CertificateIssued:  {required: []string{"certificate_sha256", "serial", "tier", "vendor", "assessments", "until"}},
	CertificateRevoked: {required: []string{"certificate_sha256", "serial", "tier", "vendor", "effective"}, optional: []string{"revocation_reason", "invalidity"}},
	CertificateHeld:    {required: []string{"certificate_sha256", "serial", "tier", "vendor", "reason", "until"}},

	OfficerEnrolled: {required: []string{"certificate_sha256", "reason"}},

	SignatureMade:  signing,
	ApprovalGiven:  signing,
	ApprovalDenied: signing,
	PolicyChanged:  signing,
}

// signing is the form of an entry about a vendor's signatures: how many there are and
// when is for everybody to see, whose and over what is not.
var signing = kind{required: []string{"signer", "commitment"}}

// ended is the form of an entry that changes whether an assessment is in force.
var ended = kind{required: append(slices.Clone(about), "effective"), optional: []string{"track", "second_auditor_spki_sha256", "reason"}}

// field is one member of an entry: is it there, and is it what it should be?
type field struct {
	name    string
	present func(Entry) bool
	want    string
	valid   func(Entry) bool
}

func digest(name string, get func(Entry) string) field {
	return field{name, func(e Entry) bool { return get(e) != "" }, "a SHA-256 in lower-case hex", func(e Entry) bool { return isSHA256(get(e)) }}
}

func uri(name string, get func(Entry) string) field {
	return field{name, func(e Entry) bool { return get(e) != "" }, "an absolute URI", func(e Entry) bool { return isURI(get(e)) }}
}

func text(name string, limit int, get func(Entry) string) field {
	return field{name, func(e Entry) bool { return get(e) != "" }, "UTF-8 and not too long", func(e Entry) bool {
		return len(get(e)) <= limit && utf8.ValidString(get(e))
	}}
}

// revocationReasons are those of RFC 5280 §5.3.1 but unspecified, which is left out,
// removeFromCRL (8), which takes a revocation back, and 7, which nobody uses.
var revocationReasons = []int{1, 2, 3, 4, 5, 6, 9, 10}

const wantSecond = "a whole second of the years 2000 to 9999 in UTC"

// fields are all members but v, type and at.
var fields = []field{
	digest("assessment", func(e Entry) string { return e.Assessment }),
	uri("vendor", func(e Entry) string { return e.Vendor }),
	digest("auditor_spki_sha256", func(e Entry) string { return e.AuditorSPKI }),
	digest("second_auditor_spki_sha256", func(e Entry) string { return e.SecondAuditorSPKI }),
	uri("framework", func(e Entry) string { return e.Framework }),
	text("track", maxTrack, func(e Entry) string { return e.Track }),
	{"level", func(e Entry) bool { return e.Level != 0 }, "1 or higher, and not too high", func(e Entry) bool { return e.Level >= 1 && e.Level <= maxLevel }},
	digest("commitment", func(e Entry) string { return e.Commitment }),
	digest("auditor", func(e Entry) string { return e.Auditor }),
	digest("signer", func(e Entry) string { return e.Signer }),
	digest("certificate_sha256", func(e Entry) string { return e.Certificate }),
	{"serial", func(e Entry) bool { return e.Serial != "" }, "lower-case hex of whole bytes, 20 at most", func(e Entry) bool { return isSerial(e.Serial) }},
	text("tier", maxTier, func(e Entry) string { return e.Tier }),
	{"assessments", func(e Entry) bool { return e.Assessments != nil }, "distinct SHA-256 in lower-case hex, sorted, not too many", func(e Entry) bool { return areDigests(e.Assessments) }},
	{"revocation_reason", func(e Entry) bool { return e.RevocationReason != 0 }, "a reason that a revocation for good can have (RFC 5280 §5.3.1)", func(e Entry) bool { return slices.Contains(revocationReasons, e.RevocationReason) }},
	text("reason", MaxReason, func(e Entry) string { return e.Reason }),
	{"effective", func(e Entry) bool { return !e.Effective.IsZero() }, wantSecond, func(e Entry) bool { return isSecond(e.Effective) }},
	{"invalidity", func(e Entry) bool { return !e.Invalidity.IsZero() }, wantSecond, func(e Entry) bool { return isSecond(e.Invalidity) }},
	{"until", func(e Entry) bool { return !e.Until.IsZero() }, wantSecond, func(e Entry) bool { return isSecond(e.Until) }},
}

// check holds an entry against the form of its type.
func (e Entry) check() error {
	k, ok := kinds[e.Type]
	if !ok {
		return refuse(BadEntry, "type: unknown")
	}
	if !isSecond(e.At) {
		return refuse(BadEntry, "at: not "+wantSecond)
	}
	for _, f := range fields {
		required := slices.Contains(k.required, f.name)
		switch present := f.present(e); {
		case !present && required:
			return refuse(BadEntry, f.name+": missing")
		case present && !required && !slices.Contains(k.optional, f.name):
			return refuse(BadEntry, f.name+": not in an entry of this type")
		case present && !f.valid(e):
			return refuse(BadEntry, f.name+": not "+f.want)
		}
	}
	return e.checkTogether()
}

// checkTogether holds fields against each other.
func (e Entry) checkTogether() error {
	switch {
	case e.SecondAuditorSPKI != "" && e.SecondAuditorSPKI == e.AuditorSPKI:
		return refuse(BadEntry, "second_auditor_spki_sha256: the first auditor's")
	case !e.Effective.IsZero() && !e.Until.IsZero() && !e.Until.After(e.Effective):
		return refuse(BadEntry, "until: not after effective")
	}
	return nil
}

func isSerial(s string) bool {
	return s != "" && len(s)%2 == 0 && len(s) <= 2*maxSerialBytes && strings.Trim(s, "0123456789abcdef") == ""
}

func areDigests(list []string) bool {
	return len(list) > 0 && len(list) <= maxAssessments && slices.IsSorted(list) && len(slices.Compact(slices.Clone(list))) == len(list) &&
		!slices.ContainsFunc(list, func(s string) bool { return !isSHA256(s) })
}

package notify

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/store"
)

// Type is a type of events, as docs/webhooks.md lists them.
type Type struct {
	Name    string
	Summary string
	Fields  []Field // of the data
}

// Field is a member of an event's data.
type Field struct {
	Name     string
	Kind     string // "text", "number" or "time", a text in RFC 3339
	Summary  string
	Optional bool
}

// Types lists the events that hallmark tells of.
func Types() []Type {
	assessment := []Field{
		{Name: "assessment", Kind: "text", Summary: "its id, SHA-256 in hex"},
		{Name: "vendor", Kind: "text", Summary: "the vendor's id"},
		{Name: "framework", Kind: "text", Summary: "the framework's id"},
		{Name: "track", Kind: "text", Summary: "may be empty"},
		{Name: "level", Kind: "text", Summary: "the level's id in the framework"},
		{Name: "state", Kind: "text", Summary: "of the assessment, after the event"},
		{Name: "valid_until", Kind: "time", Summary: "the end of the assessment"},
	}
	and := func(more ...Field) []Field { return append(slices.Clone(assessment), more...) }
	probe := and(
		Field{Name: "probe", Kind: "text", Summary: "its id in the assessment"},
		Field{Name: "kind", Kind: "text", Summary: "of the probe"},
		Field{Name: "detail", Kind: "text", Summary: "what it found"},
	)
	auditor := []Field{
		{Name: "auditor", Kind: "text", Summary: "the auditor's id"},
		{Name: "organization", Kind: "text", Summary: "the auditor's"},
	}
	request := []Field{
		{Name: "request", Kind: "text", Summary: "the id of a request for a certificate"},
		{Name: "vendor", Kind: "text", Summary: "the vendor's id"},
		{Name: "claims", Kind: "text", Summary: "the levels' ids, with blanks between"},
		{Name: "requested_by", Kind: "text", Summary: "who asked for it"},
		{Name: "expires_at", Kind: "time", Summary: "until then an officer must decide or, once approved, the vendor collect"},
	}
	decided := append(slices.Clone(request),
		Field{Name: "officer", Kind: "text", Summary: "who decided"},
		Field{Name: "note", Kind: "text", Summary: "the officer's words, may be empty"})
	return slices.Concat([]Type{
		{"assessment.submitted", "an auditor has handed in an assessment: it waits for an officer", assessment},
		{"assessment.accepted", "an officer has accepted it: it is in force", assessment},
		{"assessment.rejected", "an officer has refused it", assessment},
		{"assessment.expiring", "it ends in 30, 7 or 1 days; told once for each", and(Field{Name: "days", Kind: "number", Summary: "30, 7 or 1"})},
		{"assessment.expired", "its time is over", assessment},
		{"assessment.superseded", "a later one of the same track, of that level or better, takes its place", assessment},
		{"assessment.lowered", "a later one of the same track, of a lower level, takes its place", assessment},
		{"assessment.withdrawn", "an officer has taken it back", assessment},
		{"assessment.reopened", "an auditor who signed it was revoked for cause: it is looked at again", assessment},
		{"assessment.upheld", "it was looked at again and stays in force", assessment},
		{"auditor.suspended", "the auditor's later signatures count for nothing", auditor},
		{"auditor.revoked", "revoked for cause: every assessment the auditor signed is looked at again", append(slices.Clone(auditor),
			Field{Name: "reason", Kind: "text", Summary: "the officer's words"},
			Field{Name: "to_review", Kind: "number", Summary: "how many assessments wait for an officer"})},
		{"certificate.revoked", "a certificate was revoked, or its revocation was made stricter", []Field{
			{Name: "serial", Kind: "text", Summary: "its serial number in hex"},
			{Name: "tier", Kind: "text", Summary: "of the CA that issued it"},
			{Name: "vendor", Kind: "text", Summary: "the vendor's id"},
			{Name: "reason", Kind: "number", Summary: "the reason code in the revocation list"},
			{Name: "revocation_date", Kind: "time", Summary: "signatures from then on count for nothing"},
			{Name: "invalidity_date", Kind: "time", Summary: "the cause lies there", Optional: true},
		}},
		{"probe.failed", "what an assessment rests on does not hold any more: no new certificates until it does", probe},
		{"probe.passed", "a probe that had failed passes again", probe},
		{"rebuild.failed", "a rebuilder could not repeat a build, or did not answer", []Field{
			{Name: "job", Kind: "text", Summary: "the rebuild job's id"},
			{Name: "vendor", Kind: "text", Summary: "the vendor's id"},
			{Name: "product", Kind: "text", Summary: "as in the audited scope"},
			{Name: "artifact", Kind: "text", Summary: "SHA-256 of the artifact, in hex"},
			{Name: "rebuilder", Kind: "text", Summary: "the rebuilder's id in the audited scope"},
			{Name: "operator", Kind: "text", Summary: "who runs it"},
			{Name: "outcome", Kind: "text", Summary: "`mismatch` or `unreproducible`, which speak against the artifact, `build-failed`, `fetch-failed` or `none`, which do not"},
			{Name: "envelope", Kind: "text", Summary: "SHA-256 of the rebuilder's signed statement in the attestation repository, may be empty"},
			{Name: "why", Kind: "text", Summary: "why the job was given up, may be empty"},
		}},
		{"request.pending", "a vendor asks for a certificate that an officer must agree to", request},
		{"request.approved", "an officer agreed: the vendor may collect it", decided},
		{"request.denied", "an officer refused it", decided},
	}, signatureTypes())
}

// CheckDocumented says whether a notice is of one of Types and has its fields. Put does
// not ask: news that the page does not explain yet is still news. The tests of those
// who call Put do.
func CheckDocumented(n store.Notice) error {
	var data map[string]any
	if err := json.Unmarshal(n.Body, &data); err != nil {
		return fmt.Errorf("notice %.80q: %w", n.ID, err)
	}
	i := slices.IndexFunc(Types(), func(t Type) bool { return t.Name == n.Type })
	if i < 0 {
		return fmt.Errorf("notice %.80q: type %.80q is not documented", n.ID, n.Type)
	}
	for _, f := range Types()[i].Fields {
		value, ok := data[f.Name]
		if !ok && !f.Optional {
			return fmt.Errorf("notice %.80q: no field %s", n.ID, f.Name)
		}
		if _, isNumber := value.(float64); ok && isNumber != (f.Kind == "number") {
			return fmt.Errorf("notice %.80q: field %s is not a %s", n.ID, f.Name, f.Kind)
		}
		delete(data, f.Name)
	}
	for name := range data {
		return fmt.Errorf("notice %.80q: field %.80q is not documented", n.ID, name)
	}
	return nil
}

package interchange

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// document is a CycloneDX document being written.
type document struct {
	assessment audit.Assessment
	framework  audit.Framework
	track      audit.Track

	evidence map[string]string // what a piece of evidence says to its bom-ref
	listed   []cdx.DeclarationEvidence
}

const (
	targetRef  = "target:vendor"
	auditorRef = "assessor:auditor"
	secondRef  = "assessor:second-auditor"
)

func (d *document) declarations() *cdx.Declarations {
	a := d.assessment
	claims := d.claims()
	entries := d.entries()
	out := &cdx.Declarations{
		Assessors:    &[]cdx.Assessor{assessor(auditorRef, a.Auditor)},
		Attestations: &[]cdx.Attestation{{Summary: d.summary(), Assessor: auditorRef, Map: &entries}},
		Claims:       &claims,
		Evidence:     &d.listed,
		Targets:      &cdx.Targets{Organizations: &[]cdx.OrganizationalEntity{organization(targetRef, a.Vendor)}},
	}
	if a.SecondAuditor != nil {
		*out.Assessors = append(*out.Assessors, assessor(secondRef, *a.SecondAuditor))
		*out.Attestations = append(*out.Attestations, cdx.Attestation{Summary: d.summary(), Assessor: secondRef, Map: &entries})
	}
	return out
}

// assessor is always a third party: an assessment by the vendor's own organisation is
// refused long before.
func assessor(ref string, p audit.Party) cdx.Assessor {
	who := organization("", p)
	return cdx.Assessor{BOMRef: cdx.BOMReference(ref), ThirdParty: true, Organization: &who}
}

func organization(ref string, p audit.Party) cdx.OrganizationalEntity {
	out := cdx.OrganizationalEntity{BOMRef: ref, Name: p.Organization}
	if p.URI != "" {
		out.URL = &[]string{p.URI}
	}
	return out
}

func (d *document) summary() string {
	a := d.assessment
	return fmt.Sprintf("%s reached level %d of %d (%s) of %s %s, %s. Assessed on %s, valid until %s, within the scope that the assessment names.",
		a.Vendor.Organization, a.Level, len(d.track.Levels), a.LevelID, d.framework.Name, d.framework.Version, d.track.Name,
		a.AssessedAt.UTC().Format(time.DateOnly), a.ValidUntil.UTC().Format(time.DateOnly))
}

// claims has one claim per finding, in the catalogue's order.
func (d *document) claims() []cdx.Claim {
	claims := []cdx.Claim{}
	for _, r := range d.track.Requirements {
		f, ok := d.finding(r.ID)
		if !ok {
			continue
		}
		claim := cdx.Claim{BOMRef: claimRef(r.ID), Target: targetRef, Predicate: predicate(r, f.Status), Reasoning: reasoning(f)}
		var refs []cdx.BOMReference
		for _, e := range f.Evidence {
			if ref := d.evidenceRef(e); !slices.Contains(refs, ref) {
				refs = append(refs, ref)
			}
		}
		if len(refs) > 0 {
			claim.Evidence = &refs
		}
		claims = append(claims, claim)
	}
	return claims
}

func (d *document) finding(requirement string) (audit.Finding, bool) {
	i := slices.IndexFunc(d.assessment.Findings, func(f audit.Finding) bool { return f.Requirement == requirement })
	if i < 0 {
		return audit.Finding{}, false
	}
	return d.assessment.Findings[i], true
}

func predicate(r audit.Requirement, status audit.Status) string {
	switch status {
	case audit.Met:
		return "Met: " + r.Summary
	case audit.Justified:
		return "Not met, for a reason that the framework accepts: " + r.Summary
	}
	return "Not met: " + r.Summary
}

// reasoning is what the auditor wrote.
func reasoning(f audit.Finding) string {
	var parts []string
	for _, s := range []string{f.Justification, f.Note} {
		if s = strings.TrimSpace(s); s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n\n")
}

// entries maps every requirement of the track to its claim.
func (d *document) entries() []cdx.AttestationMap {
	entries := []cdx.AttestationMap{}
	for _, r := range d.track.Requirements {
		entry := cdx.AttestationMap{Requirement: requirementRef(r.ID)}
		refs := &[]cdx.BOMReference{cdx.BOMReference(claimRef(r.ID))}
		switch f, ok := d.finding(r.ID); {
		case !ok:
			entry.Conformance = conformance(0, "no finding, which counts as not met")
		case f.Status == audit.Met:
			entry.Claims, entry.Conformance = refs, conformance(1, "met")
		case f.Status == audit.Justified:
			entry.Claims = refs
			entry.Conformance = &cdx.AttestationConformance{Rationale: "not met; the framework takes a justification in its place"}
		default:
			entry.CounterClaims, entry.Conformance = refs, conformance(0, "not met")
		}
		if r.Obligation == audit.Recommended {
			entry.Conformance.Rationale += "; recommended, so it counts for no level"
		}
		entries = append(entries, entry)
	}
	return entries
}

func conformance(score float64, rationale string) *cdx.AttestationConformance {
	return &cdx.AttestationConformance{Score: &score, Rationale: rationale}
}

// evidenceRef lists a piece of evidence on its first use and returns its reference.
func (d *document) evidenceRef(e attest.ResourceDescriptor) cdx.BOMReference {
	key := e.Name + "\x00" + e.URI + "\x00" + e.MediaType + "\x00" + fmt.Sprint(e.Digest) // a map prints sorted
	ref, ok := d.evidence[key]
	if !ok {
		ref = fmt.Sprintf("evidence:%d", len(d.listed)+1)
		d.evidence[key] = ref
		d.listed = append(d.listed, declaredEvidence(ref, e))
	}
	return cdx.BOMReference(ref)
}

// declaredEvidence writes what leads to a piece of evidence. CycloneDX has no field for
// a digest here, so each is a small attachment named after its algorithm.
func declaredEvidence(ref string, e attest.ResourceDescriptor) cdx.DeclarationEvidence {
	out := cdx.DeclarationEvidence{BOMRef: ref, PropertyName: propertyEvidence, Description: e.Name}
	data := []cdx.EvidenceData{}
	if e.URI != "" {
		data = append(data, cdx.EvidenceData{Name: "location", Contents: &cdx.EvidenceDataContents{URL: e.URI}})
	}
	for _, algorithm := range slices.Sorted(maps.Keys(e.Digest)) {
		data = append(data, cdx.EvidenceData{Name: algorithm, Contents: &cdx.EvidenceDataContents{
			Attachment: &cdx.AttachedText{ContentType: "text/plain", Content: e.Digest[algorithm]},
		}})
	}
	if out.Description == "" {
		out.Description = e.URI
	}
	out.Data = &data
	return out
}

func claimRef(requirement string) string { return "claim:" + requirement }

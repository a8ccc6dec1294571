package interchange

import (
	"strconv"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-pki/hallmark/audit"
)

// standard writes the track as a CycloneDX standard. Tracks are never merged, so each
// is one of its own.
func (d *document) standard() cdx.StandardDefinition {
	s := cdx.StandardDefinition{
		BOMRef:             "standard:" + d.framework.ID + ":" + d.track.ID,
		Name:               d.framework.Name,
		Version:            d.framework.Version,
		Description:        d.track.Name,
		Requirements:       new([]cdx.StandardRequirement),
		Levels:             new([]cdx.StandardLevel),
		ExternalReferences: &[]cdx.ExternalReference{{Type: cdx.ERTypeWebsite, URL: d.framework.URI}},
	}
	for _, r := range d.track.Requirements {
		*s.Requirements = append(*s.Requirements, standardRequirement(r))
	}
	for _, level := range d.track.Levels {
		*s.Levels = append(*s.Levels, cdx.StandardLevel{
			BOMRef: "level:" + level.ID, Identifier: level.ID, Title: level.Name, Description: level.Summary,
			Requirements: demanded(d.track, level.Level),
		})
	}
	return s
}

func standardRequirement(r audit.Requirement) cdx.StandardRequirement {
	out := cdx.StandardRequirement{
		BOMRef: requirementRef(r.ID), Identifier: r.ID, Title: r.Title, Text: r.Summary,
		Properties: &[]cdx.Property{
			{Name: propertyFromLevel, Value: strconv.Itoa(r.FromLevel)},
			{Name: propertyObligation, Value: string(r.Obligation)},
			{Name: propertyGroup, Value: r.Group},
		},
	}
	if r.Notes != "" {
		out.Descriptions = &[]string{r.Notes}
	}
	// A source is a URL, perhaps with words after it, or repository@commit:path.
	if url, _, _ := strings.Cut(r.Source, " "); isHTTPS(url) {
		out.ExternalReferences = &[]cdx.ExternalReference{{Type: cdx.ERTypeDocumentation, URL: url}}
	}
	return out
}

// demanded lists what a level takes: requirements count at every level above their
// own, and recommended ones at none.
func demanded(t audit.Track, level int) *[]string {
	refs := []string{}
	for _, r := range t.Requirements {
		if r.FromLevel <= level && r.Obligation != audit.Recommended {
			refs = append(refs, requirementRef(r.ID))
		}
	}
	return &refs
}

func requirementRef(id string) string { return "requirement:" + id }

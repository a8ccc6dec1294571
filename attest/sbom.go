package attest

import (
	"slices"
	"strings"
	"time"
)

// Predicate types of bills of material, without the version that some put behind.
const (
	SPDXDocument = "https://spdx.dev/Document"
	CycloneDXBOM = "https://cyclonedx.org/bom"
)

// SBOM is one view over SPDX 2 and CycloneDX 1 documents in JSON.
type SBOM struct {
	Format     string // "SPDX" or "CycloneDX"
	Version    string // of the format, e.g. "2.3"
	Name       string
	Components []Component // CycloneDX: nested ones follow the one they stand in
	CreatedOn  time.Time   // zero when absent
	// Relationships is how many the document states between what it lists: SPDX
	// relationships, CycloneDX dependencies.
	Relationships int
}

// Component is one package, library or file in a bill of material.
type Component struct {
	Name    string
	Version string
	PURL    string
	Digest  map[string]string // algorithm as the document spells it, in lower case, to hex
	// Licenses are identifiers, names or expressions. NOASSERTION and NONE are left out:
	// they say that nobody looked, or that there is none.
	Licenses []string
}

// IsSBOM reports whether ParseSBOM knows a predicate type.
func IsSBOM(predicateType string) bool {
	return isVersionOf(predicateType, SPDXDocument) || isVersionOf(predicateType, CycloneDXBOM)
}

func isVersionOf(predicateType, base string) bool {
	return predicateType == base || strings.HasPrefix(predicateType, base+"/v")
}

// ParseSBOM reads a bill of material. SPDX 3, which is JSON-LD, is not read. Errors:
// WrongType, BadPredicate.
func ParseSBOM(s Statement) (SBOM, error) {
	if !IsSBOM(s.PredicateType) {
		return SBOM{}, refuse(WrongType, "predicateType", "%.64q is neither %s nor %s", s.PredicateType, SPDXDocument, CycloneDXBOM)
	}
	var err error
	f, refusal := predicate(s, &err, s.PredicateType)
	if refusal != nil {
		return SBOM{}, refusal
	}
	var b SBOM
	if isVersionOf(s.PredicateType, SPDXDocument) {
		b = f.spdx()
	} else {
		b = f.cycloneDX()
	}
	if err != nil {
		return SBOM{}, err
	}
	return b, nil
}

func (f fields) spdx() SBOM {
	version, ok := strings.CutPrefix(f.required("spdxVersion"), "SPDX-")
	if !ok || !strings.HasPrefix(version, "2.") {
		f.fail("predicate.spdxVersion", "not SPDX-2")
	}
	b := SBOM{Format: "SPDX", Version: version, Name: f.text("name"), CreatedOn: f.sub("creationInfo").time("created")}
	for _, raw := range f.list("packages", MaxDescriptors) {
		g := readFields(f.reason, "predicate.packages", raw, f.err)
		c := Component{Name: g.required("name"), Version: g.text("versionInfo"), Digest: g.pairs("checksums", "algorithm", "checksumValue")}
		for _, name := range []string{"licenseConcluded", "licenseDeclared"} {
			if l := g.text(name); l != "" && l != "NOASSERTION" && l != "NONE" && !slices.Contains(c.Licenses, l) {
				c.Licenses = append(c.Licenses, l)
			}
		}
		for _, raw := range g.list("externalRefs", maxLevels) {
			ref := readFields(f.reason, "predicate.packages.externalRefs", raw, f.err)
			if ref.text("referenceType") == "purl" {
				c.PURL = ref.text("referenceLocator")
			}
		}
		b.Components = append(b.Components, c)
	}
	b.Relationships = len(f.list("relationships", MaxDescriptors))
	return b
}

func (f fields) cycloneDX() SBOM {
	if f.required("bomFormat") != "CycloneDX" {
		f.fail("predicate.bomFormat", "not CycloneDX")
	}
	meta := f.sub("metadata")
	b := SBOM{Format: "CycloneDX", Version: f.required("specVersion"), Name: meta.sub("component").text("name"), CreatedOn: meta.time("timestamp")}
	if !strings.HasPrefix(b.Version, "1.") {
		f.fail("predicate.specVersion", "%.32q is not 1", b.Version)
	}
	b.Components = f.components(nil)
	b.Relationships = len(f.list("dependencies", MaxDescriptors))
	return b
}

// components reads a list of components and those inside each. CheckJSON bounds the
// depth.
func (f fields) components(before []Component) []Component {
	for _, raw := range f.list("components", MaxDescriptors) {
		if len(before) >= MaxDescriptors {
			f.fail(f.at("components"), "more than %d", MaxDescriptors)
			return before
		}
		g := readFields(f.reason, "predicate.components", raw, f.err)
		c := Component{Name: g.required("name"), Version: g.text("version"), PURL: g.text("purl"), Digest: g.pairs("hashes", "alg", "content")}
		for _, raw := range g.list("licenses", maxLevels) {
			l := readFields(f.reason, "predicate.components.licenses", raw, f.err)
			one := l.sub("license")
			for _, text := range []string{one.text("id"), one.text("name"), l.text("expression")} {
				if text != "" {
					c.Licenses = append(c.Licenses, text)
				}
			}
		}
		before = g.components(append(before, c))
	}
	return before
}

// pairs reads a list of objects that each have a name and a value.
func (f fields) pairs(list, name, value string) map[string]string {
	var out map[string]string
	for _, raw := range f.list(list, MaxDigests) {
		g := readFields(f.reason, f.at(list), raw, f.err)
		if out == nil {
			out = map[string]string{}
		}
		out[strings.ToLower(g.required(name))] = g.required(value)
	}
	return out
}

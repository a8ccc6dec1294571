package interchange

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/hallmark-pki/hallmark/audit"
)

// Properties that CycloneDX has no field for, named as its property taxonomy asks: our
// own prefix first.
const (
	propertyAssessment = "hallmark:assessment:sha256"
	propertyValidUntil = "hallmark:assessment:validUntil"
	propertyLevel      = "hallmark:assessment:level"
	propertyLevelID    = "hallmark:assessment:levelId"
	propertyCatalogue  = "hallmark:framework:catalogue:sha256"
	propertyLogOrigin  = "hallmark:log:origin"
	propertyLogIndex   = "hallmark:log:index"
	propertyFromLevel  = "hallmark:requirement:fromLevel"
	propertyObligation = "hallmark:requirement:obligation"
	propertyGroup      = "hallmark:requirement:group"
	propertyEvidence   = "hallmark:evidence"
)

// bomSchemaURI names the schema, as the specification spells it.
const bomSchemaURI = "http://cyclonedx.org/schema/bom-1.6.schema.json"

// CycloneDX writes an accepted assessment as a CycloneDX 1.6 document in JSON, indented
// and with a line break at its end; the package comment says what is where. The
// assessment must come out of a verified envelope, and the framework must be the very
// edition that it names. Errors are *Refusal: WrongEdition, NotCertified, NotAccepted,
// BadOption.
func CycloneDX(a audit.Assessment, f audit.Framework, accepted Accepted) ([]byte, error) {
	track, err := checkExport(a, f, accepted)
	if err != nil {
		return nil, err
	}
	d := &document{assessment: a, framework: f, track: track, evidence: map[string]string{}}
	bom := cdx.NewBOM()
	// Not through EncodeVersion, which copies the document on the way and loses every
	// score of 0.
	bom.SpecVersion, bom.JSONSchema = cdx.SpecVersion1_6, bomSchemaURI
	bom.SerialNumber = serialNumber(accepted.Assessment)
	bom.Metadata = &cdx.Metadata{
		Timestamp:  accepted.At.UTC().Format(time.RFC3339),
		Properties: metadataProperties(a, accepted),
	}
	if accepted.URL != "" {
		// No hash: the id is that of the payload, and the envelope around it grows with
		// each signature.
		bom.ExternalReferences = &[]cdx.ExternalReference{{
			Type: cdx.ERTypeAttestation, URL: accepted.URL, Comment: "the signed assessment, a DSSE envelope",
		}}
	}
	bom.Definitions = &cdx.Definitions{Standards: &[]cdx.StandardDefinition{d.standard()}}
	bom.Declarations = d.declarations()
	var out bytes.Buffer
	encoder := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := encoder.Encode(bom); err != nil {
		return nil, fmt.Errorf("write assessment %s as CycloneDX: %w", accepted.Assessment, err)
	}
	return out.Bytes(), nil
}

// checkExport makes sure that what will be written is what was assessed.
func checkExport(a audit.Assessment, f audit.Framework, accepted Accepted) (audit.Track, error) {
	track, ok := f.Track(a.Framework.Track)
	switch {
	case a.Framework.ID != f.ID || a.Framework.URI != f.URI || a.Framework.Digest["sha256"] != f.DigestHex():
		return audit.Track{}, refuse(WrongEdition, "it was made against %s with SHA-256 %s, not against %s with SHA-256 %s",
			a.Framework.ID, a.Framework.Digest["sha256"], f.ID, f.DigestHex())
	case !ok:
		return audit.Track{}, refuse(WrongEdition, "%s has no track %q", f.ID, a.Framework.Track)
	case !track.Certifiable(a.Level):
		return audit.Track{}, refuse(NotCertified, "level %d is none that is certified", a.Level)
	}
	if got := track.Compute(a.Findings); got.Level != a.Level || got.LevelID != a.LevelID {
		return audit.Track{}, refuse(NotCertified, "it says level %d, its findings reach %d", a.Level, got.Level)
	}
	return track, accepted.check()
}

func metadataProperties(a audit.Assessment, accepted Accepted) *[]cdx.Property {
	list := []cdx.Property{
		{Name: propertyAssessment, Value: accepted.Assessment},
		{Name: propertyValidUntil, Value: a.ValidUntil.UTC().Format(time.RFC3339)},
		{Name: propertyLevel, Value: strconv.Itoa(a.Level)},
		{Name: propertyLevelID, Value: a.LevelID},
		{Name: propertyCatalogue, Value: a.Framework.Digest["sha256"]},
	}
	if accepted.LogOrigin != "" {
		list = append(list,
			cdx.Property{Name: propertyLogOrigin, Value: accepted.LogOrigin},
			cdx.Property{Name: propertyLogIndex, Value: strconv.FormatUint(accepted.LogIndex, 10)})
	}
	return &list
}

// serialNumber makes a UUID of version 8 (free content) of the assessment's id: a
// document that says the same has the same number.
func serialNumber(assessment string) string {
	b := make([]byte, 16)
	if raw, err := hex.DecodeString(assessment); err == nil {
		copy(b, raw)
	}
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

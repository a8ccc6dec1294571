package ext

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Tags of Claim's optional fields.
var (
	tagLevelID    = asn1.Tag(0).ContextSpecific()
	tagProperties = asn1.Tag(1).ContextSpecific().Constructed()
)

// Assurance is what assessments found about the certificate's holder: 1..MaxClaims
// claims, at most one per framework and track. The order carries no meaning and is kept.
type Assurance struct {
	Claims []Claim
}

// Claim says that the holder reached a level of one track of one framework.
type Claim struct {
	// Framework is the framework's URI, version included, compared byte for byte:
	// "https://slsa.dev/spec/v0.1/". At most MaxURILength bytes.
	Framework string
	// Track is the id of the ladder within the framework: "slsa", "build".
	Track string
	// Level is the rung, 1..MaxLevel.
	Level int
	// LevelID is the framework's own token for the level, "SLSA_LEVEL_3"; may be empty.
	LevelID string
	// Properties are the framework's tokens for what holds beside the level, such as
	// "SLSA_BUILD_REPRODUCED". At most MaxProperties, each once; nil when there are none.
	Properties []string
	// Assessment names the assessment that found it.
	Assessment AssessmentRef
}

// AssessmentRef names a signed assessment and its place in the transparency log.
type AssessmentRef struct {
	Payload [32]byte // SHA-256 of the DSSE payload of the assessment
	Auditor [32]byte // SHA-256 of the auditor's SubjectPublicKeyInfo, DER
	// AssessedAt and ValidUntil bound the assessment, in whole seconds; parsed ones are
	// UTC. ValidUntil is the first moment at which it is no longer in force.
	AssessedAt, ValidUntil time.Time
	// LogOrigin is the log's name as on the first line of its checkpoints. No '+', which
	// ends a name in a log's verifier key.
	LogOrigin string
	LogIndex  uint64 // index of the assessment's entry, at most MaxLogIndex
}

// ParseAssurance reads the value of an Assurance extension. The error is a *ParseError.
// Marshal of the result gives der again.
func ParseAssurance(der []byte) (Assurance, error) {
	fields, err := readObject(der, MaxAssuranceBytes, "assurance")
	if err != nil {
		return Assurance{}, err
	}
	a, err := parseAssuranceFields(fields)
	if err != nil {
		return Assurance{}, err
	}
	if err := a.check(); err != nil {
		return Assurance{}, err
	}
	return a, nil
}

// Assurance ::= SEQUENCE {
//
//	version  Version,
//	claims   SEQUENCE SIZE (1..maxClaims) OF Claim }
func parseAssuranceFields(s cryptobyte.String) (Assurance, error) {
	var a Assurance
	err := readList(&s, asn1.SEQUENCE, MaxClaims, "claims", func(list *cryptobyte.String) error {
		c, err := parseClaim(list)
		a.Claims = append(a.Claims, c)
		return err
	})
	if err != nil {
		return Assurance{}, err
	}
	return a, atEnd(s, "assurance")
}

// Claim ::= SEQUENCE {
//
//	framework       URI,
//	track           Token,
//	level           Level,
//	levelID     [0] Token OPTIONAL,
//	properties  [1] SEQUENCE SIZE (1..maxProperties) OF Token OPTIONAL,
//	assessment      AssessmentRef }
func parseClaim(outer *cryptobyte.String) (Claim, error) {
	s, err := readValue(outer, asn1.SEQUENCE, "")
	if err != nil {
		return Claim{}, err
	}
	var c Claim
	if c.Framework, err = readText(&s, asn1.IA5String, "framework"); err != nil {
		return Claim{}, err
	}
	if c.Track, err = readText(&s, asn1.IA5String, "track"); err != nil {
		return Claim{}, err
	}
	if c.Level, err = parseLevel(&s); err != nil {
		return Claim{}, err
	}
	if err := parseClaimOptions(&s, &c); err != nil {
		return Claim{}, err
	}
	if c.Assessment, err = parseAssessmentRef(&s); err != nil {
		return Claim{}, within("assessment", err)
	}
	return c, atEnd(s, "")
}

// Level ::= INTEGER (1..maxLevel)
//
// Zero passes here; checkLevel has a reason of its own for it.
func parseLevel(s *cryptobyte.String) (int, error) {
	n, err := readNumber(s, MaxLevel, "level")
	return int(n), err
}

// parseClaimOptions reads levelID and properties where they are present. An empty levelID
// is refused here: it would print as an absent one.
func parseClaimOptions(s *cryptobyte.String, c *Claim) (err error) {
	if s.PeekASN1Tag(tagLevelID) {
		if c.LevelID, err = readText(s, tagLevelID, "levelID"); err != nil {
			return err
		}
		if c.LevelID == "" {
			return refuse(ReasonEmpty, "levelID", "no characters")
		}
	}
	if s.PeekASN1Tag(tagProperties) {
		c.Properties, err = readTexts(s, tagProperties, MaxProperties, "properties")
	}
	return err
}

// AssessmentRef ::= SEQUENCE {
//
//	payload     SHA256Digest,
//	auditor     SHA256Digest,
//	assessedAt  Instant,
//	validUntil  Instant,
//	logOrigin   LogOrigin,
//	logIndex    LogIndex }
func parseAssessmentRef(outer *cryptobyte.String) (AssessmentRef, error) {
	s, err := readValue(outer, asn1.SEQUENCE, "")
	if err != nil {
		return AssessmentRef{}, err
	}
	var r AssessmentRef
	if r.Payload, err = parseDigest(&s, "payload"); err != nil {
		return AssessmentRef{}, err
	}
	if r.Auditor, err = parseDigest(&s, "auditor"); err != nil {
		return AssessmentRef{}, err
	}
	if r.AssessedAt, err = parseInstant(&s, "assessedAt"); err != nil {
		return AssessmentRef{}, err
	}
	if r.ValidUntil, err = parseInstant(&s, "validUntil"); err != nil {
		return AssessmentRef{}, err
	}
	if r.LogOrigin, err = readText(&s, asn1.IA5String, "logOrigin"); err != nil {
		return AssessmentRef{}, err
	}
	// LogIndex ::= INTEGER (0..maxLogIndex)
	if r.LogIndex, err = readNumber(&s, MaxLogIndex, "logIndex"); err != nil {
		return AssessmentRef{}, err
	}
	return r, atEnd(s, "")
}

// Marshal prints the value of an Assurance extension. It refuses what ParseAssurance
// would refuse, with the same *ParseError.
func (a Assurance) Marshal() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return marshalObject(MaxAssuranceBytes, "assurance", func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, c := range a.Claims {
				c.add(b)
			}
		})
	})
}

// add appends a Claim.
func (c Claim) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addText(b, asn1.IA5String, c.Framework)
		addText(b, asn1.IA5String, c.Track)
		b.AddASN1Int64(int64(c.Level))
		if c.LevelID != "" {
			addText(b, tagLevelID, c.LevelID)
		}
		if len(c.Properties) > 0 {
			b.AddASN1(tagProperties, func(b *cryptobyte.Builder) {
				for _, p := range c.Properties {
					addText(b, asn1.IA5String, p)
				}
			})
		}
		c.Assessment.add(b)
	})
}

// add appends an AssessmentRef.
func (r AssessmentRef) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1OctetString(r.Payload[:])
		b.AddASN1OctetString(r.Auditor[:])
		addInstant(b, r.AssessedAt)
		addInstant(b, r.ValidUntil)
		addText(b, asn1.IA5String, r.LogOrigin)
		b.AddASN1Uint64(r.LogIndex)
	})
}

// check judges the values, the same when parsing and when printing.
func (a Assurance) check() error {
	if err := checkCount(len(a.Claims), 1, MaxClaims, "claims"); err != nil {
		return err
	}
	seen := make(map[[2]string]bool, len(a.Claims))
	for i, c := range a.Claims {
		field := fmt.Sprintf("claims[%d]", i)
		if err := c.check(); err != nil {
			return within(field, err)
		}
		ladder := [2]string{c.Framework, c.Track}
		if seen[ladder] {
			return refuse(ReasonDuplicateClaim, field, "second claim on track %s of %s", quote(c.Track), quote(c.Framework))
		}
		seen[ladder] = true
	}
	return nil
}

func (c Claim) check() error {
	if err := checkLadder(c.Framework, c.Track, c.Level); err != nil {
		return err
	}
	if c.LevelID != "" {
		if err := checkToken(c.LevelID, "levelID"); err != nil {
			return err
		}
	}
	if err := checkProperties(c.Properties); err != nil {
		return err
	}
	if err := c.Assessment.check(); err != nil {
		return within("assessment", err)
	}
	return nil
}

// checkLadder judges the three values that a claim's policies are made of.
func checkLadder(framework, track string, level int) error {
	if err := checkURI(framework, "framework"); err != nil {
		return err
	}
	if err := checkToken(track, "track"); err != nil {
		return err
	}
	return checkLevel(level)
}

func checkLevel(level int) error {
	switch {
	case level < 0:
		return refuse(ReasonNegative, "level", "%d", level)
	case level == 0:
		return refuse(ReasonLevelZero, "level", "level 0 means no assurance")
	case level > MaxLevel:
		return refuse(ReasonTooLarge, "level", "%d, at most %d", level, MaxLevel)
	}
	return nil
}

func checkProperties(properties []string) error {
	if err := checkCount(len(properties), 0, MaxProperties, "properties"); err != nil {
		return err
	}
	seen := make(map[string]bool, len(properties))
	for i, p := range properties {
		field := fmt.Sprintf("properties[%d]", i)
		if err := checkToken(p, field); err != nil {
			return err
		}
		if seen[p] {
			return refuse(ReasonDuplicate, field, "%s stands twice", quote(p))
		}
		seen[p] = true
	}
	return nil
}

func (r AssessmentRef) check() error {
	if err := checkDigest(r.Payload, "payload"); err != nil {
		return err
	}
	if err := checkDigest(r.Auditor, "auditor"); err != nil {
		return err
	}
	if err := checkInstant(r.AssessedAt, "assessedAt"); err != nil {
		return err
	}
	if err := checkInstant(r.ValidUntil, "validUntil"); err != nil {
		return err
	}
	if !r.ValidUntil.After(r.AssessedAt) {
		return refuse(ReasonPeriod, "validUntil", "not after assessedAt")
	}
	if err := checkOrigin(r.LogOrigin); err != nil {
		return err
	}
	if r.LogIndex > MaxLogIndex {
		return refuse(ReasonTooLarge, "logIndex", "%d, at most %d", r.LogIndex, uint64(MaxLogIndex))
	}
	return nil
}

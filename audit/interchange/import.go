package interchange

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/attest"
)

// Kind says what it is that somebody signed.
type Kind string

// The kinds.
const (
	KindVSA       Kind = "vsa"       // a SLSA verification summary v1
	KindStatement Kind = "statement" // any other in-toto statement
	KindLink      Kind = "link"      // what a step of an in-toto supply chain did
	KindLayout    Kind = "layout"    // the steps of an in-toto supply chain
	KindDocument  Kind = "document"  // anything else, such as an answered questionnaire
)

// Media types of envelopes. The two of in-toto are those of its envelope document,
// "Storage convention"; the other is in use for DSSE where the content is not known.
const (
	mediaVSA      = "application/vnd.in-toto.vsa+dsse"
	mediaEnvelope = "application/vnd.dsse.envelope.v1+json"
)

// Summary is what an imported envelope says, for the auditor to read and weigh.
type Summary struct {
	Kind          Kind
	Signer        string           // who signed: the SHA-256 of the key's SubjectPublicKeyInfo in lower-case hex
	PayloadType   string           // as signed
	PredicateType string           // "" for what is no statement
	Subjects      []attest.Subject // what a statement is about
	VSA           *attest.VSA      // for KindVSA only
	Payload       []byte           // the bytes that were signed
}

// Import verifies a DSSE envelope under the key of whom the auditor believes to have
// signed it, and makes evidence of it: a descriptor with the SHA-256 of the bytes
// given, a media type, and a name that says what it is and whose key signed it. It goes
// into a finding as it is, once the auditor has made one, which is why it has no
// annotations: an assessment takes none. A summary that says FAILED is evidence too.
//
// Errors are *attest.Error: what is malformed, not signed, not verified under the key,
// or not what its type promises is refused, and nothing is returned then.
func Import(raw []byte, key crypto.PublicKey) (attest.ResourceDescriptor, Summary, error) {
	s, err := open(raw, key)
	if err != nil {
		return attest.ResourceDescriptor{}, Summary{}, fmt.Errorf("import: %w", err)
	}
	sum := sha256.Sum256(raw)
	d := attest.ResourceDescriptor{
		Name:      s.name(),
		Digest:    map[string]string{"sha256": hex.EncodeToString(sum[:])},
		MediaType: mediaEnvelope,
	}
	if s.Kind == KindVSA {
		d.MediaType = mediaVSA
	}
	return d, s, nil
}

func open(raw []byte, key crypto.PublicKey) (Summary, error) {
	unverified, err := attest.ParseEnvelope(raw)
	if err != nil {
		return Summary{}, err
	}
	// The type is read from what is not verified yet, and part of what is verified next.
	opened, err := attest.OpenPayload(raw, unverified.PayloadType, key)
	if err != nil {
		return Summary{}, err
	}
	s := Summary{Kind: KindDocument, Signer: opened.Signers[0], PayloadType: opened.PayloadType, Payload: bytes.Clone(opened.Payload)}
	if s.PayloadType != attest.PayloadType {
		return s, nil
	}
	if kind, ok := inToto(opened.Payload); ok {
		s.Kind = kind
		return s, nil
	}
	return s.statement()
}

// statement reads the payload as a statement.
func (s Summary) statement() (Summary, error) {
	st, err := attest.ParseStatement(s.Payload)
	if err != nil {
		return Summary{}, err
	}
	s.Kind, s.PredicateType, s.Subjects = KindStatement, st.PredicateType, st.Subject
	if st.PredicateType != attest.VSAType {
		return s, nil
	}
	v, err := attest.ParseVSA(st)
	if err != nil {
		return Summary{}, err
	}
	s.Kind, s.VSA = KindVSA, &v
	return s, nil
}

// inToto tells links and layouts, which share the payload type with statements.
func inToto(payload []byte) (Kind, bool) {
	if attest.CheckJSON(payload, attest.MaxEnvelope, attest.MaxDepth) != nil {
		return "", false
	}
	var fields map[string]json.RawMessage // by exact name, unlike a struct
	if json.Unmarshal(payload, &fields) != nil {
		return "", false
	}
	switch string(fields["_type"]) {
	case `"link"`:
		return KindLink, true
	case `"layout"`:
		return KindLayout, true
	}
	return "", false
}

// name is one line that an assessment takes as the name of evidence. It says who
// signed and what came of it, because an assessment has no other place for that.
func (s Summary) name() string {
	what := "signed document " + quoted(s.PayloadType)
	switch s.Kind {
	case KindVSA:
		what = fmt.Sprintf("verification summary by %s: %s", quoted(s.VSA.VerifierID), s.VSA.Result)
		if len(s.VSA.VerifiedLevels) > 0 {
			what += " " + quoted(strings.Join(s.VSA.VerifiedLevels, " "))
		}
	case KindStatement:
		what = "statement " + quoted(s.PredicateType)
	case KindLink, KindLayout:
		what = "in-toto " + string(s.Kind)
	}
	return what + ", key " + s.Signer
}

// quoted makes text of others part of a line: what does not print goes, and so does
// what is too long.
func quoted(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
	if len(s) <= maxQuoted {
		return s
	}
	return strings.ToValidUTF8(s[:maxQuoted-len("…")], "") + "…"
}

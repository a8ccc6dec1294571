package gitcommit

import (
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
)

// PredicateType marks a statement that carries a commit.
const PredicateType = "https://github.com/hallmark-pki/hallmark/git-commit/v1"

// NewStatement makes the statement that carries a commit object, about its own id. Errors:
// those of Read.
func NewStatement(object []byte) (attest.Statement, error) {
	c, err := Read(object)
	if err != nil {
		return attest.Statement{}, err
	}
	predicate, err := json.Marshal(map[string][]byte{"object": object})
	if err != nil {
		return attest.Statement{}, err
	}
	return attest.Statement{
		Type: attest.StatementType, PredicateType: PredicateType, Predicate: predicate,
		Subject: []attest.Subject{{Digest: map[string]string{"gitCommit": c.ID}}},
	}, nil
}

// Parse reads the commit that a statement carries. It must be the statement's only
// subject, by gitCommit. Errors: those of Read, and OtherCommit.
func Parse(s attest.Statement) (*Commit, error) {
	if s.PredicateType != PredicateType {
		return nil, refuse(Malformed, "%.64q is not %s", s.PredicateType, PredicateType)
	}
	if err := attest.CheckJSON(s.Predicate, attest.MaxEnvelope, attest.MaxDepth); err != nil {
		return nil, refuse(Malformed, "%v", err)
	}
	var fields map[string]json.RawMessage
	var text string
	if json.Unmarshal(s.Predicate, &fields) != nil || json.Unmarshal(fields["object"], &text) != nil {
		return nil, refuse(Malformed, "predicate.object is no text")
	}
	object, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, refuse(Malformed, "predicate.object is not base64")
	}
	c, err := Read(object)
	if err != nil {
		return nil, err
	}
	if len(s.Subject) != 1 || s.Subject[0].Digest["gitCommit"] != c.ID {
		return nil, refuse(OtherCommit, "it is %s, and not what the statement is about", c.ID)
	}
	return c, nil
}

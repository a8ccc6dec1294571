package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

const (
	// StatementType is the type of the statements written here.
	StatementType = "https://in-toto.io/Statement/v1"
	// StatementTypeV01 is the older type, which is read but not written.
	StatementTypeV01 = "https://in-toto.io/Statement/v0.1"
)

// Statement says something (the predicate) about artifacts (the subjects).
type Statement struct {
	Type          string          `json:"_type"`
	Subject       []Subject       `json:"subject"`
	PredicateType string          `json:"predicateType"`
	Predicate     json.RawMessage `json:"predicate"`
}

// Subject is an artifact, known by its digests.
type Subject struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest"` // algorithm to lower-case hex
}

// ResourceDescriptor is in-toto's way to point at something: at least one of
// Name, URI, Digest is there.
type ResourceDescriptor struct {
	Name             string            `json:"name,omitempty"`
	URI              string            `json:"uri,omitempty"`
	Digest           map[string]string `json:"digest,omitempty"`
	Content          []byte            `json:"content,omitempty"`
	DownloadLocation string            `json:"downloadLocation,omitempty"`
	MediaType        string            `json:"mediaType,omitempty"`
	Annotations      json.RawMessage   `json:"annotations,omitempty"` // a JSON object
}

// hexLength is the number of hex digits of the algorithms that in-toto's digest
// set names. dirHash is "h1:" base64 in Go's own use, so it is not among them.
var hexLength = map[string]int{
	"md5": 32, "sha1": 40, "gitBlob": 40, "gitCommit": 40, "gitTag": 40, "gitTree": 40,
	"sha224": 56, "sha512_224": 56, "sha3_224": 56,
	"sha256": 64, "sha512_256": 64, "sha3_256": 64,
	"sha384": 96, "sha3_384": 96, "sha512": 128, "sha3_512": 128,
}

// ParseStatement reads a statement v1 or v0.1. It checks form only: whoever calls
// it on bytes that Open did not return reads an unverified claim.
func ParseStatement(payload []byte) (Statement, error) {
	if err := CheckJSON(payload, MaxEnvelope, MaxDepth); err != nil {
		return Statement{}, err
	}
	var err error
	f := readFields(BadStatement, "", payload, &err)
	s := Statement{
		Type:          f.required("_type"),
		PredicateType: f.required("predicateType"),
		Predicate:     f.object("predicate"),
	}
	if s.Type != StatementType && s.Type != StatementTypeV01 {
		f.fail("_type", "%.64q is neither Statement v1 nor v0.1", s.Type)
	}
	if s.Predicate == nil {
		f.fail("predicate", "missing")
	}
	for _, raw := range f.list("subject", MaxSubjects) {
		s.Subject = append(s.Subject, f.subject("subject", raw))
	}
	if len(s.Subject) == 0 {
		f.fail("subject", "missing or empty")
	}
	if err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (f fields) subject(path string, raw []byte) Subject {
	g := readFields(f.reason, path, raw, f.err)
	s := Subject{Name: g.text("name"), URI: g.text("uri"), Digest: g.digest("digest")}
	if len(s.Digest) == 0 {
		f.fail(path+".digest", "a subject without digest")
	}
	return s
}

func (f fields) digest(name string) map[string]string {
	m := f.texts(name, MaxDigests)
	for alg, v := range m {
		if reason := checkDigest(alg, v); reason != "" {
			f.fail(f.at(name)+"."+alg, "%s", reason)
		}
	}
	return m
}

func checkDigest(alg, v string) string {
	n, known := hexLength[alg]
	if strings.HasPrefix(alg, "git") && len(v) == hexLength["sha256"] {
		n = len(v) // of a repository whose objects are named by SHA-256
	}
	switch {
	case alg == "" || v == "":
		return "empty"
	case known && (len(v) != n || strings.Trim(v, "0123456789abcdef") != ""):
		return "not lower-case hex of the algorithm's length"
	}
	return ""
}

func (f fields) descriptor(path string, raw []byte) ResourceDescriptor {
	g := readFields(f.reason, path, raw, f.err)
	d := ResourceDescriptor{
		Name: g.text("name"), URI: g.text("uri"), Digest: g.digest("digest"),
		DownloadLocation: g.text("downloadLocation"), MediaType: g.text("mediaType"),
		Annotations: g.object("annotations"),
	}
	if g.raw("content") != nil {
		d.Content = g.base64("content")
	}
	if d.Name == "" && d.URI == "" && len(d.Digest) == 0 {
		f.fail(path, "has neither name, uri nor digest")
	}
	return d
}

func (f fields) descriptors(name string) []ResourceDescriptor {
	var out []ResourceDescriptor
	for _, raw := range f.list(name, MaxDescriptors) {
		out = append(out, f.descriptor(f.at(name), raw))
	}
	return out
}

// Marshal writes the statement as JSON, with the fields in in-toto's order and the
// keys of maps sorted. An empty Type becomes v1; v0.1 is not written. What
// ParseStatement refuses is refused.
func (s Statement) Marshal() ([]byte, error) {
	if s.Type == "" {
		s.Type = StatementType
	}
	if s.Type != StatementType {
		return nil, refuse(BadStatement, "_type", "only Statement v1 is written")
	}
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, &Error{Reason: BadStatement, Err: err}
	}
	if _, err := ParseStatement(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// Covers reports whether one of the subjects has this digest (lower-case hex).
func (s Statement) Covers(algorithm, digest string) bool {
	return digest != "" && slices.ContainsFunc(s.Subject, func(sub Subject) bool {
		return sub.Digest[algorithm] == digest
	})
}

// RevisionKey is the name under which statements about a commit or tree are filed, as if
// it were the digest of an artifact: the SHA-256 of "git:" and the revision in lower-case
// hex. A layout that knows artifacts alone has a place for them then.
func RevisionKey(revision string) string {
	sum := sha256.Sum256([]byte("git:" + revision))
	return hex.EncodeToString(sum[:])
}

// Filed returns the keys under which a statement can be looked up, each once: the sha256
// of its subjects, and the RevisionKey of those that are commits or trees.
func (s Statement) Filed() []string {
	out := s.SHA256()
	for _, sub := range s.Subject {
		for _, algorithm := range []string{"gitCommit", "gitTree"} {
			if d := sub.Digest[algorithm]; d != "" && !slices.Contains(out, RevisionKey(d)) {
				out = append(out, RevisionKey(d))
			}
		}
	}
	return out
}

// SHA256 returns the distinct sha256 digests of the subjects in their order.
func (s Statement) SHA256() []string {
	var out []string
	for _, sub := range s.Subject {
		if d := sub.Digest["sha256"]; d != "" && !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	return out
}

package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Layout is in-toto's plan of a supply chain: which steps there are, who may do each, and
// how what one makes goes into the next. In-toto specification 1.0 §4.3, as the payload of
// a DSSE envelope. What in-toto also allows and this reader refuses: inspections, which are
// commands to be run by whoever verifies, and functionaries by certificate.
type Layout struct {
	Expires time.Time
	Keys    map[string]LayoutKey // by the id that steps use
	Steps   []LayoutStep
}

// LayoutStep is one step of a layout.
type LayoutStep struct {
	Name      string
	Keys      []string // ids of Layout.Keys, any of which may sign
	Threshold int      // how many of them must, from 1
	// Command is what in-toto warns about when a link's differs; it refuses nothing.
	Command []string
	// Materials and Products are artifact rules, each a list of words, §4.3.3.
	Materials, Products [][]string
}

// LayoutKey is a public key as in-toto writes it, §4.2.
type LayoutKey struct {
	Type   string // "rsa", "ecdsa" or "ed25519"
	Scheme string
	Public string // PEM; of Ed25519 keys 64 hex digits
}

// StepLink is what somebody did in one step, in-toto specification 1.0 §4.4: the form
// before the predicate Link.
type StepLink struct {
	Name    string
	Command []string
	// Materials and Products are digests (algorithm to lower-case hex) by path.
	Materials, Products map[string]map[string]string
}

// IsLayout reports whether a payload claims to be a layout, IsStepLink whether it claims
// to be a link that is no statement.
func IsLayout(payload []byte) bool   { return claimedType(payload) == layoutType }
func IsStepLink(payload []byte) bool { return claimedType(payload) == stepLinkType }

const (
	layoutType   = "layout"
	stepLinkType = "link"
)

func claimedType(payload []byte) string {
	var claim struct {
		Type string `json:"_type"`
	}
	if len(payload) > MaxEnvelope || json.Unmarshal(payload, &claim) != nil {
		return ""
	}
	return claim.Type
}

// LayoutKeyID is the name under which a layout is filed, as if it were the digest of an
// artifact: the SHA-256 of the payload in lower-case hex. An audited scope names layouts
// by it.
func LayoutKeyID(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

// FiledPayload returns the keys under which the payload of an envelope can be looked up:
// those of Statement.Filed, the products of a link, the digest of a layout. It checks form
// only. Errors are those of ParseStatement, ParseStepLink and ParseLayout.
func FiledPayload(payload []byte) ([]string, error) {
	switch claimedType(payload) {
	case layoutType:
		if _, err := ParseLayout(payload); err != nil {
			return nil, err
		}
		return []string{LayoutKeyID(payload)}, nil
	case stepLinkType:
		l, err := ParseStepLink(payload)
		if err != nil {
			return nil, err
		}
		return digestsOf(l.Products), nil
	}
	s, err := ParseStatement(payload)
	if err != nil {
		return nil, err
	}
	return s.Filed(), nil
}

// digestsOf returns the sha256 digests of artifacts, sorted, each once.
func digestsOf(artifacts map[string]map[string]string) []string {
	var out []string
	for _, digest := range artifacts {
		if d := digest["sha256"]; d != "" {
			out = append(out, d)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Inputs are the sha256 digests of a link's materials, sorted.
func (l StepLink) Inputs() []string { return digestsOf(l.Materials) }

// ParseStepLink reads a link. Errors: TooLarge, Malformed, BadStatement.
func ParseStepLink(payload []byte) (StepLink, error) {
	if err := CheckJSON(payload, MaxEnvelope, MaxDepth); err != nil {
		return StepLink{}, err
	}
	var err error
	f := readFields(BadStatement, "", payload, &err)
	if t := f.required("_type"); t != stepLinkType {
		f.fail("_type", "%.64q, want %q", t, stepLinkType)
	}
	l := StepLink{
		Name: f.required("name"), Command: f.strings("command", maxTests),
		Materials: f.artifacts("materials", MaxDescriptors), Products: f.artifacts("products", MaxSubjects),
	}
	if err != nil {
		return StepLink{}, err
	}
	return l, nil
}

// artifacts reads an object of digest sets by path.
func (f fields) artifacts(name string, limit int) map[string]map[string]string {
	all := f.sub(name)
	if len(all.m) > limit {
		f.fail(f.at(name), "%d items, at most %d", len(all.m), limit)
		return nil
	}
	out := make(map[string]map[string]string, len(all.m))
	for _, path := range slices.Sorted(maps.Keys(all.m)) {
		if len(path) > maxString {
			f.fail(f.at(name), "a path of %d bytes, at most %d", len(path), maxString)
		}
		out[path] = all.digest(path)
	}
	return out
}

// ParseLayout reads a layout. Every step has a name of its own and at least as many keys
// as its threshold says, all of them in the layout. Errors: TooLarge, Malformed,
// BadStatement.
func ParseLayout(payload []byte) (Layout, error) {
	if err := CheckJSON(payload, MaxEnvelope, MaxDepth); err != nil {
		return Layout{}, err
	}
	var err error
	f := readFields(BadStatement, "", payload, &err)
	if t := f.required("_type"); t != layoutType {
		f.fail("_type", "%.64q, want %q", t, layoutType)
	}
	l := Layout{Expires: f.time("expires"), Keys: f.layoutKeys()}
	if l.Expires.IsZero() {
		f.fail("expires", "missing")
	}
	if len(f.list("inspect", maxSteps)) > 0 {
		f.fail("inspect", "commands to be run by the verifier; none is run here")
	}
	for _, name := range []string{"rootcas", "intermediatecas"} {
		if len(f.sub(name).m) > 0 {
			f.fail(name, "functionaries are known by key here, not by certificate")
		}
	}
	for _, raw := range f.list("steps", maxSteps) {
		l.Steps = append(l.Steps, readStep(raw, l, &err))
	}
	if err == nil && len(l.Steps) == 0 {
		f.fail("steps", "none")
	}
	if err != nil {
		return Layout{}, err
	}
	return l, nil
}

func (f fields) layoutKeys() map[string]LayoutKey {
	all := f.sub("keys")
	if len(all.m) > MaxKeys {
		f.fail("keys", "%d items, at most %d", len(all.m), MaxKeys)
		return nil
	}
	out := make(map[string]LayoutKey, len(all.m))
	for id := range all.m {
		k := all.sub(id)
		out[id] = LayoutKey{Type: k.required("keytype"), Scheme: k.required("scheme"), Public: k.sub("keyval").required("public")}
	}
	return out
}

func readStep(raw json.RawMessage, l Layout, err *error) LayoutStep {
	f := readFields(BadStatement, "steps", raw, err)
	s := LayoutStep{
		Name: f.required("name"), Keys: f.strings("pubkeys", MaxKeys), Command: f.strings("expected_command", maxTests),
		Materials: f.rules("expected_materials"), Products: f.rules("expected_products"),
	}
	if v := f.raw("threshold"); v != nil {
		f.decode(f.at("threshold"), v, &s.Threshold)
	}
	if len(f.list("cert_constraints", maxSteps)) > 0 {
		f.fail(f.at("cert_constraints"), "functionaries are known by key here, not by certificate")
	}
	if slices.ContainsFunc(l.Steps, func(other LayoutStep) bool { return other.Name == s.Name }) {
		f.fail(f.at("name"), "step %.64q is there twice", s.Name)
	}
	for i, id := range s.Keys {
		if _, ok := l.Keys[id]; !ok || slices.Contains(s.Keys[:i], id) {
			f.fail(f.at("pubkeys"), "key %.80q is not in the layout, or named twice", id)
		}
	}
	if s.Threshold < 1 || s.Threshold > len(s.Keys) {
		f.fail(f.at("threshold"), "%d of %d keys", s.Threshold, len(s.Keys))
	}
	return s
}

// rules reads artifact rules; what the words mean is for who applies them.
func (f fields) rules(name string) [][]string {
	var out [][]string
	for _, raw := range f.list(name, maxRules) {
		var words []string
		f.decode(f.at(name), raw, &words)
		if len(words) < minRuleWords || len(words) > maxRuleWords {
			f.fail(f.at(name), "a rule of %d words", len(words))
			return nil
		}
		out = append(out, words)
	}
	return out
}

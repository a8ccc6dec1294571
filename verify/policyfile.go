package verify

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ParsePolicy reads a policy file of at most 256 KiB, in the form that Policy shows. The
// JSON Schema of package verify/policy says the same as far as a schema can.
func ParsePolicy(raw []byte) (Policy, error) {
	p, err := parsePolicy(raw)
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

// parsePolicy walks the document by hand: the library's own decoding takes a number for
// a text, and it has to read everything twice to find an anchor.
func parsePolicy(raw []byte) (Policy, error) {
	if len(raw) > maxPolicyBytes {
		return Policy{}, fmt.Errorf("%d bytes, at most %d", len(raw), maxPolicyBytes)
	}
	var root yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(raw))
	if err := d.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return Policy{}, errors.New("empty")
		}
		return Policy{}, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("more than one YAML document")
	}
	if err := plainYAML(&root, 0); err != nil {
		return Policy{}, err
	}
	p := Policy{Mode: Enforce, Revocation: Required, Timestamp: Required, Attestations: NoAttestations}
	version := ""
	err := mapping(root.Content[0], map[string]func(*yaml.Node) error{
		"version":         number(&version),
		"mode":            text(&p.Mode),
		"require":         func(n *yaml.Node) (err error) { p.Require, err = parseRequire(n); return err },
		"revocation":      text(&p.Revocation),
		"timestamp":       text(&p.Timestamp),
		"attestations":    text(&p.Attestations),
		"confirmed":       text(&p.Confirmed),
		"assessments":     text(&p.Assessments),
		"max_status_age":  age(&p.MaxStatusAge),
		"warn_status_age": age(&p.WarnStatusAge),
		"rules":           items(&p.Rules, maxRules, parseRule),
		"exceptions":      items(&p.Exceptions, maxExceptions, parseException),
	})
	if err != nil {
		return Policy{}, err
	}
	if version != "1" {
		return Policy{}, fmt.Errorf("version %.16q, this release reads 1: %w", version, errVersion)
	}
	return p, p.check()
}

// plainYAML refuses what makes YAML hard to read twice the same way: aliases (which
// also multiply), explicit tags, and a key without a value, which would mean "default".
func plainYAML(n *yaml.Node, depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("line %d: nested deeper than %d", n.Line, maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return fmt.Errorf("line %d: anchors and aliases are not allowed", n.Line)
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d: tags are not allowed", n.Line)
	case n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || n.Value == ""):
		return fmt.Errorf("line %d: empty value", n.Line)
	}
	for _, c := range n.Content {
		if err := plainYAML(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// mapping reads a mapping of known keys, none twice, each with the function given for it.
func mapping(n *yaml.Node, keys map[string]func(*yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want keys and values", n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		read, known := keys[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !known:
			return fmt.Errorf("line %d: unknown key %.32q", key.Line, key.Value)
		case seen[key.Value]:
			return fmt.Errorf("line %d: %q appears twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		if err := read(n.Content[i+1]); err != nil {
			return fmt.Errorf("line %d: %s: %w", key.Line, key.Value, err)
		}
	}
	return nil
}

// scalar is a text or a number, as it is written.
func scalar(n *yaml.Node, tags ...string) (string, error) {
	if n.Kind != yaml.ScalarNode || len(n.Value) > maxPolicyText {
		return "", errors.New("want a short text or number")
	}
	for _, tag := range tags {
		if n.Tag == tag {
			return n.Value, nil
		}
	}
	return "", fmt.Errorf("%.32s is no %s; if it is meant, put it in quotes", n.Value, strings.TrimPrefix(tags[0], "!!"))
}

func text[T ~string](to *T) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		s, err := scalar(n, "!!str")
		*to = T(s)
		return err
	}
}

func number(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) { *to, err = scalar(n, "!!int"); return err }
}

// age reads a number of days, hours or minutes: "7d", "36h", "90m".
func age(to *time.Duration) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var s string
		if err := text(&s)(n); err != nil {
			return err
		}
		units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
		unit, ok := units[s[len(s)-1]]
		i, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
		if !ok || err != nil || i == 0 || s[0] == '0' {
			return fmt.Errorf("%.32q: want a number and d, h or m, like 7d", s)
		}
		*to = time.Duration(i) * unit
		return nil
	}
}

// items reads a list of at least one item, each with one function.
func items[T any](to *[]T, most int, read func(*yaml.Node) (T, error)) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			return errors.New("want a list with at least one item")
		}
		if len(n.Content) > most {
			return fmt.Errorf("%d items, at most %d", len(n.Content), most)
		}
		for i, c := range n.Content {
			one, err := read(c)
			if err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
			*to = append(*to, one)
		}
		return nil
	}
}

func parseRule(n *yaml.Node) (Rule, error) {
	var r Rule
	err := mapping(n, map[string]func(*yaml.Node) error{
		"package":      text(&r.Package),
		"vendor":       text(&r.Vendor),
		"mode":         text(&r.Mode),
		"require":      func(n *yaml.Node) (err error) { r.Require, err = parseRequire(n); return err },
		"revocation":   text(&r.Revocation),
		"timestamp":    text(&r.Timestamp),
		"attestations": text(&r.Attestations),
		"confirmed":    text(&r.Confirmed),
		"assessments":  text(&r.Assessments),
	})
	return r, err
}

func parseException(n *yaml.Node) (Exception, error) {
	var e Exception
	var digest string
	err := mapping(n, map[string]func(*yaml.Node) error{
		"digest":  text(&digest),
		"vendor":  text(&e.Vendor),
		"package": text(&e.Package),
		"reason":  text(&e.Reason),
		"expires": func(n *yaml.Node) (err error) { e.Expires, err = parseExpiry(n); return err },
	})
	if err != nil || digest == "" {
		return e, err
	}
	hexDigest, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || hexDigest == "" {
		return Exception{}, fmt.Errorf("digest %.80q: want sha256: and 64 hex digits", digest)
	}
	e.Digest = hexDigest
	return e, nil
}

// parseExpiry reads a day, which begins at 00:00 UTC, or an RFC 3339 time.
func parseExpiry(n *yaml.Node) (time.Time, error) {
	s, err := scalar(n, "!!timestamp", "!!str")
	if err != nil {
		return time.Time{}, err
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%.40q: want a day like 2026-12-31 or an RFC 3339 time", s)
}

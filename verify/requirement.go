package verify

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-pki/hallmark/ext"
)

// Framework is a name that policies may use for a framework's URI.
type Framework struct {
	ID     string
	URI    string
	Tracks []string
}

// Frameworks lists the ids that a policy may use. The verifier carries no
// catalogues, so a framework added by an operator is named by its URI and track.
func Frameworks() []Framework {
	return []Framework{
		{"slsa-v0.1", "https://slsa.dev/spec/v0.1/", []string{"slsa"}},
		{"slsa-v1.2", "https://slsa.dev/spec/v1.2/", []string{"build", "source"}},
		{"cncf-sscp-v1", "https://github.com/cncf/tag-security/blob/5c1b842626f6e2bfff70be1a3f96203ce5dfa642/supply-chain-security/supply-chain-security-paper/sscsp.md", []string{"assurance"}},
		{"s2c2f-v1.1", "https://github.com/ossf/s2c2f/blob/d0f0a7fbbc6cc6cb6a248cbc9e98c3d8cf3b189a/specification/framework.md", []string{"consumption"}},
	}
}

// parseRequire reads a list of items (all must hold) or a list of such lists (one
// must hold).
func parseRequire(n *yaml.Node) ([][]Requirement, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, fmt.Errorf("line %d: want a list with at least one item; leave the key out to demand some claim", n.Line)
	}
	if n.Content[0].Kind == yaml.MappingNode {
		all, err := parseAll(n)
		return [][]Requirement{all}, err
	}
	if len(n.Content) > maxAlternatives {
		return nil, fmt.Errorf("line %d: %d alternatives, at most %d", n.Line, len(n.Content), maxAlternatives)
	}
	var out [][]Requirement
	for _, c := range n.Content {
		all, err := parseAll(c)
		if err != nil {
			return nil, err
		}
		out = append(out, all)
	}
	return out, nil
}

func parseAll(n *yaml.Node) ([]Requirement, error) {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		return nil, fmt.Errorf("line %d: want a list of {framework, track, level}", n.Line)
	}
	if len(n.Content) > maxAllOf {
		return nil, fmt.Errorf("line %d: %d items, at most %d", n.Line, len(n.Content), maxAllOf)
	}
	var out []Requirement
	for _, c := range n.Content {
		r, err := parseRequirement(c)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", c.Line, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func parseRequirement(n *yaml.Node) (Requirement, error) {
	if n.Kind != yaml.MappingNode {
		return Requirement{}, errors.New("want {framework, track, level}, or only lists beside lists")
	}
	var r Requirement
	var level string
	err := mapping(n, map[string]func(*yaml.Node) error{
		"framework": text(&r.Framework), "track": text(&r.Track), "level": number(&level),
	})
	if err != nil {
		return Requirement{}, err
	}
	if level == "" {
		return Requirement{}, errors.New("level is missing")
	}
	i, err := strconv.ParseUint(level, 10, 8)
	if err != nil || i == 0 || level[0] == '0' {
		return Requirement{}, fmt.Errorf("level %.32q: want a number from 1", level)
	}
	r.Level = int(i)
	return r.resolve()
}

// resolve turns a framework's id into its URI and fills in the only track.
func (r Requirement) resolve() (Requirement, error) {
	known := Frameworks()
	i := slices.IndexFunc(known, func(f Framework) bool { return f.ID == r.Framework || f.URI == r.Framework })
	if i < 0 {
		if u, err := url.Parse(r.Framework); err != nil || u.Scheme == "" || !u.IsAbs() {
			return Requirement{}, fmt.Errorf("framework %.80q: want a URI or one of %s", r.Framework, frameworkIDs(known))
		}
		if r.Track == "" {
			return Requirement{}, errors.New("track is missing")
		}
		return r, nil
	}
	f := known[i]
	if r.Track == "" && len(f.Tracks) == 1 {
		r.Track = f.Tracks[0]
	}
	if !slices.Contains(f.Tracks, r.Track) {
		return Requirement{}, fmt.Errorf("track %.32q of %s: want one of %s", r.Track, f.ID, strings.Join(f.Tracks, ", "))
	}
	r.Framework = f.URI
	return r, nil
}

func frameworkIDs(list []Framework) string {
	var ids []string
	for _, f := range list {
		ids = append(ids, f.ID)
	}
	return strings.Join(ids, ", ")
}

// satisfied returns nil when the claims meet the policy, else what is missing.
func (p Policy) satisfied(claims []ext.Claim) error {
	if len(claims) == 0 {
		return because(RequirementUnmet, "the certificate claims nothing")
	}
	if len(p.Require) == 0 {
		return nil
	}
	var missing []string
	for _, all := range p.Require {
		i := slices.IndexFunc(all, func(r Requirement) bool { return !r.met(claims) })
		if i < 0 {
			return nil
		}
		missing = append(missing, all[i].String())
	}
	return because(RequirementUnmet, "want %s; the certificate claims %s", strings.Join(missing, ", or "), listClaims(claims))
}

func (r Requirement) met(claims []ext.Claim) bool {
	return slices.ContainsFunc(claims, func(c ext.Claim) bool {
		return c.Framework == r.Framework && c.Track == r.Track && c.Level >= r.Level
	})
}

func listClaims(claims []ext.Claim) string {
	var out []string
	for _, c := range claims {
		out = append(out, fmt.Sprintf("%s track %s level %d", c.Framework, c.Track, c.Level))
	}
	return strings.Join(out, ", ")
}

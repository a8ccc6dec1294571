package layout

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// Reason says why a build does not follow a layout.
type Reason string

const (
	// Expired: the layout's own date is over.
	Expired Reason = "expired"
	// StepUnsigned: a step lacks a link by enough of its keys that agree.
	StepUnsigned Reason = "step-unsigned"
	// WrongArtifact: the last step did not make this artifact.
	WrongArtifact Reason = "wrong-artifact"
	// RuleBroken: an artifact rule of a step does not hold.
	RuleBroken Reason = "rule-broken"
	// TooMany: so many links or signatures that not all are tried.
	TooMany Reason = "too-many"
)

// Error is why a build does not follow a layout.
type Error struct {
	Reason Reason
	Step   string // "" where it is about no step
	Detail string
}

func (e *Error) Error() string {
	if e.Step == "" {
		return fmt.Sprintf("%s: %s", e.Reason, e.Detail)
	}
	return fmt.Sprintf("%s: step %s: %s", e.Reason, quote(e.Step), e.Detail)
}

// maxCombinations bounds how many choices of one performance for each step are tried. A
// step has more than one where links of several builds are at hand.
const maxCombinations = 256

// maxVerifications bounds the signatures that are verified for one layout: some tenths of a
// second of work. A link with one signature takes one for each key of its step.
const maxVerifications = 4096

// performance is one way in which a step was done: what went in, what came out, and the
// links that say so.
type performance struct {
	link   *attest.StepLink
	links  []string // SHA-256 of the envelopes
	signed []string // ids of distinct keys
}

// Follow returns the SHA-256 of the envelopes that show that an artifact (SHA-256 in hex)
// was made as a layout says: the layout and the links of one performance of each step,
// signed by as many of its keys as its threshold says, such that all artifact rules hold
// and the last step has the artifact among its products. Errors: *Error.
func Follow(l *Document, artifact string, links []*Document, now time.Time) ([]string, error) {
	if !now.Before(l.Layout.Expires) {
		return nil, &Error{Reason: Expired, Detail: "the layout was good until " + l.Layout.Expires.Format(time.RFC3339)}
	}
	if l.work(links) > maxVerifications {
		return nil, &Error{Reason: TooMany, Detail: "more signatures than are verified for one build"}
	}
	var ways [][]performance
	combinations := 1
	for i, s := range l.Layout.Steps {
		found := l.performances(s, links)
		if len(found) == 0 {
			return nil, &Error{StepUnsigned, s.Name, fmt.Sprintf("no link signed by %d of its keys", s.Threshold)}
		}
		if i == len(l.Layout.Steps)-1 {
			found = slices.DeleteFunc(found, func(p performance) bool { return !makes(p.link, artifact) })
			if len(found) == 0 {
				return nil, &Error{WrongArtifact, s.Name, "the artifact is not among the products of the last step"}
			}
		}
		ways, combinations = append(ways, found), combinations*len(found)
		if combinations > maxCombinations {
			return nil, &Error{Reason: TooMany, Detail: "links of too many builds fit"}
		}
	}
	return l.choose(ways)
}

// work is how many signatures at most are verified to judge these links.
func (d *Document) work(links []*Document) int {
	n := 0
	for _, s := range d.Layout.Steps {
		for _, l := range links {
			if l.Link != nil && l.Link.Name == s.Name {
				n += len(s.Keys) * len(l.envelope.Signatures)
			}
		}
	}
	return n
}

// choose tries every combination of performances.
func (d *Document) choose(ways [][]performance) ([]string, error) {
	chosen := make([]int, len(ways))
	var failed error
	for {
		err := d.apply(ways, chosen)
		if err == nil {
			out := []string{d.SHA256}
			for i, c := range chosen {
				out = append(out, ways[i][c].links...)
			}
			return out, nil
		}
		if failed == nil {
			failed = err
		}
		i := 0
		for ; i < len(ways); i++ {
			if chosen[i]++; chosen[i] < len(ways[i]) {
				break
			}
			chosen[i] = 0
		}
		if i == len(ways) {
			return nil, failed
		}
	}
}

// apply holds the artifact rules against one combination.
func (d *Document) apply(ways [][]performance, chosen []int) error {
	made := map[string]*attest.StepLink{}
	for i, c := range chosen {
		made[d.Layout.Steps[i].Name] = ways[i][c].link
	}
	for _, s := range d.Layout.Steps {
		if err := obey(s, made); err != nil {
			return &Error{RuleBroken, s.Name, quote(err.Error())}
		}
	}
	return nil
}

// performances are the ways in which a step was done that enough of its keys vouch for.
func (d *Document) performances(s attest.LayoutStep, links []*Document) []performance {
	var all []performance
	for _, link := range links {
		if link.Link == nil || link.Link.Name != s.Name {
			continue
		}
		var by []string
		for _, id := range s.Keys {
			if f := d.keys[id]; link.by(f) && !slices.Contains(by, f.id) {
				by = append(by, f.id)
			}
		}
		if len(by) > 0 {
			all = add(all, link, by)
		}
	}
	return slices.DeleteFunc(all, func(p performance) bool { return len(p.signed) < s.Threshold })
}

// add joins a link to the performance that it agrees with.
func add(all []performance, link *Document, by []string) []performance {
	i := slices.IndexFunc(all, func(p performance) bool {
		return reflect.DeepEqual(p.link.Materials, link.Link.Materials) && reflect.DeepEqual(p.link.Products, link.Link.Products)
	})
	if i < 0 {
		return append(all, performance{link.Link, []string{link.SHA256}, by})
	}
	for _, id := range by {
		if !slices.Contains(all[i].signed, id) {
			all[i].signed = append(all[i].signed, id)
		}
	}
	all[i].links = append(all[i].links, link.SHA256)
	return all
}

func makes(l *attest.StepLink, artifact string) bool {
	for _, digest := range l.Products {
		if artifact != "" && digest["sha256"] == artifact {
			return true
		}
	}
	return false
}

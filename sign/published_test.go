package sign

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// clients is what repositories hand out, and what they were asked.
type clients struct {
	has  map[string][][]byte // by key
	err  error
	keys []string
	urls [][]string
	stop context.CancelFunc // called on the first question
}

func (c *clients) Published(_ context.Context, key string, urls []string) ([][]byte, error) {
	c.keys, c.urls = append(c.keys, key), append(c.urls, urls)
	if c.stop != nil {
		c.stop()
	}
	return c.has[key], c.err
}

// moderate is a ground on which the catalogue asks what clients find.
func moderate(t *testing.T, w *world, layouts ...string) ground {
	t.Helper()
	c, err := embedded()
	must(t, err)
	f, _ := c.Lookup("cncf-sscp-v1")
	track, ok := f.Track("assurance")
	if !ok {
		t.Fatal("no track")
	}
	a := w.assessment(t)
	a.Framework, a.Level, a.Scope.Layouts = f.Ref("assurance"), 2, layouts
	return ground{assessed: []gate.Assessed{{ID: "a1", Assessment: a, Track: track}}}
}

// TestGatherPublished: what clients find is read at the addresses that the certificate
// names, the layout and its links too, and what cannot be read is reported and no error.
func TestGatherPublished(t *testing.T) {
	w := newWorld(t)
	artifact, layout, from := w.build().Digest, strings.Repeat("33", 32), strings.Repeat("11", 32)
	raw, err := json.Marshal(map[string]any{"_type": "link", "name": "pack", "materials": map[string]any{"x": map[string]string{"sha256": from}}, "products": map[string]any{"out": map[string]string{"sha256": artifact}}})
	must(t, err)
	link, err := attest.Sign(t.Context(), attest.PayloadType, raw, w.builder)
	must(t, err)
	scope, marked := w.assessment(t).Scope.Repositories, []string{"https://vendor.example.com/att"}
	for name, c := range map[string]struct {
		g               ground
		has             map[string][][]byte
		err             error
		keys, urls      []string
		artifact, steps int
		unread          string
	}{
		"no assessment asks":    {g: ground{assessed: []gate.Assessed{{ID: "a1", Assessment: w.assessment(t), Track: audit.Track{}}}}},
		"the artifact alone":    {g: moderate(t, w), has: map[string][][]byte{artifact: {link, link}}, keys: []string{artifact}, urls: scope, artifact: 2},
		"the certificate's own": {g: with(moderate(t, w), marked), has: map[string][][]byte{artifact: {link}}, keys: []string{artifact}, urls: marked, artifact: 1},
		"a layout and links": {g: moderate(t, w, layout), has: map[string][][]byte{artifact: {link}, layout: {link}, from: {link}},
			keys: []string{artifact, layout, from}, urls: scope, artifact: 1, steps: 2},
		"one that fails":     {g: moderate(t, w), has: map[string][][]byte{artifact: {link}}, err: errBroken, keys: []string{artifact}, urls: scope, artifact: 1, unread: errBroken.Error()},
		"more than are read": {g: moderate(t, w), has: map[string][][]byte{artifact: slices.Repeat([][]byte{link}, maxPublished+1)}, keys: []string{artifact}, urls: scope, unread: "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			there := &clients{has: c.has, err: c.err}
			s := w.service(t)
			s.c.Clients = there
			got, err := s.gatherPublished(t.Context(), artifact, c.g)
			must(t, err)
			if !slices.Equal(there.keys, c.keys) || slices.ContainsFunc(there.urls, func(u []string) bool { return !slices.Equal(u, c.urls) }) {
				t.Errorf("asked for %v at %v", there.keys, there.urls)
			}
			if got == nil {
				got = &gate.Published{}
				if c.keys != nil {
					t.Error("not looked up")
				}
			}
			if len(got.Artifact) != c.artifact || len(got.Steps) != c.steps || (got.Unread == "") != (c.unread == "") || !strings.Contains(got.Unread, c.unread) {
				t.Errorf("%d and %d envelopes, unread %q", len(got.Artifact), len(got.Steps), got.Unread)
			}
		})
	}
}

func with(g ground, urls []string) ground {
	g.mark.Repository = ext.AttestationRepository{URLs: urls}
	return g
}

// TestPublishedStops: a caller who has gone away is told so, and nothing is decided.
func TestPublishedStops(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := w.service(t)
	s.c.Clients = &clients{err: context.Canceled, stop: cancel}
	if _, _, err := s.judge(ctx, w.request(), moderate(t, w)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	s.c.Clients = nil
	d, _, err := s.judge(t.Context(), w.request(), moderate(t, w))
	must(t, err)
	if !slices.ContainsFunc(d.Verdicts, func(v gate.Verdict) bool {
		return v.Rule == "deployments.client-verification" && v.Outcome != gate.Pass
	}) {
		t.Error("nobody looked, and clients can verify it")
	}
}

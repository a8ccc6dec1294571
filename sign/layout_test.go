package sign

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// asked remembers what evidence was looked up.
type asked struct {
	fakeEvidence
	keys []string
}

func (a *asked) Get(ctx context.Context, vendor, digest string) ([][]byte, error) {
	a.keys = append(a.keys, digest)
	return a.fakeEvidence.Get(ctx, vendor, digest)
}

// TestGatherSteps: layouts are looked up by the digest in the scope, links from the artifact
// backwards, each once, and no more than the bound.
func TestGatherSteps(t *testing.T) {
	w := newWorld(t)
	artifact := w.build().Digest
	one, two, layout := strings.Repeat("11", 32), strings.Repeat("22", 32), strings.Repeat("33", 32)
	link := func(name string, made string, from ...string) []byte {
		materials := map[string]any{}
		for i, f := range from {
			materials[strings.Repeat("x", i+1)] = map[string]string{"sha256": f}
		}
		raw, err := json.Marshal(map[string]any{"_type": "link", "name": name, "materials": materials, "products": map[string]any{"out": map[string]string{"sha256": made}}})
		must(t, err)
		out, err := attest.Sign(t.Context(), attest.PayloadType, raw, w.builder)
		must(t, err)
		return out
	}
	var many []string
	for i := range 2 * maxStepLookups {
		many = append(many, strings.Repeat("ab", 31)+string("0123456789abcdef"[i/16])+string("0123456789abcdef"[i%16]))
	}
	for name, c := range map[string]struct {
		files fakeEvidence
		want  []string
	}{
		"one after the other": {fakeEvidence{"vendor/" + artifact: {link("pack", artifact, one)}, "vendor/" + one: {link("build", one, two)}}, []string{artifact, layout, one, two}},
		"in a circle":         {fakeEvidence{"vendor/" + artifact: {link("pack", artifact, one)}, "vendor/" + one: {link("build", one, artifact, layout)}}, []string{artifact, layout, one}},
		"too many":            {fakeEvidence{"vendor/" + artifact: {link("pack", artifact, many...)}}, nil},
	} {
		evidence := &asked{fakeEvidence: c.files}
		s := w.service(t)
		s.c.Evidence = evidence
		a := w.assessment(t)
		a.Scope.Layouts = []string{layout}
		assessed := []gate.Assessed{{ID: "a1", Assessment: a, Track: audit.Track{}}}
		got, err := s.gather(t.Context(), "vendor", artifact, assessed)
		must(t, err)
		if c.want == nil {
			if len(evidence.keys) != maxStepLookups+1 {
				t.Errorf("%s: %d lookups", name, len(evidence.keys))
			}
			continue
		}
		if !slices.Equal(evidence.keys, c.want) || len(got) != len(c.files) {
			t.Errorf("%s: %v, %d envelopes", name, evidence.keys, len(got))
		}
	}
}

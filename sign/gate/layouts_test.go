package gate

import (
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// plan is a layout of two steps and its links, signed.
type plan struct {
	layout, write, pack []byte
	id                  string
}

func newPlan(t testing.TB, artifact string) plan {
	t.Helper()
	writer, packer := newKey(t, elliptic.P256()), newKey(t, elliptic.P256())
	source := map[string]any{"app.go": map[string]string{"sha256": strings.Repeat("ab", 32)}}
	key := func(k crypto.Signer) map[string]any {
		return map[string]any{"keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": map[string]any{"public": pemKey(t, k)}}
	}
	id := func(k crypto.Signer) string {
		out, err := attest.KeyID(k.Public())
		must(t, err)
		return out
	}
	payload := map[string]any{
		"_type": "layout", "expires": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		"keys": map[string]any{id(writer): key(writer), id(packer): key(packer)},
		"steps": []any{
			map[string]any{"name": "write", "pubkeys": []string{id(writer)}, "threshold": 1, "expected_products": [][]string{{"CREATE", "app.go"}, {"DISALLOW", "*"}}},
			map[string]any{"name": "pack", "pubkeys": []string{id(packer)}, "threshold": 1,
				"expected_materials": [][]string{{"MATCH", "app.go", "WITH", "PRODUCTS", "FROM", "write"}, {"DISALLOW", "*"}}},
		},
	}
	var p plan
	p.layout = inToto(t, payload, writer)
	p.write = inToto(t, map[string]any{"_type": "link", "name": "write", "materials": map[string]any{}, "products": source}, writer)
	p.pack = inToto(t, map[string]any{"_type": "link", "name": "pack", "materials": source, "products": map[string]any{"app.deb": map[string]string{"sha256": artifact}}}, packer)
	u, err := attest.ParseEnvelope(p.layout)
	must(t, err)
	p.id = attest.LayoutKeyID(u.Payload)
	return p
}

func inToto(t testing.TB, payload any, by crypto.Signer) []byte {
	t.Helper()
	raw, err := json.Marshal(payload)
	must(t, err)
	out, err := attest.Sign(t.Context(), attest.PayloadType, raw, by)
	must(t, err)
	return out
}

// TestLayout: a layout of the scope that the build follows stands for a summary.
func TestLayout(t *testing.T) {
	const rule = "build.policy-adherence"
	d := newDocket(t, "cncf-sscp-v1", "assurance", 3)
	delete(d.papers, "vsa")
	p := newPlan(t, d.build.Digest)
	other := newPlan(t, strings.Repeat("cd", 32))
	d.assessment.Scope.Layouts = []string{p.id}
	for name, c := range map[string]struct {
		more [][]byte
		ok   bool
	}{
		"followed":              {[][]byte{p.layout, p.write, p.pack}, true},
		"and another is there":  {[][]byte{other.pack, other.layout, p.pack, p.write, p.layout}, true},
		"not published":         {[][]byte{p.write, p.pack}, false},
		"a link is missing":     {[][]byte{p.layout, p.pack}, false},
		"one that is not ours":  {[][]byte{other.layout, other.write, other.pack}, false},
		"links by other people": {[][]byte{p.layout, other.write, other.pack}, false},
	} {
		got := verdict(t, d.decideWith(c.more), rule)
		if (got.Outcome == Pass) != c.ok || c.ok && (got.Evidence == "" || len(got.Further) != 2) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	d.assessment.Scope.Layouts = nil
	if got := verdict(t, d.decideWith([][]byte{p.layout, p.write, p.pack}), rule); got.Outcome == Pass {
		t.Errorf("a layout that no auditor has looked at: %+v", got)
	}
}

// decideWith is decide with further evidence.
func (d *docket) decideWith(more [][]byte) Decision {
	d.t.Helper()
	return New(Config{}).Decide(d.build, append(d.evidence(), more...), d.onRecord())
}

func (d *docket) onRecord() []Assessed {
	return []Assessed{{"a1", d.assessment, track(d.t, d.assessment)}}
}

// TestSteps: what is to be looked up for a layout: itself, and then what went into the steps.
func TestSteps(t *testing.T) {
	d := newDocket(t, "cncf-sscp-v1", "assurance", 3)
	p := newPlan(t, d.build.Digest)
	g := New(Config{})
	if got := g.Steps([][]byte{p.pack}, d.onRecord()); got != nil {
		t.Errorf("no layout in scope: %v", got)
	}
	d.assessment.Scope.Layouts = []string{p.id}
	if got := New(Config{}).Steps([][]byte{p.pack, []byte("rubbish")}, d.onRecord()); !slices.Equal(got, []string{p.id, strings.Repeat("ab", 32)}) {
		t.Error(got)
	}
}

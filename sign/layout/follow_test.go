package layout

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
)

// evidence signs the world's links, the good ones.
func (w *world) evidence(t testing.TB) (plan *Document, links []*Document) {
	t.Helper()
	return document(t, w.layout, w.writer), []*Document{document(t, w.write, w.writer), document(t, w.pack, w.packer)}
}

func TestFollow(t *testing.T) {
	for name, change := range map[string]func(*world){
		"as it is": func(*world) {},
		"by another key that may": func(w *world) {
			w.packer = w.further[0]
		},
		"a command other than expected": func(w *world) { w.layout.Steps[1].ExpectedCommand = []string{"zip"} },
		"with prefixes": func(w *world) {
			w.pack.Materials = map[string]in_toto.HashObj{"src/hello.py": {"sha256": written}}
			w.layout.Steps[1].ExpectedMaterials[0] = []string{"MATCH", "hello.py", "IN", "src", "WITH", "PRODUCTS", "FROM", "write"}
		},
	} {
		w := newWorld(t)
		change(w)
		plan, links := w.evidence(t)
		got, err := Follow(plan, artifact, links, testNow)
		if want := []string{plan.SHA256, links[0].SHA256, links[1].SHA256}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestNotFollowed breaks one thing each.
func TestNotFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		reason Reason
		step   string
		change func(w *world)
	}{
		"expired":                   {Expired, "", func(w *world) { w.layout.Expires = "2026-05-31T23:59:59Z" }},
		"expires at this moment":    {Expired, "", func(w *world) { w.layout.Expires = testNow.Format(time.RFC3339) }},
		"a step without link":       {StepUnsigned, "write", func(w *world) { w.write.Name = "other" }},
		"by a key that may not":     {StepUnsigned, "pack", func(w *world) { w.packer = w.writer }},
		"by nobody's key":           {StepUnsigned, "pack", func(w *world) { w.packer = newKey(t) }},
		"too few":                   {StepUnsigned, "pack", func(w *world) { w.layout.Steps[1].Threshold = 2 }},
		"another artifact":          {WrongArtifact, "pack", func(w *world) { w.pack.Products = map[string]in_toto.HashObj{"hello.tar.gz": {"sha256": written}} }},
		"the artifact went in":      {WrongArtifact, "pack", func(w *world) { w.pack.Materials, w.pack.Products = w.pack.Products, w.pack.Materials }},
		"by another algorithm":      {WrongArtifact, "pack", func(w *world) { w.pack.Products["hello.tar.gz"] = in_toto.HashObj{"sha3_256": artifact} }},
		"changed between the steps": {RuleBroken, "pack", func(w *world) { w.pack.Materials = map[string]in_toto.HashObj{"hello.py": {"sha256": artifact}} }},
		"something more went in": {RuleBroken, "pack", func(w *world) {
			w.pack.Materials = map[string]in_toto.HashObj{"hello.py": {"sha256": written}, "x": {"sha256": written}}
		}},
		"something more came out":     {RuleBroken, "pack", func(w *world) { w.pack.Products["x"] = in_toto.HashObj{"sha256": written} }},
		"a step that is in no layout": {RuleBroken, "pack", func(w *world) { w.layout.Steps[1].ExpectedMaterials[0][5] = "wrote" }},
	} {
		w := newWorld(t)
		c.change(w)
		plan, links := w.evidence(t)
		var e *Error
		if got, err := Follow(plan, artifact, links, testNow); !errors.As(err, &e) || e.Reason != c.reason || e.Step != c.step || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestThreshold: keys are counted, not names of keys nor envelopes.
func TestThreshold(t *testing.T) {
	w := newWorld(t)
	w.layout.Steps[1].Threshold = 2
	again := w.packer
	again.KeyID = "feedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedfacefeedface"
	w.layout.Keys[again.KeyID] = public(again)
	w.layout.Steps[1].PubKeys = append(w.layout.Steps[1].PubKeys, again.KeyID)
	plan, links := w.evidence(t)
	other := w.pack
	other.Products = map[string]in_toto.HashObj{"hello.tar.gz": {"sha256": artifact, "sha512": artifact + artifact}}
	for name, c := range map[string]struct {
		more []*Document
		ok   bool
	}{
		"one key":                     {nil, false},
		"one key twice":               {[]*Document{document(t, w.pack, w.packer)}, false},
		"one key under two names":     {[]*Document{document(t, w.pack, again)}, false},
		"two keys that disagree":      {[]*Document{document(t, other, w.further[0])}, false},
		"two keys":                    {[]*Document{document(t, w.pack, w.further[0])}, true},
		"two keys in one envelope":    {[]*Document{document(t, w.pack, w.packer, w.further[0])}, true},
		"two keys, and a stranger":    {[]*Document{document(t, w.pack, w.further[0]), document(t, w.pack, newKey(t))}, true},
		"two keys, and one disagrees": {[]*Document{document(t, w.pack, w.further[0]), document(t, other, w.packer)}, true},
	} {
		_, err := Follow(plan, artifact, append(slices.Clone(links), c.more...), testNow)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOtherBuilds: links of other builds beside those of this one do no harm, until they
// are too many.
func TestOtherBuilds(t *testing.T) {
	w := newWorld(t)
	plan, links := w.evidence(t)
	var others []*Document
	for i := range 20 {
		l := w.write
		l.Products = map[string]in_toto.HashObj{"hello.py": {"sha256": written[:62] + string("0123456789abcdef"[i%16]) + string("0123456789abcdef"[i/16])}}
		others = append(others, document(t, l, w.writer))
	}
	if _, err := Follow(plan, artifact, append(slices.Clone(others), links...), testNow); err != nil {
		t.Error(err)
	}
	for range 20 {
		p := w.pack
		p.Products = map[string]in_toto.HashObj{"hello.tar.gz": {"sha256": artifact, "sha1": written[:38] + string("0123456789abcdef"[len(others)%16]) + "0"}}
		p.Materials = map[string]in_toto.HashObj{"x": {"sha256": others[len(others)-20].SHA256}}
		others = append(others, document(t, p, w.packer))
	}
	var e *Error
	if _, err := Follow(plan, artifact, append(others, links...), testNow); !errors.As(err, &e) || e.Reason != TooMany {
		t.Error(err)
	}
}

// TestManySignatures: what others signed beside the right key does not cost without end.
func TestManySignatures(t *testing.T) {
	w := newWorld(t)
	plan, links := w.evidence(t)
	keys := []in_toto.Key{w.packer}
	for range 15 {
		keys = append(keys, w.writer)
	}
	crowd := document(t, w.pack, keys...)
	if _, err := Follow(plan, artifact, []*Document{links[0], crowd}, testNow); err != nil {
		t.Error(err)
	}
	for range maxVerifications / 32 {
		links = append(links, crowd)
	}
	var e *Error
	if _, err := Follow(plan, artifact, links, testNow); !errors.As(err, &e) || e.Reason != TooMany {
		t.Error(err)
	}
}

// TestSublayout: a layout in the place of a link is none.
func TestSublayout(t *testing.T) {
	w := newWorld(t)
	plan, links := w.evidence(t)
	links[0] = document(t, w.layout, w.writer)
	var e *Error
	if _, err := Follow(plan, artifact, links, testNow); !errors.As(err, &e) || e.Reason != StepUnsigned {
		t.Error(err)
	}
}

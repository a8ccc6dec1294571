package layout

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

// TestReadRefuses breaks one thing each in a good document.
func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text   string // in the refusal
		change func(w *world)
	}{
		"inspections": {"run", func(w *world) {
			w.layout.Inspect = []in_toto.Inspection{{Type: "inspection", Run: []string{"true"}, SupplyChainItem: in_toto.SupplyChainItem{Name: "look"}}}
		}},
		"certificates":             {"rootcas", func(w *world) { w.layout.RootCas = map[string]in_toto.Key{"a": w.writer} }},
		"constraints":              {"cert_constraints", func(w *world) { w.layout.Steps[0].CertificateConstraints = make([]in_toto.CertificateConstraint, 1) }},
		"no steps":                 {"steps", func(w *world) { w.layout.Steps = nil }},
		"a step twice":             {"twice", func(w *world) { w.layout.Steps[1].Name = "write" }},
		"a step without name":      {"name", func(w *world) { w.layout.Steps[1].Name = "" }},
		"threshold 0":              {"threshold", func(w *world) { w.layout.Steps[0].Threshold = 0 }},
		"threshold negative":       {"threshold", func(w *world) { w.layout.Steps[0].Threshold = -1 }},
		"threshold above the keys": {"threshold", func(w *world) { w.layout.Steps[0].Threshold = 2 }},
		"one key named twice":      {"pubkeys", func(w *world) { w.layout.Steps[0].PubKeys = append(w.layout.Steps[0].PubKeys, w.writer.KeyID) }},
		"a key that is not there":  {"pubkeys", func(w *world) { w.layout.Steps[0].PubKeys[0] = "00" }},
		"a key of another scheme": {"scheme", func(w *world) {
			k := w.layout.Keys[w.writer.KeyID]
			k.Scheme = "rsassa-pss-sha256"
			w.layout.Keys[w.writer.KeyID] = k
		}},
		"a key that is none": {"keys", func(w *world) {
			k := w.layout.Keys[w.writer.KeyID]
			k.KeyVal.Public = "x"
			w.layout.Keys[w.writer.KeyID] = k
		}},
		"an RSA key that says ECDSA": {"keys", func(w *world) {
			w.reword(func(k *in_toto.Key) { k.KeyVal.Public = rsaKey(t) })
		}},
		"an ECDSA key that says RSA": {"keys", func(w *world) {
			w.reword(func(k *in_toto.Key) { k.KeyType, k.Scheme = "rsa", "rsassa-pss-sha256" })
		}},
		"an ECDSA key that says Ed25519": {"keys", func(w *world) {
			w.reword(func(k *in_toto.Key) { k.KeyType, k.Scheme = "ed25519", "ed25519" })
		}},
		"an Ed25519 key too short": {"keys", func(w *world) {
			w.reword(func(k *in_toto.Key) { k.KeyType, k.Scheme, k.KeyVal.Public = "ed25519", "ed25519", "00" })
		}},
		"a private key in the place of a public one": {"keys", func(w *world) {
			w.reword(func(k *in_toto.Key) { k.KeyVal.Public = w.writer.KeyVal.Private })
		}},
		"no date":              {"expires", func(w *world) { w.layout.Expires = "" }},
		"a date of its own":    {"expires", func(w *world) { w.layout.Expires = "tomorrow" }},
		"an unknown rule":      {"rule", func(w *world) { w.layout.Steps[0].ExpectedProducts[0][0] = "PERMIT" }},
		"a rule without words": {"words", func(w *world) { w.layout.Steps[0].ExpectedProducts[0] = nil }},
		"a pattern left open": {"pattern", func(w *world) {
			w.layout.Steps[1].ExpectedProducts = [][]string{{"DISALLOW", "*.so["}}
		}},
		"a pattern that the shortest form leaves open": {"pattern", func(w *world) {
			w.layout.Steps[1].ExpectedProducts = [][]string{{"DISALLOW", "lib\\/"}}
		}},
		"an open pattern in a match":                  {"pattern", func(w *world) { w.layout.Steps[1].ExpectedMaterials[0][1] = "[!]" }},
		"a match with neither materials nor products": {"rule", func(w *world) { w.layout.Steps[1].ExpectedMaterials[0][3] = "PRODUCT" }},
		"half a match": {"rule", func(w *world) { w.layout.Steps[1].ExpectedMaterials[0] = []string{"MATCH", "x", "WITH"} }},
		"another type": {"_type", func(w *world) { w.layout.Type = "plan" }},
	} {
		w := newWorld(t)
		c.change(w)
		if d, err := Read(signed(t, w.layout, w.writer)); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	w := newWorld(t)
	w.pack.Products = map[string]in_toto.HashObj{"./hello.tar.gz": {"sha256": artifact}}
	if _, err := Read(signed(t, w.pack, w.packer)); err == nil || !strings.Contains(err.Error(), "shortest") {
		t.Error(err)
	}
	w.pack.Products = map[string]in_toto.HashObj{"hello.tar.gz": {}}
	if _, err := Read(signed(t, w.pack, w.packer)); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Error(err)
	}
	if _, err := Read([]byte(strings.Replace(string(signed(t, w.write, w.writer)), "vnd.in-toto", "vnd.other", 1))); !attest.Is(err, attest.WrongPayload) {
		t.Error(err)
	}
}

func inToto(t testing.TB, name string) (*Document, error) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(corpora.Folder(t, "in-toto"), name))
	must(t, err)
	return Read(raw)
}

// TestCorpora judges what in-toto's own tests have: a layout and links made by its tools.
func TestCorpora(t *testing.T) {
	plan, err := inToto(t, "dsse-only.root.layout")
	must(t, err)
	var links []*Document
	for _, name := range []string{"clone-dsse.776a00e2.link", "update-version-dsse.776a00e2.link", "package-dsse.2f89b927.link"} {
		link, err := inToto(t, name)
		must(t, err)
		links = append(links, link)
	}
	made := links[2].Link.Products["demo-project.tar.gz"]["sha256"]
	if shown, err := Follow(plan, made, links, testNow); err != nil || len(shown) != 4 {
		t.Error(shown, err)
	}
	var e *Error
	if _, err := Follow(plan, made, links[1:], testNow); !errors.As(err, &e) || e.Reason != StepUnsigned {
		t.Error(err)
	}
	// The demonstration layout runs commands to inspect, and older files are no envelopes.
	for name, want := range map[string]string{
		"demo.dsse.layout": "none is run here", "demo.layout": "payloadType", "package.d3ffd108.link": "payloadType", "sub_layout.70ca5750.link": "payloadType",
	} {
		if _, err := inToto(t, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzRead: what is read is a layout or a link, and judging it ends without a panic.
func FuzzRead(f *testing.F) {
	w := newWorld(f)
	f.Add(signed(f, w.layout, w.writer))
	f.Add(signed(f, w.write, w.writer))
	f.Add(signed(f, w.pack, w.packer))
	for _, name := range []string{"demo.dsse.layout", "package-dsse.2f89b927.link"} {
		raw, err := os.ReadFile(filepath.Join(corpora.Folder(f, "in-toto"), name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	_, links := w.evidence(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Read(raw)
		if err != nil {
			return
		}
		if (d.Layout == nil) == (d.Link == nil) {
			t.Fatal("neither one nor the other")
		}
		if d.Layout != nil {
			_, _ = Follow(d, artifact, links, testNow)
			return
		}
		if _, err := attest.FiledPayload(d.payload); err != nil {
			t.Fatal(err)
		}
		plan := document(t, w.layout, w.writer)
		if _, err := Follow(plan, artifact, append(links, d), testNow); err != nil && strings.Contains(err.Error(), "panic") {
			t.Fatal(err)
		}
	})
}

// TestLibrarysEnvelope: what in-toto's library writes is what is read here.
func TestLibrarysEnvelope(t *testing.T) {
	w := newWorld(t)
	var e in_toto.Envelope
	must(t, e.SetPayload(w.pack))
	must(t, e.Sign(w.packer))
	path := filepath.Join(t.TempDir(), "pack.link")
	must(t, e.Dump(path))
	raw, err := os.ReadFile(path)
	must(t, err)
	d, err := Read(raw)
	must(t, err)
	plan, links := w.evidence(t)
	if _, err := Follow(plan, artifact, []*Document{links[0], d}, testNow); err != nil {
		t.Error(err)
	}
	if !json.Valid(raw) || d.Link.Inputs()[0] != written {
		t.Error(d.Link)
	}
}

package gate

import (
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

// TestSignedHash: evidence about an artifact goes with the hash that it names, and with no
// other, whatever the client says.
func TestSignedHash(t *testing.T) {
	const algorithm = "authenticodeSha256"
	good, evil := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	stating := func(w *world, value string) []byte {
		return w.provenance(t, func(b *build) { b.Subjects[0].Digest[algorithm] = value })
	}
	for name, c := range map[string]struct {
		evidence func(w *world) []byte
		signed   Hash
		also     map[string]string
		detail   string // "" when it is granted
	}{
		"stated by the builder":            {func(w *world) []byte { return stating(w, good) }, Hash{algorithm, good}, nil, ""},
		"nothing else is signed":           {func(w *world) []byte { return stating(w, good) }, Hash{}, nil, ""},
		"not stated, taken from the file":  {func(w *world) []byte { return w.provenance(t, nil) }, Hash{algorithm, good}, map[string]string{algorithm: good}, ""},
		"another file's hash":              {func(w *world) []byte { return stating(w, good) }, Hash{algorithm, evil}, nil, "another authenticodeSha256"},
		"another file was uploaded":        {func(w *world) []byte { return stating(w, good) }, Hash{algorithm, evil}, map[string]string{algorithm: evil}, "another authenticodeSha256"},
		"not stated":                       {func(w *world) []byte { return w.provenance(t, nil) }, Hash{algorithm, good}, nil, "does not state"},
		"not stated, the file has another": {func(w *world) []byte { return w.provenance(t, nil) }, Hash{algorithm, good}, map[string]string{algorithm: evil}, "does not state"},
		"stated under another name":        {func(w *world) []byte { return stating(w, good) }, Hash{"jarSignatureFileSha256", good}, nil, "does not state"},
		"not stated, and no hash":          {func(w *world) []byte { return w.provenance(t, nil) }, Hash{algorithm, ""}, nil, "does not state"},
		"stated of another artifact": {func(w *world) []byte {
			return w.provenance(t, func(b *build) { b.Subjects[0].Digest = map[string]string{"sha256": evil, algorithm: good} })
		}, Hash{algorithm, good}, nil, "about another artifact"},
		"stated by a second, other subject": {func(w *world) []byte {
			return w.provenance(t, func(b *build) {
				b.Subjects = append(b.Subjects, attest.Subject{Name: "x", Digest: map[string]string{algorithm: good}})
			})
		}, Hash{algorithm, good}, nil, "about another artifact too"},
		"stated twice, once with another one": {func(w *world) []byte {
			return w.provenance(t, func(b *build) {
				d := b.Subjects[0].Digest["sha256"]
				b.Subjects = []attest.Subject{{Name: "a", Digest: map[string]string{"sha256": d, algorithm: good}}, {Name: "b", Digest: map[string]string{"sha256": d, algorithm: evil}}}
			})
		}, Hash{algorithm, good}, nil, "another authenticodeSha256"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.build()
			b.Signed, b.Also = c.signed, c.also
			d := Decide(b, [][]byte{c.evidence(w)}, w.assessed(t, nil))
			if d.Granted() != (c.detail == "") {
				t.Fatalf("granted %t: %+v", d.Granted(), d.Verdicts)
			}
			if c.detail == "" {
				return
			}
			if failed := d.Failed(); len(failed) != 1 || failed[0] != "provenance.identifies-artifact" {
				t.Errorf("failed %v", failed)
			}
			for _, v := range d.Verdicts {
				if v.Outcome == Fail && !strings.Contains(v.Detail, c.detail) {
					t.Errorf("%q, want %q", v.Detail, c.detail)
				}
			}
		})
	}
}

package gate

import (
	"bytes"
	"testing"
)

// FuzzReadChain: what is read as certificates is made of those very bytes, and what they
// say about issuer and subject is the same each time.
func FuzzReadChain(f *testing.F) {
	g := newForge(f)
	leaf := g.leaf()
	f.Add([]byte(certPEM(leaf) + certPEM(g.root.cert)))
	f.Add(append(bytes.Clone(leaf.Raw), g.root.cert.Raw...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		leaf, others, err := readChain(raw)
		if err != nil {
			if leaf != nil || others != nil {
				t.Fatal("half a result with an error")
			}
			return
		}
		var all []byte
		for _, c := range others {
			all = append(all, c.Raw...)
		}
		again, more, err := readChain(append(bytes.Clone(leaf.Raw), all...))
		if err != nil || !again.Equal(leaf) || len(more) != len(others) {
			t.Fatalf("written again, read otherwise: %v", err)
		}
		issuer, _ := issuerOf(leaf)
		subject, _ := subjectOf(leaf)
		if i, _ := issuerOf(again); i != issuer {
			t.Fatal(i, issuer)
		}
		if s, _ := subjectOf(again); s != subject {
			t.Fatal(s, subject)
		}
		tokenOf(raw)
	})
}

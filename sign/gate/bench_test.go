package gate

import "testing"

// BenchmarkDecide judges a typical build: one piece of provenance, level 3. "cold" is a
// gate that sees the evidence for the first time, "warm" one that has seen it.
func BenchmarkDecide(b *testing.B) {
	w := newWorld(b)
	evidence := [][]byte{w.provenance(b, nil)}
	assessed := w.assessed(b, nil)
	assessed[0].ID = w.build().Digest // stands for content
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			if !New(Config{}).Decide(w.build(), evidence, assessed).Granted() {
				b.Fatal("refused")
			}
		}
	})
	b.Run("known vendor", func(b *testing.B) {
		g := New(Config{})
		for b.Loop() {
			g.opener = Opener{}
			if !g.Decide(w.build(), evidence, assessed).Granted() {
				b.Fatal("refused")
			}
		}
	})
	b.Run("warm", func(b *testing.B) {
		g := New(Config{})
		for b.Loop() {
			if !g.Decide(w.build(), evidence, assessed).Granted() {
				b.Fatal("refused")
			}
		}
	})
}

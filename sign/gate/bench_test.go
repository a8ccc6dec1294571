package gate

import (
	"fmt"
	"testing"
)

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

// manyInputs is a case at a level that asks for provenance and a bill of material of each
// input, and there are n of them.
func manyInputs(b *testing.B, n int) (build Build, evidence [][]byte, assessed []Assessed) {
	b.Helper()
	d := newInputsDocket(b, "s2c2f-v1.1", "consumption", 4)
	for i := range n - 4 { // the docket has four
		name, digest := fmt.Sprintf("package-%d", i), fmt.Sprintf("%064x", i)
		d.addMaterial(map[string]any{"name": "pkg:generic/" + name, "uri": "https://packages.example.com/" + name, "digest": map[string]any{"sha256": digest}})
		d.addInput(name, map[string]string{"sha256": digest})
	}
	evidence, assessed = d.evidence(), []Assessed{{"a1", d.assessment, track(b, d.assessment)}}
	keys := New(Config{}).Inputs(evidence, assessed)
	if len(keys) != n {
		b.Fatalf("%d keys, want %d", len(keys), n)
	}
	build = d.build
	build.Inputs = d.found(keys)
	return build, evidence, assessed
}

// BenchmarkDecideInputs judges builds with many inputs, about each of which there are two
// envelopes: the time for each input, which must not grow with their number.
func BenchmarkDecideInputs(b *testing.B) {
	for _, n := range []int{125, 500, MaxInputs} {
		build, evidence, assessed := manyInputs(b, n)
		run := func(name string, gate func() *Gate) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					g := gate()
					if len(g.Inputs(evidence, assessed)) != n {
						b.Fatal("not all inputs are looked up")
					}
					if d := g.Decide(build, evidence, assessed); !d.Granted() {
						b.Fatal(d.Failed())
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/input")
			})
		}
		run("cold", func() *Gate { return New(Config{}) })
		warm := New(Config{})
		run("warm", func() *Gate { return warm })
	}
}

// BenchmarkInputsOwn reads provenance that says nothing about its source and lists as many
// repositories as fit into an envelope: each of them is one, and none an input.
func BenchmarkInputsOwn(b *testing.B) {
	for _, n := range []int{800, 6400} {
		d := newInputsDocket(b, "s2c2f-v1.1", "consumption", 4)
		d.v1()
		set(d.predicate, "buildDefinition.externalParameters", map[string]any{})
		var list []any
		for i := range n {
			list = append(list, map[string]any{"uri": fmt.Sprint("git+https://git.example.org/", i), "digest": map[string]any{"gitCommit": fmt.Sprintf("%040x", i)}})
		}
		set(d.predicate, "buildDefinition.resolvedDependencies", list)
		evidence, assessed := d.evidence(), []Assessed{{"a1", d.assessment, track(b, d.assessment)}}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				if keys := New(Config{}).Inputs(evidence, assessed); len(keys) != 0 {
					b.Fatal(len(keys))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/source")
		})
	}
}

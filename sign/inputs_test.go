package sign

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/sign/gate"
)

// asking is a repository that remembers what it was asked for.
type asking struct {
	fakeEvidence
	asked []string
	err   map[string]error
}

func (a *asking) Get(ctx context.Context, vendor, digest string) ([][]byte, error) {
	a.asked = append(a.asked, digest)
	if err := a.err[digest]; err != nil {
		return nil, err
	}
	return a.fakeEvidence.Get(ctx, vendor, digest)
}

// TestGatherInputs: inputs are looked up for levels that ask about them and for no others,
// at most so many bytes of evidence, and an input whose file cannot be read is no answer.
func TestGatherInputs(t *testing.T) {
	w := newWorld(t)
	first, second := strings.Repeat("aa", 32), strings.Repeat("bb", 32)
	raw := w.provenance(t, func(b *build) {
		b.Dependencies = []attest.ResourceDescriptor{{Name: "first", Digest: map[string]string{"sha256": first}}, {Name: "second", Digest: map[string]string{"sha256": second}}}
	})
	a := w.assessment(t)
	catalogue, err := audit.Embedded()
	must(t, err)
	assessed := func(framework, track string, level int) []gate.Assessed {
		a := a
		f, ok := catalogue.Lookup(framework)
		if !ok {
			t.Fatal(framework)
		}
		a.Framework, a.Level = f.Ref(track), level
		ladder, _ := f.Track(track)
		return []gate.Assessed{{ID: hex.EncodeToString(w.digest[:]), Assessment: a, Track: ladder}}
	}
	service := func(e *asking) *Service {
		s := w.service(t)
		s.c.Evidence = e
		return s
	}
	asks := assessed("s2c2f-v1.1", "consumption", 4)
	for name, c := range map[string]struct {
		assessed []gate.Assessed
		asked    int
	}{"a level that asks": {asks, 2}, "one below": {assessed("s2c2f-v1.1", "consumption", 3), 0}, "another catalogue": {assessed("slsa-v0.1", "slsa", 4), 0}} {
		e := &asking{fakeEvidence: fakeEvidence{"vendor/" + first: {raw}}}
		found, err := service(e).gatherInputs(t.Context(), "vendor", [][]byte{raw}, c.assessed)
		if err != nil || len(e.asked) != c.asked || len(found) != c.asked {
			t.Errorf("%s: asked for %v, found %d, %v", name, e.asked, len(found), err)
		}
	}
	large := [][]byte{bytes.Repeat([]byte("x"), maxInputEvidence/2+1)}
	e := &asking{fakeEvidence: fakeEvidence{"vendor/" + first: large, "vendor/" + second: large}}
	found, err := service(e).gatherInputs(t.Context(), "vendor", [][]byte{raw}, asks)
	if _, ok := found[second]; err != nil || ok || len(found) != 1 {
		t.Errorf("%d found, %v", len(found), err)
	}
	e = &asking{fakeEvidence: fakeEvidence{}, err: map[string]error{second: errBroken}}
	if _, err := service(e).gatherInputs(t.Context(), "vendor", [][]byte{raw}, asks); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), second) {
		t.Error(err)
	}
}

// TestJudgeInputs: what is on file about inputs reaches the gate.
func TestJudgeInputs(t *testing.T) {
	w := newWorld(t)
	library := strings.Repeat("aa", 32)
	raw := w.provenance(t, func(b *build) {
		b.Dependencies = []attest.ResourceDescriptor{{Name: "library", URI: "https://packages.example.com/library", Digest: map[string]string{"sha256": library}}}
	})
	a := w.assessment(t)
	catalogue, err := audit.Embedded()
	must(t, err)
	f, _ := catalogue.Lookup("s2c2f-v1.1")
	a.Framework, a.Level = f.Ref("consumption"), 4
	a.Scope.Builders[0].Properties = []string{audit.PropertyCompleteMaterials}
	track, _ := f.Track("consumption")
	g := ground{assessed: []gate.Assessed{{ID: "a1", Assessment: a, Track: track}}}
	artifact := "vendor/" + hex.EncodeToString(w.digest[:])
	own := w.provenance(t, func(b *build) {
		b.Subjects = []attest.Subject{{Name: "library", Digest: map[string]string{"sha256": library}}}
	})
	for name, c := range map[string]struct {
		evidence fakeEvidence
		want     gate.Outcome
	}{
		"nothing":      {fakeEvidence{artifact: {raw}}, gate.Fail},
		"provenance":   {fakeEvidence{artifact: {raw}, "vendor/" + library: {own}}, gate.Pass},
		"of somebody":  {fakeEvidence{artifact: {raw}, "other/" + library: {own}}, gate.Fail},
		"in its place": {fakeEvidence{artifact: {raw, own}}, gate.Fail},
	} {
		w.evidence = c.evidence
		d, _, err := w.service(t).judge(t.Context(), w.request(), g)
		must(t, err)
		i := slices.IndexFunc(d.Verdicts, func(v gate.Verdict) bool { return v.Rule == "REB-1" })
		if i < 0 || d.Verdicts[i].Outcome != c.want {
			t.Errorf("%s: %+v", name, d.Verdicts)
		}
	}
}

package server

import (
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
)

// TestStrictAsksRebuilders: a build that lacks nothing but rebuilds is refused, and
// rebuilt: once enough operators have said that it comes out the same, it is signed.
func TestStrictAsksRebuilders(t *testing.T) {
	w := newWorld(t)
	a := w.newAssessment("acme")
	b := &a.Scope.Builders[0]
	b.Properties = slices.DeleteFunc(b.Properties, func(p string) bool { return p == audit.PropertySourceFetched })
	w.withdrawAll()
	w.accept("olga", w.handIn(a))

	request := api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello", PerBuild: true}
	got := w.do("acme", "POST", "/v1/signatures", request)
	if got.problem.Code != "gate" || !strings.Contains(got.problem.Hint, "2 rebuilder(s) of 2 operator(s) are asked") {
		t.Fatalf("%d %s", got.status, got.body)
	}
	again := w.do("acme", "POST", "/v1/signatures", request)
	if again.problem.Hint != got.problem.Hint {
		t.Errorf("asked again: %s", again.problem.Hint)
	}
	for _, who := range []string{"nora", "sven"} {
		var given api.RebuildAssignment
		w.must(who, "POST", "/v1/rebuild-jobs/claim", api.ClaimRebuild{}, &given)
		if given.Job == nil {
			t.Fatalf("%s was not asked", who)
		}
		w.must(who, "POST", "/v1/rebuild-jobs/"+given.Job.ID+"/outcome", api.RebuildOutcome{Envelopes: [][]byte{w.rebuilt(who, *given.Job)}}, nil)
	}
	var signed api.Signature
	w.must("acme", "POST", "/v1/signatures", request, &signed)
	if len(signed.CMS) == 0 {
		t.Error("no signature")
	}
}

// TestStrictAsksNobody: where something else is missing too, or nobody can be asked, the
// refusal says what is missing and no rebuilder works for nothing.
func TestStrictAsksNobody(t *testing.T) {
	w := newWorld(t)
	got := w.do("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: strings.Repeat("cd", 32), Format: "detached", Product: "hello"})
	if got.problem.Code != "gate" || strings.Contains(got.problem.Hint, "are asked") {
		t.Errorf("%d %s", got.status, got.body)
	}
	a := w.newAssessment("acme")
	a.Scope.Recipes = nil
	b := &a.Scope.Builders[0]
	b.Properties = slices.DeleteFunc(b.Properties, func(p string) bool { return p == audit.PropertySourceFetched })
	w.withdrawAll()
	w.accept("olga", w.handIn(a))
	got = w.do("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello", PerBuild: true})
	if got.problem.Code != "gate" || strings.Contains(got.problem.Hint, "are asked") {
		t.Errorf("%d %s", got.status, got.body)
	}
	var jobs api.Page[api.RebuildJob]
	if w.must("olga", "GET", "/v1/rebuild-jobs", nil, &jobs); len(jobs.Items) != 0 {
		t.Errorf("%+v", jobs.Items)
	}
}

// withdrawAll takes acme's assessment back, so that another may be put in force.
func (w *world) withdrawAll() {
	w.t.Helper()
	w.must("olga", "POST", "/v1/assessments/"+w.assessment+"/withdraw", api.Ending{Reason: "for the test"}, nil)
}

package gate

import (
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// dossier is all evidence about one input as one assessment sees it: the file of a build
// whose artifact is the input.
type dossier struct {
	input
	*file
}

// InputVerdict is what a rule says about one input of a build.
type InputVerdict struct {
	Input string `json:"input"` // what the provenance calls it, and its digest
	Shown bool   `json:"shown"`
	// Detail says what is lacking, empty where nothing is.
	Detail   string   `json:"detail,omitempty"`
	Evidence []string `json:"evidence,omitempty"` // SHA-256 of envelopes about the input
}

// openInputs reads and verifies what was found about inputs. It has a memory of its own:
// many inputs would drive out what is known about artifacts.
func (g *Gate) openInputs(found Inputs, ring *attest.Keyring) map[string][]signed {
	out := make(map[string][]signed, len(found))
	for key, envelopes := range found {
		out[key] = g.inputs.open(envelopes, ring)
	}
	return out
}

// forEachInput judges every input of the build by one condition, which returns the
// envelopes that show it and, where none does, why. ok is what to say where all are shown.
func (e *exhibit) forEachInput(ok string, judge func(dossier) (digests []string, why string)) finding {
	if e.provenance == nil {
		return e.unread()
	}
	// "Each input" is said of a list that has all of them.
	if _, _, complete := e.completeMaterials(); !complete {
		return e.fail("nothing says that the materials are complete")
	}
	inputs := e.inputs()
	if len(inputs) > MaxInputs {
		return e.fail(fmt.Sprintf("the provenance lists %d inputs, and at most %d are looked at", len(inputs), MaxInputs))
	}
	var shown, lacking []InputVerdict
	for _, in := range inputs {
		v := InputVerdict{Input: in.name}
		if v.Evidence, v.Detail = e.judgeInput(in, judge); v.Detail == "" {
			v.Shown = true
			shown = append(shown, v)
			continue
		}
		lacking = append(lacking, v)
	}
	f := e.pass(fmt.Sprintf("%s: %d inputs", ok, len(inputs)))
	if len(lacking) > 0 {
		text := "input " + lacking[0].Input + ": " + lacking[0].Detail
		if n := len(lacking) - 1; n > 0 {
			text += fmt.Sprintf("; and %d more of %d inputs", n, len(inputs))
		}
		f = e.fail(text)
	}
	f.inputs = append(lacking, shown...)
	f.inputs = f.inputs[:min(len(f.inputs), maxInputVerdicts)]
	return f
}

// judgeInput gathers the dossier of an input and has it judged; why is "" where it is shown.
func (e *exhibit) judgeInput(in input, judge func(dossier) ([]string, string)) (digests []string, why string) {
	if in.key == "" {
		return nil, "the provenance gives neither its SHA-256 nor its commit, under which evidence is filed"
	}
	documents, ok := e.inputEvidence[in.key]
	if !ok {
		return nil, "evidence about it was not looked up: there is too much about the inputs of this build"
	}
	f := &file{roll: e.roll, build: Build{Digest: in.sha256}, assessed: e.assessed, documents: documents, config: e.config}
	f.quorum = f.countRebuilds()
	return judge(dossier{in, f})
}

// statements returns the testimonies of a type about the input and nothing else, by
// builders, rebuilders and attestors; technical as for about.
func (d dossier) statements(is isType, technical bool) (out []testimony, why string) {
	if d.sha256 != "" {
		return d.about(is, technical)
	}
	r := revision{commit: d.commit}
	return d.testimonies(is, technical, func(s attest.Statement) string {
		if r.is(s) {
			return ""
		}
		return "about something else"
	})
}

// built returns the provenance of the input by a builder of the scope that was started
// from a commit; "" and why not, where there is none. It is held to what every build is
// held to, save that its source need not be the vendor's.
func (d dossier) built() (digest, why string) {
	why = "no provenance by a builder of the scope"
	if d.sha256 == "" {
		return "", why
	}
	for _, e := range d.exhibits() {
		if e.digest == "" {
			break
		}
		if why = e.madeThis(); why == "" {
			return e.digest, ""
		}
	}
	return "", why
}

// madeThis says why an exhibit does not show that a builder of the scope made the artifact
// of its file from a commit, or "".
func (e *exhibit) madeThis() string {
	for _, r := range []rule{provenanceAuthenticated(), provenanceIdentifiesArtifact(), buildBuildService(), provenanceServiceGenerated()} {
		if found := r.judge(e); found.outcome != Pass {
			return "provenance " + e.digest + ": " + found.detail
		}
	}
	if len(e.revisions()) == 0 {
		return "provenance " + e.digest + ": it names no source with a commit"
	}
	return ""
}

// rebuilt returns the outcomes of rebuilders that reproduced the input; or, where one of
// them says that it is not what its source builds to, that outcome and what it says.
func (d dossier) rebuilt() (digests []string, against string) {
	for _, f := range d.quorum.failures {
		if f.failure.Reason.Contradicts() {
			return []string{f.digest}, "rebuilder " + quote(f.rebuilder.ID) + " of " + quote(f.rebuilder.Operator) + " says: " + string(f.failure.Reason)
		}
	}
	for _, r := range d.quorum.reproductions {
		failed := slices.ContainsFunc(d.quorum.failures, func(o rebuild) bool { return o.rebuilder.ID == r.rebuilder.ID })
		if !failed && len(r.commits) > 0 {
			digests = append(digests, r.digest)
		}
	}
	return digests, ""
}

// ours reports whether a builder or an attestor of the scope signed a testimony, and not
// rebuilders alone, who are others.
func (d dossier) ours(t testimony) bool {
	return len(t.attestors) > 0 || slices.ContainsFunc(t.keys, func(id string) bool { return len(d.builders[id]) > 0 })
}

// bills returns the bills of material about the input that list something.
func (d dossier) bills() (out []testimony, why string) {
	found, why := d.statements(attest.IsSBOM, true)
	for _, t := range found {
		if len(t.content.(attest.SBOM).Components) == 0 {
			why = "its bill of material lists nothing"
			continue
		}
		out = append(out, t)
	}
	return out, "no bill of material: " + why
}

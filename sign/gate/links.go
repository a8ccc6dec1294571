package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
)

// stepLinks are the links about the artifact, by the step they are of: signed by an attestor
// that the scope names for that very step.
func (e *exhibit) stepLinks() (links map[string][]testimony, why string) {
	found, why := e.about(typeIs(attest.LinkV03), false)
	links = map[string][]testimony{}
	for _, t := range found {
		name := t.content.(attest.Link).Name
		t.attestors = slices.DeleteFunc(slices.Clone(t.attestors), func(i int) bool { return !slices.Contains(e.scope.Attestors[i].Steps, name) })
		if len(t.attestors) == 0 {
			why = "the link of step " + quote(name) + " is not by whom the scope names for it"
			continue
		}
		links[name] = append(links[name], t)
	}
	return links, why
}

// steps are the steps that the scope declares, sorted.
func (e *exhibit) steps() []string {
	var out []string
	for _, a := range e.scope.Attestors {
		out = append(out, a.Steps...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/sign/layout"
)

// openSteps reads the layouts and links among the evidence, where a scope names a layout.
func (o *Opener) openSteps(evidence [][]byte, rolls []*roll) []*layout.Document {
	if !slices.ContainsFunc(rolls, func(r *roll) bool { return len(r.scope.Layouts) > 0 }) {
		return nil
	}
	var out []*layout.Document
	for _, raw := range evidence {
		if d := o.readStep(raw); d != nil {
			out = append(out, d)
		}
	}
	return out
}

func (o *Opener) readStep(raw []byte) *layout.Document {
	if d, ok := recent.GetBytes(&o.steps, raw); ok {
		return d
	}
	d, err := layout.Read(raw)
	if err != nil {
		d = nil // remembered too: most evidence is of another kind
	}
	if len(raw) <= maxRememberedBytes {
		o.steps.Put(string(raw), d)
	}
	return d
}

// followed returns the envelopes that show that the build follows a layout of the scope,
// and else why it follows none.
func (f *file) followed() (shown []string, why string) {
	for _, id := range f.scope.Layouts {
		i := slices.IndexFunc(f.steps, func(d *layout.Document) bool { return d.Layout != nil && d.ID == id })
		if i < 0 {
			why = "the layout " + id + " is not published"
			continue
		}
		shown, err := layout.Follow(f.steps[i], f.build.Digest, f.steps, f.config.Now())
		if err == nil {
			return shown, ""
		}
		why = quote(err.Error())
	}
	return nil, why
}

// Steps returns the keys under which layouts and links have to be looked up, beside the
// evidence that is at hand already, so that the layouts of the scopes can be verified: the
// layouts themselves first, and then what went into the steps, in no order that means
// anything. Ask again with what was found. Nothing has been verified: use it to look
// statements up.
func (g *Gate) Steps(evidence [][]byte, assessed []Assessed) []string {
	rolls, _ := g.rolls.of(assessed)
	var out []string
	for _, r := range rolls {
		out = append(out, r.scope.Layouts...)
	}
	if len(out) == 0 {
		return nil
	}
	for _, d := range g.opener.openSteps(evidence, rolls) {
		if d.Link != nil {
			out = append(out, d.Link.Inputs()...)
		}
	}
	return out
}

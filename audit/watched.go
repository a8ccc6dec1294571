package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hallmark-pki/hallmark/audit/probe"
)

// watched is what the probes of an assessment can be about: the findings that are met.
type watched struct {
	track   Track
	answers map[string]Status
	final   bool // in a draft, what is not answered yet may become met
}

// validate checks probes. at is their list's own path.
func (w watched) validate(p *problems, at string, list []Probe) {
	if len(list) > maxProbes {
		p.add(CodeProbe, at, "has %d entries, at most %d", len(list), maxProbes)
		return
	}
	ids, checks := unique{}, map[string]string{}
	for i, one := range list {
		field := fmt.Sprintf("%s[%d]", at, i)
		p.token(field+".id", one.ID)
		ids.add(p, CodeProbe, field+".id", one.ID)
		one.validateParameters(p, field)
		w.validateRequirements(p, field+".requirements", one.Requirements)
		if what := one.check(); checks[what] != "" {
			p.add(CodeProbe, field, "checks the same as probe %q: name all its requirements there", clip(checks[what]))
		} else {
			checks[what] = one.ID
		}
	}
}

// check is what a probe looks at, whatever it is called and watches.
func (o Probe) check() string {
	raw, err := json.Marshal(struct {
		Kind string
		With map[string]string
	}{o.Kind, o.With})
	if err != nil {
		return "" // a map of strings always encodes
	}
	return string(raw)
}

func (o Probe) validateParameters(p *problems, at string) {
	if len(o.With) > maxProbeParameters {
		p.add(CodeProbe, at+".with", "has %d parameters, at most %d", len(o.With), maxProbeParameters)
		return
	}
	before := len(*p)
	for _, name := range slices.Sorted(maps.Keys(o.With)) {
		if n := len(o.With[name]); n > maxProbeParameter {
			p.add(CodeProbe, at+".with."+clip(name), "is %d bytes long, at most %d", n, maxProbeParameter)
		}
	}
	if len(*p) > before {
		return
	}
	p.noWildcard(at+".with.url", o.With["url"])
	for _, wrong := range probe.Validate(o.Kind, o.With) {
		field := at + ".kind"
		if wrong.Parameter != "" {
			field = at + ".with." + clip(wrong.Parameter)
		}
		p.add(CodeProbe, field, "%s", wrong.Detail)
	}
}

func (w watched) validateRequirements(p *problems, at string, list []string) {
	if len(list) == 0 {
		p.add(CodeProbe, at, "at least one is required: what does it watch?")
	}
	if len(list) > maxRequirements {
		p.add(CodeProbe, at, "has %d entries, at most %d", len(list), maxRequirements)
		return
	}
	seen := unique{}
	for i, id := range list {
		field := fmt.Sprintf("%s[%d]", at, i)
		if _, ok := w.track.Requirement(id); !ok {
			p.add(CodeProbe, field, "track %s has no requirement %q", w.track.ID, clip(id))
			continue
		}
		seen.add(p, CodeProbe, field, id)
		switch status := w.answers[id]; {
		case status == Met, status == "" && !w.final:
		case status == "":
			p.add(CodeProbe, field, "%s has no finding: a probe watches what is met", id)
		default:
			p.add(CodeProbe, field, "%s is %s: a probe watches what is met", id, status)
		}
	}
}

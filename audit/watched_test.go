package audit

import (
	"fmt"
	"strings"
	"testing"
)

const documentSHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func documentProbe() Probe {
	return Probe{
		ID: "policy", Kind: "document-digest", Requirements: []string{"source.version-controlled"},
		With: map[string]string{"url": "https://acme.example/policy.txt", "sha256": documentSHA256},
	}
}

func TestAssessmentWithProbes(t *testing.T) {
	a := assessment(t, 3)
	second := documentProbe()
	second.ID, second.With["url"] = "other", "https://acme.example/other.txt"
	second.Requirements = []string{"build.build-service", "source.version-controlled"}
	a.Probes = []Probe{documentProbe(), second}
	if p := a.Validate(catalogue(t), noon); len(p) > 0 {
		t.Fatal(p)
	}
	again, err := ParseAssessment(marshal(t, a))
	if err != nil || len(again.Probes) != 2 || again.Probes[1].With["sha256"] != documentSHA256 {
		t.Errorf("%+v, %v", again.Probes, err)
	}
}

// Each case takes a good probe and breaks exactly one thing.
func TestAssessmentWithProbesRefused(t *testing.T) {
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(a *Assessment, p *Probe)
	}{
		"no id":            {CodeMissing, "probes[0].id", func(_ *Assessment, p *Probe) { p.ID = "" }},
		"id of no id form": {CodeValue, "probes[0].id", func(_ *Assessment, p *Probe) { p.ID = "a policy" }},
		"id twice": {CodeProbe, "probes[1].id", func(a *Assessment, p *Probe) {
			next := documentProbe()
			next.With["url"] += "2"
			a.Probes = append(a.Probes, next)
		}},
		"the same check twice": {CodeProbe, "probes[1]", func(a *Assessment, p *Probe) {
			next := documentProbe()
			next.ID, next.Requirements = "again", []string{"build.build-service"}
			a.Probes = append(a.Probes, next)
		}},
		"no kind":             {CodeProbe, "probes[0].kind", func(_ *Assessment, p *Probe) { p.Kind = "" }},
		"unknown kind":        {CodeProbe, "probes[0].kind", func(_ *Assessment, p *Probe) { p.Kind = "ask-nicely" }},
		"parameter missing":   {CodeProbe, "probes[0].with.sha256", func(_ *Assessment, p *Probe) { delete(p.With, "sha256") }},
		"parameter malformed": {CodeProbe, "probes[0].with.sha256", func(_ *Assessment, p *Probe) { p.With["sha256"] = "00" }},
		"unknown parameter":   {CodeProbe, "probes[0].with.header", func(_ *Assessment, p *Probe) { p.With["header"] = "x" }},
		"url http":            {CodeProbe, "probes[0].with.url", func(_ *Assessment, p *Probe) { p.With["url"] = "http://acme.example/policy.txt" }},
		"url with password":   {CodeProbe, "probes[0].with.url", func(_ *Assessment, p *Probe) { p.With["url"] = "https://me:pw@acme.example/policy.txt" }},
		"url wildcard":        {CodeScope, "probes[0].with.url", func(_ *Assessment, p *Probe) { p.With["url"] = "https://acme.example/*" }},
		"parameter huge":      {CodeProbe, "probes[0].with.url", func(_ *Assessment, p *Probe) { p.With["url"] += strings.Repeat("x", maxProbeParameter) }},
		"too many parameters": {CodeProbe, "probes[0].with", func(_ *Assessment, p *Probe) {
			for n := range maxProbeParameters {
				p.With[fmt.Sprint(n)] = "x"
			}
		}},
		"watches nothing":     {CodeProbe, "probes[0].requirements", func(_ *Assessment, p *Probe) { p.Requirements = nil }},
		"watches the unknown": {CodeProbe, "probes[0].requirements[0]", func(_ *Assessment, p *Probe) { p.Requirements[0] = "nonsense" }},
		"watches one twice":   {CodeProbe, "probes[0].requirements[1]", func(_ *Assessment, p *Probe) { p.Requirements = append(p.Requirements, p.Requirements[0]) }},
		"watches what has no finding": {CodeProbe, "probes[0].requirements[0]", func(_ *Assessment, p *Probe) {
			p.Requirements[0] = "build.hermetic"
		}},
		"watches what is not met": {CodeProbe, "probes[0].requirements[0]", func(a *Assessment, p *Probe) {
			p.Requirements[0] = "build.hermetic"
			a.Findings = append(a.Findings, Finding{Requirement: "build.hermetic", Status: NotMet})
		}},
		"watches what is justified": {CodeProbe, "probes[0].requirements[0]", func(a *Assessment, p *Probe) {
			p.Requirements[0] = "build.reproducible"
			a.Findings = append(a.Findings, Finding{Requirement: "build.reproducible", Status: Justified, Justification: "no"})
		}},
		"too many": {CodeProbe, "probes", func(a *Assessment, p *Probe) {
			for n := range maxProbes {
				next := documentProbe()
				next.ID, next.With["url"] = fmt.Sprint("p", n), fmt.Sprint("https://acme.example/", n)
				a.Probes = append(a.Probes, next)
			}
		}},
		"watches too much": {CodeProbe, "probes[0].requirements", func(_ *Assessment, p *Probe) { p.Requirements = make([]string, maxRequirements+1) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			a.Probes = []Probe{documentProbe()}
			c.change(&a, &a.Probes[0])
			p := a.Validate(catalogue(t), noon)
			if len(p) != 1 || p[0].Code != c.code || p[0].Field != c.field {
				t.Errorf("problems %v, want %s at %s alone", p, c.code, c.field)
			}
		})
	}
}

// In a draft a probe may watch what is still to be answered, not what is answered
// otherwise; and it must be met when it is signed.
func TestProbesOfADraft(t *testing.T) {
	d := example(t).draft
	d.Probes = []DraftProbe{{Probe: documentProbe()}}
	i := 0
	for d.Findings[i].Requirement != "source.version-controlled" {
		i++
	}
	if _, p := d.Check(catalogue(t)); len(p) > 0 {
		t.Fatal(p)
	}
	d.Findings[i].Status = ""
	if _, p := d.Check(catalogue(t)); len(p) > 0 {
		t.Error(p)
	}
	_, err := d.Assessment(catalogue(t), noon)
	wantRefusal(t, err, CodeProbe, "probes[0].requirements[0]")
	d.Findings[i].Status = NotMet
	if _, p := d.Check(catalogue(t)); len(p) != 1 || p[0].Code != CodeProbe || p[0].Field != "probes[0].requirements[0]" {
		t.Error(p)
	}
}

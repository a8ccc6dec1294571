package gate

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/hallmark-pki/hallmark/attest"
)

// RuleText is a further condition as a vendor or an officer writes it, in CEL.
type RuleText struct {
	Name string `json:"name" yaml:"name"` // printable, 1 to 64 bytes; verdicts say "rule.<name>"
	CEL  string `json:"cel" yaml:"cel"`   // an expression that is true or false
	// Basic rules are asked before a provisional signature too.
	Basic bool `json:"basic,omitempty" yaml:"basic"`
}

// CustomRule is a RuleText that was compiled. It can refuse what the gate would grant and
// never grant what it refuses.
type CustomRule struct {
	name, source string
	basic        bool
	program      cel.Program
}

// variables are what an expression sees, all of it from statements that were verified.
// There is no clock but now, no randomness and no network: the same evidence gives the
// same answer.
func variables() []cel.EnvOption {
	object, list := cel.MapType(cel.StringType, cel.DynType), cel.ListType(cel.MapType(cel.StringType, cel.DynType))
	return []cel.EnvOption{
		cel.Variable("request", object),                          // product, digest, commit ("" where none was named)
		cel.Variable("assessment", object),                       // framework, track, level (a number)
		cel.Variable("build", object),                            // builder, type, entry_point, invocation, started, finished, version (of the provenance)
		cel.Variable("sources", list),                            // uri, ref, commit
		cel.Variable("dependencies", list),                       // name, uri, digest (algorithm to hex)
		cel.Variable("parameters", object),                       // the external parameters
		cel.Variable("tests", list),                              // result, passed, warned, failed (lists of names), by whom
		cel.Variable("scans", list),                              // scanner, finished, findings: id, severity (method to score, text)
		cel.Variable("components", list),                         // name, version, purl, licenses; of every bill of material
		cel.Variable("approvals", cel.ListType(cel.StringType)),  // who approved every source
		cel.Variable("reproduced", cel.ListType(cel.StringType)), // operators
		cel.Variable("now", cel.TimestampType),
	}
}

// environment is made once: it costs more than to compile a rule in it.
var environment = sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(variables()...) })

// NewRule compiles a rule. Refused are names that are none, expressions over
// maxRuleLength bytes, of another type than bool, and such as cannot be compiled.
func NewRule(t RuleText) (CustomRule, error) {
	if t.Name == "" || len(t.Name) > maxRuleName || strings.ContainsFunc(t.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return CustomRule{}, fmt.Errorf("rule %s: the name is not 1 to %d printable characters", quote(t.Name), maxRuleName)
	}
	if len(t.CEL) > maxRuleLength {
		return CustomRule{}, fmt.Errorf("rule %s: %d bytes, at most %d", t.Name, len(t.CEL), maxRuleLength)
	}
	env, err := environment()
	if err != nil {
		return CustomRule{}, fmt.Errorf("rule %s: %w", t.Name, err)
	}
	ast, issues := env.Compile(t.CEL)
	if issues != nil && issues.Err() != nil {
		return CustomRule{}, fmt.Errorf("rule %s: %w", t.Name, issues.Err())
	}
	if !ast.OutputType().IsExactType(cel.BoolType) {
		return CustomRule{}, fmt.Errorf("rule %s: the expression is a %s, want a bool", t.Name, ast.OutputType())
	}
	program, err := env.Program(ast, cel.CostLimit(maxRuleCost))
	if err != nil {
		return CustomRule{}, fmt.Errorf("rule %s: %w", t.Name, err)
	}
	return CustomRule{name: t.Name, source: t.CEL, basic: t.Basic, program: program}, nil
}

// NewRules compiles several; a name twice is refused.
func NewRules(texts []RuleText) ([]CustomRule, error) {
	var out []CustomRule
	for _, t := range texts {
		if slices.ContainsFunc(out, func(r CustomRule) bool { return r.name == t.Name }) {
			return nil, fmt.Errorf("rule %s stands there twice", t.Name)
		}
		r, err := NewRule(t)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// judge evaluates the rule. An error, and an evaluation that costs too much, refuse.
func (c CustomRule) judge(e *exhibit) finding {
	if e.provenance == nil {
		return e.unread()
	}
	if c.program == nil {
		return e.fail("the rule was never compiled")
	}
	out, _, err := c.program.Eval(e.activation())
	switch {
	case err != nil:
		return e.fail("could not be evaluated: " + quote(err.Error()))
	case out == types.True:
		return e.pass("the rule holds")
	}
	return e.fail("the rule does not hold")
}

// activation is what an expression sees. What takes work is made when it is asked for.
func (e *exhibit) activation() map[string]any {
	a, p := e.assessed.Assessment, e.provenance
	return map[string]any{
		"request":    map[string]any{"product": e.build.Product, "digest": e.build.Digest, "commit": e.build.Commit},
		"assessment": map[string]any{"framework": a.Framework.ID, "track": a.Framework.Track, "level": a.Level},
		"build": map[string]any{"builder": p.BuilderID, "type": p.BuildType, "entry_point": p.EntryPoint, "invocation": p.InvocationID,
			"started": p.StartedOn, "finished": p.FinishedOn, "version": p.Version},
		"sources":      func() any { return e.celSources() },
		"dependencies": func() any { return celDescriptors(p.Dependencies) },
		"parameters":   func() any { return e.externalParameters() },
		"tests":        func() any { return e.celTests() },
		"scans":        func() any { return e.celScans() },
		"components":   func() any { return e.celComponents() },
		"approvals":    func() any { return e.approvers() },
		"reproduced":   func() any { operators, _ := e.reproduced(); return append([]string{}, operators...) },
		"now":          e.config.Now().UTC(),
	}
}

func (e *exhibit) celSources() []map[string]any {
	out := []map[string]any{}
	for _, s := range e.provenance.Sources {
		repository, ref := attest.SplitSource(s.URI)
		out = append(out, map[string]any{"uri": repository, "ref": ref, "commit": commitOf(s)})
	}
	return out
}

func celDescriptors(all []attest.ResourceDescriptor) []map[string]any {
	out := []map[string]any{}
	for _, d := range all {
		digest := map[string]string{}
		for k, v := range d.Digest {
			digest[k] = v
		}
		out = append(out, map[string]any{"name": d.Name, "uri": d.URI, "digest": digest})
	}
	return out
}

func (e *exhibit) celTests() []map[string]any {
	out := []map[string]any{}
	found, _ := e.technical(attest.TestResultV01)
	for _, t := range found {
		r := t.content.(attest.TestResult)
		out = append(out, map[string]any{"result": r.Result, "passed": texts(r.PassedTests), "warned": texts(r.WarnedTests), "failed": texts(r.FailedTests)})
	}
	return out
}

func (e *exhibit) celScans() []map[string]any {
	out := []map[string]any{}
	found, _ := e.technical(attest.VulnsV01, attest.VulnsV02)
	for _, t := range found {
		v := t.content.(attest.Vulns)
		findings := []map[string]any{}
		for _, f := range v.Findings {
			severity := map[string]string{}
			for k, s := range f.Severities {
				severity[k] = s
			}
			findings = append(findings, map[string]any{"id": f.ID, "severity": severity})
		}
		out = append(out, map[string]any{"scanner": v.Scanner, "finished": v.FinishedOn, "findings": findings})
	}
	return out
}

func (e *exhibit) celComponents() []map[string]any {
	out := []map[string]any{}
	found, _ := e.about(attest.IsSBOM, true)
	for _, t := range found {
		for _, c := range t.content.(attest.SBOM).Components {
			out = append(out, map[string]any{"name": c.Name, "version": c.Version, "purl": c.PURL, "licenses": texts(c.Licenses)})
		}
	}
	return out
}

// approvers are those who approved every source of the build.
func (e *exhibit) approvers() []string {
	out := []string{}
	for i, r := range e.revisions() {
		persons, _, _ := e.approvals(r)
		if i == 0 {
			out = append(out, persons...)
		}
		out = slices.DeleteFunc(out, func(p string) bool { return !slices.Contains(persons, p) })
	}
	return out
}

// texts makes an empty list of none, which CEL can ask for its size.
func texts(list []string) []string { return append([]string{}, list...) }

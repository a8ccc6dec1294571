package gate

import (
	"slices"
	"strings"
	"testing"
)

func rulesOf(t testing.TB, expressions ...string) []CustomRule {
	t.Helper()
	var texts []RuleText
	for i, e := range expressions {
		texts = append(texts, RuleText{Name: "r" + string(rune('a'+i)), CEL: e})
	}
	out, err := NewRules(texts)
	must(t, err)
	return out
}

// TestCustomRules: each holds, and then does not; none makes a refused build good.
func TestCustomRules(t *testing.T) {
	good := newDocket(t, "slsa-v0.1", "slsa", 4)
	good.build.Commit = commit
	for expression, want := range map[string]bool{
		`true`:  true,
		`false`: false,
		`request.commit != "" && sources.all(s, s.commit == request.commit)`:                true,
		`request.product == "other"`:                                                        false,
		`assessment.level >= 4 && assessment.framework == "slsa-v0.1"`:                      true,
		`build.builder.startsWith("https://builder.example.com/")`:                          true,
		`build.entry_point == "Makefile" && build.version == "0.2"`:                         true,
		`build.finished - build.started < duration("1h")`:                                   true,
		`now - build.finished < duration("1h")`:                                             false,
		`dependencies.all(d, has(d.digest.sha1) || has(d.digest.sha256))`:                   true,
		`dependencies.exists(d, d.uri.contains("evil"))`:                                    false,
		`size(parameters) == 0`:                                                             true,
		`tests.exists(t, t.result == "PASSED")`:                                             true,
		`scans.all(s, s.findings.all(f, double(f.severity.cvss_score) < 9.0))`:              false,
		`components.all(c, c.licenses.all(l, l in ["Zlib", "MIT"]))`:                        true,
		`"ada" in approvals && size(approvals) == 2`:                                        true,
		`size(reproduced) >= 2`:                                                             true,
		`build.nothing == 1`:                                                                false, // an error refuses
		`[1,2,3].all(a, dependencies.all(b, dependencies.all(c, components.all(d, true))))`: true,
	} {
		got := good.decide(rulesOf(t, expression)...)
		if got.Granted() != want || slices.Contains(got.Failed(), "rule.ra") == want {
			t.Errorf("%s: granted %v, %+v", expression, got.Granted(), verdict(t, got, "rule.ra"))
		}
	}
	delete(good.papers, "quill")
	if good.decide(rulesOf(t, "true")...).Granted() {
		t.Error("a rule widened the gate")
	}
	// Beside the evidence there is nothing to read.
	good.assessment.Scope.Builders[0].Keys = nil
	if v := verdict(t, good.decide(rulesOf(t, "true")...), "rule.ra"); v.Outcome != NotJudged {
		t.Errorf("%+v", v)
	}
}

// TestCustomRuleCost: a rule that costs too much refuses, and soon.
func TestCustomRuleCost(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 1)
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 100), ",") + "]"
	r := rulesOf(t, list+".all(a, "+list+".all(b, "+list+".all(c, a+b+c > 0)))")
	if v := verdict(t, d.decide(r...), "rule.ra"); v.Outcome != Fail || !strings.Contains(v.Detail, "cost limit") {
		t.Errorf("%+v", v)
	}
}

func TestBasicCustomRule(t *testing.T) {
	d := newDocket(t, "slsa-v0.1", "slsa", 1)
	for basic, want := range map[bool]bool{true: false, false: true} {
		r, err := NewRule(RuleText{Name: "no", CEL: "false", Basic: basic})
		must(t, err)
		if got := d.decide(r); got.Granted() || got.Basic() != want {
			t.Errorf("basic %v: %v", basic, got.Basic())
		}
	}
}

func TestNewRuleRefuses(t *testing.T) {
	for name, r := range map[string]RuleText{
		"no name":               {"", "true", false},
		"a name over two lines": {"a\nb", "true", false},
		"a long name":           {strings.Repeat("a", maxRuleName+1), "true", false},
		"nothing":               {"a", "", false},
		"not CEL":               {"a", "true &&", false},
		"not a bool":            {"a", "1", false},
		"dynamic":               {"a", "parameters.x", false},
		"unknown variable":      {"a", "environment.PATH == ''", false},
		"unknown function":      {"a", "http.get('https://evil.example.com') == ''", false},
		"a long one":            {"a", "true || " + strings.Repeat(" ", maxRuleLength) + "true", false},
		"deep":                  {"a", strings.Repeat("(", 1000) + "true" + strings.Repeat(")", 1000), false},
	} {
		if got, err := NewRule(r); err == nil || got.program != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := NewRules([]RuleText{{"a", "true", false}, {"a", "false", false}}); err == nil {
		t.Error("a name twice")
	}
	if (Decide(newDocket(t, "slsa-v0.1", "slsa", 1).build, nil, nil)).Granted() {
		t.Error("granted")
	}
}

// FuzzNewRule: what compiles is a bool, and its evaluation comes to an end within the
// cost limit, with an answer that refuses or not.
func FuzzNewRule(f *testing.F) {
	for _, e := range []string{"true", `sources.all(s, s.commit != "")`, `size(components) > 3 ? false : now > build.finished`, `parameters.x == "y"`} {
		f.Add(e)
	}
	d := newDocket(f, "slsa-v0.1", "slsa", 1)
	f.Fuzz(func(t *testing.T, expression string) {
		r, err := NewRule(RuleText{Name: "a", CEL: expression})
		if err != nil {
			return
		}
		one := *d
		one.t = t
		for _, v := range one.decide(r).Verdicts {
			if v.Rule == "rule.a" && v.Outcome != Pass && v.Outcome != Fail {
				t.Fatalf("%+v", v)
			}
		}
	})
}

package layout

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/hallmark-pki/hallmark/attest"
)

// TestMatchInPrefix: what a MATCH consumes lies under its prefixes on both sides, in-toto
// specification 1.0 §4.3.3.2.
func TestMatchInPrefix(t *testing.T) {
	for name, c := range map[string]struct {
		rule     []string // after MATCH
		material string
		ok       bool
	}{
		"under the prefix":            {[]string{"*", "IN", "src"}, "src/hello.py", true},
		"prefix with a slash":         {[]string{"*", "IN", "src/"}, "src/hello.py", true},
		"prefix is here":              {[]string{"*", "IN", "."}, "hello.py", true},
		"beside the prefix":           {[]string{"*", "IN", "src"}, "hello.py", false},
		"under half the prefix":       {[]string{"*", "IN", "src"}, "srchello.py", false},
		"under the prefix twice":      {[]string{"*", "IN", "src"}, "src/src/hello.py", false},
		"another name":                {[]string{"*.c", "IN", "src"}, "src/hello.py", false},
		"no prefix, but under one":    {[]string{"*"}, "src/hello.py", false},
		"above the other's prefix":    {[]string{"*", "WITH", "PRODUCTS", "IN", "build", "FROM", "write"}, "../hello.py", false},
		"not under the other's":       {[]string{"*", "WITH", "PRODUCTS", "IN", "build", "FROM", "write"}, "hello.py", false},
		"the other's prefix is where": {[]string{"*", "WITH", "PRODUCTS", "IN", "./", "FROM", "write"}, "hello.py", true},
	} {
		w := newWorld(t)
		w.pack.Materials = map[string]in_toto.HashObj{c.material: {"sha256": written}}
		rule := append([]string{"MATCH"}, c.rule...)
		if len(c.rule) <= 3 {
			rule = append(rule, "WITH", "PRODUCTS", "FROM", "write")
		}
		w.layout.Steps[1].ExpectedMaterials[0] = rule
		plan := document(t, w.layout, w.writer)
		_, err := Follow(plan, artifact, []*Document{document(t, w.write, w.writer), document(t, w.pack, w.packer)}, testNow)
		var e *Error
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &e) || e.Reason != RuleBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRulesAsLibrary: without a prefix, rules hold where they hold for in-toto's library.
func TestRulesAsLibrary(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	link := func(name string) *attest.StepLink {
		l := &attest.StepLink{Name: name, Materials: map[string]map[string]string{}, Products: map[string]map[string]string{}}
		for range r.IntN(4) {
			l.Materials[pick("a", "b", "src/a", "src/b")] = map[string]string{"sha256": pick("1", "2")}
		}
		for range r.IntN(4) {
			l.Products[pick("a", "b", "src/a", "src/b")] = map[string]string{"sha256": pick("1", "2")}
		}
		return l
	}
	rules := func() (out [][]string) {
		for range r.IntN(4) {
			pattern := pick("*", "a", "src/*", "?", "[!a]", "./b", "src//a")
			if kind := pick("MATCH", "CREATE", "delete", "MODIFY", "ALLOW", "DISALLOW", "REQUIRE"); kind != "MATCH" {
				out = append(out, []string{kind, pattern})
			} else {
				out = append(out, []string{kind, pattern, "WITH", pick("MATERIALS", "PRODUCTS"), "FROM", pick("one", "two", "three")})
			}
		}
		return append(out, []string{"DISALLOW", pick("*", "b", "none")})
	}
	held := 0
	for range 20000 {
		made := map[string]*attest.StepLink{"one": link("one"), "two": link("two")}
		library := map[string]in_toto.Metadata{}
		for name, l := range made {
			library[name] = metadata{link: l}
		}
		s := attest.LayoutStep{Name: "one", Materials: rules(), Products: rules()}
		step := in_toto.Step{SupplyChainItem: in_toto.SupplyChainItem{Name: s.Name, ExpectedMaterials: s.Materials, ExpectedProducts: s.Products}}
		want := in_toto.VerifyArtifacts([]any{step}, library)
		if got := obey(s, made); (got == nil) != (want == nil) {
			t.Fatalf("%+v\n%+v\n%+v\n%v, the library says %v", s, made["one"], made["two"], got, want)
		}
		if want == nil {
			held++
		}
	}
	if held < 1000 || held > 19000 {
		t.Error("rules held", held, "times")
	}
}

// metadata gives a link to the library.
type metadata struct {
	in_toto.Metadata // nil: nothing but the payload is asked for
	link             *attest.StepLink
}

func (m metadata) GetPayload() any {
	return in_toto.Link{Type: "link", Name: m.link.Name, Materials: m.link.Materials, Products: m.link.Products}
}

package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	const pass = `{"Action":"run","Package":"a/b","Test":"TestX"}
{"Action":"output","Package":"a/b","Test":"TestX","Output":"noise\n"}
{"Action":"pass","Package":"a/b","Test":"TestX","Elapsed":2.5}
`
	cases := []struct {
		name, in  string
		ok        bool
		want, not []string
	}{
		{"nothing ran", "", false, []string{"no test ran", "0 passed, 0 failed, 0 skipped"}, nil},
		{"pass", pass + `{"Action":"output","Package":"a/b","Output":"ok  \ta/b\t2.5s\n"}
{"Action":"pass","Package":"a/b","Elapsed":2.5}
`, true, []string{"ok  \ta/b", "slow        2.5s b TestX", "1 passed, 0 failed, 0 skipped"}, []string{"noise"}},
		{"a failing test shows its output", pass + `{"Action":"output","Package":"a/b","Test":"TestY","Output":"want 1\n"}
{"Action":"fail","Package":"a/b","Test":"TestY"}
{"Action":"fail","Package":"a/b"}
`, false, []string{"want 1", "failed   a/b", "1 passed, 1 failed, 0 skipped"}, []string{"noise"}},
		{"a package that does not build", pass + `{"ImportPath":"a/c","Action":"build-output","Output":"undefined: z\n"}
{"Action":"fail","Package":"a/c"}
`, false, []string{"undefined: z", "1 passed, 1 failed"}, nil},
		{"one of each", pass + `{"Action":"fail","Package":"a/c"}
{"Action":"fail","Package":"a/b","Test":"TestY"}
{"Action":"fail","Package":"a/b"}
`, false, []string{"failed   a/b", "failed   a/c", "1 passed, 2 failed, 0 skipped"}, nil},
		{"a panic shows the test that had no verdict", pass + `{"Action":"output","Package":"a/b","Test":"TestZ","Output":"panic: boom\n"}
{"Action":"fail","Package":"a/b"}
`, false, []string{"panic: boom", "failed   a/b"}, nil},
		{"a skip gives its reason", pass + `{"Action":"output","Package":"a/b","Test":"TestS","Output":"=== RUN   TestS\n"}
{"Action":"output","Package":"a/b","Test":"TestS","Output":"    x_test.go:9: no corpora\n"}
{"Action":"output","Package":"a/b","Test":"TestS","Output":"--- SKIP: TestS (0.00s)\n"}
{"Action":"skip","Package":"a/b","Test":"TestS"}
`, true, []string{"skipped  b TestS: x_test.go:9: no corpora", "1 passed, 0 failed, 1 skipped"}, nil},
		{"lines that are no events pass through", "go: downloading x\n" + pass, true, []string{"go: downloading x"}, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := run(strings.NewReader(c.in), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok != c.ok {
				t.Errorf("ok = %v, want %v", ok, c.ok)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out.String())
				}
			}
			for _, not := range c.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("output has %q:\n%s", not, out.String())
				}
			}
		})
	}
}

package structure

import (
	"errors"
	"strings"
	"testing"
)

func TestTreeParsers(t *testing.T) { onTree(t, CheckParsers) }

func TestCheckParsers(t *testing.T) {
	const fuzz = "package ext\nfunc FuzzA(f *testing.F) { f.Add([]byte{}); helper(f) }\nfunc helper(f *testing.F) { %s }\n"
	for _, c := range []struct {
		name, code, test string
		want             []string
	}{
		{"reached", "func ParseA(b []byte) error { return nil }", "ParseA(nil)", nil},
		{"reached under another name", "func ParseA(s string) error { return nil }", "table()\n}\nfunc table() { _ = ext.ParseA", nil},
		{"not reached", "func ParseA(b []byte) error { return nil }", "ParseB(nil)", []string{"ext.ParseA reads outside bytes"}},
		{"only by a test", "func ReadA(r io.Reader) error { return nil }", "}\nfunc TestA(t *testing.T) { ReadA(nil)", []string{"ext.ReadA reads outside bytes"}},
		{"reads nothing from outside", "func ParseA(n int) error { return nil }", "", nil},
		{"not exported", "func parseA(b []byte) error { return nil }", "", nil},
		{"another word", "func Parser(b []byte) error { return nil }", "", nil},
		{"a method", "func (r R) Read(b []byte) (int, error) { return 0, nil }\nfunc ParseA(b []byte) {}", "ParseA(nil)", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := tree("ext/a.go", "package ext\n"+c.code+"\n", "ext/b.go", "package ext\nfunc ParseB(b []byte) {}\n",
				"ext/a_test.go", strings.Replace(fuzz, "%s", "ParseB(nil); "+c.test, 1), "server/a.go", "package server\nfunc ParseC(b []byte) {}\n")
			got := problemsIn(t, CheckParsers, files)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %q", got, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(got[i].String(), want) {
					t.Errorf("%s, want %q", got[i], want)
				}
			}
		})
	}
	if _, err := CheckParsers(tree("ext/a.go", "package ext\n")); !errors.Is(err, errNothing) {
		t.Errorf("nothing to check: %v", err)
	}
	if got := problemsIn(t, CheckParsers, tree("format/oci/a.go", "package oci\nfunc OpenArtifact(s string) {}\n",
		"format/oci/a_test.go", "package oci\nfunc FuzzA(f *testing.F) { OpenArtifact(nil) }\n")); len(got) != 1 || !strings.Contains(got[0].String(), "remove it from the list") {
		t.Errorf("an excuse that no longer applies: %v", got)
	}
}

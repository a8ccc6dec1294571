package structure

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// tree makes a small tree from names and texts.
func tree(pairs ...string) fstest.MapFS {
	files := make(fstest.MapFS)
	for i := 0; i < len(pairs); i += 2 {
		files[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return files
}

func problemsIn(t *testing.T, check func(fs.FS) ([]Problem, error), files fs.FS) []Problem {
	t.Helper()
	problems, err := check(files)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

func TestCheckLinks(t *testing.T) {
	const other = "# One `two`, three!\n\n## Again\n## Again\n<a id=\"by-hand\"></a>\n```\n# not a heading\n```\n"
	cases := []struct {
		name, text string
		want       []string
	}{
		{"a file, a folder, a heading, an anchor", "[a](docs/o.md) [b](docs) [c](docs/o.md#one-two-three) ![d](docs/o.md#again-1) [e](docs/o.md#by-hand)", nil},
		{"an own heading", "# Here\n[a](#here)", nil},
		{"another host", "[a](https://example.com/gone) [b](mailto:a@example.com)", nil},
		{"code is no link", "`[a](gone.md)`\n```\n[a](gone.md)\n```\n", nil},
		{"no file", "text\n[a](gone.md)", []string{"README.md:2: link gone.md leads to no file"}},
		{"no file behind a label", "[a]: gone.md", []string{"leads to no file"}},
		{"an image", "![a](gone.png)", []string{"leads to no file"}},
		{"no heading", "[a](docs/o.md#gone)", []string{"leads to no heading of docs/o.md"}},
		{"a comment in code is no heading", "[a](docs/o.md#not-a-heading)", []string{"leads to no heading"}},
		{"no such repetition", "[a](docs/o.md#again-2)", []string{"leads to no heading"}},
		{"no own heading", "[a](#here)", []string{"leads to no heading of README.md"}},
		{"out of the tree", "[a](../x.md)", []string{"leads out of the tree"}},
		{"absolute", "[a](/docs/o.md)", []string{"is absolute"}},
		{"two in a line", "[a](x.md) [b](y.md)", []string{"x.md", "y.md"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, problemsIn(t, CheckLinks, tree("README.md", c.text, "docs/o.md", other)), c.want...)
		})
	}
	if _, err := CheckLinks(tree("a.txt", "")); !errors.Is(err, errNothing) {
		t.Errorf("a tree without Markdown gave %v", err)
	}
}

func TestCheckReferences(t *testing.T) {
	const list = "| RFC 5280 | Profile | a |\n"
	comment := func(text string) string { return "package a\n\n// " + text + "\nvar x = `rfc0`\n" }
	cases := []struct {
		name, comment string
		want          []string
	}{
		{"document", "See RFC 5280.", nil},
		{"section", "See RFC 5280 §4.2.1.6, and RFC 5280 §A.1.", nil},
		{"across a line end", "See RFC\n// 5280\n// §4.2.", nil},
		{"in an address or code", "RFC 5280: https://example.com/rfc9999 and `rfc9999` and lint.RFC9999", nil},
		{"not listed", "RFC 5280, RFC 9999 §1", []string{"a/a.go:3: RFC 9999 is not listed"}},
		{"small", "RFC 5280, rfc 5280", []string{`"rfc 5280"`}},
		{"no blank", "RFC 5280, RFC5280", []string{`"RFC5280"`}},
		{"hyphen", "RFC 5280, RFC-5280", []string{`"RFC-5280"`}},
		{"the word section", "RFC 5280, RFC 5280 section 4.2", []string{"another form"}},
		{"after a comma", "RFC 5280, RFC 5280, Section 4", []string{"another form"}},
		{"shortened", "RFC 5280, RFC 5280 sec. 4", []string{"another form"}},
		{"several appendices", "RFC 5280, RFC 5280 appendices A and B", []string{"another form"}},
		{"appendix", "RFC 5280 appendix A.", nil},
		{"bare number", "RFC 5280, RFC 5280 4.2.1", []string{"another form"}},
		{"blank after the sign", "RFC 5280, RFC 5280 § 4", []string{"another form"}},
		{"several at once", "RFC 5280, RFCs 5280 and 3161", []string{`"RFCs 5280"`}},
		{"listed, but cited nowhere", "nothing", []string{"cited nowhere"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := problemsIn(t, CheckReferences, tree("a/a.go", comment(c.comment), ReferencesFile, list))
			wantProblems(t, got, c.want...)
		})
	}
	t.Run("in Markdown", func(t *testing.T) {
		got := problemsIn(t, CheckReferences, tree("a/a.go", comment("RFC 5280"), "X.md", "rfc5280", ReferencesFile, list))
		wantProblems(t, got, "X.md:1")
	})
	t.Run("no list", func(t *testing.T) {
		if _, err := CheckReferences(tree("a/a.go", "package a", ReferencesFile, "none")); !errors.Is(err, errNothing) {
			t.Errorf("an empty list gave %v", err)
		}
	})
	t.Run("update", func(t *testing.T) {
		files := tree("a/a.go", comment("RFC 5280"), "b/b.go", comment("RFC 5280"), ReferencesFile, list)
		wantProblems(t, problemsIn(t, CheckReferences, files), `used in ["a" "b"]`)
		text, err := UpdateReferences(files)
		if err != nil {
			t.Fatal(err)
		}
		files[ReferencesFile].Data = []byte(text)
		wantProblems(t, problemsIn(t, CheckReferences, files))
	})
}

func TestCheckDependencies(t *testing.T) {
	const mod = "module m\n\ngo 1.26.0\n\nrequire (\n\texample.com/a v1.0.0\n\texample.com/b v1.0.0 // indirect\n)\n"
	const good = "| `example.com/a` | it reads the letters | our own reader, which was slow | MIT |\n"
	cases := []struct {
		name, doc string
		want      []string
	}{
		{"as it should be", good, nil},
		{"no row", "", []string{"example.com/a has no row"}},
		{"no reason", "| `example.com/a` | it reads the letters | - | MIT |\n", []string{"lacks what it is for"}},
		{"no purpose", "| `example.com/a` | | our own reader, which was slow | MIT |\n", []string{"lacks what it is for"}},
		{"no licence", "| `example.com/a` | it reads the letters | our own reader, which was slow | |\n", []string{"lacks a licence"}},
		{"an indirect one", good + "| `example.com/b` | it reads the letters | our own reader, which was slow | MIT |\n", []string{"is no direct dependency"}},
		{"one that is gone", good + "| `example.com/c` | it reads the letters | our own reader, which was slow | MIT |\n", []string{"is no direct dependency"}},
		{"two rows", good + good, []string{"has two rows"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, problemsIn(t, CheckDependencies, tree("go.mod", mod, DependenciesFile, c.doc)), c.want...)
		})
	}
	if _, err := CheckDependencies(tree("go.mod", "module m\n", DependenciesFile, "")); !errors.Is(err, errNothing) {
		t.Errorf("a module without dependencies gave %v", err)
	}
}

func TestCheckLeftovers(t *testing.T) {
	mark := "TO" + "DO"
	test := func(body string) string { return "package a\n\nfunc TestX(t *T) {\n\t" + body + "\n}\n" }
	cases := []struct {
		name, file, text string
		want             []string
	}{
		{"none", "a/a_test.go", test("t.Error(1)"), nil},
		{"the helper", "a/a_test.go", test(`if os.Getenv("HALLMARK_CORPORA") == "" { t.Skip("no corpora") }`), nil},
		{"the helper with a constant", "a/a_test.go", "package a\n\nfunc corporaDir(t *T) { t.Skip(why) }\n", nil},
		{"another's Skip", "a/a.go", test("reader.Skip(4)"), nil},
		{"in a comment", "a/a.go", "package a\n\n// " + mark + ": more\n", []string{"a/a.go:3: unfinished"}},
		{"in a document", "a.md", "FIX" + "ME", []string{"unfinished"}},
		{"in a script", "test/setup", "# " + mark, []string{"unfinished"}},
		{"a skip", "a/a_test.go", test(`t.Skip("no openssl")`), []string{"a/a_test.go:4: test skips itself"}},
		{"a skip of another name", "a/a_test.go", test(`t.Skipf("no %s", x)`), []string{"skips itself"}},
		{"a skip in a function within", "a/a_test.go", test(`f.Fuzz(func(t *T, b []byte) { t.SkipNow() })`), []string{"skips itself"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, problemsIn(t, CheckLeftovers, tree(c.file, c.text)), c.want...)
		})
	}
}

func TestCheckOIDs(t *testing.T) {
	literal := "package a\n\nvar x = asn1.ObjectIdentifier{2, 5, 29, 17}\n"
	cases := []struct {
		name, file, text string
		want             []string
	}{
		{"in its file", OIDFile, literal, nil},
		{"in another", "a/a.go", literal, []string{"a/a.go:3: object identifier outside"}},
		{"in a test", "a/a_test.go", literal, nil},
		{"in a fixture", "test/pki/cms.go", literal, nil},
		{"a list of them", "a/a.go", "package a\n\nvar x = []asn1.ObjectIdentifier{oidA, oidB}\n", nil},
		{"an empty one", "a/a.go", "package a\n\nvar x = asn1.ObjectIdentifier{}\n", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, problemsIn(t, CheckOIDs, tree(c.file, c.text)), c.want...)
		})
	}
}

func TestCheckSeeds(t *testing.T) {
	target := func(body string) string { return "package a\n\nfunc FuzzX(f *testing.F) {\n" + body + "\n}\n" }
	cases := []struct {
		name  string
		files fstest.MapFS
		want  []string
	}{
		{"its own", tree("a/a_test.go", target("f.Add(1)")), nil},
		{"of a function", tree("a/a_test.go", target("addSeeds(f)")), nil},
		{"kept", tree("a/a_test.go", target(""), "a/testdata/fuzz/FuzzX/1", "x"), nil},
		{"none", tree("a/a_test.go", target("f.Fuzz(func(t *testing.T, n int) {})")), []string{"FuzzX has no seeds"}},
		{"of another target", tree("a/a_test.go", target(""), "a/testdata/fuzz/FuzzY/1", "x"), []string{"FuzzX has no seeds"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			wantProblems(t, problemsIn(t, CheckSeeds, c.files), c.want...)
		})
	}
}

func TestCheckNamedTests(t *testing.T) {
	const code = "package a\n\nfunc TestHere(t *T) {}\nfunc FuzzHere(f *F) {}\n"
	files := tree("a/a_test.go", code, "X.md", "`TestHere`, `FuzzHere`, TestProse, `go test`\n`TestGone` and `FuzzGone`")
	wantProblems(t, problemsIn(t, CheckNamedTests, files), "X.md:2: names TestGone", "X.md:2: names FuzzGone")
}

func TestFilesLeavesOutWhatIsNotOurs(t *testing.T) {
	got, err := files(tree("a.md", "", ".tools/b.md", "", "bin/c.md", "", "d/testdata/e.md", "", "d/f.md", ""), false, ".md")
	if err != nil || strings.Join(got, " ") != "a.md d/f.md" {
		t.Errorf("files = %v, %v", got, err)
	}
}

package buildinfo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

const good = `Format: 1.0
Source: hello
Binary: hello
Architecture: all
Version: 1.0
Checksums-Sha256:
 abababababababababababababababababababababababababababababababab 812 hello_1.0_all.deb
Build-Origin: Debian
Build-Path: /build/hello-1.0
Installed-Build-Depends:
 base-files (= 12),
 dpkg (= 1.21.22)
Environment:
 DEB_BUILD_OPTIONS="parallel=4"
 ODD="a \"quoted\" \\ word"
`

func TestParse(t *testing.T) {
	want := Unverified{
		Source: "hello", Version: "1.0", Architecture: []string{"all"}, BuildPath: "/build/hello-1.0",
		Files:       []File{{"hello_1.0_all.deb", 812, strings.Repeat("ab", 32)}},
		Installed:   []Package{{"base-files", "12"}, {"dpkg", "1.21.22"}},
		Environment: []Variable{{"DEB_BUILD_OPTIONS", "parallel=4"}, {"ODD", `a "quoted" \ word`}},
	}
	for name, text := range map[string]string{
		"plain": good, "binary-only upload": strings.Replace(good, "Source: hello", "Source: hello (0.9)", 1),
		"signed": "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + good + "\n-----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----\n",
	} {
		got, err := Parse([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	same := []Package{{"base-files", "12"}, {"dpkg", "1.21.22"}, {"vim", "9"}}
	if d := want.Compare(same); len(d) != 0 {
		t.Errorf("%+v", d)
	}
	if d := cmp.Diff([]Difference{{"base-files", "12", "13"}, {"dpkg", "1.21.22", ""}}, want.Compare([]Package{{"base-files", "13"}})); d != "" {
		t.Error(d)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string][2]string{
		"format":             {"Format: 1.0", "Format: 7"},
		"no source":          {"Source: hello\n", ""},
		"no version":         {"Version: 1.0\n", ""},
		"no architecture":    {"Architecture: all\n", ""},
		"source of lines":    {"Source: hello", "Source: hello\n there"},
		"field twice":        {"Binary: hello", "Source: other"},
		"no field":           {"Binary: hello", "Binary"},
		"second paragraph":   {"Binary: hello", "\nBinary: hello"},
		"carriage return":    {"Binary: hello", "Binary: hello\r"},
		"not UTF-8":          {"Binary: hello", "Binary: \xff"},
		"continues nothing":  {"Format: 1.0", " x\nFormat: 1.0"},
		"digest too short":   {" abab", " ab"},
		"digest in capitals": {" abab", " ABab"},
		"negative size":      {" 812 ", " -1 "},
		"file elsewhere":     {"hello_1.0_all.deb", "../hello_1.0_all.deb"},
		"file twice":         {"Build-Origin", " abababababababababababababababababababababababababababababababab 812 hello_1.0_all.deb\nBuild-Origin"},
		"no version of one":  {"dpkg (= 1.21.22)", "dpkg"},
		"range of versions":  {"dpkg (= 1.21.22)", "dpkg (>= 1.21.22)"},
		"variable unquoted":  {`"parallel=4"`, "parallel=4"},
		"variable half":      {`"parallel=4"`, `"a"b"`},
		"variable open":      {`"parallel=4"`, `"\"`},
		"signed by nobody":   {"Format: 1.0", "-----BEGIN PGP SIGNED MESSAGE-----\n\nFormat: 1.0"},
		"far too large":      {"Binary: hello", "Binary: " + strings.Repeat("x", MaxBytes)},
	} {
		text := strings.Replace(good, c[0], c[1], 1)
		u, err := Parse([]byte(text))
		if text == good || !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(Unverified{}, u); d != "" {
			t.Errorf("%s: half a result with an error", name)
		}
	}
}

// TestRealOne reads a .buildinfo of Debian's archive, with its signature around it.
func TestRealOne(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(corpora.Folder(t, "buildinfo"), "rust-sniffglue_0.14.0-2_amd64.buildinfo"))
	if err != nil {
		t.Fatal(err)
	}
	u, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if u.Source != "rust-sniffglue" || u.Version != "0.14.0-2" || len(u.Files) != 3 || u.Files[2].SHA256 != "448c781a9e594227bc9f0d6c65b8beba2b3add68d3583020de188d4cfa365b40" ||
		u.BuildPath != "/build/rust-sniffglue-1KDXF6/rust-sniffglue-0.14.0" || len(u.Installed) < 250 || len(u.Environment) != 4 {
		t.Errorf("%+v", u)
	}
	if u.Environment[3] != (Variable{"SOURCE_DATE_EPOCH", "1638820316"}) {
		t.Errorf("%+v", u.Environment)
	}
}

// FuzzParse: what is read can be written, and is the same when it is read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + good + "\n-----BEGIN PGP SIGNATURE-----\n\nxx\n"))
	f.Add([]byte(strings.Replace(good, "Source: hello", "Source: a\n b", 1)))
	f.Add([]byte(strings.Replace(good, " 812 ", " -1 ", 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse([]byte(written(u)))
		if err != nil {
			t.Fatalf("written again, refused: %v\n%s", err, written(u))
		}
		if d := cmp.Diff(u, again, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

func written(u Unverified) string {
	var out strings.Builder
	fmt.Fprintf(&out, "Format: 1.0\nSource: %s\nArchitecture: %s\nVersion: %s\nBuild-Path: %s\n", u.Source, strings.Join(u.Architecture, " "), u.Version, u.BuildPath)
	out.WriteString("Checksums-Sha256:\n")
	for _, f := range u.Files {
		fmt.Fprintf(&out, " %s %d %s\n", f.SHA256, f.Size, f.Name)
	}
	out.WriteString("Installed-Build-Depends:\n")
	for _, p := range u.Installed {
		fmt.Fprintf(&out, " %s (= %s),\n", p.Name, p.Version)
	}
	out.WriteString("Environment:\n")
	for _, v := range u.Environment {
		fmt.Fprintf(&out, " %s=\"%s\"\n", v.Name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.Value))
	}
	return out.String()
}

package recipe

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

const good = `version: 1
product: hello
source: git+https://git.example.com/hello
root:
  host: true
  tools:
    - {command: [go, version], prints: go1.26}
fetch:
  files:
    - {url: "https://files.example.com/fonts.tar", sha256: "abababababababababababababababababababababababababababababababab", path: fonts/fonts.tar}
  go_modules: true
  go_packages: [./...]
command: [go, build, -trimpath, -o, out/hello, .]
environment: {CGO_ENABLED: "0"}
source_date_epoch: commit
path: /build/hello
outputs: [out/hello, ../hello_*.deb]
tasks:
  - {name: tests, command: [go, test, -json, ./...], statement: test-result}
  - {name: parts, command: [make, sbom], statement: spdx, report: out/sbom.json}
limits: {time: 5m, memory: 2GiB, disk: 512MiB}
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := Recipe{
		Version: 1, Product: "hello", Source: "git+https://git.example.com/hello",
		Root:    Root{Host: true, Tools: []Tool{{[]string{"go", "version"}, "go1.26"}}},
		Fetch:   Fetch{GoModules: true, GoPackages: []string{"./..."}, Files: []File{{"https://files.example.com/fonts.tar", strings.Repeat("ab", 32), "fonts/fonts.tar"}}},
		Command: []string{"go", "build", "-trimpath", "-o", "out/hello", "."}, Environment: map[string]string{"CGO_ENABLED": "0"},
		SourceDateEpoch: Commit, Path: "/build/hello", Outputs: []string{"out/hello", "../hello_*.deb"},
		Tasks: []Task{
			{Name: "tests", Command: []string{"go", "test", "-json", "./..."}, Statement: TestResult},
			{Name: "parts", Command: []string{"make", "sbom"}, Statement: SPDX, Report: "out/sbom.json"},
		},
		Limits: Limits{Time: 5 * time.Minute, Memory: 2 << 30, Disk: 512 << 20, Processes: defaultProcesses},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if task, ok := got.Task("parts"); !ok || task.Report != "out/sbom.json" {
		t.Fatal("the task is not found")
	}
}

// TestRefused breaks one thing of a good recipe each.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		reason   Reason
	}{
		"unknown key":                   {"product:", "colour: red\nproduct:", Malformed},
		"key twice":                     {"product:", "version: 1\nproduct:", Malformed},
		"anchor":                        {"product: hello", "product: &a hello", Malformed},
		"tag":                           {"product: hello", "product: !!str hello", Malformed},
		"null":                          {"product: hello", "product:", Malformed},
		"second document":               {"limits:", "---\nlimits:", Malformed},
		"too large":                     {"product:", "# " + strings.Repeat("x", MaxDocument) + "\nproduct:", TooLarge},
		"version":                       {"version: 1", "version: 2", Version},
		"no product":                    {"product: hello", `product: ""`, Missing},
		"source by another protocol":    {"git+https://git.", "ext::https://git.", BadValue},
		"source with a password":        {"https://git.example.com/h", "https://u:p@git.example.com/h", BadValue},
		"no root":                       {"host: true", "host: false", Missing},
		"root without digest":           {"host: true", "url: https://files.example.com/root.tar", Unpinned},
		"host and tar":                  {"host: true", "host: true\n  url: https://files.example.com/root.tar", BadValue},
		"file without digest":           {`sha256: "abab`, `sha256: "cd`, Unpinned},
		"file digest in capitals":       {`sha256: "abab`, `sha256: "ABab`, Unpinned},
		"file by http":                  {"https://files", "http://files", BadValue},
		"file that climbs":              {"path: fonts/fonts.tar", "path: ../fonts.tar", Escapes},
		"file at the root":              {"path: fonts/fonts.tar", "path: /etc/passwd", Escapes},
		"packages without modules":      {"go_modules: true", "go_modules: false", BadValue},
		"option for a package":          {"[./...]", "[-toolexec=evil]", BadValue},
		"no command":                    {"command: [go, build, -trimpath, -o, out/hello, .]", "command: []", Missing},
		"command that is an option":     {"command: [go, build", "command: [--bind, build", BadValue},
		"variable of the loader":        {"CGO_ENABLED:", "LD_PRELOAD:", BadValue},
		"variable with an equals sign":  {"CGO_ENABLED:", `"A=B":`, BadValue},
		"epoch":                         {"source_date_epoch: commit", "source_date_epoch: yesterday", BadValue},
		"build path elsewhere":          {"path: /build/hello", "path: /usr/hello", Escapes},
		"build path that climbs":        {"path: /build/hello", "path: /build/../usr", Escapes},
		"output that climbs":            {"outputs: [out/hello,", "outputs: [out/../../../etc/shadow,", Escapes},
		"output two levels up":          {"outputs: [out/hello,", "outputs: [../../x,", Escapes},
		"output beside, in a folder":    {"outputs: [out/hello,", "outputs: [../x/y,", Escapes},
		"output is the folder above":    {"outputs: [out/hello,", "outputs: [..,", Escapes},
		"absolute output":               {"outputs: [out/hello,", "outputs: [/etc/shadow,", Escapes},
		"pattern in a folder":           {"outputs: [out/hello,", `outputs: ["*/hello",`, BadValue},
		"no output":                     {"outputs: [out/hello, ../hello_*.deb]", "outputs: []", Missing},
		"output twice":                  {"outputs: [out/hello,", "outputs: [out/hello, out/hello,", BadValue},
		"unknown statement":             {"statement: spdx", "statement: praise", BadValue},
		"report that climbs":            {"report: out/sbom.json", "report: ../../sbom.json", Escapes},
		"bill of material without file": {"statement: spdx, report: out/sbom.json", "statement: spdx", Missing},
		"task twice":                    {"name: parts", "name: tests", BadValue},
		"a week":                        {"time: 5m", "time: 168h", TooLarge},
		"no time":                       {"time: 5m", "time: 0s", TooLarge},
		"size without unit":             {"memory: 2GiB", "memory: 2", Malformed},
		"all the disks":                 {"disk: 512MiB", "disk: 9000GiB", TooLarge},
		"negative processes":            {"limits: {", "limits: {processes: -1, ", TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			document := strings.Replace(good, c.old, c.new, 1)
			if document == good {
				t.Fatal("nothing was broken")
			}
			r, err := Parse([]byte(document))
			if e := (*Error)(nil); !errors.As(err, &e) || e.Reason != c.reason {
				t.Fatalf("error %v, want %s", err, c.reason)
			}
			if d := cmp.Diff(Recipe{}, r); d != "" {
				t.Fatal("half a result with an error")
			}
		})
	}
}

// FuzzParse: what is read keeps its promises about paths and limits, and a recipe that
// was read can be written, and is the same when it is read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"version":1,"product":"p","source":"https://a.example/x","root":{"host":true},"command":["true"],"source_date_epoch":"0","outputs":["a"]}`))
	f.Add([]byte(strings.Replace(good, "outputs: [out/hello,", "outputs: [../../x,", 1)))
	f.Add([]byte(strings.Replace(good, "host: true", "url: https://a.example/r.tar\n  sha256: "+strings.Repeat("0a", 32), 1)))
	f.Fuzz(func(t *testing.T, document []byte) {
		r, err := Parse(document)
		if err != nil {
			return
		}
		for _, p := range r.Outputs {
			if strings.HasPrefix(p, "/") || strings.Contains(strings.TrimPrefix(p, "../"), "..") && strings.Contains(p, "/../") {
				t.Fatalf("output %q", p)
			}
		}
		if len(r.Command) == 0 || r.Limits.Time <= 0 || r.Limits.Time > maxTime || !r.Root.Host && len(r.Root.SHA256) != 64 {
			t.Fatalf("a promise is broken: %+v", r)
		}
		again, err := yaml.Marshal(written(r))
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxDocument {
			return // quoting may lengthen it
		}
		s, err := Parse(again)
		if err != nil {
			t.Fatalf("written again, refused: %v\n%s", err, again)
		}
		if d := cmp.Diff(r, s, cmpEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}

// written is a recipe as a document, without the keys that have no value.
func written(r Recipe) map[string]any {
	root := map[string]any{"host": r.Root.Host, "tools": list(r.Root.Tools)}
	if !r.Root.Host {
		root["url"], root["sha256"] = r.Root.URL, r.Root.SHA256
	}
	return map[string]any{
		"version": r.Version, "product": r.Product, "source": r.Source, "git_directory": r.GitDirectory, "root": root,
		"fetch":   map[string]any{"files": list(r.Fetch.Files), "go_modules": r.Fetch.GoModules, "go_packages": list(r.Fetch.GoPackages)},
		"command": r.Command, "environment": r.Environment, "source_date_epoch": r.SourceDateEpoch, "path": r.Path,
		"outputs": r.Outputs, "tasks": list(r.Tasks),
		"limits": map[string]any{"time": r.Limits.Time.String(), "memory": r.Limits.Memory.String(), "disk": r.Limits.Disk.String(), "processes": r.Limits.Processes},
	}
}

func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func cmpEmpty() cmp.Option { return cmpopts.EquateEmpty() }

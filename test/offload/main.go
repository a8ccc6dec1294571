// Command offload answers: how much sooner is a pipeline done when a rebuilder runs its
// tests and scans?
//
//	go run ./test/offload [--json] [--program PACKAGE] [--packages "PACKAGE ..."]
//
// The project is this one: hallmark-verify is built, the tests of what it links are run,
// and a bill of material is made. All of it happens twice, from cold caches and without a
// network:
//
//   - on one server: build, tests, bill of material, one after the other;
//   - on two: the vendor's server builds and has its signature; the rebuilder's server
//     then builds the commit twice, compares, and runs tests and bill of material.
//
// A server is one CPU of this machine: everything that belongs to it is pinned there. The
// machine needs two, and nothing else to do; CPU seconds are printed beside wall time,
// because they say what a machine with other things to do would have taken.
//
// Run it from the root of a checkout whose commit has what is to be built.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/rebuild/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "offload:", err)
		os.Exit(2)
	}
}

// linkedPackages are what hallmark-verify links, but for verify/install: it asks whose folders
// lead to a file, and in a sandbox the root folder is somebody else's.
const linkedPackages = "./ext ./verify ./verify/child ./verify/command ./verify/fetch/... ./verify/ocsp ./verify/policy ./verify/proof ./verify/scan ./verify/startup ./verify/update ./truststore ./timesource"

// source is what the recipe calls this project's repository.
const source = "https://git.example.com/hallmark"

// sbom writes the modules of a program as an SPDX document.
const sbom = `go list -deps -f "{{with .Module}}{{.Path}} {{.Version}}{{end}}" $PROGRAM | sort -u | awk '` +
	`BEGIN { printf "{\"spdxVersion\":\"SPDX-2.3\",\"name\":\"hallmark-verify\",\"packages\":[" } ` +
	`NF { printf "%s{\"SPDXID\":\"SPDXRef-%d\",\"name\":\"%s\",\"versionInfo\":\"%s\"}", (n++ ? "," : ""), n, $1, $2 } END { print "]}" }' > sbom.json`

// spent is what a step took.
type spent struct {
	Step string  `json:"step"`
	Wall float64 `json:"wall_seconds"`
	CPU  float64 `json:"cpu_seconds"`
}

type result struct {
	Commit  string  `json:"commit"`
	One     []spent `json:"one_server"`
	Vendor  []spent `json:"vendors_server"`
	Rebuild []spent `json:"rebuilders_server"`
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("offload", flag.ContinueOnError)
	flags.SetOutput(stderr)
	isJSON := flags.Bool("json", false, "print JSON")
	program := flags.String("program", "./cmd/hallmark-verify", "package of the program to build")
	packages := flags.String("packages", linkedPackages, "packages to test")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return errors.New("two servers need two CPUs")
	}
	folder, err := os.MkdirTemp("/var/tmp", "hallmark-offload-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	p, err := newProject(ctx, folder, *program, *packages)
	if err != nil {
		return err
	}
	r := result{Commit: p.commit}
	fmt.Fprintln(stderr, "one server …")
	if r.One, err = p.oneServer(ctx); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "two servers …")
	if r.Vendor, r.Rebuild, err = p.twoServers(ctx); err != nil {
		return err
	}
	if *isJSON {
		enc := json.NewEncoder(stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.print(stdout)
}

func total(steps []spent) (t spent) {
	for _, s := range steps {
		t.Wall, t.CPU = t.Wall+s.Wall, t.CPU+s.CPU
	}
	return t
}

func (r result) print(w io.Writer) error {
	var out bytes.Buffer
	line := func(s spent, what string) {
		fmt.Fprintf(&out, "  %-38s %8.1f s wall", what, s.Wall)
		if s.CPU > 0.05 { // what runs in the sandbox is nobody's child at its end, and not counted
			fmt.Fprintf(&out, " %8.1f s CPU", s.CPU)
		}
		fmt.Fprintln(&out)
	}
	for _, part := range []struct {
		title string
		steps []spent
	}{{"one server, one step after the other", r.One}, {"two servers: the vendor's", r.Vendor}, {"two servers: the rebuilder's, once the vendor's is done", r.Rebuild}} {
		fmt.Fprintln(&out, part.title)
		for _, s := range part.steps {
			line(s, s.Step)
		}
		if len(part.steps) > 1 {
			line(total(part.steps), "together")
		}
	}
	one, vendor, proof := total(r.One), total(r.Vendor), total(r.Rebuild)
	fmt.Fprintf(&out, "pipeline done (signed) on two servers against one: %.2f of the wall time, %.2f of the CPU time on the vendor's server\n", vendor.Wall/one.Wall, vendor.CPU/one.CPU)
	fmt.Fprintf(&out, "all proof there: after %.2f times the wall time of one server that proves nothing\n", (vendor.Wall+proof.Wall)/one.Wall)
	_, err := w.Write(out.Bytes())
	return err
}

// project is what both ways build.
type project struct {
	folder, repository, commit, program, packages string
	goRoot, modules                               string
	document                                      []byte
}

func newProject(ctx context.Context, folder, program, packages string) (*project, error) {
	p := &project{folder: folder, repository: filepath.Join(folder, "hallmark.git"), program: program, packages: packages}
	for _, q := range []struct {
		to    *string
		words []string
	}{
		{&p.commit, []string{"git", "rev-parse", "HEAD"}}, {&p.goRoot, []string{"go", "env", "GOROOT"}}, {&p.modules, []string{"go", "env", "GOMODCACHE"}},
	} {
		out, err := exec.CommandContext(ctx, q.words[0], q.words[1:]...).Output()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.Join(q.words, " "), err)
		}
		*q.to = strings.TrimSpace(string(out))
	}
	for _, words := range [][]string{
		{"init", "--quiet", "--bare", "--template=", p.repository}, {"push", "--quiet", "--no-verify", p.repository, p.commit + ":refs/heads/main"},
		{"clone", "--quiet", "--branch=main", p.repository, filepath.Join(folder, "tree")},
	} {
		if out, err := exec.CommandContext(ctx, "git", words...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("git %s: %w: %s", words[0], err, out)
		}
	}
	// The module cache is in a home folder, which is closed to the user who builds.
	if out, err := exec.CommandContext(ctx, "cp", "-rl", filepath.Join(p.modules, "cache", "download"), filepath.Join(folder, "proxy")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy the modules: %w: %s", err, out)
	}
	quoted := strings.ReplaceAll(sbom, "'", "''")
	p.document = fmt.Appendf(nil, "version: 1\nproduct: hallmark-verify\nsource: git+%s\nroot: {host: true}\nfetch: {go_modules: true, go_packages: [%s]}\nenvironment: {CGO_ENABLED: \"0\", PROGRAM: \"%s\"}\n"+
		"command: [sh, -c, '%s']\nsource_date_epoch: commit\noutputs: [out/hallmark-verify]\nlimits: {time: 1h, memory: 8GiB, disk: 16GiB, processes: 4096}\n"+
		"tasks:\n  - {name: tests, command: [sh, -c, '%s'], statement: test-result}\n  - {name: bill of material, command: [sh, -c, '%s'], statement: spdx, report: sbom.json}\n",
		source, strings.Join(append(strings.Fields(packages), program), ", "), program, p.build(), "go test "+packages, quoted)
	return p, nil
}

func (p *project) build() string {
	return "go build -trimpath -buildvcs=false -o out/hallmark-verify $PROGRAM"
}

// oneServer does everything in turn on the first CPU.
func (p *project) oneServer(ctx context.Context) ([]spent, error) {
	var steps []spent
	for _, s := range [][2]string{{"build", p.build()}, {"tests", "go test " + p.packages}, {"bill of material", sbom}} {
		took, err := measured(s[0], func() error { return p.command(ctx, "one", s[1]) })
		if err != nil {
			return nil, err
		}
		steps = append(steps, took)
	}
	return steps, nil
}

// twoServers builds on the first CPU and hands the rest to a rebuilder on the second.
func (p *project) twoServers(ctx context.Context) (vendor, rebuilder []spent, err error) {
	built, err := measured("build", func() error { return p.command(ctx, "two", p.build()) })
	if err != nil {
		return nil, nil, err
	}
	w, err := worker.New(worker.Config{
		ID: "https://rebuild.example.org/", Folder: filepath.Join(p.folder, "work"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Mirrors: []worker.Mirror{{Prefix: source, Folder: p.repository}}, GoProxy: "file://" + filepath.Join(p.folder, "proxy"), Tools: []string{p.goRoot},
	})
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	artifact, err := os.ReadFile(filepath.Join(p.folder, "tree", "out", "hallmark-verify"))
	if err != nil {
		return nil, nil, err
	}
	var report worker.Report
	all, err := measured("two builds, tests, bill of material", func() error {
		return pinned(1, func() error {
			report, err = w.Rebuild(ctx, p.job(artifact), worker.Expected{})
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	if report.Reason != "" {
		return nil, nil, fmt.Errorf("%s: %s", report.Reason, report.Diff)
	}
	for _, t := range report.Tasks {
		if !t.Passed {
			return nil, nil, fmt.Errorf("task %s failed: %s", t.Task.Name, t.Log)
		}
	}
	return []spent{built}, []spent{all}, nil
}

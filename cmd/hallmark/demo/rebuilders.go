package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
)

// rebuilder repeats builds on a machine that is not the vendor's.
type rebuilder struct{ name, id, organization string }

var rebuilders = []rebuilder{
	{"north", "https://rebuild.north.example", "North Rebuilds eV"},
	{"south", "https://rebuild.south.example", "South Rebuilds Ltd"},
}

// rebuildTimeout is how long two rebuilders may take for a program of three lines, on
// a machine that is busy with other things.
const rebuildTimeout = 10 * time.Minute

// gitHost is where Acme's sources are; the rebuilders of the demo are told that it is a
// folder of this machine.
const gitHost = "https://git.acme.example/"

// openFolder is a folder that everybody gets to: builds run as nobody when root starts them.
func (s *stage) openFolder() error {
	dir, err := os.MkdirTemp("/var/tmp", "hallmark-demo-*")
	if err != nil {
		return err
	}
	s.open = dir
	return os.Chmod(dir, 0o755)
}

// prepareSource lays out the program and makes the git repository that it is built from.
func (s *stage) prepareSource(ctx context.Context) error {
	if err := s.openFolder(); err != nil {
		return err
	}
	if err := s.unpack("hello", "hello"); err != nil {
		return err
	}
	repository := filepath.Join(s.open, "git", "acme", "hello")
	if err := os.MkdirAll(repository, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"main.go", "go.mod"} {
		content, err := os.ReadFile(s.path("hello", name+".txt"))
		if err != nil {
			return err
		}
		if err := os.Rename(s.path("hello", name+".txt"), s.path("hello", name)); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(repository, name), content, 0o644); err != nil {
			return err
		}
	}
	for _, step := range [][]string{
		{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "--message", "hello 1.0"},
	} {
		if _, err := s.git(ctx, repository, step...); err != nil {
			return err
		}
	}
	commit, err := s.git(ctx, repository, "rev-parse", "HEAD")
	s.captured["commit"] = commit
	return err
}

// git runs git with no configuration but the demo's.
func (s *stage) git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir, "-c", "user.name=Acme", "-c", "user.email=hello@acme.example", "-c", "init.defaultBranch=main", "-c", "safe.directory=*"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// scopeRebuilders puts the rebuilders and their recipe into the auditor's draft.
func (s *stage) scopeRebuilders(ctx context.Context) error {
	added := "  rebuilders:\n"
	for _, r := range rebuilders {
		if _, err := s.hallmark(ctx, r.name, succeeds, []string{"attest", "keygen", "assessment/" + r.name}, "wrote"); err != nil {
			return err
		}
		added += fmt.Sprintf("  - id: %s\n    operator: %s\n    key_files: [%s.pub]\n", r.id, r.organization, r.name)
	}
	added += "  recipes:\n  - product: acme-hello\n    source: git+" + gitHost + "acme/hello\n    recipe_file: rebuild.yaml\n"
	recipe, err := assets.ReadFile("assets/hello/rebuild.yaml")
	if err != nil {
		return err
	}
	if err := s.write("assessment/rebuild.yaml", recipe); err != nil {
		return err
	}
	draft, err := os.ReadFile(s.path("assessment", "acme.yaml"))
	if err != nil {
		return err
	}
	const before = "  repositories:\n"
	if !strings.Contains(string(draft), before) {
		return errors.New("the draft has no repositories")
	}
	return s.write("assessment/acme.yaml", []byte(strings.Replace(string(draft), before, added+before, 1)))
}

// startRebuilders has both take jobs until the demo ends.
func startRebuilders(ctx context.Context, s *stage) error {
	s.say("Two organisations that are not Acme's run rebuilders. The audited scope names them,\nwith their keys and with the recipe; an officer lets their machines in.")
	for _, r := range rebuilders {
		if err := s.invite(ctx, r.name, []string{"rebuilder", "add", "--rebuilder", r.id, "--organization", r.organization, r.name}); err != nil {
			return err
		}
		if err := s.enrol(ctx, r.name); err != nil {
			return err
		}
		tools, err := s.ownCompiler(ctx, r.name)
		if err != nil {
			return err
		}
		args := []string{"rebuild", "serve", "--id", r.id, "--key", "assessment/" + r.name + ".key", "--work", filepath.Join(s.open, r.name, "work"),
			"--mirror", gitHost + "=" + filepath.Join(s.open, "git") + "/"}
		for _, dir := range tools {
			args = append(args, "--tools", dir)
		}
		if err := s.startRebuilder(r.name, args); err != nil {
			return err
		}
	}
	s.checked++
	s.say("  ✓ both ask for work; they open no port")
	return nil
}

// ownCompiler makes a go command for a rebuilder that brings the standard library along,
// compiled by this rebuilder: each build starts from there instead of from nothing, which
// is all that it saves. It returns the folders that builds must see.
func (s *stage) ownCompiler(ctx context.Context, name string) ([]string, error) {
	real, err := exec.LookPath("go")
	if err != nil {
		return nil, err
	}
	if real, err = filepath.EvalSymlinks(real); err != nil {
		return nil, err
	}
	dir := filepath.Join(s.open, name, "go")
	cache := filepath.Join(dir, "cache")
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, real, "build", "-trimpath", "-buildvcs=false", "-o", os.DevNull, ".")
	cmd.Dir = s.path("hello")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local", "GOCACHE="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	wrapper := "#!/bin/sh\n[ -d \"$HOME/cache\" ] || cp -r " + cache + " \"$HOME/cache\"\nGOCACHE=$HOME/cache exec " + real + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "bin", "go"), []byte(wrapper), 0o755); err != nil {
		return nil, err
	}
	tools := []string{dir}
	if root := filepath.Dir(filepath.Dir(real)); !strings.HasPrefix(root, "/usr/") {
		tools = append(tools, root)
	}
	return tools, nil
}

// startRebuilder starts 'hallmark rebuild serve' in the background.
func (s *stage) startRebuilder(who string, args []string) error {
	s.say("\n%s$ hallmark %s &", who, shown(s, args))
	log, err := os.Create(s.path(who + ".log"))
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(s.binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	cmd.Env = append(os.Environ(), "HALLMARK_HOME="+s.path("home", who), "HALLMARK_PASSPHRASE_FILE=")
	if err := cmd.Start(); err != nil {
		return err
	}
	s.background = append(s.background, cmd)
	return nil
}

// stopRebuilders ends what startRebuilder started and removes the open folder.
func (s *stage) stopRebuilders() error {
	var errs []error
	for _, cmd := range s.background {
		errs = append(errs, cmd.Process.Signal(syscall.SIGTERM))
	}
	for _, cmd := range s.background {
		// What it was building when it was stopped is nobody's concern.
		if err := cmd.Wait(); cmd.ProcessState == nil {
			errs = append(errs, err)
		}
	}
	if s.open != "" {
		errs = append(errs, os.RemoveAll(s.open))
	}
	return errors.Join(errs...)
}

// prove builds the program from a folder, as Acme's builder does, and pushes provenance
// that says it was built from the commit. Whether that is so is another matter.
func (s *stage) prove(ctx context.Context, folder, artifact string) error {
	if err := s.build(ctx, []string{"go", "build", "-C", folder, "-trimpath", "-buildvcs=false", "-o", s.path(artifact), "."}); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "builder", succeeds, []string{"attest", "provenance", "--key", "assessment/builder.key",
		"--builder-id", builderID, "--build-type", buildType, "--source", source, "--commit", s.captured["commit"],
		"--out", artifact + ".intoto.jsonl", artifact}, "wrote"); err != nil {
		return err
	}
	_, err := s.hallmark(ctx, "acme", succeeds, []string{"attest", "push", artifact + ".intoto.jsonl"}, "filed 1 envelope")
	return err
}

// rebuilt asks both rebuilders about an artifact and waits for what they find.
func (s *stage) rebuilt(ctx context.Context, artifact, outcome string) error {
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"rebuild", "request", artifact}, rebuilders[0].organization, rebuilders[1].organization); err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, rebuildTimeout)
	defer stop()
	for {
		var jobs []api.RebuildJob
		if err := s.capture(ctx, "acme", &jobs, "rebuild", "jobs", "--json", artifact); err != nil {
			return err
		}
		found := map[string]bool{}
		for _, j := range jobs {
			if j.Outcome == outcome {
				found[j.Operator] = true
			}
		}
		if len(found) == len(rebuilders) {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %s says %d of %d rebuilders: %w", artifact, outcome, len(found), len(rebuilders), ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
	_, err := s.hallmark(ctx, "acme", succeeds, []string{"rebuild", "jobs", artifact}, outcome)
	return err
}

func goodBuild(ctx context.Context, s *stage) error {
	if err := s.prove(ctx, "hello", "hello-good"); err != nil {
		return err
	}
	s.say("\nEach rebuilder fetches the commit, builds it twice in a sandbox without a network,\ncompares, and signs what it found.")
	if err := s.rebuilt(ctx, "hello-good", "reproduced"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"sign", "--product", "acme-hello", "--per-build", "hello-good"}, "signed hello-good"); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	_, err := s.verify(ctx, succeeds, "slsa3.yaml", []string{"hello-good"}, "hello-good: valid")
	return err
}

func tamperedBuild(ctx context.Context, s *stage) error {
	s.say("Somebody is inside Acme's builder. It changes a line before it compiles, and signs\nprovenance that is in order in every way: right builder, right key, right commit.")
	if err := os.CopyFS(s.path("tampered"), os.DirFS(s.path("hello"))); err != nil {
		return err
	}
	program, err := os.ReadFile(s.path("hello", "main.go"))
	if err != nil {
		return err
	}
	if err := s.write("tampered/main.go", []byte(strings.Replace(string(program), "Hello from Acme", "Hello from Mallory", 1))); err != nil {
		return err
	}
	if err := s.prove(ctx, "tampered", "hello-tampered"); err != nil {
		return err
	}
	s.say("\nThe rebuilders come to something else and say so, with what differs.")
	if err := s.rebuilt(ctx, "hello-tampered", "mismatch"); err != nil {
		return err
	}
	s.say("\nStrict mode refuses it up front:")
	_, err = s.hallmark(ctx, "acme", refuses, []string{"sign", "--product", "acme-hello", "--per-build", "hello-tampered"}, "build.not-contradicted")
	return err
}

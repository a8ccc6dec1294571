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

// greeter is the product that rebuilders repeat, and twoRebuilders what Acme demands of it.
const (
	greeter       = "acme-greeter"
	twoRebuilders = "rules:\n- name: two rebuilders\n  cel: size(reproduced) >= 2\n"
)

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
	added += "  recipes:\n  - product: " + greeter + "\n    source: git+" + gitHost + "acme/hello\n    recipe_file: rebuild.yaml\n"
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
	text := string(draft)
	for before, more := range map[string]string{"  repositories:\n": added, "  - name: acme-hello\n": "  - name: " + greeter + "\n"} {
		if strings.Count(text, before) != 1 {
			return fmt.Errorf("the draft has not one %q", before)
		}
		text = strings.Replace(text, before, more+before, 1)
	}
	return s.write("assessment/acme.yaml", []byte(text))
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

// provisionally signs before the proof is there, and waits for what becomes of it.
func (s *stage) provisionally(ctx context.Context, code int, artifact string, want ...string) error {
	_, err := s.hallmark(ctx, "acme", code, []string{"sign", "--product", greeter, "--mode", "provisional", "--wait", "--wait-timeout", rebuildTimeout.String(), artifact}, want...)
	return err
}

func goodBuild(ctx context.Context, s *stage) error {
	s.say("Acme's own rule for this product: two other organisations must build the same bytes.")
	if err := s.write("greeter.policy.yaml", []byte(twoRebuilders)); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"sign", "policy", "set", greeter, "greeter.policy.yaml"}, "in force"); err != nil {
		return err
	}
	if err := s.prove(ctx, "hello", "hello-good"); err != nil {
		return err
	}
	s.say("\nIt is signed at once; the signature says itself that it is provisional. --wait stays\nuntil it is settled: each rebuilder fetches the commit, builds it twice in a sandbox\nwithout a network, compares, and signs what it found.")
	if err := s.provisionally(ctx, succeeds, "hello-good", "provisional", "hello-good confirmed"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"rebuild", "jobs", "hello-good"}, "reproduced", rebuilders[0].organization, rebuilders[1].organization); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	if err := s.write("confirmed.yaml", []byte(policyAt(3)+"confirmed: required\n")); err != nil {
		return err
	}
	_, err := s.verify(ctx, succeeds, "confirmed.yaml", []string{"hello-good"}, "hello-good: valid")
	return err
}

// tamper makes a copy of the source with another line in it.
func (s *stage) tamper() error {
	if err := os.CopyFS(s.path("tampered"), os.DirFS(s.path("hello"))); err != nil {
		return err
	}
	program, err := os.ReadFile(s.path("hello", "main.go"))
	if err != nil {
		return err
	}
	return s.write("tampered/main.go", []byte(strings.Replace(string(program), "Hello from Acme", "Hello from Mallory", 1)))
}

func tamperedBuild(ctx context.Context, s *stage) error {
	s.say("Somebody is inside Acme's builder. It changes a line before it compiles, and signs\nprovenance that is in order in every way: right builder, right key, right commit.")
	if err := s.tamper(); err != nil {
		return err
	}
	if err := s.prove(ctx, "tampered", "hello-tampered"); err != nil {
		return err
	}
	s.say("\nStrict mode refuses it up front: nobody else has built these bytes.")
	if _, err := s.hallmark(ctx, "acme", refuses, []string{"sign", "--product", greeter, "--per-build", "hello-tampered"}, "two rebuilders"); err != nil {
		return err
	}
	s.say("\nProvisional mode signs it. The rebuilders come to something else, and the CA revokes\nits certificate by itself, as of the signature. No other build has that certificate.")
	const revoked = 3
	if err := s.provisionally(ctx, revoked, "hello-tampered", "provisional", "hello-tampered revoked, incident"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"rebuild", "jobs", "hello-tampered"}, "mismatch"); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	s.say("\nIt is refused at install; the good build is not touched.")
	if _, err := s.verify(ctx, refuses, "slsa3.yaml", []string{"hello-tampered"}, "hello-tampered: not valid", "revoked"); err != nil {
		return err
	}
	_, err := s.verify(ctx, succeeds, "confirmed.yaml", []string{"hello-good"}, "hello-good: valid")
	return err
}

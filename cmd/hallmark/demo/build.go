package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// packageFile is named as Debian names packages: after the machine it is for.
var packageFile = "hello_1.0_" + debianArchitecture() + ".deb"

const (
	tarball   = "hello-1.0.tar.gz"
	builderID = "https://ci.acme.example/builders/linux-amd64"
	buildType = "https://ci.acme.example/types/make-deb/v1"
	source    = "git+https://git.acme.example/acme/hello@refs/heads/main"
)

// buildPackage is Acme's CI: a Go program becomes a .deb and a tarball, and the
// builder writes down what it did.
func buildPackage(ctx context.Context, s *stage) error {
	control, err := assets.ReadFile("assets/hello/control")
	if err != nil {
		return err
	}
	if err := s.write("hello/control", bytes.ReplaceAll(control, []byte("@ARCHITECTURE@"), []byte(debianArchitecture()))); err != nil {
		return err
	}
	for _, step := range [][]string{
		{"mkdir", "-p", "root/DEBIAN", "root/usr/bin"},
		{"cp", "hello/control", "root/DEBIAN/control"},
		{"go", "build", "-C", "hello", "-trimpath", "-buildvcs=false", "-o", s.path("root", "usr", "bin", "hello"), "."},
		{"dpkg-deb", "--root-owner-group", "-Zgzip", "--build", "root", packageFile},
		{"tar", "-czf", tarball, "hello"},
	} {
		if err := s.build(ctx, step); err != nil {
			return err
		}
	}
	s.say("\nWithout evidence nothing is signed:")
	if _, err := s.hallmark(ctx, "acme", refuses, []string{"sign", "--product", "acme-hello", packageFile}, "provenance.available"); err != nil {
		return err
	}
	s.say("\nThe builder signs provenance for both files, with the key in the audited scope:")
	_, err = s.hallmark(ctx, "builder", succeeds, []string{"attest", "provenance", "--key", "assessment/builder.key",
		"--builder-id", builderID, "--build-type", buildType, "--source", source, "--commit", s.captured["commit"],
		"--out", "hello.intoto.jsonl", packageFile, tarball}, "wrote")
	if err != nil {
		return err
	}
	_, err = s.hallmark(ctx, "acme", succeeds, []string{"attest", "push", "hello.intoto.jsonl"}, "filed 2 envelope")
	return err
}

// debianArchitecture is Debian's name for what the go command builds for.
func debianArchitecture() string {
	switch runtime.GOARCH {
	case "386":
		return "i386"
	case "arm":
		return "armhf"
	case "ppc64le":
		return "ppc64el"
	}
	return runtime.GOARCH
}

// build runs one step of Acme's CI.
func (s *stage) build(ctx context.Context, step []string) error {
	s.say("\nbuilder$ %s %s", step[0], shown(s, step[1:]))
	cmd := exec.CommandContext(ctx, step[0], step[1:]...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", step[0], err, out)
	}
	return nil
}

func signAndVerify(ctx context.Context, s *stage) error {
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"sign", "--product", "acme-hello", packageFile, tarball}, "signed "+packageFile, "signed "+tarball); err != nil {
		return err
	}
	s.say("\nThe installer gets two files once: whom to trust, and what was revoked.")
	if _, err := s.hallmark(ctx, "olga", succeeds, []string{"trust", "export", "--out", "trust.json"}, "wrote"); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	if err := s.write("slsa3.yaml", []byte(policyAt(3))); err != nil {
		return err
	}
	s.say("\nFrom here on no network is used. (slsa3.yaml asks for SLSA 3 or better.)")
	_, err := s.verify(ctx, succeeds, "slsa3.yaml", []string{packageFile, tarball}, packageFile+": valid", tarball+": valid")
	return err
}

func (s *stage) refreshStatus(ctx context.Context) error {
	_, err := s.hallmark(ctx, "olga", succeeds, []string{"trust", "status", "--out", "status.json"}, "wrote")
	return err
}

// verify judges files offline as an installer would.
func (s *stage) verify(ctx context.Context, code int, policy string, files []string, want ...string) (string, error) {
	args := []string{"verify", "--trust", "trust.json", "--status", "status.json", "--policy", policy}
	return s.hallmark(ctx, "installer", code, append(args, files...), want...)
}

func policyAt(level int) string {
	return fmt.Sprintf(`version: 1
mode: enforce
require:
  - framework: https://slsa.dev/spec/v0.1/
    track: slsa
    level: %d
revocation: required
timestamp: required
attestations: stapled
`, level)
}

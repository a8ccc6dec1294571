package demo

import (
	"context"
	"os"

	"github.com/hallmark-pki/hallmark/ext"
)

// unchangedTools shows that nobody needs our verifier: CMS, certificate policies
// and trailing ar members are understood already. These tools were not told about
// the revocations above.
func unchangedTools(ctx context.Context, s *stage) error {
	if _, err := s.hallmark(ctx, "olga", succeeds, []string{"trust", "export", "--tier", "elevated", "--out", "elevated.pem"}, "wrote"); err != nil {
		return err
	}
	s.say("\nopenssl trusts the tier 'elevated' (SLSA 3), and reads our signature as plain CMS:")
	if _, err := s.tool(ctx, succeeds, "openssl", []string{"cms", "-verify", "-binary", "-inform", "DER", "-in", tarball + ".p7s",
		"-content", tarball, "-CAfile", "elevated.pem", "-purpose", "any", "-out", "/dev/null"}, "successful"); err != nil {
		return err
	}
	for _, claim := range []struct{ level, code int }{{3, succeeds}, {4, refuses}} {
		level, code := claim.level, claim.code
		oid, err := ext.DefaultArc().Policy("https://slsa.dev/spec/v0.1/", "slsa", level)
		if err != nil {
			return err
		}
		s.say("\nThe policy OID of SLSA %d:", level)
		if _, err := s.tool(ctx, code, "openssl", []string{"verify", "-policy_check", "-explicit_policy", "-policy", oid.String(),
			"-CAfile", "elevated.pem", "acme.pem"}); err != nil {
			return err
		}
	}
	return installPackage(ctx, s)
}

func installPackage(ctx context.Context, s *stage) error {
	s.say("\ndpkg installs the signed package; the signature is one more member it does not mind:")
	for _, dir := range []string{"updates", "info", "triggers"} {
		if err := os.MkdirAll(s.path("target", "var", "lib", "dpkg", dir), 0o755); err != nil {
			return err
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := s.write("target/var/lib/dpkg/"+file, nil); err != nil {
			return err
		}
	}
	if _, err := s.tool(ctx, succeeds, "dpkg", []string{"--root=" + s.path("target"), "--force-not-root", "--force-bad-path",
		"--log=" + s.path("dpkg.log"), "-i", packageFile}, "Setting up hello"); err != nil {
		return err
	}
	_, err := s.tool(ctx, succeeds, s.path("target", "usr", "bin", "hello"), nil, "Hello from Acme")
	return err
}

package demo

import (
	"context"
	"os"
)

// refuseSix breaks exactly one thing at a time.
func refuseSix(ctx context.Context, s *stage) error {
	for _, refusal := range []func(context.Context, *stage) error{
		changedByte, appendedByte, strongerPolicy, otherCA, revokedCertificate, withdrawnAssessment,
	} {
		if err := refusal(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func changedByte(ctx context.Context, s *stage) error {
	s.say("(1) One byte of the package is changed.")
	raw, err := os.ReadFile(s.path(packageFile))
	if err != nil {
		return err
	}
	raw[len(raw)/2] ^= 1
	if err := s.write("changed.deb", raw); err != nil {
		return err
	}
	_, err = s.verify(ctx, refuses, "slsa3.yaml", []string{"changed.deb"}, "changed.deb: not valid", "digest-mismatch")
	return err
}

func appendedByte(ctx context.Context, s *stage) error {
	s.say("\n(2) One byte is appended behind the signature.")
	raw, err := os.ReadFile(s.path(packageFile))
	if err != nil {
		return err
	}
	if err := s.write("appended.deb", append(raw, 0)); err != nil {
		return err
	}
	_, err = s.verify(ctx, refuses, "slsa3.yaml", []string{"appended.deb"}, "appended.deb: not valid", "data-after-signature")
	return err
}

func strongerPolicy(ctx context.Context, s *stage) error {
	s.say("\n(3) The installer's policy asks for SLSA 4.")
	if err := s.write("slsa4.yaml", []byte(policyAt(4))); err != nil {
		return err
	}
	_, err := s.verify(ctx, refuses, "slsa4.yaml", []string{packageFile}, packageFile+": not valid", "level")
	return err
}

func otherCA(ctx context.Context, s *stage) error {
	s.say("\n(4) Another CA copies name, extensions and all, and signs with a real timestamp.")
	if err := s.forge(ctx, "forged.tar.gz"); err != nil {
		return err
	}
	_, err := s.verify(ctx, refuses, "slsa3.yaml", []string{"forged.tar.gz"}, "forged.tar.gz: not valid", "chain")
	return err
}

func revokedCertificate(ctx context.Context, s *stage) error {
	s.say("\n(5) Acme's key is reported stolen; the certificate is revoked as of its beginning.")
	if _, err := s.hallmark(ctx, "olga", succeeds, []string{"cert", "revoke", "--reason", "keyCompromise", "--since", "2000-01-01T00:00:00Z", s.captured["certificate"]}, "revoked 1 certificate"); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	_, err := s.verify(ctx, refuses, "slsa3.yaml", []string{packageFile}, packageFile+": not valid", "revoked", "keyCompromise")
	return err
}

func withdrawnAssessment(ctx context.Context, s *stage) error {
	s.say("\n(6) Acme gets a new certificate and signs again; then its assessment is withdrawn,\nwhich takes the certificate of the rebuilt program along.")
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"cert", "request"}, "SLSA_LEVEL_3"); err != nil {
		return err
	}
	if err := s.rememberCertificate(ctx, "second"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"sign", "--product", "acme-hello", "--replace", tarball}, "signed "+tarball); err != nil {
		return err
	}
	if _, err := s.verify(ctx, succeeds, "slsa3.yaml", []string{tarball}, tarball+": valid"); err != nil {
		return err
	}
	withdraw := []string{"audit", "withdraw", "--reason", "the builder was shared with another team", "--since", "2000-01-01T00:00:00Z"}
	if _, err := s.hallmark(ctx, "olga", succeeds, append(withdraw, "--dry-run", s.captured["assessment"]), "would revoke ", s.captured["second"]); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "olga", succeeds, append(withdraw, s.captured["assessment"]), "revoked ", s.captured["second"]); err != nil {
		return err
	}
	if err := s.refreshStatus(ctx); err != nil {
		return err
	}
	if _, err := s.verify(ctx, refuses, "slsa3.yaml", []string{tarball}, tarball+": not valid", "revoked", "privilegeWithdrawn"); err != nil {
		return err
	}
	s.say("\nAnd no new certificate comes of it:")
	_, err := s.hallmark(ctx, "acme", refuses, []string{"cert", "request"}, "no assessment")
	return err
}

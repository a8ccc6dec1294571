package demo

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"path"
	"slices"

	"github.com/hallmark-pki/hallmark/server/api"
)

// assets are what people bring along: the auditor's filled-in draft with its
// evidence, and the program that Acme ships.
//
//go:embed assets
var assets embed.FS

// unpack copies a folder of assets to the demo's folder.
func (s *stage) unpack(folder, to string) error {
	root := path.Join("assets", folder)
	return fs.WalkDir(assets, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		return s.write(path.Join(to, name[len(root):]), content)
	})
}

func assessAcme(ctx context.Context, s *stage) error {
	if err := s.unpack("assessment", "assessment"); err != nil {
		return err
	}
	s.say("Acme's builder has a key; its public half goes into the audited scope.")
	if _, err := s.hallmark(ctx, "builder", succeeds, []string{"attest", "keygen", "assessment/builder"}, "wrote"); err != nil {
		return err
	}
	s.say("\nSo do two rebuilders of other organisations, and how they build it goes in as well.")
	if err := s.prepareSource(ctx); err != nil {
		return err
	}
	if err := s.scopeRebuilders(ctx); err != nil {
		return err
	}
	s.say("\n'hallmark audit start' would write an empty draft. Quill has filled theirs in:\nassessment/acme.yaml, every requirement with a finding and its evidence.")
	if _, err := s.hallmark(ctx, "quill", succeeds, []string{"audit", "check", "assessment/acme.yaml"}, "level 3", "SLSA_LEVEL_3"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "quill", succeeds, []string{"audit", "sign", "--out", "acme.assessment.json", "assessment/acme.yaml"}, "level 3"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "quill", succeeds, []string{"audit", "submit", "acme.assessment.json"}, "submitted"); err != nil {
		return err
	}
	var submitted []api.Assessment
	if err := s.capture(ctx, "quill", &submitted, "audit", "list", "--json"); err != nil {
		return err
	}
	if len(submitted) != 1 || submitted[0].Level != 3 {
		return errors.New("expected one assessment of level 3")
	}
	s.captured["assessment"] = submitted[0].ID
	s.say("\nIt is not in force yet: an officer, who is neither auditor nor vendor, accepts it,\nand it is written to the transparency log.")
	if _, err := s.hallmark(ctx, "acme", refuses, []string{"cert", "request"}, "no assessment"); err != nil {
		return err
	}
	_, err := s.hallmark(ctx, "olga", succeeds, []string{"audit", "accept", submitted[0].ID}, "in force")
	return err
}

func issueCertificate(ctx context.Context, s *stage) error {
	s.say("Blob has not been assessed:")
	if _, err := s.hallmark(ctx, "blob", refuses, []string{"cert", "request"}, "no assessment"); err != nil {
		return err
	}
	s.say("\nAcme reached level 3, so level 4 is refused:")
	if _, err := s.hallmark(ctx, "acme", refuses, []string{"cert", "request", "--claim", "slsa-v0.1=4"}, "level"); err != nil {
		return err
	}
	if _, err := s.hallmark(ctx, "acme", succeeds, []string{"cert", "request", "--out", "acme.pem"}, "SLSA_LEVEL_3"); err != nil {
		return err
	}
	return s.rememberCertificate(ctx, "certificate")
}

// rememberCertificate keeps the serial of Acme's only valid certificate, those of single
// builds left aside.
func (s *stage) rememberCertificate(ctx context.Context, name string) error {
	var certs []api.Certificate
	if err := s.capture(ctx, "acme", &certs, "cert", "list", "--state", "valid", "--json"); err != nil {
		return err
	}
	certs = slices.DeleteFunc(certs, func(c api.Certificate) bool { return c.Build != "" || c.Serial == "" })
	if len(certs) != 1 {
		return errors.New("expected one valid certificate")
	}
	s.captured[name] = certs[0].Serial
	return nil
}

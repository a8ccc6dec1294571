package demo

import (
	"context"
	"errors"
	"os"

	"github.com/hallmark-pki/hallmark/server/api"
)

func foundCA(ctx context.Context, s *stage) error {
	apiAddr, err := freePort()
	if err != nil {
		return err
	}
	publicAddr, err := freePort()
	if err != nil {
		return err
	}
	s.publicURL = "http://" + publicAddr
	if err := s.write("passphrase", []byte("only for this demo\n")); err != nil {
		return err
	}
	s.say("A root, three issuing CAs (standard, elevated, high), a timestamping authority, a\ntransparency log: one command. (It is shown here as --json, to pick up the token.)")
	args := []string{"init", "--json", "--dir", "ca", "--name", "Demo CA", "--organization", "Example Assay Office", "--country", "US",
		"--api-url", "https://" + apiAddr, "--api-listen", apiAddr, "--public-url", s.publicURL, "--public-listen", publicAddr,
		"--passphrase-file", "passphrase", "--officer", "olga"}
	s.say("\nadministrator$ hallmark %s", shown(s, args))
	var made struct {
		Hierarchy struct {
			Root string `json:"root_fingerprint"`
		} `json:"hierarchy"`
		Invitation api.Invitation `json:"invitation"`
	}
	if err := s.capture(ctx, "administrator", &made, args...); err != nil {
		return err
	}
	if err := s.stayOffline(); err != nil {
		return err
	}
	s.captured["olga"] = made.Invitation.Token
	s.say("  │ root sha256 %s\n  │ hallmark enroll %.60s…", made.Hierarchy.Root, made.Invitation.Token)
	s.checked++
	return s.startServer(ctx, "serve", "--dir", "ca", "--passphrase-file", "passphrase")
}

func enrolPeople(ctx context.Context, s *stage) error {
	if err := s.enrol(ctx, "olga"); err != nil {
		return err
	}
	invitations := []struct {
		who  string
		args []string
	}{
		{"quill", []string{"auditor", "add", "--organization", "Quill Assurance LLP", "--framework", "slsa-v0.1", "--until", "2099-12-31"}},
		{"acme", []string{"vendor", "add", "--uri", "https://acme.example", "--organization", "Acme Ltd", "--country", "US"}},
		{"blob", []string{"vendor", "add", "--uri", "https://blob.example", "--organization", "Blob", "--country", "US"}},
	}
	for _, i := range invitations {
		if err := s.invite(ctx, i.who, append(i.args, i.who)); err != nil {
			return err
		}
		if err := s.enrol(ctx, i.who); err != nil {
			return err
		}
	}
	s.say("\nA token works once:")
	_, err := s.hallmark(ctx, "mallory", refuses, []string{"enroll", s.captured["blob"]}, "has been used")
	return err
}

// invite runs a command that answers with an invitation, and keeps its token.
func (s *stage) invite(ctx context.Context, who string, args []string) error {
	s.say("\nolga$ hallmark %s", shown(s, args))
	var answer struct {
		api.Invitation
		Nested api.Invitation `json:"invitation"`
	}
	last := len(args) - 1
	jsonArgs := append(append(append([]string{}, args[:2]...), "--json"), args[2:last]...)
	if err := s.capture(ctx, "olga", &answer, append(jsonArgs, args[last])...); err != nil {
		return err
	}
	s.captured[who] = answer.Token + answer.Nested.Token
	s.say("  │ hallmark enroll %.60s…", s.captured[who])
	s.checked++
	return nil
}

func (s *stage) enrol(ctx context.Context, who string) error {
	if err := os.MkdirAll(s.path("home"), 0o700); err != nil {
		return err
	}
	args := []string{"enroll"}
	if who == "quill" {
		args = append(args, "--auditor")
	}
	_, err := s.hallmark(ctx, who, succeeds, append(args, s.captured[who]), "enrolled as "+who)
	return err
}

// stayOffline keeps the gate from asking for the host that the worked assessment names.
func (s *stage) stayOffline() error {
	conf, err := os.OpenFile(s.path("ca/config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = conf.WriteString("attestations: {no_fetch: true}\n")
	return errors.Join(err, conf.Close())
}

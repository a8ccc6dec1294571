package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
)

// authority is a CA with one assessed vendor. It is made with the commands that people
// type and served by the built program, so that what is measured is what they get.
type authority struct {
	program string
	dir     string
	api     string // https URL
	public  string // http URL
	serving *serving

	artifacts []string // SHA-256 of files about which there is evidence, one for each client
}

// The worked example of an assessment, which names product, builder and source.
const (
	exampleFolder    = "cmd/hallmark/demo/assets/assessment"
	exampleProduct   = "acme-hello"
	exampleBuilder   = "https://ci.acme.example/builders/linux-amd64"
	exampleBuildType = "https://ci.acme.example/types/make-deb/v1"
	exampleSource    = "git+https://git.acme.example/acme/hello@refs/heads/main"
	exampleCommit    = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
)

// authority returns the CA, running, which the first row that asks for it has made.
func (l *lab) authority(ctx context.Context) (*authority, error) {
	if l.ca != nil {
		return l.ca, nil
	}
	a, err := l.newAuthority(ctx, "authority")
	if err == nil {
		l.ca = a
	}
	return a, err
}

// newAuthority makes a CA in a folder of that name, running until the lab closes.
func (l *lab) newAuthority(ctx context.Context, name string) (*authority, error) {
	a := &authority{program: filepath.Join(l.bin, "hallmark"), dir: l.path(name)}
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, a.stop)
	for _, step := range []func(context.Context) error{a.found, a.enrol, a.assess, a.prove} {
		if err := step(ctx); err != nil {
			return nil, fmt.Errorf("set up a CA: %w", err)
		}
	}
	return a, nil
}

// found makes the CA, starts it and enrols its officer.
func (a *authority) found(ctx context.Context) error {
	apiAddr, err := freePort()
	if err != nil {
		return err
	}
	publicAddr, err := freePort()
	if err != nil {
		return err
	}
	a.api, a.public = "https://"+apiAddr, "http://"+publicAddr
	if err := os.WriteFile(a.path("passphrase"), []byte("only for this bench\n"), 0o600); err != nil {
		return err
	}
	token, err := a.invite(ctx, "administrator", "init", "--json", "--dir", "ca", "--name", "Bench CA",
		"--organization", "Example Assay Office", "--country", "US", "--passphrase-file", "passphrase", "--officer", "olga",
		"--api-url", a.api, "--api-listen", apiAddr, "--public-url", a.public, "--public-listen", publicAddr)
	if err != nil {
		return err
	}
	if _, err := a.start(ctx); err != nil {
		return err
	}
	_, err = a.as(ctx, "olga", "enroll", token)
	return err
}

func (a *authority) enrol(ctx context.Context) error {
	token, err := a.invite(ctx, "olga", "auditor", "add", "--json", "--organization", "Quill Assurance LLP", "--framework", "slsa-v0.1", "--until", "2099-12-31", "quill")
	if err != nil {
		return err
	}
	if _, err := a.as(ctx, "quill", "enroll", "--auditor", token); err != nil {
		return err
	}
	token, err = a.invite(ctx, "olga", "vendor", "add", "--json", "--uri", "https://acme.example", "--organization", "Acme Ltd", "--country", "US", "acme")
	if err != nil {
		return err
	}
	_, err = a.as(ctx, "acme", "enroll", token)
	return err
}

// assess takes the vendor from assessment to a certificate whose key the service holds.
func (a *authority) assess(ctx context.Context) error {
	if err := os.CopyFS(a.path("assessment"), os.DirFS(exampleFolder)); err != nil {
		return fmt.Errorf("%w (run from the root of the checkout)", err)
	}
	for _, c := range []struct {
		who  string
		args []string
	}{
		{"builder", []string{"attest", "keygen", "assessment/builder"}},
		{"quill", []string{"audit", "sign", "--out", "assessment.json", "assessment/acme.yaml"}},
		{"quill", []string{"audit", "submit", "assessment.json"}},
	} {
		if _, err := a.as(ctx, c.who, c.args...); err != nil {
			return err
		}
	}
	var submitted []api.Assessment
	if err := a.read(ctx, &submitted, "quill", "audit", "list", "--json"); err != nil {
		return err
	}
	if len(submitted) != 1 {
		return fmt.Errorf("%d assessments, not one", len(submitted))
	}
	if _, err := a.as(ctx, "olga", "audit", "accept", submitted[0].ID); err != nil {
		return err
	}
	_, err := a.as(ctx, "acme", "cert", "request")
	return err
}

// prove files provenance about a build for each client.
func (a *authority) prove(ctx context.Context) error {
	args := []string{"attest", "provenance", "--key", "assessment/builder.key", "--builder-id", exampleBuilder, "--build-type", exampleBuildType,
		"--source", exampleSource, "--commit", exampleCommit, "--out", "evidence.jsonl"}
	for i := range httpClients {
		name := fmt.Sprintf("build-%d", i)
		if err := os.WriteFile(a.path(name), []byte(name), 0o600); err != nil {
			return err
		}
		args = append(args, name)
	}
	if _, err := a.as(ctx, "builder", args...); err != nil {
		return err
	}
	var stored api.StoredAttestations
	if err := a.read(ctx, &stored, "acme", "attest", "push", "--json", "evidence.jsonl"); err != nil {
		return err
	}
	if len(stored.SHA256) != httpClients {
		return fmt.Errorf("evidence about %d files, not %d", len(stored.SHA256), httpClients)
	}
	a.artifacts = stored.SHA256
	return nil
}

// clients returns clients with a connection each, all the vendor's.
func (a *authority) clients() ([]*api.Client, error) {
	home := a.path("home", "acme")
	identity, err := tls.LoadX509KeyPair(filepath.Join(home, "client.pem"), filepath.Join(home, "client.key"))
	if err != nil {
		return nil, err
	}
	root, err := os.ReadFile(filepath.Join(home, "ca.pem"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return nil, errors.New("the operator CA's file holds no certificate")
	}
	return newClients(a.api, roots, &identity)
}

func newClients(url string, roots *x509.CertPool, identity *tls.Certificate) ([]*api.Client, error) {
	clients := make([]*api.Client, httpClients)
	for i := range clients {
		var err error
		if clients[i], err = api.NewClient(url, roots, identity); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

func (a *authority) path(name ...string) string {
	return filepath.Join(append([]string{a.dir}, name...)...)
}

// as runs hallmark as somebody and returns what it printed.
func (a *authority) as(ctx context.Context, who string, args ...string) ([]byte, error) {
	if err := os.MkdirAll(a.path("home"), 0o700); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, a.program, args...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "HALLMARK_HOME="+a.path("home", who), "HALLMARK_PASSPHRASE_FILE=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: hallmark %s: %w: %s", who, strings.Join(args[:min(2, len(args))], " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

func (a *authority) read(ctx context.Context, out any, who string, args ...string) error {
	raw, err := a.as(ctx, who, args...)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// invite runs a command that answers with an invitation, alone or beside what was
// made, and returns its token.
func (a *authority) invite(ctx context.Context, who string, args ...string) (string, error) {
	var answer struct {
		api.Invitation
		Beside api.Invitation `json:"invitation"`
	}
	err := a.read(ctx, &answer, who, args...)
	return answer.Token + answer.Beside.Token, err
}

// freePort asks the system for a port nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

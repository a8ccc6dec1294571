package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"go.step.sm/crypto/jose"
	"go.step.sm/crypto/minica"
)

const (
	// stepProgram is where test/setup puts the peer, in the version that the goal names.
	stepProgram = ".tools/bin/step-ca"
	stepVersion = "0.30.2"
	// stepSubject is the name in the peer's certificates: its tokens must name one.
	stepSubject     = "bench.example.com"
	stepProvisioner = "bench"
	// stepTokenLife is longer than a bench; a token is used once.
	stepTokenLife = 5 * time.Minute
	// maxStepAnswer bounds what is read of an answer: a chain of three certificates.
	maxStepAnswer = 1 << 20
)

// stepCA is the peer for issuing: the stock step-ca over bbolt, with one JWK provisioner.
// It keeps what it issues but asks nobody whether it may, and lints nothing.
type stepCA struct {
	url     string
	key     *jose.JSONWebKey
	roots   *x509.CertPool
	clients []*http.Client
	csrs    []string // PEM, one for each client
	serving *serving
}

// startStepCA runs the peer until the lab closes.
func (l *lab) startStepCA(ctx context.Context) (*stepCA, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	key, err := jose.GenerateJWK("EC", "P-256", "ES256", "sig", "", 0)
	if err != nil {
		return nil, err
	}
	s := &stepCA{url: "https://" + addr, key: key, roots: x509.NewCertPool()}
	dir := l.path("step-ca")
	if err := s.configure(dir, addr); err != nil {
		return nil, fmt.Errorf("configure step-ca: %w", err)
	}
	if err := s.start(dir); err != nil {
		return nil, fmt.Errorf("%w (run: test/setup bench)", err)
	}
	for range httpClients {
		s.clients = append(s.clients, &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS13}, ForceAttemptHTTP2: true, DisableCompression: true,
		}})
	}
	requests, err := newRequestsFor(stepSubject)
	if err != nil {
		return nil, err
	}
	for _, csr := range requests {
		s.csrs = append(s.csrs, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})))
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// configure writes a CA of two certificates, and the peer's configuration.
func (s *stepCA) configure(dir, addr string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	pki, err := minica.New()
	if err != nil {
		return err
	}
	s.roots.AddCert(pki.Root)
	key, err := x509.MarshalPKCS8PrivateKey(pki.Signer)
	if err != nil {
		return err
	}
	public, err := json.Marshal(s.key.Public())
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"root": filepath.Join(dir, "root.pem"), "crt": filepath.Join(dir, "ca.pem"), "key": filepath.Join(dir, "ca.key"),
		"address": addr, "dnsNames": []string{"127.0.0.1"},
		"db": map[string]string{"type": "bbolt", "dataSource": filepath.Join(dir, "db")},
		"authority": map[string]any{"provisioners": []any{
			map[string]any{"type": "JWK", "name": stepProvisioner, "key": json.RawMessage(public)},
		}},
	})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"root.pem":    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.Root.Raw}),
		"ca.pem":      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pki.Intermediate.Raw}),
		"ca.key":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"config.json": config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (s *stepCA) start(dir string) error {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	cmd := exec.Command(stepProgram, filepath.Join(dir, "config.json"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	s.serving = &serving{cmd: cmd, log: log, exited: make(chan error, 1)}
	go func() { s.serving.exited <- cmd.Wait() }()
	return nil
}

func (s *stepCA) await(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second, Transport: s.clients[0].Transport}
	for deadline := time.Now().Add(startTimeout); ; time.Sleep(healthInterval) {
		resp, err := client.Get(s.url + "/health")
		if err == nil {
			resp.Body.Close()
			return ctx.Err()
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(s.serving.log.Name())
			return fmt.Errorf("step-ca did not answer within %s: %w: %s", startTimeout, err, said)
		}
	}
}

// stop ends the peer. It reports being told to end as a failure, which is none.
func (s *stepCA) stop() error {
	err := s.serving.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	kill := time.AfterFunc(stopTimeout, func() { s.serving.cmd.Process.Kill() })
	defer kill.Stop()
	<-s.serving.exited
	return errors.Join(err, s.serving.log.Close())
}

// issue gets one certificate, as `step ca certificate` does: a fresh token, then the
// request.
func (s *stepCA) issue(ctx context.Context, worker int) error {
	token, err := s.token()
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"csr": s.csrs[worker], "ott": token})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/1.0/sign", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.clients[worker].Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxStepAnswer))
	if err != nil {
		return err
	}
	var out struct {
		Certificate string `json:"crt"`
	}
	if err := json.Unmarshal(answer, &out); err != nil || resp.StatusCode != http.StatusCreated || out.Certificate == "" {
		return fmt.Errorf("step-ca: %s: %s", resp.Status, answer)
	}
	return nil
}

func (s *stepCA) token() (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.key.Key},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", s.key.KeyID))
	if err != nil {
		return "", err
	}
	now := time.Now()
	var id [16]byte
	rand.Read(id[:])
	claims := struct {
		jose.Claims
		SANs []string `json:"sans"`
	}{jose.Claims{
		ID: strconv.FormatInt(now.UnixNano(), 16) + fmt.Sprintf("%x", id), Issuer: stepProvisioner, Subject: stepSubject,
		Audience: jose.Audience{s.url + "/1.0/sign"}, NotBefore: jose.NewNumericDate(now.Add(-time.Minute)),
		IssuedAt: jose.NewNumericDate(now), Expiry: jose.NewNumericDate(now.Add(stepTokenLife)),
	}, []string{stepSubject}}
	return jose.Signed(signer).Claims(claims).CompactSerialize()
}

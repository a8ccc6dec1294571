package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
)

// homeAt makes a home folder for a server, and returns it with its key.
func homeAt(t *testing.T, srv *httptest.Server) (string, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}, &x509.Certificate{}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		homeServer:     []byte(srv.URL + "\n"),
		homeCA:         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}),
		homeClientCert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		homeClientKey:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, key
}

// signedFor returns an envelope about a vendor, signed by somebody, and its id.
func signedFor(t *testing.T, organization string) ([]byte, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	envelope, err := audit.Sign(context.Background(), audit.Assessment{
		Vendor:  audit.Party{ID: "acme", URI: "https://acme.example", Organization: organization},
		Auditor: audit.Party{ID: "quill", Organization: "Quill Assurance LLP"}, SecondAuditor: &audit.Party{ID: "nib", Organization: "Nib & Partners"},
		Framework: audit.FrameworkRef{ID: "slsa-v0.1", Track: "slsa", Digest: map[string]string{"sha256": strings.Repeat("0", 64)}},
		Level:     4, LevelID: "SLSA_LEVEL_4", AssessedAt: at, ValidUntil: at.AddDate(1, 0, 0), Findings: []audit.Finding{},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := readSigned(envelope)
	if err != nil {
		t.Fatal(err)
	}
	return envelope, signed.id
}

// TestAcceptSignsWhatWasAskedFor: a server that sends another assessment than the one
// named gets no signature, whatever it says about it.
func TestAcceptSignsWhatWasAskedFor(t *testing.T) {
	right, id := signedFor(t, "Acme Ltd")
	wrong, _ := signedFor(t, "Another Ltd")
	steering, steeringID := signedFor(t, "Acme\x1b[2J Ltd")
	for _, c := range []struct {
		name, id string
		sent     []byte
		code     int
		want     string // on stdout or stderr
		posted   bool
	}{
		{"the right one", id, right, exitOK, "auditor    Nib & Partners (nib)", true},
		{"another", id, wrong, exitRefused, "sent another assessment", false},
		{"none", id, []byte("{}"), exitRefused, "what the server sent", false},
		{"a text that steers the terminal", steeringID, steering, exitOK, "Acme\uFFFD[2J Ltd", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var posted api.Acceptance
			srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					json.NewDecoder(r.Body).Decode(&posted)
				}
				json.NewEncoder(w).Encode(api.Assessment{ID: c.id, State: "in-force", Vendor: "acme", Envelope: c.sent})
			}))
			defer srv.Close()
			home, key := homeAt(t, srv)
			var out bytes.Buffer
			code := run(context.Background(), []string{"hallmark", "audit", "accept", "--home", home, c.id}, nil, &out, &out)
			if code != c.code || !strings.Contains(out.String(), c.want) || strings.Contains(out.String(), "\x1b") {
				t.Errorf("exit %d, want %d with %q:\n%q", code, c.code, c.want, out.String())
			}
			if (posted.Envelope != nil) != c.posted {
				t.Fatalf("posted %s", posted.Envelope)
			}
			if !c.posted {
				return
			}
			if opened, err := attest.Open(posted.Envelope, key.Public()); err != nil || len(opened.Signers) != 1 {
				t.Errorf("the officer's signature: %v", err)
			}
		})
	}
}

// TestEvidenceFileNames: what an auditor called a file leads nowhere.
func TestEvidenceFileNames(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for name, want := range map[string]string{
		"":                              "abababababababab-evidence",
		"report.pdf":                    "abababababababab-report.pdf",
		"evidence/report.pdf":           "abababababababab-report.pdf",
		"../../etc/passwd":              "abababababababab-passwd",
		"..":                            "abababababababab-..",
		"/":                             "abababababababab-_",
		"a b\x00\n\x1b[2J.txt":          "abababababababab-a_b____2J.txt",
		"übersicht.csv":                 "abababababababab-_bersicht.csv",
		`C:\temp\x.txt`:                 "abababababababab-C__temp_x.txt",
		strings.Repeat("x", 300) + ".a": "abababababababab-" + strings.Repeat("x", 78) + ".a",
	} {
		f := api.EvidenceFile{SHA256: sum}
		if name != "" {
			f.Names = []string{name}
		}
		if got := fileName(f); got != want || filepath.Base(got) != got {
			t.Errorf("%q is written to %q, want %q", name, got, want)
		}
	}
}

// TestEvidenceOfDrafts: of several drafts the files that the assessment names are
// taken, each once; in the assessment's own draft none may be another than then.
func TestEvidenceOfDrafts(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	finding := func(requirement string, files ...string) string {
		text := "- requirement: " + requirement + "\n  status: met\n  evidence:\n"
		for _, f := range files {
			text += "  - file: " + f + "\n"
		}
		return text
	}
	head := func(framework, track string) string {
		return "version: 1\nframework: " + framework + "\ntrack: " + track + "\nfindings:\n"
	}
	write("a.txt", "a")
	write("b.txt", "b")
	write("c.txt", "c")
	own := write("own.yaml", head("slsa-v0.1", "slsa")+finding("source.version-controlled", "a.txt", "b.txt")+finding("build.scripted-build", "a.txt"))
	other := write("other.yaml", head("cncf-sscp-v1", "x")+finding("r", "a.txt", "c.txt"))
	var signed signedAssessment
	signed.Framework.ID, signed.Framework.Track = "slsa-v0.1", "slsa"
	for _, sum := range []string{
		"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", // a
		"3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d", // b
	} {
		signed.Findings = append(signed.Findings, audit.Finding{Evidence: []attest.ResourceDescriptor{{Digest: map[string]string{"sha256": sum}}}})
	}
	files, err := evidenceFiles(signed, []string{own, other})
	if err != nil || len(files) != 2 || files[0].file != "b.txt" || files[1].file != "a.txt" || files[1].draft != own {
		t.Fatalf("%+v, %v", files, err)
	}
	write("b.txt", "changed since")
	if _, err := evidenceFiles(signed, []string{own, other}); err == nil || !strings.Contains(err.Error(), "b.txt has SHA-256") {
		t.Errorf("changed: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "b.txt")); err != nil {
		t.Fatal(err)
	}
	if _, err := evidenceFiles(signed, []string{own}); err == nil || !strings.Contains(err.Error(), "b.txt cannot be read") {
		t.Errorf("gone: %v", err)
	}
	if _, err := evidenceFiles(signed, []string{filepath.Join(dir, "missing.yaml")}); err == nil {
		t.Error("a draft that is not there was taken")
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 2_500_000: "2.5 MB", 1 << 30: "1.1 GB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// TestProgress: on a terminal a transfer shows how far it is, elsewhere nothing.
func TestProgress(t *testing.T) {
	var silent, loud bytes.Buffer
	e := &env{stderr: &silent}
	p := e.newProgress("1 of 1 x", 4)
	p.add(2)
	p.end()
	if silent.Len() != 0 {
		t.Errorf("printed %q", silent.String())
	}
	p = &progress{out: &loud, what: "1 of 1 x", whole: 4}
	p.add(2)
	p.add(1) // too soon
	p.end()
	if want := "\r\x1b[K1 of 1 x  2 B of 4 B (50 %)\r\x1b[K"; loud.String() != want {
		t.Errorf("printed %q, want %q", loud.String(), want)
	}
}

func TestFailing(t *testing.T) {
	ran := time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		probes api.Probes
		want   bool
	}{
		"none":             {api.Probes{}, false},
		"passes":           {api.Probes{Probes: []api.Probe{{RanAt: ran, PassedAt: ran}}}, false},
		"never ran":        {api.Probes{Blocked: "x", Probes: []api.Probe{{}}}, false},
		"fails":            {api.Probes{Blocked: "x", Probes: []api.Probe{{RanAt: ran, FailingSince: ran}, {}}}, true},
		"unknown for days": {api.Probes{Blocked: "x", Probes: []api.Probe{{RanAt: ran}}}, true},
	} {
		if got := failing(c.probes); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

package probe

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

func TestKeyChallenge(t *testing.T) {
	key, other := newKey(t), newKey(t)
	var mu sync.Mutex
	seen := map[string]bool{}
	sign := func(w http.ResponseWriter, r *http.Request, payloadType string, payload []byte, key crypto.Signer) {
		raw, err := attest.Sign(r.Context(), payloadType, payload, key)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(append(raw, '\n'))
	}
	s, r := start(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != ChallengeType || seen[string(body)] {
			t.Errorf("%s %v %s", r.Method, r.Header, body)
		}
		seen[string(body)] = true
		mu.Unlock()
		var c challenge
		if err := json.Unmarshal(body, &c); err != nil || !strings.HasSuffix(c.URL, r.URL.String()) || len(c.Nonce) != 43 {
			t.Errorf("%s: %v", body, err)
		}
		switch r.URL.Path {
		case "/wrong-key":
			sign(w, r, ChallengeType, body, other)
		case "/wrong-type":
			sign(w, r, attest.PayloadType, body, key)
		case "/other-challenge":
			sign(w, r, ChallengeType, bytes.Replace(body, []byte(c.Nonce), []byte(strings.Repeat("A", 43)), 1), key)
		case "/prettier":
			sign(w, r, ChallengeType, append(body, '\n'), key)
		case "/echo":
			_, _ = w.Write(body)
		case "/silent":
			w.WriteHeader(http.StatusNoContent)
		default:
			sign(w, r, ChallengeType, body, key)
		}
	})
	w := map[string]string{"url": s.URL + "/challenge?a=1&b=2", "key": publicPEM(t, &key.PublicKey)}
	id, err := attest.KeyID(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want(t, r.Run(t.Context(), "key-challenge", w, ""), Passed, "key "+id+" answered")
	}
	for path, detail := range map[string]string{
		"/wrong-key": "not-verified", "/wrong-type": "payload-type", "/other-challenge": "something else", "/prettier": "something else",
		"/echo": "refused", "/silent": "refused",
	} {
		want(t, r.Run(t.Context(), "key-challenge", with(w, "url", s.URL+path), ""), Failed, detail)
	}
	r.Rand = strings.NewReader("too short")
	want(t, r.Run(t.Context(), "key-challenge", w, ""), Unknown, "make a challenge")
}

// answerScript is the example in docs/probes.md.
var answerScript = regexp.MustCompile("(?s)```sh\n(#!/bin/sh\n# answer.sh.*?)```")

// TestDocumentedAnswer runs the answering program that the documentation shows.
func TestDocumentedAnswer(t *testing.T) {
	m := answerScript.FindSubmatch(readFile(t, filepath.Join("..", "..", "docs", "probes.md")))
	if m == nil {
		t.Fatal("docs/probes.md shows no answer.sh")
	}
	dir, key := t.TempDir(), newKey(t)
	if err := os.WriteFile(filepath.Join(dir, "answer.sh"), m[1], 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.pem"), privatePEM(t, key), 0o600); err != nil {
		t.Fatal(err)
	}
	answer := func(url string, body io.Reader) ([]byte, error) {
		cmd := exec.Command("sh", "./answer.sh", url)
		cmd.Dir, cmd.Stdin = dir, body
		return cmd.Output()
	}
	var own string
	s, r := start(t, func(w http.ResponseWriter, r *http.Request) {
		raw, err := answer(own, r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(raw)
	})
	own = s.URL + "/challenge"
	w := map[string]string{"url": own, "key": publicPEM(t, &key.PublicKey)}
	want(t, r.Run(t.Context(), "key-challenge", w, ""), Passed, "answered")
	// It does not answer for another place.
	want(t, r.Run(t.Context(), "key-challenge", with(w, "url", s.URL+"/elsewhere"), ""), Unknown, "status 400")
}

func privatePEM(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

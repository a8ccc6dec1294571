package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func goodToken() Token {
	return Token{Server: "https://ca.example.com:8443", CASHA256: strings.Repeat("ab", sha256.Size), Secret: "c2VjcmV0"}
}

func encoded(json string) string {
	return tokenPrefix + base64.RawURLEncoding.EncodeToString([]byte(json))
}

func TestTokenRoundTrip(t *testing.T) {
	got, err := ParseToken("  " + goodToken().String() + "\n")
	if err != nil || got != goodToken() {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"other prefix":   "hallmark2." + strings.TrimPrefix(goodToken().String(), tokenPrefix),
		"cut off":        goodToken().String()[:60],
		"not base64":     tokenPrefix + "!!!!",
		"stray bits":     goodToken().String() + "=",
		"not JSON":       encoded("nothing"),
		"unknown member": encoded(`{"u":"https://x","f":"` + strings.Repeat("ab", 32) + `","s":"x","admin":true}`),
		"two objects":    encoded(`{"u":"https://x","f":"` + strings.Repeat("ab", 32) + `","s":"x"}{}`),
		"short digest":   encoded(`{"u":"https://x","f":"abab","s":"x"}`),
		"no secret":      encoded(`{"u":"https://x","f":"` + strings.Repeat("ab", 32) + `","s":""}`),
		"huge":           tokenPrefix + strings.Repeat("A", maxTokenBytes),
	} {
		if got, err := ParseToken(text); err == nil {
			t.Errorf("%s: accepted as %+v", name, got)
		}
	}
}

// FuzzParseToken: what is accepted survives printing and reading again.
func FuzzParseToken(f *testing.F) {
	f.Add(goodToken().String())
	f.Add(encoded(`{"u":"","f":"` + strings.Repeat("AB", 32) + `","s":"\u0000"}`))
	f.Add(tokenPrefix)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err != nil {
			return
		}
		again, err := ParseToken(token.String())
		if err != nil || again != token {
			t.Errorf("%+v became %+v, %v", token, again, err)
		}
	})
}

// TestPinnedClient: the digest in the token decides whether this is the server, and
// the name in its certificate still has to fit.
func TestPinnedClient(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(`{"id":"x"}`)) }))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(server.Certificate().Raw) // self-signed: it is its own CA
	right := Token{Server: server.URL, CASHA256: hex.EncodeToString(sum[:]), Secret: "x"}
	wrong := right
	wrong.CASHA256 = strings.Repeat("00", sha256.Size)
	// The test server's certificate is for 127.0.0.1 and example.com, not localhost.
	elsewhere := right
	elsewhere.Server = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for name, c := range map[string]struct {
		token Token
		ok    bool
	}{"right": {right, true}, "another CA": {wrong, false}, "another host": {elsewhere, false}} {
		client, err := NewPinnedClient(c.token)
		if err != nil {
			t.Fatal(err)
		}
		var p Person
		if err := client.Get(context.Background(), "/v1/whoami", &p); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewPinnedClient(Token{Server: "http://ca.example.com"}); err == nil {
		t.Error("plain http accepted")
	}
}

// TestClientAnswers: problems become errors with their parts, redirects and endless
// answers are refused.
func TestClientAnswers(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/problem":
			w.WriteHeader(http.StatusForbidden)
			w.Write([]byte(`{"title":"Forbidden","status":403,"detail":"no","code":"wrong-role","field":"x","hint":"ask"}`))
		case "/page":
			w.WriteHeader(http.StatusBadGateway)
			w.Write([]byte("<html>"))
		case "/redirect":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/endless":
			chunk := make([]byte, 1<<20)
			for range maxAnswerBytes>>20 + 2 {
				w.Write(chunk)
			}
		default:
			w.Write([]byte("{}"))
		}
	}))
	t.Cleanup(server.Close)
	sum := sha256.Sum256(server.Certificate().Raw)
	client, err := NewPinnedClient(Token{Server: server.URL, CASHA256: hex.EncodeToString(sum[:]), Secret: "x"})
	if err != nil {
		t.Fatal(err)
	}
	var p *Problem
	if err := client.Get(context.Background(), "/problem", nil); !errors.As(err, &p) || p.Code != "wrong-role" || p.Error() != "x: no" || p.Hint != "ask" {
		t.Errorf("problem: %v", err)
	}
	if err := client.Get(context.Background(), "/page", nil); !errors.As(err, &p) || p.Status != http.StatusBadGateway {
		t.Errorf("page: %v", err)
	}
	for _, path := range []string{"/redirect", "/endless"} {
		if err := client.Get(context.Background(), path, nil); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	if err := client.Post(context.Background(), "/ok", struct{}{}, nil); err != nil {
		t.Error(err)
	}
}

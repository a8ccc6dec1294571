package repository

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
)

var ctx = context.Background()

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// envelope is about the artifacts named, with something to tell it from others.
func envelope(t testing.TB, note string, artifacts ...string) []byte {
	t.Helper()
	var subjects []attest.Subject
	for _, a := range artifacts {
		subjects = append(subjects, attest.Subject{Name: a, Digest: map[string]string{"sha256": hexOf(a)}})
	}
	s, err := attest.NewStatement(subjects, "https://example.com/note/v1", map[string]string{"note": note})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := attest.SignStatement(ctx, s, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func opened(t testing.TB, dir string) *Repository {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func get(t testing.TB, r *Repository, vendor, artifact string) []string {
	t.Helper()
	lines, err := r.Get(ctx, vendor, hexOf(artifact))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range lines {
		out = append(out, string(l))
	}
	return out
}

func TestPutAndGet(t *testing.T) {
	dir := t.TempDir()
	r := opened(t, dir)
	one, two := envelope(t, "1", "a", "b"), envelope(t, "2", "b")
	digests, err := r.Put(ctx, "acme", one)
	if err != nil || len(digests) != 2 || digests[0] != hexOf("a") || digests[1] != hexOf("b") {
		t.Fatalf("digests %v, %v", digests, err)
	}
	for range 2 { // again: nothing new
		if _, err := r.Put(ctx, "acme", one); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Put(ctx, "acme", two); err != nil {
			t.Fatal(err)
		}
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, one, "", "\t"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, "acme", pretty.Bytes()); err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, r, "acme", "b"), []string{string(one), string(two)}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("b has %d envelopes:\n%s", len(got), got)
	}
	if got := get(t, r, "acme", "a"); len(got) != 1 {
		t.Errorf("a has %d envelopes, want 1", len(got))
	}
	if got := get(t, r, "other", "a"); got != nil {
		t.Errorf("another vendor sees %v", got)
	}
	path := filepath.Join(dir, "acme", "sha256", hexOf("b")[:2], hexOf("b")+".jsonl")
	lines, err := ReadFile(path)
	if err != nil || len(lines) != 2 {
		t.Errorf("plain file: %d lines, %v", len(lines), err)
	}
	if raw, _ := os.ReadFile(path); !bytes.Equal(raw, bytes.Join([][]byte{one, two, nil}, []byte("\n"))) {
		t.Errorf("file is not the two lines:\n%s", raw)
	}
	if again := get(t, opened(t, dir), "acme", "b"); len(again) != 2 {
		t.Errorf("after opening again: %d envelopes", len(again))
	}
}

func TestPutRefused(t *testing.T) {
	dir := t.TempDir()
	r := opened(t, dir)
	good := envelope(t, "1", "a")
	for _, vendor := range []string{"", ".", "..", "../x", "a/b", "A", "a_b", "-a", "a-", "a\x00b", "ä", ".new", strings.Repeat("a", 64)} {
		if _, err := r.Put(ctx, vendor, good); !errors.Is(err, ErrVendor) {
			t.Errorf("vendor %q: %v", vendor, err)
		}
		if _, err := r.Get(ctx, vendor, hexOf("a")); !errors.Is(err, ErrVendor) {
			t.Errorf("vendor %q: %v", vendor, err)
		}
	}
	for _, d := range []string{"", "..", strings.ToUpper(hexOf("a")), hexOf("a")[1:], hexOf("a") + "0", "../" + hexOf("a")[3:], strings.Repeat("/", 64)} {
		if _, err := r.Get(ctx, "acme", d); !errors.Is(err, ErrDigest) {
			t.Errorf("digest %q: %v", d, err)
		}
	}
	if _, err := r.Put(ctx, "acme", []byte("{}")); !attest.Is(err, attest.Malformed) {
		t.Errorf("not an envelope: %v", err)
	}
	s, err := attest.NewStatement([]attest.Subject{{Digest: map[string]string{"sha512": strings.Repeat("ab", 64)}}}, "x", map[string]int{})
	if err != nil {
		t.Fatal(err)
	}
	k := ed25519.NewKeyFromSeed(make([]byte, 32))
	raw, err := attest.SignStatement(ctx, s, k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, "acme", raw); !errors.Is(err, ErrNoDigest) {
		t.Errorf("without sha256: %v", err)
	}
	raw, err = attest.Sign(ctx, "text/plain", []byte("hello"), k)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, "acme", raw); !attest.Is(err, attest.WrongPayload) {
		t.Errorf("another payload: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := r.Put(gone, "acme", good); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "acme")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was stored: %v", err)
	}
}

func TestFull(t *testing.T) {
	r := opened(t, t.TempDir())
	for i := range vendorEnvelopes {
		if _, err := r.Put(ctx, "acme", envelope(t, fmt.Sprint(i), "a")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "one more", "a")); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "0", "a")); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	// by size: a file with room for one more large envelope, but not for two
	big := strings.Repeat("x", 700<<10)
	one := envelope(t, "0"+big, "b")
	var file []byte
	for i := 0; len(file)+2*(len(one)+1) <= vendorFile; i++ {
		file = append(append(file, envelope(t, fmt.Sprint(i%10)+big, "b")...), '\n')
	}
	path := filepath.Join(r.dir, "acme", "sha256", hexOf("b")[:2], hexOf("b")+".jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "x"+big, "b")); err != nil {
		t.Errorf("the last that fits: %v", err)
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "y"+big, "b")); !errors.Is(err, ErrFull) {
		t.Errorf("one too large: %v", err)
	}
}

func TestCorruptFileIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	r := opened(t, dir)
	if _, err := r.Put(ctx, "acme", envelope(t, "1", "a")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "acme", "sha256", hexOf("a")[:2], hexOf("a")+".jsonl")
	if err := os.WriteFile(path, []byte("half a li"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Put(ctx, "acme", envelope(t, "2", "a")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("put: %v", err)
	}
	if _, err := r.Get(ctx, "acme", hexOf("a")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("get: %v", err)
	}
}

// failing does what osFiles does until the n-th step, which fails: either without
// doing anything or after it was done (an error that came too late).
// Each step of a Put fails once: the file is then the old one or the new one, Put
// has not acknowledged, and the next Put repairs what is missing.
// TestChild is the writer that TestKill kills. It says what was acknowledged.
func TestFS(t *testing.T) {
	r := opened(t, t.TempDir())
	if _, err := r.Put(ctx, "acme", envelope(t, "1", "a")); err != nil {
		t.Fatal(err)
	}
	path := "acme/sha256/" + hexOf("a")[:2] + "/" + hexOf("a") + ".jsonl"
	if _, err := fs.ReadFile(r.FS(), path); err != nil {
		t.Error(err)
	}
	for _, name := range []string{".", "acme", "acme/sha256", ".lock", ".new", "../x", "/etc/passwd",
		"acme/sha256/00/" + hexOf("a") + ".jsonl", strings.ToUpper(path), path + ".tmp", "acme//sha256", "acme/../" + path} {
		if f, err := r.FS().Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s opens: %v, %v", name, f, err)
		}
	}
	srv := httptest.NewServer(http.FileServerFS(r.FS()))
	defer srv.Close()
	for url, want := range map[string]int{"/" + path: 200, "/": 404, "/acme/": 404, "/.lock": 404} {
		resp, err := http.Get(srv.URL + url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: status %d, want %d", url, resp.StatusCode, want)
		}
	}
}

// FuzzParseLines: joined again, the lines are the file; each is an envelope.

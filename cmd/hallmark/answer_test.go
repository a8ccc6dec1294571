package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
)

// TestAnswerInterrupted stops the command while it waits for a line in the middle of
// the second answer: it ends, the first is in the file, and of the second nothing.
func TestAnswerInterrupted(t *testing.T) {
	catalogue, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	framework, _ := catalogue.Lookup("slsa-v0.1")
	raw, err := audit.NewDraft(audit.NewDraftOptions{
		Framework: framework, Vendor: audit.Party{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd"}, Auditor: audit.Party{ID: "quill", Organization: "Quill LLP"},
	})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "draft.yaml")
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithCancel(t.Context())
	stdin, lines := io.Pipe()
	defer lines.Close()
	var stdout, stderr bytes.Buffer
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"hallmark", "audit", "answer", name}, stdin, &stdout, &stderr)
	}()
	io.WriteString(lines, "met\nhttps://git.acme.example/hello\n\nseen by day\n")
	io.WriteString(lines, "met\nhttps://git.acme.example/second\n")
	for !wrote(t, name, "seen by day") {
		time.Sleep(time.Millisecond)
	}
	interrupt()
	if code := <-ended; code != exitOK {
		t.Fatalf("exit code %d\n%s", code, stderr.Bytes())
	}
	if !wrote(t, name, "status: met") || wrote(t, name, "acme.example/second") || !strings.Contains(stdout.String(), "answered 1 of 32 open requirements") {
		t.Errorf("after the interrupt:\n%s", stdout.Bytes())
	}
}

func wrote(t *testing.T, name, text string) bool {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(raw, []byte(text))
}

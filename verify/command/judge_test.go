package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

func TestInOrder(t *testing.T) {
	var files []string
	for i := range 500 {
		files = append(files, fmt.Sprint(i))
	}
	n := 0
	for v := range inOrder(files, func(f string) verify.Verdict {
		time.Sleep(rand.N(100 * time.Microsecond))
		return verify.Verdict{File: f}
	}) {
		if v.File != files[n] {
			t.Fatalf("%d: %s", n, v.File)
		}
		n++
	}
	if n != len(files) {
		t.Errorf("%d of %d", n, len(files))
	}
	for range inOrder(files, func(string) verify.Verdict { return verify.Verdict{} }) {
		break // whoever stops listening leaves nothing hanging
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü": "plain ü", "a\nb": `a\nb`, "\x1b[2K": `\x1b[2K`, "\u202e": `\u202e`, "\xff": `\ufffd`, "a\u2028b": `a\u2028b`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %s", in, got)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestLostOutput: verdicts that nobody could read are not a success.
func TestLostOutput(t *testing.T) {
	var stderr bytes.Buffer
	c := console{full{}, &stderr, "test"}
	if code := c.judge(context.Background(), Options{Trust: "absent", Now: time.Now}, []string{"absent"}); code != SomeUnknown {
		t.Error(code)
	}
	if !bytes.Contains(stderr.Bytes(), []byte("no space left")) {
		t.Error(stderr.String())
	}
	if code := c.exitCode(0, 0, 0); code != AllValid {
		t.Error(code)
	}
}

func TestNew(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := New(&stdout, &stderr)
	if c.Name != "verify" || c.Action == nil || len(c.Flags) != 7 {
		t.Errorf("%+v", c)
	}
}

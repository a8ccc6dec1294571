package ledger

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

const (
	childDir   = "HALLMARK_TEST_LOG"
	childFirst = "HALLMARK_TEST_LOG_FIRST"
)

func child(t *testing.T, dir string, first int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$")
	cmd.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("%s=%d", childFirst, first))
	return cmd
}

func TestChild(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	var first int
	if _, err := fmt.Sscan(os.Getenv(childFirst), &first); err != nil {
		t.Fatal(err)
	}
	l, err := Open(t.Context(), options(t, dir))
	if err != nil {
		fmt.Printf("\nrefused: %v\n", err)
		return
	}
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := first + worker; ; i += 4 {
				raw, _, err := l.Append(t.Context(), entry(i))
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Printf("\nreceipt %d %s\n", i, base64.StdEncoding.EncodeToString(raw))
			}
		})
	}
	wg.Wait()
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	got := map[int][]byte{}
	for round := range 4 {
		for i, raw := range receiptsOfKilled(t, dir, 1000*round, 9+3*round) {
			got[i] = raw
		}
	}
	l := open(t, options(t, dir))
	appended(t, l, 99999) // and it goes on
	at := map[uint64]receipt.Entry{}
	for e, err := range l.Entries(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		at[e.Index] = e.Entry
	}
	for i, raw := range got {
		r, err := receipt.Verify(raw, verifier(t))
		if err != nil {
			t.Fatalf("receipt of entry %d: %v", i, err)
		}
		if !same(r.Entry, entry(i)) || !same(at[r.Index], entry(i)) {
			t.Errorf("entry %d is not at its index %d any more", i, r.Index)
		}
		consistent(t, l, raw)
	}
	if n, _ := l.Size(t.Context()); n < uint64(len(got)) {
		t.Errorf("%d entries, %d were acknowledged", n, len(got))
	}
}

func receiptsOfKilled(t *testing.T, dir string, first, n int) map[int][]byte {
	t.Helper()
	cmd := child(t, dir, first)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	got := map[int][]byte{}
	in := bufio.NewScanner(out)
	for len(got) < n && in.Scan() {
		var i int
		var text string
		if k, _ := fmt.Sscanf(in.Text(), "receipt %d %s", &i, &text); k != 2 {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got[i] = raw
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as we wanted
	if len(got) < n {
		t.Fatalf("the child acknowledged %d entries only", len(got))
	}
	return got
}

func consistent(t *testing.T, l *Log, raw []byte) {
	t.Helper()
	_, signed, ok := bytes.Cut(raw, []byte("\n\n"))
	if !ok {
		t.Fatal("no checkpoint in the receipt")
	}
	old, err := receipt.ParseCheckpoint(signed, verifier(t))
	if err != nil {
		t.Fatal(err)
	}
	path, now, err := l.Consistency(t.Context(), old.Size)
	if err != nil {
		t.Fatal(err)
	}
	cp, err := receipt.ParseCheckpoint(now, verifier(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, cp.Size, path, old.Hash, cp.Hash); err != nil {
		t.Errorf("tree of %d entries is no beginning of that of %d: %v", old.Size, cp.Size, err)
	}
}

func TestConsistency(t *testing.T) {
	l := open(t, options(t, t.TempDir()))
	var receipts [][]byte
	for i := range 4 {
		receipts = append(receipts, appended(t, l, i))
	}
	for _, raw := range receipts {
		consistent(t, l, raw)
	}
	if path, _, err := l.Consistency(t.Context(), 0); err != nil || path != nil {
		t.Errorf("from the empty tree: %v, %v", path, err)
	}
	if _, _, err := l.Consistency(t.Context(), 5); err == nil {
		t.Error("a proof from a larger tree")
	}
}

func TestQuiet(t *testing.T) {
	cmd := child(t, t.TempDir(), 0)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for n := 0; n < 8 && in.Scan(); {
		if strings.HasPrefix(in.Text(), "receipt ") {
			n++
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as we wanted
	if stderr.Len() > 0 {
		t.Errorf("on stderr:\n%s", &stderr)
	}
}

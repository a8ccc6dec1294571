package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/store"
)

// faulty issues twice, revokes the first and has everything logged, while one of its
// system calls fails. It ends without closing anything.
func faulty(ctx context.Context, dir string) error {
	var at int
	var how mode
	if _, err := fmt.Sscan(os.Getenv(atVar), &at, &how); err != nil {
		return fmt.Errorf("%s: %w", atVar, err)
	}
	w, err := open(ctx, dir)
	if err != nil {
		return err
	}
	i := &interceptor{dir: dir, at: at, mode: how, fired: func(what string) { tell(os.Stdout, ack{Fault: what}) }}
	if err := i.start(); err != nil {
		return err
	}
	for n := range 2 {
		issued, err := w.issue(ctx)
		if err != nil {
			tell(os.Stdout, ack{Failed: "issue: " + err.Error()})
		} else {
			serial := ca.SerialKey(issued.Certificate.SerialNumber)
			tell(os.Stdout, ack{Issued: serial, SHA256: hexSHA256(issued.Certificate.Raw)})
			if n == 0 {
				w.faultyRevoke(ctx, serial)
			}
		}
		if _, err := w.queue.Flush(ctx); err != nil {
			tell(os.Stdout, ack{Failed: "log: " + err.Error()})
		}
	}
	tell(os.Stdout, ack{Done: true})
	return nil
}

func (w *world) faultyRevoke(ctx context.Context, serial string) {
	if err := w.ca.Revoke(ctx, serial, store.Revocation{Reason: ca.ReasonSuperseded, By: "vera"}); err != nil {
		tell(os.Stdout, ack{Failed: "revoke: " + err.Error()})
		return
	}
	tell(os.Stdout, ack{Revoked: serial})
}

// stuck is when a child that does not end is asked where it stands.
const stuck = 2 * time.Minute

// maxCalls ends the search for the last call of a child: today it makes about 60.
const maxCalls = 1000

// stride is how many calls the next child goes on by: one for calls that do nothing and
// fail, and for the other ways as well when 'make kills' runs this.
func stride(how mode) int {
	if how == modeLost || os.Getenv(killsVar) != "" {
		return 1
	}
	return 5
}

// TestEveryCallFails fails each system call that brings an issuance, a revocation, a
// list or a log entry to disk, once, in each way, and kills the process before each.
// What clients were told is true, and the administrator can explain the rest.
func TestEveryCallFails(t *testing.T) {
	prepared := t.TempDir()
	prepare(t, prepared)
	for _, how := range []mode{modeLost, modeDone, modeTorn, modeKill} {
		t.Run(string(how), func(t *testing.T) {
			seen, step := map[string]int{}, stride(how)
			for at := 1; ; at += step {
				dir := t.TempDir()
				copyTree(t, prepared, dir)
				what, heard := fail(t, dir, at, how)
				if what == "" {
					t.Logf("%d calls, one in %d failed: %v", at-1, step, seen)
					break
				}
				if at >= maxCalls {
					t.Fatalf("still writing after %d calls", at)
				}
				seen[kindOf(what)]++
				if !t.Run(fmt.Sprintf("%d", at), func(t *testing.T) { survived(t, dir, heard) }) {
					t.Fatalf("call %d, %s, %s; the child told: %+v", at, what, how, heard)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			for _, kind := range []string{"pwrite db", "fdatasync db", "write log", "fsync log", "rename"} {
				if step == 1 && seen[kind] == 0 && (how != modeTorn || strings.Contains(kind, "write")) {
					t.Errorf("no %q among the calls: %v", kind, seen)
				}
			}
		})
	}
}

// kindOf cuts the path of a call to the part of the CA it belongs to.
func kindOf(what string) string {
	call, path, _ := strings.Cut(what, " /")
	part, _, _ := strings.Cut(path, "/")
	return strings.TrimSpace(call + " " + part)
}

// fail runs a child whose n-th call fails. It returns which call that was, "" when there
// were not so many, and what the child told.
func fail(t *testing.T, dir string, at int, how mode) (what string, heard []ack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stuck)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // it says where it is stuck
	// A signal that interrupts a call would make the kernel ask twice about it.
	cmd.Env = append(os.Environ(), childVar+"=fault", dirVar+"="+dir, atVar+fmt.Sprintf("=%d %s", at, how), "GODEBUG=asyncpreemptoff=1")
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	var exit *exec.ExitError
	killed := errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL
	if err != nil && (!killed || how != modeKill) {
		t.Fatalf("call %d, %s: %v\n%s%s", at, how, err, out, complaint.String())
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var a ack
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("child wrote %q: %v", lines.Text(), err)
		}
		if a.Fault != "" {
			what = a.Fault
			continue
		}
		heard = append(heard, a)
	}
	if killed == (len(heard) > 0 && heard[len(heard)-1].Done) {
		t.Fatalf("call %d, %s: killed %v, and it told %+v", at, how, killed, heard)
	}
	return what, heard
}

// survived opens what the child left, as the administrator would, and holds it against
// what the child told.
func survived(t *testing.T, dir string, heard []ack) {
	t.Helper()
	held := newClients()
	var told []ack
	for _, a := range heard {
		if a.Failed != "" {
			continue // not acknowledged: it may be there or not
		}
		held.hear(t, a)
		told = append(told, a)
	}
	w := openForTest(t, dir)
	held.hold(t, w.store, told)
	notes := w.wantSound(t)
	w.wantOneHistory(t)
	left := w.revokeAll(t, t.Context(), held)
	if n := aboutIntents(notes); n != len(left) || len(left) > 1 {
		t.Errorf("the doctor told of %d intents without a certificate, %d were revoked", n, len(left))
	}
	if n := aboutIntents(w.wantSound(t)); n != 0 {
		t.Errorf("%d intents are left over although they were revoked", n)
	}
	if _, err := w.issue(t.Context()); err != nil {
		t.Errorf("it does not go on: %v", err)
	}
}

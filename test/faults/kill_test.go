package faults

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store/bolt"
)

const (
	// kills is how often a child is killed, all on one folder. 'make kills' asks for a
	// thousand, which take two minutes and more: too much for each run of all tests.
	kills = 150
	// killsVar asks for another number.
	killsVar = "HALLMARK_TEST_KILLS"
	// maxLife is the longest that a child works before it is killed.
	maxLife = 60 * time.Millisecond
	// earlyOneIn children are killed at a random moment of their start instead, while
	// they open and mend what the last one left; maxStart is about how long that takes.
	earlyOneIn = 8
	maxStart   = 40 * time.Millisecond
	// monitorEvery rounds somebody outside looks at the log.
	monitorEvery = 250
)

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv(killsVar)
	if text == "" {
		return kills
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number of kills", killsVar, text)
	}
	return n
}

// TestKills kills a CA at random moments under load, again and again on the same
// folder. What clients were told is true after each kill; and at the end everything
// that is on record or in the log is explained.
func TestKills(t *testing.T) {
	dir := t.TempDir()
	prepare(t, dir)
	held := newClients()
	n, began := rounds(t), time.Now()
	for round := range n {
		heard := killed(t, dir, held)
		db, err := bolt.Open(filepath.Join(dir, "db"), bolt.Options{})
		if err != nil {
			t.Fatalf("kill %d: %v", round, err)
		}
		held.hold(t, db, heard)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if round%monitorEvery == 0 {
			looked(t, dir)
		}
		if t.Failed() {
			t.Fatalf("after kill %d", round)
		}
	}
	t.Logf("%d kills in %v: clients hold %d certificates, %d of them revoked", n, time.Since(began).Round(time.Second), len(held.issued), len(held.revoked))
	// Two children in three live until they have issued, one in three until it has revoked;
	// a slow machine adds little to that.
	if len(held.issued) < n/3 || len(held.revoked) < n/8 {
		t.Error("too little load to prove anything")
	}
	settle(t, dir, held)
}

// looked has the log looked at from outside while the CA is up.
func looked(t *testing.T, dir string) {
	t.Helper()
	w, err := open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	w.wantOneHistory(t)
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
}

// settle is what the administrator does after a crash, and what must be true then.
func settle(t *testing.T, dir string, held *clients) {
	t.Helper()
	w := openForTest(t, dir)
	notes := w.wantSound(t)
	size := w.wantOneHistory(t)
	var heard []ack
	for serial, sum := range held.issued {
		heard = append(heard, ack{Issued: serial, SHA256: sum})
	}
	for serial := range held.revoked {
		heard = append(heard, ack{Revoked: serial})
	}
	held.hold(t, w.store, heard)
	left := w.revokeAll(t, t.Context(), held)
	if n := aboutIntents(notes); n != len(left) {
		t.Errorf("the doctor told of %d intents without a certificate, %d were revoked", n, len(left))
	}
	after := w.wantSound(t)
	if n := aboutIntents(after); n != 0 {
		t.Errorf("%d intents are left over although they were revoked", n)
	}
	w.wantOneHistory(t)
	t.Logf("log of %d entries, %d things explained, %d leftovers revoked", size, len(notes), len(left))
}

// whence says from when on a child's life is counted.
type whence int

const (
	fromOpen    whence = iota // when the CA is open, and nothing has been asked of it
	fromIssued                // when it is in full swing: its first certificate was handed out
	fromRevoked               // when somebody was told that a certificate is revoked
	fromStart                 // when the process begins
)

// killed starts a child, kills it at a random moment, and returns what it had
// acknowledged by then.
func killed(t *testing.T, dir string, held *clients) (heard []ack) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"=load", dirVar+"="+dir)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() } // fails if it has ended, which Wait tells
	from := whence(rand.N(3))
	if rand.N(earlyOneIn) == 0 {
		from = fromStart
		time.AfterFunc(rand.N(maxStart), kill)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // what has no newline was cut off, and nobody was told
		}
		var a ack
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("child wrote %q: %v", line, err)
		}
		if from == fromOpen && a.Done || from == fromIssued && a.Issued != "" || from == fromRevoked && a.Revoked != "" {
			time.AfterFunc(time.Millisecond+rand.N(maxLife), kill)
			from = fromStart // it is set to be killed: no second time
		}
		held.hear(t, a)
		heard = append(heard, a)
	}
	err = cmd.Wait()
	if cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v\n%s", err, complaint.String())
	}
	return heard
}

package ca

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store/bolt"
)

// Set for the process that TestClockKilledForGood starts and kills.
const (
	envStampStore = "HALLMARK_TEST_STAMP_STORE"
	envStampStart = "HALLMARK_TEST_STAMP_START"
)

// clockSpeed is how much faster than ours that process's clock runs.
const clockSpeed = 50

// TestStampingProcess is that process: it prints the times that it gives until it is
// killed, or that it has none.
func TestStampingProcess(t *testing.T) {
	file, from := os.Getenv(envStampStore), os.Getenv(envStampStart)
	if file == "" {
		return // an ordinary run
	}
	start, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		t.Fatal(err)
	}
	d, err := bolt.Open(file, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	c := newStampClock(d, func() time.Time { return start.Add(time.Since(begin) * clockSpeed).Round(0) }, nil)
	c.after = func(d time.Duration) <-chan time.Time { return time.After(d/clockSpeed + time.Millisecond) }
	for {
		at, err := c.stampTime(context.Background())
		if err != nil {
			fmt.Println("none")
			continue
		}
		fmt.Println("gave", at.Format(time.RFC3339Nano))
	}
}

// TestClockKilledForGood kills a stamping process (SIGKILL) at any point of its writes
// and starts the next on the same file, with a clock that has gone back or on: no time is
// earlier than one that was seen before.
func TestClockKilledForGood(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hallmark.db")
	last, gave := noon, 0
	for round, offset := range []time.Duration{0, -time.Second, 0, -time.Hour, time.Second, -2 * time.Second, time.Minute, -100 * time.Millisecond, -time.Minute, 0} {
		for _, at := range stampAndDie(t, file, last.Add(offset), 50+round*37) {
			if at.Before(last) {
				t.Fatalf("round %d, clock %s: %s after %s", round, offset, at, last)
			}
			last = at
			gave++
		}
	}
	if gave < 100 {
		t.Errorf("only %d times were given", gave)
	}
}

// stampAndDie runs the process until it has printed so many lines, and kills it. It
// returns all times that it gave.
func stampAndDie(t *testing.T, file string, start time.Time, lines int) (times []time.Time) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStampingProcess$")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), envStampStore+"="+file, envStampStart+"="+start.Format(time.RFC3339Nano))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(out)
	for n := 1; scanner.Scan(); n++ {
		if n == lines {
			cmd.Process.Kill()
		}
		var word, text string
		if fmt.Sscan(scanner.Text(), &word, &text); word != "gave" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			continue // cut off
		}
		times = append(times, at)
	}
	cmd.Wait() // killed
	return times
}

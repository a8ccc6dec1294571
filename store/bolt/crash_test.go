package bolt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// The tests in this file start this test binary again as a child, by these variables,
// let it write, and look at what it leaves.
const (
	childVar = "HALLMARK_TEST_BOLT_CHILD" // which of children
	pathVar  = "HALLMARK_TEST_BOLT_PATH"
	roundVar = "HALLMARK_TEST_BOLT_ROUND"
)

var children = map[string]func(path, round string) error{
	"write":   childWrites,
	"create":  childCreates,
	"full":    childFillsDisk,
	"no room": childFindsNoRoom,
}

func TestMain(m *testing.M) {
	child, ok := children[os.Getenv(childVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := child(os.Getenv(pathVar), os.Getenv(roundVar)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run starts a child, hands each line it prints to seen, and after the first line
// and a delay kills it; a negative delay lets it end. It fails on any other exit.
func run(t *testing.T, name, path, round string, delay time.Duration, seen func(line string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+name, pathVar+"="+path, roundVar+"="+round)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // what has no newline was cut off, and nobody was told
		}
		if delay >= 0 {
			once.Do(func() { time.AfterFunc(delay, func() { cmd.Process.Kill() }) }) // fails if it has ended, which Wait tells
		}
		seen(strings.TrimSuffix(line, "\n"))
	}
	err = cmd.Wait()
	if killed := cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL; err != nil && !(killed && delay >= 0) {
		t.Fatalf("child %s: %v\n%s", name, err, complaint.String())
	}
}

// acknowledge tells the parent, in one write, that a change is durable.
func acknowledge(what, serial string) { fmt.Fprintf(os.Stdout, "%s %s\n", what, serial) }

// certificate returns the record of a serial. Its last letter is its fate: k is kept,
// r is revoked, d is revoked and then deleted.
func certificate(serial string) store.Certificate {
	return store.Certificate{
		Serial: serial, Tier: "high", Vendor: "vendor-" + serial[:1], SPKISHA256: "00",
		DER:         []byte(strings.Repeat(serial, 40)),
		NotAfter:    time.Unix(int64(len(serial))*86400, 0).UTC(),
		Assessments: []string{"one", "two"},
	}
}

func childWrites(path, round string) error {
	d, err := Open(path, Options{})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range 12 {
		go func() {
			for i := 0; ; i++ {
				if err := live(d, fmt.Sprintf("%x-%s-%d-%s", w, round, i, []string{"k", "r", "d"}[i%3])); err != nil {
					errs <- err
				}
			}
		}()
	}
	return <-errs // nobody ends it but the parent
}

// live takes one certificate through its life.
func live(d *DB, serial string) error {
	ctx := context.Background()
	if err := d.Update(ctx, func(tx store.Tx) error { return store.Certificates.Insert(tx, certificate(serial)) }); err != nil {
		return err
	}
	acknowledge("insert", serial)
	if strings.HasSuffix(serial, "k") {
		return nil
	}
	if err := d.Update(ctx, func(tx store.Tx) error {
		c, err := store.Certificates.Get(tx, serial)
		if err != nil {
			return err
		}
		c.Revocation = &store.Revocation{Reason: 1}
		return store.Certificates.Put(tx, c)
	}); err != nil {
		return err
	}
	acknowledge("revoke", serial)
	if strings.HasSuffix(serial, "r") {
		return nil
	}
	if err := d.Update(ctx, func(tx store.Tx) error { return store.Certificates.Delete(tx, serial) }); err != nil {
		return err
	}
	acknowledge("delete", serial)
	return nil
}

// ledger is what a parent was told: the last acknowledged step of each serial.
type ledger map[string]string

func (l ledger) note(line string) {
	if what, serial, ok := strings.Cut(line, " "); ok {
		l[serial] = what
	}
}

// check opens the store at path and holds it against what was acknowledged.
func (l ledger) check(t *testing.T, path string) {
	t.Helper()
	d, err := Open(path, Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.View(t.Context(), func(r store.Reader) error {
		for serial, step := range l {
			c, err := store.Certificates.Get(r, serial)
			absent := errors.Is(err, store.ErrNotFound)
			if err != nil && !absent {
				return err
			}
			if !isPossible(serial, step, absent, c.Revocation != nil) {
				t.Errorf("serial %s, acknowledged %s: absent %v, revoked %v", serial, step, absent, c.Revocation != nil)
			}
		}
		return store.Check(r)
	}); err != nil {
		t.Error(err)
	}
}

// isPossible reports whether the store may show this of a serial whose last
// acknowledged step is given: that step, or the next, which may have been under way.
func isPossible(serial, step string, absent, revoked bool) bool {
	fate := serial[len(serial)-1]
	switch step {
	case "insert":
		return !absent && (!revoked || fate != 'k')
	case "revoke":
		return !absent && revoked || absent && fate == 'd'
	case "delete":
		return absent
	}
	return false
}

// TestKill kills a process in the middle of its work, again and again, and finds
// everything that it acknowledged, and indexes that agree with the records.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	told := ledger{}
	for round := range 20 {
		before := len(told)
		delay := rand.N(60 * time.Millisecond)
		run(t, "write", path, fmt.Sprint(round), delay, told.note)
		if len(told) == before {
			t.Fatalf("round %d: nothing was acknowledged", round)
		}
		told.check(t, path)
		if t.Failed() {
			t.Fatalf("round %d, killed after %v", round, delay)
		}
	}
	t.Logf("%d records acknowledged", len(told))
}

func childCreates(path, round string) error {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s-%s-%d", path, round, i)
		d, err := Open(name, Options{})
		if err != nil {
			return err
		}
		acknowledge("create", name)
		if err := d.Close(); err != nil {
			return err
		}
	}
}

// TestKillWhileCreating finds every store whole that is there at all.
func TestKillWhileCreating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store")
	var names []string
	for round := range 10 {
		run(t, "create", path, fmt.Sprint(round), rand.N(10*time.Millisecond), func(line string) {
			names = append(names, strings.TrimPrefix(line, "create "))
		})
	}
	found, err := filepath.Glob(path + "-*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, found...) {
		if strings.Contains(name, ".new-") {
			continue // what a killed process left; nobody looks at it again
		}
		d, err := Open(name, Options{MustExist: true})
		if err != nil {
			t.Error(err)
			continue
		}
		d.Close()
	}
}

// childFillsDisk writes with and without a limit on where a file may be written,
// which fails as a full disk does: first in the middle of the file, whose pages bbolt
// writes, and then at its end, where it grows.
func childFillsDisk(path, _ string) error {
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails instead of the process
	d, err := Open(path, Options{})
	if err != nil {
		return err
	}
	// Large enough to make the file grow by its step, so that the first limit lies within.
	if err := d.Update(context.Background(), func(tx store.Tx) error { return tx.PutRaw("t", "k", make([]byte, 100_000)) }); err != nil {
		return err
	}
	if err := live(d, "0-before-k"); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	for phase, limit := range []uint64{1 << 20, uint64(info.Size())} {
		size := []int{30_000, 400_000}[phase]
		if err := fillUp(d, fmt.Sprint(phase), size, limit); err != nil {
			return fmt.Errorf("limit %d: %w", limit, err)
		}
		if err := live(d, fmt.Sprintf("%d-after-d", phase)); err != nil {
			return fmt.Errorf("when there was room again: %w", err)
		}
	}
	return d.Close()
}

// fillUp writes records, each with a filler of a size, from several goroutines until
// each has met errors.
func fillUp(d *DB, phase string, size int, limit uint64) error {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: old.Max}); err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for w := range errs {
		wg.Go(func() { errs[w] = writeUntilFull(d, fmt.Sprintf("%x-%s", w, phase), size) })
	}
	wg.Wait()
	return errors.Join(append(errs, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old))...)
}

func writeUntilFull(d *DB, prefix string, size int) error {
	for i, failures := 0, 0; failures < 5; i++ {
		c := certificate(fmt.Sprintf("%s-%d-k", prefix, i))
		err := d.Update(context.Background(), func(tx store.Tx) error {
			return errors.Join(store.Certificates.Insert(tx, c), tx.PutRaw("filler", c.Serial, make([]byte, size)))
		})
		if errors.Is(err, store.ErrUncertain) {
			return err
		}
		if err != nil {
			failures++
			if err := absent(d, c.Serial); err != nil {
				return err
			}
			continue
		}
		acknowledge("insert", c.Serial)
	}
	return nil
}

// absent returns an error unless serial has no record: its change was refused.
func absent(d *DB, serial string) error {
	return d.View(context.Background(), func(r store.Reader) error {
		_, err := store.Certificates.Get(r, serial)
		if !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s was refused and is there: %v", serial, err)
		}
		return nil
	})
}

// TestDiskFull: Update fails, what failed is not there, nothing acknowledged is lost,
// and when there is room again the same process goes on.
func TestDiskFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	told := ledger{}
	run(t, "full", path, "", -1, told.note)
	for _, serial := range []string{"0-before-k", "0-after-d", "1-after-d", "0-0-0-k", "0-1-0-k"} {
		if told[serial] == "" {
			t.Errorf("%s was not acknowledged", serial)
		}
	}
	told.check(t, path)
}

// childFindsNoRoom opens a new store on a disk that takes a page and no more.
func childFindsNoRoom(path, _ string) error {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 4096, Max: old.Max}); err != nil {
		return err
	}
	if d, err := Open(path, Options{}); err == nil {
		d.Close()
		return errors.New("opened without room")
	}
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) != 0 {
		return fmt.Errorf("left %v, %v", left, err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	d, err := Open(path, Options{})
	if err != nil {
		return fmt.Errorf("when there was room again: %w", err)
	}
	return errors.Join(live(d, "0-after-k"), d.Close())
}

// TestDiskFullWhileCreating leaves no store behind, nor half of one.
func TestDiskFullWhileCreating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hallmark.db")
	told := ledger{}
	run(t, "no room", path, "", -1, told.note)
	told.check(t, path)
}

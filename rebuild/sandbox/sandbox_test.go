package sandbox

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// box is a command with one writable folder, /build.
func box(t *testing.T, command ...string) (Spec, string) {
	t.Helper()
	// Not t.TempDir: a command of root's becomes another user, who must get there.
	dir, err := os.MkdirTemp("/var/tmp", "sandbox-test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := Spec{
		Mounts: []Mount{{Host: dir, Inside: "/build", Writable: true}}, Dir: "/build", Command: command,
		Environment: []string{"PATH=/usr/bin:/bin", "HOME=/build"}, Hostname: "first", User: 1000, Umask: 0o022,
		Limits:      Limits{Time: time.Minute, Memory: 1 << 30, Disk: 64 << 20, Processes: 64},
		RootBecomes: 1<<30 + os.Getpid(), // the limit of processes is for each user
	}
	if err := os.Chown(dir, s.Identity(), s.Identity()); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func shell(t *testing.T, script string) (Spec, string) {
	t.Helper()
	return box(t, "sh", "-c", script)
}

// mustRun runs a command that is expected to come to its end.
func mustRun(t *testing.T, s Spec) Result {
	t.Helper()
	r, err := Run(context.Background(), s)
	if err != nil {
		t.Fatalf("%v\n%s", err, r.Output)
	}
	return r
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Fatalf("error %v, want %s", err, want)
	}
}

func TestWhatTheCommandSees(t *testing.T) {
	s, dir := shell(t, `id -u; hostname; umask; nproc; pwd; env | grep COLOUR; echo made > made; ls -a /root /home 2>&1 | head -2; exit 7`)
	s.Umask, s.CPUs, s.User, s.Hostname = 0o027, 1, 1234, "second"
	s.Environment = append(s.Environment, "COLOUR=red = green")
	r := mustRun(t, s)
	if r.Exit != 7 || !strings.HasPrefix(r.Output, "1234\nsecond\n0027\n1\n/build\nCOLOUR=red = green\n") {
		t.Fatalf("exit %d\n%s", r.Exit, r.Output)
	}
	if raw, err := os.ReadFile(filepath.Join(dir, "made")); err != nil || string(raw) != "made\n" {
		t.Fatalf("%q %v", raw, err)
	}
}

// TestNetworkUseInTheBuild: a listener of the host's loopback is not to be reached, nor
// is there another way out.
func TestNetworkUseInTheBuild(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	script := `exec 2>&1; bash -c "exec 3<>/dev/tcp/127.0.0.1/` + port + `" && echo reached; cat /proc/net/dev | grep -c :`
	s, _ := shell(t, script)
	if r := mustRun(t, s); strings.Contains(r.Output, "reached") || !strings.HasSuffix(r.Output, "\n1\n") {
		t.Fatalf("there is a network:\n%s", r.Output)
	}
	s.Network = true
	if r := mustRun(t, s); !strings.Contains(r.Output, "reached") {
		t.Fatalf("a declared fetch has no network:\n%s", r.Output)
	}
}

func TestNothingElseIsWritable(t *testing.T) {
	s, _ := shell(t, `for d in / /usr /etc /dev /proc /var /usr/bin; do touch $d/x 2>/dev/null && echo "wrote to $d"; done
		touch /tmp/x /dev/shm/x && echo fine`)
	if r := mustRun(t, s); r.Output != "fine\n" {
		t.Fatal(r.Output)
	}
}

func TestHostIsNotSeen(t *testing.T) {
	s, _ := shell(t, `ls /home /root /srv /mnt /boot /run /etc/shadow /etc/ssh 2>/dev/null; ls /proc | grep -c '^[0-9]'; kill -9 `+pid()+` 2>/dev/null && echo killed; echo done`)
	r := mustRun(t, s)
	lines := strings.Fields(r.Output)
	if len(lines) != 2 || lines[1] != "done" || len(lines[0]) != 1 {
		t.Fatalf("%q", r.Output)
	}
}

func pid() string { return itoa(os.Getpid()) }

// TestSetuid: a setuid file gives nobody anything, neither the host's nor one that the
// recipe makes.
func TestSetuid(t *testing.T) {
	s, _ := shell(t, `cp /usr/bin/id ./me && chmod 6755 me && ./me -u; grep -E 'NoNewPrivs|CapEff|CapPrm' /proc/self/status | tr -d '\t'
		su -c id root </dev/null >/dev/null 2>&1 && echo root; unshare -r true 2>/dev/null && echo namespace; mount -t tmpfs x /tmp 2>/dev/null && echo mount; true`)
	if r := mustRun(t, s); r.Output != "1000\nCapPrm:0000000000000000\nCapEff:0000000000000000\nNoNewPrivs:1\n" {
		t.Fatal(r.Output)
	}
}

func TestFilter(t *testing.T) {
	if len(filter())%8 != 0 || len(filter()) < 8*len(denied()) {
		t.Fatalf("%d bytes", len(filter()))
	}
	// perl can make any system call by number.
	s, _ := box(t, "perl", "-e", `$! = 0; my $r = syscall(`+keyctl()+`, 0, -3, 0); print "$r ", $!+0, "\n"`)
	if r := mustRun(t, s); r.Output != "-1 1\n" {
		t.Fatalf("keyctl is not refused with EPERM:\n%s", r.Output)
	}
}

// TestForkBomb: it dies of its own, or at the time limit, and leaves nothing.
func TestForkBomb(t *testing.T) {
	s, _ := box(t, "bash", "-c", `bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 60`)
	s.Limits.Processes, s.Limits.Time = 40, 2*time.Second
	most := make(chan int, 1)
	done := make(chan struct{})
	go func() {
		seen := 0
		for {
			select {
			case <-done:
				most <- seen
				return
			case <-time.After(50 * time.Millisecond):
				seen = max(seen, descendants())
			}
		}
	}()
	r, err := Run(context.Background(), s)
	close(done)
	if err == nil {
		t.Logf("ended with %d", r.Exit)
	} else {
		wantReason(t, err, Time)
	}
	if n := <-most; n > s.Limits.Processes+8 {
		t.Errorf("%d processes, at most %d", n, s.Limits.Processes)
	}
	if n := descendants(); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// TestHundredGigabyteFile: sparse, a file of that length cannot be made; real, it ends at
// the limit; many small ones are seen.
func TestHundredGigabyteFile(t *testing.T) {
	t.Run("sparse", func(t *testing.T) {
		s, dir := shell(t, `truncate -s 100G big; ls -l big | cut -d' ' -f5`)
		r := mustRun(t, s)
		if info, err := os.Stat(filepath.Join(dir, "big")); err == nil && info.Size() > s.Limits.Disk {
			t.Fatalf("%d bytes\n%s", info.Size(), r.Output)
		}
	})
	t.Run("real", func(t *testing.T) {
		s, dir := shell(t, `dd if=/dev/zero of=big bs=1M count=100000; echo "ended $?"`)
		s.Limits.Disk = 8 << 20
		_, err := Run(context.Background(), s)
		if err != nil {
			wantReason(t, err, Disk)
		}
		if info, err := os.Stat(filepath.Join(dir, "big")); err != nil || info.Size() > s.Limits.Disk {
			t.Fatalf("%v %v", info, err)
		}
	})
	t.Run("in pieces", func(t *testing.T) {
		s, _ := shell(t, `i=0; while :; do i=$((i+1)); dd if=/dev/zero of=piece$i bs=1M count=4 2>/dev/null; done`)
		s.Limits.Disk = 16 << 20
		_, err := Run(context.Background(), s)
		wantReason(t, err, Disk)
	})
	t.Run("in /tmp", func(t *testing.T) {
		s, _ := shell(t, `dd if=/dev/zero of=/tmp/big bs=1M count=100000 2>&1 | tail -1; dd if=/dev/zero of=/dev/shm/big bs=1M count=100000 2>/dev/null; du -sm /tmp | cut -f1`)
		s.Limits.Memory, s.Limits.Disk = 64<<20, 1<<40
		if r := mustRun(t, s); !strings.HasSuffix(r.Output, "\n16\n") {
			t.Fatal(r.Output)
		}
	})
}

func TestMemory(t *testing.T) {
	s, _ := box(t, "perl", "-e", `my @a; for (1..4000) { push @a, "x" x 1048576; } print "all of it\n"; sleep 60`)
	s.Limits.Memory = 128 << 20
	_, err := Run(context.Background(), s)
	wantReason(t, err, Memory)
}

// TestTimeEndsTheTree: what the command put into the background dies with it.
func TestTimeEndsTheTree(t *testing.T) {
	s, _ := shell(t, `(setsid sleep 1000 &) ; trap '' TERM; sleep 1000`)
	s.Limits.Time = 300 * time.Millisecond
	_, err := Run(context.Background(), s)
	wantReason(t, err, Time)
	if n := descendants(); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

func TestEndOfTheCommandEndsTheTree(t *testing.T) {
	s, _ := shell(t, `(setsid sleep 1000 >/dev/null 2>&1 &) ; echo out`)
	if r := mustRun(t, s); r.Output != "out\n" {
		t.Fatal(r.Output)
	}
	if n := descendants(); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

func TestCancel(t *testing.T) {
	s, _ := shell(t, `echo up; sleep 1000`)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	s.Stdout = writerFunc(func(p []byte) (int, error) { cancel(why); return len(p), nil })
	_, err := Run(ctx, s)
	wantReason(t, err, Cancelled)
	if !errors.Is(err, why) {
		t.Errorf("%v has no cause", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBroken(t *testing.T) {
	s, _ := shell(t, "true")
	missing := filepath.Join(t.TempDir(), "missing")
	s.Mounts = append(s.Mounts, Mount{Host: missing, Inside: "/x"})
	_, err := Run(context.Background(), s)
	wantReason(t, err, Broken)
	if !strings.Contains(err.Error(), missing) {
		t.Errorf("%v does not say what is missing", err)
	}
	s, _ = box(t, "no-such-command")
	if r := mustRun(t, s); r.Exit != notFound {
		t.Errorf("a command that is not there is exit code %d", r.Exit)
	}
	s, _ = shell(t, "true")
	s.Limits.Disk = 0
	_, err = Run(context.Background(), s)
	wantReason(t, err, Broken)
}

func TestOutputKeepsItsEnd(t *testing.T) {
	s, _ := shell(t, `yes | head -c 5000000; echo the end`)
	r := mustRun(t, s)
	if len(r.Output) > maxOutput+100 || !strings.HasSuffix(r.Output, "the end\n") || !strings.HasPrefix(r.Output, "… (cut)\n") {
		t.Fatalf("%d bytes", len(r.Output))
	}
}

func keyctl() string {
	if runtime.GOARCH == "arm64" {
		return "219"
	}
	return "250"
}

package worker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// withDiffoscope is a world with the real one.
func withDiffoscope(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if w.worker.differ = w.worker.findDiffoscope(); w.worker.differ == "" {
		t.Fatal("diffoscope is not installed: test/setup test")
	}
	return w
}

// withFake is a world whose diffoscope is this script.
func withFake(t *testing.T, script string) *world {
	t.Helper()
	w := newWorld(t)
	tool := filepath.Join(w.folder, "tool")
	if err := os.MkdirAll(filepath.Join(tool, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tool, "bin", diffoscope), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	w.worker.Tools = append([]string{tool}, w.worker.Tools...)
	if w.worker.differ = w.worker.findDiffoscope(); !strings.HasPrefix(w.worker.differ, tool) {
		t.Fatalf("%q is used, not the one in a folder of tools", w.worker.differ)
	}
	return w
}

// TestDiffoscope: the diff of a build that never comes out twice names the member of the
// archive and what is different in it, also in files that only their owner reads.
func TestDiffoscope(t *testing.T) {
	w := withDiffoscope(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	command := `umask 077; mkdir d; hostname > d/built-on; cp file d; tar cz --owner=0 --group=0 --mode=644 --mtime=@0 d/file d/built-on > out.tar.gz; pwd > out.txt`
	r := w.rebuild(w.job(commit, script(command, "outputs: [out.tar.gz, out.txt]\n"), sum("the artifact")))
	f := w.wantReason(r, attest.RebuildUnreproducible, "the artifact is "+sum("the artifact"))
	for _, want := range []string{"--- /first/out.tar.gz\n+++ /second/out.tar.gz\n", "d/built-on\n", "-rebuild-one\n", "+b\n", "+/build/another-place/2/source\n"} {
		if !strings.Contains(f.Diff, want) {
			t.Errorf("not shown: %q", want)
		}
	}
	if strings.Contains(f.Diff, "no diff by") || t.Failed() {
		t.Error(f.Diff)
	}
}

// TestDiffoscopeBounds: what a stranger's build made to keep diffoscope busy costs no more
// than its limits, and the outcome is the same.
func TestDiffoscopeBounds(t *testing.T) {
	for name, c := range map[string]struct{ command, disk, shown string }{
		"much to show":         {`head -c 400000 /dev/urandom > out`, "512MiB", "+++ /second/out\n"},
		"decompression bomb":   {`(head -c 100M /dev/zero; hostname) | gzip -1n > out`, "16MiB", ""},
		"archives in archives": {`hostname > a; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do tar c a > b; tar c b > a; done; mv a out`, "512MiB", "+++ /second/out\n"},
		"name like an option":  {`hostname > --html=x`, "512MiB", "+++ /second/--html=x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withDiffoscope(t)
			commit := w.commit(map[string]string{"file": "x\n"})
			output := "out"
			if name == "name like an option" {
				output = "--html=x"
			}
			doc := script(c.command, "outputs: ["+output+"]\n")
			doc = []byte(strings.Replace(string(doc), "disk: 512MiB", "disk: "+c.disk, 1))
			f := w.wantReason(w.rebuild(w.job(commit, doc, sum("the artifact"))), attest.RebuildUnreproducible, c.shown)
			if n := len(f.Diff); n > attest.MaxRebuildDiff || n < 200 {
				t.Errorf("a diff of %d bytes", n)
			}
		})
	}
}

// TestDiffoscopeFails: one that is broken, hangs or never stops printing leaves the outcome
// as it is, with our own summary and the reason for it.
func TestDiffoscopeFails(t *testing.T) {
	for name, c := range map[string]struct {
		script   string
		diffTime time.Duration
		shown    []string
	}{
		"hangs":                {`sleep 1000`, time.Second, []string{"(no diff by diffoscope: stopped at a limit: time: not done after ", "    + b\n", "(no diff by diffoscope: the other outputs took all of 1s)"}},
		"fails":                {`echo Traceback >&2; echo half of it; exit 2`, time.Minute, []string{"(no diff by diffoscope: exit code 2: Traceback)", "    + b\n"}},
		"sees no difference":   {`exit 0`, time.Minute, []string{"    + b\n"}},
		"says nothing":         {`exit 1`, time.Minute, []string{"    + b\n"}},
		"warns":                {`echo careful >&2; echo -from; exit 1`, time.Minute, []string{"bytes)\n-from\n"}},
		"prints without end":   {`echo "the top"; exec yes`, time.Second, []string{"stopped at a limit: time", "    + b\n"}},
		"prints far too much":  {`echo "the top"; yes | head -c 5000000; exit 1`, time.Minute, []string{"the top\ny\n", "y\n… (cut)\n"}},
		"opens the network":    {`exec 2>&1; bash -c "exec 3<>/dev/tcp/192.0.2.1/80"; exit 1`, time.Minute, []string{"Network is unreachable"}},
		"writes on the output": {`exec 2>&1; echo x > $(eval echo \${$#}); exit 1`, time.Minute, []string{"Read-only file system"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withFake(t, c.script)
			w.worker.diffTime = c.diffTime
			commit := w.commit(map[string]string{"file": "x\n"})
			r := w.rebuild(w.job(commit, script(`hostname > one; hostname > two`, "outputs: [one, two]\n"), sum("the artifact")))
			f := w.wantReason(r, attest.RebuildUnreproducible, "the artifact is "+sum("the artifact"))
			for _, want := range c.shown {
				if !strings.Contains(f.Diff, want) {
					t.Errorf("%q is not shown in\n%.2000s", want, f.Diff)
				}
			}
		})
	}
}

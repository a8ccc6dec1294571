package installed_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hello(version string) installed.Package {
	return installed.Package{Manager: installed.Dpkg, Name: "hello", Version: version, Architecture: "amd64"}
}

func record(version string, digest byte) installed.Record {
	return installed.Record{
		Package: hello(version), Digest: [32]byte{digest}, Signature: []byte("signature"), Verdict: verify.NotValid,
		Codes: []verify.Code{verify.Revoked, verify.RequirementUnmet}, Policy: [32]byte{9}, At: day,
	}
}

func write(t *testing.T, dir string, list ...installed.Record) {
	t.Helper()
	for _, r := range list {
		if err := installed.Write(dir, r); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, dir string, p installed.Package) installed.History {
	t.Helper()
	h, err := installed.Read(os.DirFS(dir), p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestWriteAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "below", "installed")
	if list, err := installed.List(os.DirFS(dir)); err != nil || len(list) != 0 {
		t.Error("no folder:", list, err)
	}
	bare := record("1.0", 1)
	bare.Signature, bare.Codes, bare.Policy, bare.Verdict = nil, nil, [32]byte{}, verify.Valid
	write(t, dir, bare)
	if diff := cmp.Diff(installed.History{Records: []installed.Record{bare}}, read(t, dir, hello("7"))); diff != "" {
		t.Error(diff)
	}
	// The same file once more; another build of the version; a later one.
	again := bare
	again.At = day.Add(time.Hour)
	write(t, dir, again, record("1.0", 2), record("1.1", 3))
	want := installed.History{Records: []installed.Record{record("1.1", 3), record("1.0", 2), again}}
	got := read(t, dir, hello("7"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r, ok := got.Of("1.0"); !ok || r.Digest[0] != 2 {
		t.Error("newest of 1.0:", r, ok)
	}
	if r, ok := got.Of("1"); ok {
		t.Error("a version that is not there:", r)
	}
	for i := range byte(5) {
		write(t, dir, record("2."+string('0'+i), i+1))
	}
	if got = read(t, dir, hello("7")); len(got.Records) != 4 || got.Records[3].Version != "2.1" {
		t.Errorf("%d records, last %s", len(got.Records), got.Records[3].Version)
	}
	if list, err := installed.List(os.DirFS(dir)); err != nil || len(list) != 1 || list[0] != hello("") {
		t.Error(list, err)
	}
}

// TestNames: no name leaves the folder, hides in it, or shares a file with another.
func TestNames(t *testing.T) {
	dir := t.TempDir()
	good := record("1.0", 1)
	for _, name := range []string{
		"", ".", "..", "../evil", "/etc/passwd", "a/b", "a\\b", ".hidden", "-option", "a:b", "a b", "a\nb", "a\x00b", "a\x1b[2K", "\u202e", "ü", strings.Repeat("a", 161), "a%2f",
	} {
		for what, edit := range map[string]func(*installed.Record){
			"name":         func(r *installed.Record) { r.Name = name },
			"architecture": func(r *installed.Record) { r.Architecture = name },
			"version":      func(r *installed.Record) { r.Version = name },
			"manager":      func(r *installed.Record) { r.Manager = installed.Manager(name) },
		} {
			if what == "version" && name == "a:b" {
				continue // an epoch
			}
			r := good
			edit(&r)
			if err := installed.Write(dir, r); !errors.Is(err, installed.ErrName) {
				t.Errorf("%s %q: %v", what, name, err)
			}
			if what == "version" {
				continue
			}
			if _, err := installed.Read(os.DirFS(dir), r.Package); !errors.Is(err, installed.ErrName) {
				t.Errorf("read %s %q: %v", what, name, err)
			}
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Error(entries, err)
	}
	twins := []installed.Package{
		{Manager: installed.RPM, Name: "a_x86", Version: "1", Architecture: "64"}, {Manager: installed.RPM, Name: "a", Version: "1", Architecture: "x86_64"},
		{Manager: installed.Pacman, Name: "a", Version: "1", Architecture: "x86_64"},
	}
	for _, p := range twins {
		r := good
		r.Package = p
		write(t, dir, r)
	}
	if list, err := installed.List(os.DirFS(dir)); err != nil || len(list) != len(twins) {
		t.Error(list, err)
	}
}

// TestRefused: a good record with one thing wrong.
func TestRefused(t *testing.T) {
	for name, edit := range map[string]func(*installed.Record){
		"digest":    func(r *installed.Record) { r.Digest = [32]byte{} },
		"time":      func(r *installed.Record) { r.At = time.Time{} },
		"signature": func(r *installed.Record) { r.Signature = make([]byte, 1<<20+1) },
		"codes":     func(r *installed.Record) { r.Codes = make([]verify.Code, 65) },
		"code":      func(r *installed.Record) { r.Codes = []verify.Code{"revoked\n"} },
	} {
		r := record("1.0", 1)
		edit(&r)
		dir := t.TempDir()
		if err := installed.Write(dir, r); err == nil {
			t.Error(name, "was written")
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
			t.Error(name, entries, err)
		}
	}
	text := marshal(t, record("1.0", 1), record("0.9", 2))
	for name, bad := range map[string]string{
		"empty":         "",
		"truncated":     text[:len(text)-2],
		"trailing":      text + " ",
		"no newline":    strings.TrimSuffix(text, "\n"),
		"spaces":        strings.Replace(text, ":", ": ", 1),
		"version":       strings.Replace(text, `"version":1`, `"version":2`, 1),
		"letter case":   strings.Replace(text, `"manager"`, `"Manager"`, 1),
		"unknown field": strings.Replace(text, `"manager"`, `"more":1,"manager"`, 1),
		"field twice":   strings.Replace(text, `"manager":"dpkg"`, `"manager":"dpkg","manager":"dpkg"`, 1),
		"manager":       strings.Replace(text, `"dpkg"`, `"zypper"`, 1),
		"path":          strings.Replace(text, `"hello"`, `"../../hello"`, 1),
		"none":          text[:strings.Index(text, "[")] + "[]}\n",
		"digest":        strings.Replace(text, "sha256:01", "sha256:0", 1),
		"algorithm":     strings.Replace(text, "sha256:01", "sha512:01", 1),
		"upper case":    strings.Replace(text, "sha256:09", "sha256:0A", 1),
		"base64":        strings.Replace(text, "c2lnbmF0dXJl", "c2lnbmF0dXJ", 1),
		"verdict":       strings.Replace(text, "not valid", "fine", 1),
		"time":          strings.Replace(text, "12:00:00Z", "12:00:00.5Z", 1),
		"zone":          strings.Replace(text, "12:00:00Z", "12:00:00+01:00", 1),
		"too many":      strings.Replace(text, `"installations":[`, `"installations":[`+strings.Repeat(text[strings.Index(text, "[")+1:strings.Index(text, "},")+2], 4), 1),
	} {
		if bad == text {
			t.Fatal(name, "changes nothing")
		}
		if h, err := installed.ParseHistory([]byte(bad)); err == nil || len(h.Records) != 0 {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
	if _, err := installed.ParseHistory(bytes.Repeat([]byte(" "), 6<<20+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func marshal(t testing.TB, list ...installed.Record) string {
	t.Helper()
	raw, err := installed.History{Records: list}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestReadWrongFile: a record says itself which package it is of, and what stands in a
// record's place and is none is an error, not an absence.
func TestReadWrongFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "dpkg:hello:amd64.json")
	other := record("1.0", 1)
	other.Name = "other"
	for name, put := range map[string]func() error{
		"another package": func() error { return os.WriteFile(path, []byte(marshal(t, other)), 0o600) },
		"folder":          func() error { return os.Mkdir(path, 0o700) },
		"garbage":         func() error { return os.WriteFile(path, []byte("{}"), 0o600) },
		"pipe":            func() error { return exec.Command("mkfifo", path).Run() },
		"endless":         func() error { return os.Symlink("/dev/zero", path) },
	} {
		if err := put(); err != nil {
			t.Fatal(name, err)
		}
		if h, err := installed.Read(os.DirFS(dir), hello("1.0")); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Error(name, h, err)
		}
		if name != "folder" && name != "pipe" && name != "endless" { // a damaged note does not stop an installation
			write(t, dir, record("1.0", 1))
			read(t, dir, hello("1.0"))
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFromVerdict(t *testing.T) {
	v := verify.Verdict{
		Digest: strings.Repeat("01", 32), Outcome: verify.NotValid, Signature: []byte("cms"), Reasons: []verify.Reason{{Code: verify.Revoked, Detail: "x"}},
	}
	r, err := installed.FromVerdict(hello("1.0"), v, [32]byte{2}, day.Add(time.Millisecond).In(time.FixedZone("", 3600)))
	want := installed.Record{
		Package: hello("1.0"), Digest: [32]byte(bytes.Repeat([]byte{1}, 32)), Signature: []byte("cms"), Verdict: verify.NotValid,
		Codes: []verify.Code{verify.Revoked}, Policy: [32]byte{2}, At: day,
	}
	if diff := cmp.Diff(want, r); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for name, edit := range map[string]func(*verify.Verdict){
		"not read":        func(v *verify.Verdict) { v.Digest = "" },
		"another digest":  func(v *verify.Verdict) { v.Signed = "authenticodeSha256:00" },
		"no code's shape": func(v *verify.Verdict) { v.Reasons[0].Code = "a b" },
	} {
		bad := v
		bad.Reasons = []verify.Reason{{Code: verify.Revoked}}
		edit(&bad)
		if r, err := installed.FromVerdict(hello("1.0"), bad, [32]byte{}, day); err == nil {
			t.Error(name, r)
		}
	}
}

// TestKilled: a writer that is killed at any moment leaves whole records.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("HALLMARK_TEST_WRITE"); dir != "" {
		for i := byte(1); ; i = i%250 + 1 {
			if err := installed.Write(dir, record("1."+strings.Repeat("0", int(i)%50), i)); err != nil {
				os.Exit(1)
			}
			os.Stdout.Write([]byte{'.'})
		}
	}
	dir := t.TempDir()
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "HALLMARK_TEST_WRITE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("was not killed")
		}
		list, err := installed.List(os.DirFS(dir))
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		read(t, dir, list[0])
	}
}

// FuzzHistory: what parses is written again as the same bytes, and its file lies in the
// folder.
func FuzzHistory(f *testing.F) {
	seeds := []string{marshal(f, record("1.0", 1)), marshal(f, record("1:1.0~rc1", 1), record("1.0", 2), record("0.9", 3)), "{}", ""}
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		h, err := installed.ParseHistory(raw)
		if err != nil {
			return
		}
		again, err := h.Marshal()
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%q became %q, %v", raw, again, err)
		}
		dir := t.TempDir()
		write(t, dir, h.Records[0])
		if list, err := installed.List(os.DirFS(dir)); err != nil || len(list) != 1 || list[0] != h.Key() {
			t.Errorf("%v %v", list, err)
		}
	})
}

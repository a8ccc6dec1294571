package verify_test

import (
	"context"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestReadingAnswersAsFile: a file that has been read is judged as it always is.
func TestReadingAnswersAsFile(t *testing.T) {
	for _, n := range negatives() {
		t.Run(string(n.want)+"/"+n.name, func(t *testing.T) {
			t.Parallel()
			n.runAs(t, func(ctx context.Context, c verify.Config, path string) verify.Verdict {
				v, r := newVerifier(t, c), verify.Read(path, c.ReadsPackages())
				got := v.FileRead(ctx, r)
				if want := newVerifier(t, c).File(ctx, path); !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, by File %+v", got, want)
				}
				// And once more by a verifier that has seen it.
				if again := v.FileRead(ctx, r); !reflect.DeepEqual(got, again) {
					t.Errorf("%+v, again %+v", got, again)
				}
				return got
			})
		})
	}
}

// TestReadings: one reading, several verifiers at once, who want more of it or less.
func TestReadings(t *testing.T) {
	p := pki.New(t)
	dir := t.TempDir()
	sign := func(d [32]byte) []byte { return p.Sign(t, d) }
	files := []string{
		pki.Write(t, dir, "tool.deb", pki.Package(t, "tool", "1.0", "amd64", []byte("x")), sign),
		pki.Write(t, dir, "tool.bin", []byte("x"), sign),
		pki.Write(t, dir, "nameless.deb", pki.Deb([]byte("payload")), sign),
		pki.Write(t, dir, "unsigned.deb", pki.Deb([]byte("payload")), nil),
		pki.Write(t, dir, "unsigned.bin", []byte("x"), nil),
		pki.Write(t, dir, "cut.deb", pki.Deb([]byte("payload"))[:100], nil),
		filepath.Join(dir, "absent"), dir,
	}
	plain := config(t, p)
	asked := plain
	asked.Packages = true
	named := plain
	named.Policy.Rules = []verify.Rule{{Package: "tool", Revocation: verify.Off}}
	for _, path := range files {
		for _, packages := range []bool{false, true} {
			r := verify.Read(path, packages)
			var wg sync.WaitGroup
			for name, c := range map[string]verify.Config{"plain": plain, "asked": asked, "named": named} {
				v, fresh := newVerifier(t, c), newVerifier(t, c)
				wg.Go(func() {
					got, want := v.FileRead(t.Context(), r), fresh.File(t.Context(), path)
					if !reflect.DeepEqual(got, want) {
						t.Errorf("%s, %s, packages read %t: %+v, by File %+v", path, name, packages, got, want)
					}
				})
			}
			wg.Wait()
		}
	}
}

// TestReadingMeanwhile: what happens to a file after it was opened.
func TestReadingMeanwhile(t *testing.T) {
	p := pki.New(t)
	appendTo := func(path string) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, "more"); err != nil || f.Close() != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(path string)
		want      verify.Code
	}{
		"nothing": {func(string) {}, ""},
		"cut": {func(path string) {
			if err := os.Truncate(path, 200); err != nil {
				t.Fatal(err)
			}
		}, verify.FileUnreadable},
		"grown": {appendTo, verify.FileUnreadable},
		"written to": {func(path string) {
			if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}, verify.FileUnreadable},
		"replaced": {func(path string) { // what was opened is still the old file
			if err := os.Rename(path, path+".old"); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("another"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ""},
		"a panic": {func(string) { panic("a bug") }, verify.InternalError},
	} {
		for file, content := range map[string][]byte{"tool.deb": pki.Deb([]byte("payload")), "tool.bin": make([]byte, 1<<10)} {
			path := pki.Write(t, t.TempDir(), file, content, func(d [32]byte) []byte { return p.Sign(t, d) })
			got := newVerifier(t, config(t, p)).FileRead(t.Context(), verify.ReadAfter(path, func() { c.meanwhile(path) }))
			if c.want == "" && got.Outcome != verify.Valid || c.want != "" && (len(got.Reasons) != 1 || got.Reasons[0].Code != c.want) {
				t.Errorf("%s, %s: %v, want %q", name, file, got.Reasons, c.want)
			}
		}
	}
}

// TestClaimsAreTheCallers: whatever is done to a verdict, the next one says what the
// certificate says.
func TestClaimsAreTheCallers(t *testing.T) {
	p := pki.New(t)
	v := newVerifier(t, config(t, p))
	path := pki.Write(t, t.TempDir(), "file", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
	first := v.File(t.Context(), path)
	for i := range first.Claims {
		first.Claims[i].Level, first.Claims[i].Framework = 1, "changed"
		for j := range first.Claims[i].Properties {
			first.Claims[i].Properties[j] = "changed"
		}
	}
	for i := range first.Repositories {
		first.Repositories[i] = "https://changed.example"
	}
	second, fresh := v.File(t.Context(), path), newVerifier(t, config(t, p)).File(t.Context(), path)
	if !reflect.DeepEqual(second, fresh) || second.Outcome != verify.Valid {
		t.Errorf("%+v, want %+v", second, fresh)
	}
}

// FuzzRead: a reading is judged as the file is, whoever asked for more of it, and what is
// valid has the digest that was signed.
func FuzzRead(f *testing.F) {
	p := pki.New(f)
	dir := f.TempDir()
	signed := map[string]bool{}
	for name, content := range map[string][]byte{
		"tool.deb": pki.Package(f, "tool", "1.0", "amd64", []byte("x")), "nameless.deb": pki.Deb([]byte("payload")),
	} {
		path := pki.Write(f, dir, name, content, func(d [32]byte) []byte {
			signed[hex.EncodeToString(d[:])] = true
			return p.Sign(f, d)
		})
		raw, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
		f.Add(content)
	}
	c := config(f, p)
	verifiers := []*verify.Verifier{newVerifier(f, c)}
	c.Packages = true
	verifiers = append(verifiers, newVerifier(f, c))
	path := filepath.Join(dir, "fuzz.deb")
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		r := verify.Read(path, true)
		for _, v := range verifiers {
			got, want := v.FileRead(t.Context(), r), v.File(t.Context(), path)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v, by File %+v", got, want)
			}
			if got.Outcome == verify.Valid && !signed[got.Digest] {
				t.Errorf("valid, and nobody signed %s", got.Digest)
			}
		}
	})
}

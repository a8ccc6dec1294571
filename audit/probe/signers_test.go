package probe

import (
	"crypto/rand"
	"crypto/rsa"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// weakRSA is a key below our size.
func weakRSA(t testing.TB) *rsa.PublicKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

func TestSigners(t *testing.T) {
	one, two := goodSigner(t), goodSigner(t)
	s, err := parseSigners("# who may\n\n" + strings.TrimSpace(one) + " alice@example.com \"quoted\"\n  " + two + "\r\n")
	if err != nil || len(s.lines) != 2 || len(s.fingerprints) != 2 {
		t.Fatalf("%v %v", s, err)
	}
	wantFile := `signer-1 namespaces="git" ` + one + `signer-2 namespaces="git" ` + two
	if got := string(s.allowedSigners()); got != wantFile {
		t.Errorf("%s\nwant\n%s", got, wantFile)
	}
	many := ""
	for range maxSigners {
		many += goodSigner(t)
	}
	if _, err := parseSigners(many); err != nil {
		t.Error(err)
	}
	if _, err := parseSigners(many + one); err == nil || !strings.Contains(err.Error(), "65 keys") {
		t.Error(err)
	}
}

// TestRefuse: the one verdict of git that is good, and all others.
func TestRefuse(t *testing.T) {
	s, err := parseSigners(goodSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	var known string
	for known = range s.fingerprints {
	}
	if reason := s.refuse("G " + known); reason != "" {
		t.Error(reason)
	}
	for _, verdict := range []string{
		"", " ", "G", "G ", "G SHA256:other", "g " + known, "G " + known + " ", "U " + known, "B " + known, "N " + known, "E " + known,
		"X " + known, "Y " + known, "R " + known, "GG " + known, known,
	} {
		if s.refuse(verdict) == "" {
			t.Errorf("%q is good", verdict)
		}
	}
}

func TestVersions(t *testing.T) {
	for version, good := range map[string]bool{
		"git version 2.34.0": true, "git version 2.39.5": true, "git version 2.39.5 (Apple Git-154)": true, "git version 3.0": true, "git version 10.1": true,
		"git version 2.33.9": false, "git version 1.99": false, "": false, "git": false, "git version x.y": false, "git version 2": false, " git version 2.39": false,
		"git version 99999999999999999999.1": false,
	} {
		if isRecent(version) != good {
			t.Errorf("%q", version)
		}
	}
}

// TestBranchNames: what we take, git takes.
func TestBranchNames(t *testing.T) {
	for name, good := range map[string]bool{
		"main": true, "release/1.2": true, "a.b": true, "v1_2+x-y": true, "HEAD": true,
		"": false, "/a": false, "a/": false, "a//b": false, ".a": false, "a/.b": false, "a.": false, "a.lock": false, "a.lock/b": false, "a..b": false,
		"-a": false, "a b": false, "a~1": false, "a^": false, "a:b": false, "a?": false, "a*": false, "a[b": false, "a\\b": false, "@{u}": false, "a\nb": false, "ä": false,
	} {
		if (checkBranch(name) == "") != good {
			t.Errorf("%q", name)
		}
		if good {
			if out, err := exec.Command("git", "check-ref-format", "refs/heads/"+name).CombinedOutput(); err != nil {
				t.Errorf("git refuses %q: %v %s", name, err, out)
			}
		}
	}
}

// FuzzParseSigners: the file that ssh-keygen is given has as many lines as there are
// keys, and says the same when it is read again.
func FuzzParseSigners(f *testing.F) {
	one := goodSigner(f)
	for _, s := range []string{
		one, "# x\n" + one + goodSigner(f), "cert-authority " + one, one + one, "ssh-ed25519 AAAA\n", "", "\n", `a@b namespaces="git" ` + one,
		strings.TrimSpace(one) + " comment\nwith more", strings.TrimSpace(one) + "\x00", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSigners(text)
		if err != nil {
			return
		}
		file := string(s.allowedSigners())
		if strings.Count(file, "\n") != len(s.lines) || len(s.lines) != len(s.fingerprints) || len(s.lines) > maxSigners {
			t.Fatalf("%d keys:\n%s", len(s.lines), file)
		}
		again, err := parseSigners(strings.Join(s.lines, "\n"))
		if err != nil || !slices.Equal(again.lines, s.lines) {
			t.Fatalf("%v: %q and then %q", err, s.lines, again.lines)
		}
	})
}

// FuzzRefuse: nothing that git might print is good without a fingerprint of the list.
func FuzzRefuse(f *testing.F) {
	s, err := parseSigners(goodSigner(f))
	if err != nil {
		f.Fatal(err)
	}
	var known string
	for known = range s.fingerprints {
		f.Add("G " + known)
	}
	f.Add("N ")
	f.Add("G SHA256:x")
	f.Fuzz(func(t *testing.T, verdict string) {
		if s.refuse(verdict) == "" && verdict != "G "+known {
			t.Fatalf("%q is good", verdict)
		}
	})
}

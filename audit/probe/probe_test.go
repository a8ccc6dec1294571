package probe

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// goodSigner is a key of the right kind for parameters.
func goodSigner(t testing.TB) string {
	t.Helper()
	key, err := ssh.NewPublicKey(&newKey(t).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(ssh.MarshalAuthorizedKey(key))
}

// goodParameters has one good set for each kind.
func goodParameters(t testing.TB) map[string]map[string]string {
	t.Helper()
	key := publicPEM(t, &newKey(t).PublicKey)
	return map[string]map[string]string{
		"document-digest": {"url": "https://example.com/policy.html", "sha256": strings.Repeat("ab", 32)},
		"git-branch": {
			"url": "https://example.com/project.git", "branch": "release/1.2", "commit": strings.Repeat("ab", 20), "signers": goodSigner(t), "commits": "20",
		},
		"in-toto-layout": {"url": "https://example.com/root.layout", "key": key},
		"key-challenge":  {"url": "https://example.com/challenge", "key": key},
		"vsa": {
			"url": "https://example.com/vsa.json", "key": key, "resource_uri": "pkg:generic/example@1", "level": "SLSA_BUILD_LEVEL_2", "verifier": "https://example.com/verifier",
		},
	}
}

func TestKinds(t *testing.T) {
	good := goodParameters(t)
	kinds := Kinds()
	if len(kinds) != len(good) || !slices.IsSortedFunc(kinds, func(a, b Kind) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatalf("%d kinds", len(kinds))
	}
	for _, k := range kinds {
		if k.Summary == "" || k.run == nil || len(k.Parameters) == 0 {
			t.Errorf("%s is incomplete", k.Name)
		}
		if p := Validate(k.Name, good[k.Name]); len(p) != 0 {
			t.Errorf("%s: %v", k.Name, p)
		}
		for _, p := range k.Parameters {
			if p.Name == "" || p.Summary == "" || p.check == nil {
				t.Errorf("%s: parameter %q is incomplete", k.Name, p.Name)
			}
			got := Validate(k.Name, with(good[k.Name], p.Name, ""))
			if p.Required != (len(got) == 1 && got[0] == Problem{p.Name, "is required"}) || !p.Required && len(got) != 0 {
				t.Errorf("%s without %s: %v", k.Name, p.Name, got)
			}
		}
	}
}

// TestValidateRefuses: good parameters with exactly one thing wrong.
func TestValidateRefuses(t *testing.T) {
	good := goodParameters(t)
	small, err := ssh.NewPublicKey(weakRSA(t))
	if err != nil {
		t.Fatal(err)
	}
	signer := strings.TrimSpace(good["git-branch"]["signers"])
	for _, c := range []struct{ kind, parameter, value, detail string }{
		{"document-digest", "url", "http://example.com/", "not an https URL"},
		{"document-digest", "url", "https://user:secret@example.com/", "not an https URL"},
		{"document-digest", "url", "https://example.com/" + strings.Repeat("x", 2048), "longer than"},
		{"document-digest", "sha256", strings.Repeat("AB", 32), "64 hex digits"},
		{"document-digest", "sha256", strings.Repeat("ab", 20), "64 hex digits"},
		{"document-digest", "sha1", strings.Repeat("ab", 20), "is not a parameter of document-digest"},
		{"git-branch", "branch", "-upload-pack=x", "not the name of a branch"},
		{"git-branch", "branch", "*", "not the name of a branch"},
		{"git-branch", "branch", "a:b", "not the name of a branch"},
		{"git-branch", "branch", "a..b", "not the name of a branch"},
		{"git-branch", "branch", "a/", "not the name of a branch"},
		{"git-branch", "branch", "a.lock", "not the name of a branch"},
		{"git-branch", "branch", strings.Repeat("x", maxLine+1), "not the name of a branch"},
		{"git-branch", "commit", "HEAD", "full id of a commit"},
		{"git-branch", "commit", strings.Repeat("a", 39), "full id of a commit"},
		{"git-branch", "commit", strings.Repeat("A", 40), "full id of a commit"},
		{"git-branch", "commits", "0", "a number from 1 to 200"},
		{"git-branch", "commits", "201", "a number from 1 to 200"},
		{"git-branch", "commits", "+7", "a number from 1 to 200"},
		{"git-branch", "signers", "# nobody\n", "0 keys"},
		{"git-branch", "signers", signer + "\n" + signer, "line 2: the key stands twice"},
		{"git-branch", "signers", "cert-authority " + signer, "options before the key"},
		{"git-branch", "signers", `namespaces="file" ` + signer, "options before the key"},
		{"git-branch", "signers", "alice@example.com " + signer, "line 1: "},
		{"git-branch", "signers", "ssh-ed25519 AAAA", "not an SSH public key"},
		{"git-branch", "signers", signer + "\rmallory", "a control character"},
		{"git-branch", "signers", string(ssh.MarshalAuthorizedKey(small)), "an RSA key of fewer than 3072 bits"},
		{"git-branch", "signers", strings.Repeat("#\n", maxValue), "bytes long, at most"},
		{"in-toto-layout", "key", "ssh-ed25519 AAAA", "not exactly one PEM block"},
		{"key-challenge", "key", good["key-challenge"]["key"] + good["key-challenge"]["key"], "not exactly one PEM block"},
		{"vsa", "level", "two words", "without spaces"},
		{"vsa", "resource_uri", strings.Repeat("x", maxLine+1), "bytes long, at most"},
		{"vsa", "verifier", "\x1b[31m", "printable ASCII"},
	} {
		w := with(good[c.kind], c.parameter, c.value)
		got := Validate(c.kind, w)
		if len(got) != 1 || got[0].Parameter != c.parameter || !strings.Contains(got[0].Detail, c.detail) {
			t.Errorf("%s, %s=%.40q: %v", c.kind, c.parameter, c.value, got)
		}
		if result := new(Runner).Run(t.Context(), c.kind, w, "before"); result.Outcome != Unknown || result.Seen != "before" || !strings.Contains(result.Detail, "cannot be run") {
			t.Errorf("%s, %s=%.40q: ran: %v", c.kind, c.parameter, c.value, result)
		}
	}
	w := maps.Clone(good["vsa"])
	w["level"] = ""
	if got := Validate("vsa", w); len(got) != 1 || got[0].Detail != "is empty" {
		t.Errorf("an empty value: %v", got)
	}
	for _, kind := range []string{"", "dns", "VSA"} {
		if got := Validate(kind, nil); len(got) != 1 || got[0].Parameter != "" || !strings.Contains(got[0].Detail, "unknown kind") {
			t.Errorf("%q: %v", kind, got)
		}
		want(t, new(Runner).Run(t.Context(), kind, nil, ""), Unknown, "unknown kind")
	}
}

// TestZeroRunner: the strict policy, and no panic.
func TestZeroRunner(t *testing.T) {
	for kind, w := range goodParameters(t) {
		result := new(Runner).Run(t.Context(), kind, with(w, "url", "https://127.0.0.1:1/x"), "")
		want(t, result, Unknown, "address is not on the public internet")
	}
}

func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for kind, w := range goodParameters(t) {
		want(t, new(Runner).Run(ctx, kind, w, ""), Unknown, "stopped: context canceled")
	}
}

func FuzzValidate(f *testing.F) {
	good := goodParameters(f)
	for kind, w := range good {
		for name, value := range w {
			f.Add(kind, name, value)
		}
	}
	f.Add("git-branch", "branch", "a/../b")
	f.Add("vsa", "unknown", "x")
	f.Fuzz(func(t *testing.T, kind, name, value string) {
		w := maps.Clone(good[kind])
		if w == nil {
			w = map[string]string{}
		}
		w[name] = value
		first, second := Validate(kind, w), Validate(kind, w)
		if !slices.Equal(first, second) {
			t.Fatalf("%v and then %v", first, second)
		}
		if name == "branch" && len(first) == 0 && kind == "git-branch" && strings.ContainsAny(value, "*?[:^~\\ @\n\x00") {
			t.Fatalf("branch %q", value)
		}
	})
}

func FuzzClip(f *testing.F) {
	for _, s := range []string{"", "plain", "two\nlines", "\x1b[31mred\x07", strings.Repeat("long ", 200), "ä\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := clip(s)
		if len(got) > maxDetail || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) || clip(got) != got {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

package command

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// TestUnusable: of files that are good, exactly one is broken, and every verdict says so
// and nothing else.
func TestUnusable(t *testing.T) {
	p := pki.New(t)
	trust, err := p.Trust().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := map[string][]byte{"trust": trust, "policy": []byte("version: 1\n"), "status": p.SignStatus(t, p.Status(t))}
	broken := map[string][]byte{
		"trust": bytes.Replace(trust, []byte(`"arc"`), []byte(`"Arc"`), 1), "policy": []byte("version: 1\nmood: warn\n"),
		"status": good["status"][1:],
	}
	for _, c := range []struct {
		name, file string
		absent     bool
		want       verify.Code
	}{
		{"nothing", "", false, ""},
		{"trust bundle malformed", "trust", false, verify.TrustUnusable},
		{"trust bundle absent", "trust", true, verify.TrustUnusable},
		{"policy malformed", "policy", false, verify.PolicyUnusable},
		{"policy absent", "policy", true, verify.PolicyUnusable},
		{"status malformed", "status", false, verify.StatusUnusable},
		{"status absent", "status", true, verify.StatusUnusable},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			paths := map[string]string{}
			for name, raw := range good {
				paths[name] = filepath.Join(dir, name)
				if name == c.file {
					raw = broken[name]
				}
				if name == c.file && c.absent {
					continue
				}
				if err := os.WriteFile(paths[name], raw, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			file := pki.Write(t, dir, "file", []byte("x"), func(d [32]byte) []byte { return p.Sign(t, d) })
			var stdout, stderr bytes.Buffer
			code := console{&stdout, &stderr, "test"}.judge(t.Context(), Options{
				Trust: paths["trust"], Policy: paths["policy"], Status: paths["status"], JSON: true,
				Now: func() time.Time { return p.Now },
			}, []string{file})
			var got struct {
				Verdict string
				Reasons []verify.Reason
			}
			if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
				t.Fatal(err, stderr.String())
			}
			if c.want == "" {
				if code != AllValid {
					t.Fatal(stdout.String())
				}
				return
			}
			if len(got.Reasons) != 1 || got.Reasons[0].Code != c.want || code != SomeUnknown || got.Verdict != "could not tell" {
				t.Errorf("exit code %d: %s", code, stdout.String())
			}
		})
	}
}

// TestStatusWithoutKeys: a status bundle that no key of the trust bundle could verify is left
// aside only where nobody asks for revocation: a rule that does is not answered from it.
func TestStatusWithoutKeys(t *testing.T) {
	p := pki.New(t)
	bundle := p.Trust()
	bundle.StatusKeys = nil
	trust, err := bundle.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	file := pki.Write(t, dir, "file", []byte("x"), func(d [32]byte) []byte {
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple = nil })
	})
	rule := "rules:\n  - {vendor: \"" + p.Leaf.Cert.URIs[0].String() + "\", revocation: %s}\n"
	for _, c := range []struct {
		name, policy string
		want         verify.Code
	}{
		{"nobody asks", "revocation: off\n", ""},
		{"a rule that does not", "revocation: off\n" + strings.ReplaceAll(rule, "%s", "off"), ""},
		{"a rule asks", "revocation: off\n" + strings.ReplaceAll(rule, "%s", "required"), verify.RevocationUnknown},
		{"the policy asks", "revocation: required\n", verify.StatusUnusable},
		{"for assessments", "revocation: off\nassessments: in-force-today\n", verify.StatusUnusable},
	} {
		for name, raw := range map[string][]byte{"trust": trust, "status": p.SignStatus(t, p.Status(t)), "policy": []byte("version: 1\n" + c.policy)} {
			if err := os.WriteFile(at(name), raw, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		var stdout, stderr bytes.Buffer
		code := console{&stdout, &stderr, "test"}.judge(t.Context(), Options{
			Trust: at("trust"), Policy: at("policy"), Status: at("status"), JSON: true, Now: func() time.Time { return p.Now },
		}, []string{file})
		var got struct{ Reasons []verify.Reason }
		if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
			t.Fatal(err, stderr.String())
		}
		if c.want == "" && code != AllValid || c.want != "" && (len(got.Reasons) != 1 || got.Reasons[0].Code != c.want || code != SomeUnknown) {
			t.Errorf("%s: exit code %d: %s", c.name, code, stdout.String())
		}
	}
}

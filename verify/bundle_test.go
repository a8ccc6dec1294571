package verify_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

func TestTrustRoundTrip(t *testing.T) {
	p := pki.New(t)
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	trust := p.Trust()
	trust.VSAKeys = append(trust.VSAKeys, public)
	raw, err := trust.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := verify.ParseTrust(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parsed.Marshal()
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("%v\n%s\n%s", err, raw, again)
	}
	if !parsed.Roots[0].Equal(p.Root.Cert) || !parsed.Arc.Equal(p.Arc) || len(parsed.VSAKeys) != 2 || parsed.Logs[0] != p.Log.VerifierKey {
		t.Errorf("%+v", parsed)
	}
}

func TestParseTrustRefuses(t *testing.T) {
	p := pki.New(t)
	raw, err := p.Trust().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	leaf := base64.StdEncoding.EncodeToString(p.Leaf.Cert.Raw)
	root := base64.StdEncoding.EncodeToString(p.Root.Cert.Raw)
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":                "",
		"array":                "[]",
		"null":                 "null",
		"trailing":             good + "{}",
		"no version":           swap(`"version": 1,`, ``),
		"later version":        swap(`"version": 1`, `"version": 2`),
		"version as text":      swap(`"version": 1`, `"version": "1"`),
		"unknown field":        swap(`"version": 1`, `"version": 1, "extra": 1`),
		"other case":           swap(`"roots"`, `"Roots"`),
		"field twice":          swap(`"version": 1`, `"version": 1, "arc": "1.2.3.4", "arc": "1.2.3.4"`),
		"no roots":             swap(`"roots": [`, `"roots": [], "name": [`),
		"root is a leaf":       strings.Replace(good, root, leaf, 1),
		"root is no base64":    strings.Replace(good, root, "!", 1),
		"root is none":         strings.Replace(good, root, "AAAA", 1),
		"root twice":           swap(`"roots": [`, `"roots": ["`+root+`",`),
		"root with line break": strings.Replace(good, root, root[:8]+`\n`+root[8:], 1),
		"root is a number":     strings.Replace(good, `"`+root+`"`, "1", 1),
		"arc":                  swap(p.Arc.String(), "1.2"),
		"log":                  swap(p.Log.VerifierKey, "log"),
		"log twice":            swap(`"logs": [`, `"logs": ["`+p.Log.VerifierKey+`",`),
		"time":                 swap("2026-03-01T11:00:00Z", "2026-03-01"),
		"time with offset":     swap("2026-03-01T11:00:00Z", "2026-03-01T11:00:00+01:00"),
		"invalid UTF-8":        swap("Example", "\xff"),
		"too large":            swap("Example", strings.Repeat("x", 1<<20)),
		"name too long":        swap("Example", strings.Repeat("x", 2000)),
	} {
		if _, err := verify.ParseTrust([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	p := pki.New(t)
	for name, change := range map[string]func(*verify.Config){
		"no clock":      func(c *verify.Config) { c.Now = nil },
		"no roots":      func(c *verify.Config) { c.Trust.Roots = nil },
		"nil root":      func(c *verify.Config) { c.Trust.Roots = []*x509.Certificate{nil} },
		"no arc":        func(c *verify.Config) { c.Trust.Arc = ext.Arc{} },
		"bad log":       func(c *verify.Config) { c.Trust.Logs = []string{"x"} },
		"bad key":       func(c *verify.Config) { c.Trust.VSAKeys = []crypto.PublicKey{"x"} },
		"zero policy":   func(c *verify.Config) { c.Policy = verify.Policy{} },
		"empty require": func(c *verify.Config) { c.Policy.Require = [][]verify.Requirement{{}} },
		"level 0":       func(c *verify.Config) { c.Policy.Require[0][0].Level = 0 },
		"no fetcher":    func(c *verify.Config) { c.Policy.Attestations = verify.Fetch },
		"as of later":   func(c *verify.Config) { c.AsOf = p.Now.Add(time.Second) },
		"bad CRL":       func(c *verify.Config) { c.Status.CRLs = [][]byte{{1}} },
	} {
		c := config(t, p)
		change(&c)
		if _, err := verify.New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerdictJSON(t *testing.T) {
	v := verify.Verdict{
		File: "a", Outcome: verify.NotValid, Reasons: []verify.Reason{{Code: verify.Unsigned, Detail: "none"}},
		Digest: "00", Warn: true, SignedAt: time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC),
	}
	got, err := json.Marshal(v)
	want := `{"file":"a","digest":"sha256:00","verdict":"not valid","reasons":[{"code":"unsigned","detail":"none"}],"signed_at":"2026-03-01T11:00:00Z","mode":"warn"}`
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
	if verify.Code("from a later release").Outcome() != verify.NotValid {
		t.Error("an unknown code is not a reason to accept")
	}
	if (verify.Verdict{}).Outcome != verify.CouldNotTell {
		t.Error("zero verdict")
	}
}

package main

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/test/vectors/vector"
	"github.com/hallmark-pki/hallmark/verify"
)

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }

// policyWith is the policy "available" and more; strictWith the same of "strict".
func policyWith(more string) string { return policies()["available"] + more }

func strictWith(more string) string { return policies()["strict"] + more }

// demands are policies that the good package does not meet, and that are written as if it did.
func demands() []sketch {
	unmet := wants(verify.RequirementUnmet)
	require := func(items string) func(*maker) { return under("version: 1\nrequire:\n" + items) }
	exception := func(text string) string {
		return policyWith("exceptions:\n" + text + "    reason: assessment under way\n")
	}
	low := func(policy string) func(*maker) {
		return func(m *maker) { m.debBy(m.p.NewLeaf(m, m.p.High, m.p.Claims(2))); m.policy = policy }
	}
	plain := func(policy string) func(*maker) {
		return func(m *maker) { m.artifact("tool.tar", []byte("anything"), nil); m.policy = policy }
	}
	sum := "88ea1b" + strings.Repeat("0", 58)
	return []sketch{
		{"policy/level", []int{7}, unmet, "a level above the claim", require("  - {framework: slsa-v0.1, level: 4}\n")},
		{"policy/level-huge", []int{6}, unmet, "level 255", require("  - {framework: slsa-v0.1, level: 255}\n")},
		{"policy/another-version", []int{11}, unmet, "another version of the framework", require("  - {framework: slsa-v1.2, track: build, level: 1}\n")},
		{"policy/no-slash", []int{11}, unmet, "the framework's URI without its last slash", require("  - {framework: 'https://slsa.dev/spec/v0.1', track: slsa, level: 1}\n")},
		{"policy/uri-case", []int{11}, unmet, "the framework's URI in capitals", require("  - {framework: 'HTTPS://SLSA.DEV/spec/v0.1/', track: slsa, level: 1}\n")},
		{"policy/uri-glob", []int{11}, unmet, "a glob is no glob", require("  - {framework: 'https://slsa.dev/spec/*', track: slsa, level: 1}\n")},
		{"policy/track-glob", []int{11}, unmet, "a glob for the track", require("  - {framework: 'https://example.com/own', track: '*', level: 1}\n")},
		{"policy/uri-homoglyph", []int{11}, unmet, "a Cyrillic letter in the framework's URI", require("  - {framework: 'https://sl\u0455a.dev/spec/v0.1/', track: slsa, level: 1}\n")},
		{"policy/uri-space", []int{11}, unmet, "a space behind the framework's URI", require("  - {framework: 'https://slsa.dev/spec/v0.1/ ', track: slsa, level: 1}\n")},
		{"policy/one-of-two", []int{6}, unmet, "one of two demands is met", require("  - {framework: slsa-v0.1, level: 1}\n  - {framework: slsa-v1.2, track: build, level: 1}\n")},
		{"policy/same-twice", []int{6}, unmet, "the same demand twice, and another", require("  - {framework: slsa-v0.1, level: 1}\n  - {framework: slsa-v0.1, level: 1}\n  - {framework: slsa-v1.2, track: source, level: 1}\n")},
		{"policy/no-alternative", []int{6}, unmet, "halves of two alternatives are met", require("  - [{framework: slsa-v0.1, level: 3}, {framework: slsa-v1.2, track: build, level: 1}]\n  - [{framework: slsa-v0.1, level: 4}]\n")},
		{"exception/expired", []int{11, 24}, unmet, "an exception that has expired", low(exception("  - vendor: " + pki.Vendor + "\n    expires: 2026-03-01T12:00:00Z\n"))},
		{"exception/expired-at-midnight", []int{11, 24}, unmet, "a day begins at midnight", low(exception("  - vendor: " + pki.Vendor + "\n    expires: 2026-03-01\n"))},
		{"exception/another-vendor", []int{11}, unmet, "an exception for another vendor", low(exception("  - vendor: https://other.example.com\n    expires: 2026-03-02\n"))},
		{"exception/vendor-slash", []int{11}, unmet, "a slash behind the vendor", low(exception("  - vendor: " + pki.Vendor + "/\n    expires: 2026-03-02\n"))},
		{"exception/vendor-case", []int{11}, wants(verify.PolicyUnusable), "the vendor in capitals, which no certificate could say", low(exception("  - vendor: HTTPS://VENDOR.EXAMPLE.COM\n    expires: 2026-03-02\n"))},
		{"exception/vendor-glob", []int{11}, unmet, "a glob for the vendor", low(exception("  - vendor: https://*.example.com\n    expires: 2026-03-02\n"))},
		{"exception/vendor-unsigned", []int{11}, wants(verify.Unsigned), "an exception for the vendor does not forgive a missing signature", plain(exception("  - vendor: " + pki.Vendor + "\n    expires: 2026-03-02\n"))},
		{"exception/vendor-stranger", []int{2, 11}, wants(verify.ChainUntrusted), "another CA's certificate with the vendor's name", func(m *maker) {
			m.debBy(m.q.Leaf)
			m.policy = exception("  - vendor: " + pki.Vendor + "\n    expires: 2026-03-02\n")
		}},
		{"exception/another-digest", []int{11}, wants(verify.Unsigned), "an exception for another file", plain(exception("  - digest: sha256:" + sum + "\n    expires: 2026-03-02\n"))},
		{"exception/tampered", []int{9, 11}, wants(verify.DigestMismatch), "an exception for the package before it was changed", func(m *maker) {
			m.deb()
			m.change(func(b []byte) []byte { b[68] ^= 1; return b })
			m.policy = exception("  - digest: sha256:" + hexOf(digest()) + "\n    expires: 2026-03-02\n")
		}},
	}
}

// badPolicies are files that are no policy. Nothing is judged by half of one.
func badPolicies() []sketch {
	var out []sketch
	for _, b := range []struct {
		name    string
		classes []int
		about   string
		text    string
	}{
		{"empty", []int{5}, "an empty file", ""},
		{"not-yaml", []int{5}, "no YAML", "\tversion: 1\n"},
		{"version", []int{7}, "a later version", "version: 2\n"},
		{"no-version", []int{7}, "no version", "mode: enforce\n"},
		{"unknown-key", []int{11}, "an unknown key", "version: 1\nrequired: [{framework: slsa-v0.1, level: 3}]\n"},
		{"key-case", []int{11}, "a key in capitals", "version: 1\nRevocation: required\n"},
		{"key-twice", []int{11}, "a key twice", "version: 1\ntimestamp: required\ntimestamp: if-available\n"},
		{"item-key", []int{11}, "an unknown key of a demand", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: 3, exact: true}\n"},
		{"empty-value", []int{11}, "a key without a value", "version: 1\nrequire:\n"},
		{"null", []int{11}, "a key whose value is null", "version: 1\nrevocation: ~\n"},
		{"anchor", []int{11, 15}, "an anchor and an alias", "version: 1\nrequire:\n  - &a {framework: slsa-v0.1, level: 3}\n  - *a\n"},
		{"tag", []int{11}, "an explicit tag", "version: !!int \"1\"\n"},
		{"two-documents", []int{9, 11}, "a second document", "version: 1\n---\nversion: 1\nrevocation: off\n"},
		{"no-demand", []int{6}, "an empty list of demands", "version: 1\nrequire: []\n"},
		{"empty-alternative", []int{6}, "an alternative without items", "version: 1\nrequire:\n  - []\n"},
		{"level-zero", []int{6}, "level 0", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: 0}\n"},
		{"level-negative", []int{6}, "level -3", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: -3}\n"},
		{"level-text", []int{6}, "the level as text", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: \"3\"}\n"},
		{"level-fraction", []int{6}, "half a level", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: 2.5}\n"},
		{"level-overflow", []int{6}, "level 2^64+3", "version: 1\nrequire:\n  - {framework: slsa-v0.1, level: 18446744073709551619}\n"},
		{"level-missing", []int{6}, "no level", "version: 1\nrequire:\n  - {framework: slsa-v0.1}\n"},
		{"unknown-track", []int{11}, "a track that the framework does not have", "version: 1\nrequire:\n  - {framework: slsa-v0.1, track: Build, level: 3}\n"},
		{"unknown-framework", []int{11}, "a framework that is no URI", "version: 1\nrequire:\n  - {framework: SLSA, level: 3}\n"},
		{"mode", []int{11}, "an unknown mode", "version: 1\nmode: Enforce\n"},
		{"timestamp-off", []int{11}, "timestamps cannot be switched off", "version: 1\ntimestamp: off\n"},
		{"revocation", []int{11, 19}, "an unknown demand", "version: 1\nrevocation: optional\n"},
		{"age", []int{6, 24}, "an age of nothing", "version: 1\nmax_status_age: 0d\n"},
		{"age-negative", []int{6, 24}, "a negative age", "version: 1\nmax_status_age: -7d\n"},
		{"exception-no-reason", []int{11}, "an exception without a reason", "version: 1\nexceptions:\n  - {vendor: 'https://vendor.example.com', expires: 2026-03-02}\n"},
		{"exception-no-end", []int{11}, "an exception without an end", "version: 1\nexceptions:\n  - {vendor: 'https://vendor.example.com', reason: always}\n"},
		{"exception-both", []int{11}, "an exception for neither", "version: 1\nexceptions:\n  - {reason: all, expires: 2026-03-02}\n"},
		{"exception-digest-case", []int{11}, "a digest in capitals", "version: 1\nexceptions:\n  - {digest: 'sha256:" + strings.Repeat("AB", 32) + "', reason: x, expires: 2026-03-02}\n"},
		{"laughs", []int{15}, "a billion laughs", "version: 1\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"},
		{"deep", []int{16}, "nested a thousand deep", "version: 1\nrequire: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "\n"},
		{"long-text", []int{14}, "a text of 10,000 bytes", "version: 1\nexceptions:\n  - {vendor: 'https://vendor.example.com', reason: " + strings.Repeat("x", 10000) + ", expires: 2026-03-02}\n"},
		{"exceptions", []int{14}, "2,000 exceptions", "version: 1\nexceptions:\n" + strings.Repeat("  - {vendor: 'https://a.example.com', reason: x, expires: 2026-03-02}\n", 2000)},
	} {
		out = append(out, sketch{"policy-file/" + b.name, b.classes, wants(verify.PolicyUnusable), b.about, under(b.text)})
	}
	return out
}

// replaceRoot is the trust bundle with another root, written without its own check.
func replaceRoot(m *maker, der []byte) []byte {
	m.Helper()
	old := base64.StdEncoding.EncodeToString(m.p.Root.Cert.Raw)
	return bytes.ReplaceAll(m.marshalTrust(), []byte(old), []byte(base64.StdEncoding.EncodeToString(der)))
}

// badBundles are trust and status files that cannot be used.
func badBundles() []sketch {
	trust := func(f func(m *maker, good string) string) func(*maker) {
		return func(m *maker) { m.rawTrust = []byte(f(m, string(m.marshalTrust()))) }
	}
	swap := func(old, new string) func(*maker) {
		return trust(func(m *maker, s string) string {
			if !strings.Contains(s, old) {
				m.Fatalf("no %s in the bundle", old)
			}
			return strings.Replace(s, old, new, 1)
		})
	}
	status := func(f func(m *maker, good string) string) func(*maker) {
		return func(m *maker) { m.rawStatus = []byte(f(m, string(m.marshalStatus()))) }
	}
	bad, stale := wants(verify.TrustUnusable), wants(verify.StatusUnusable)
	return []sketch{
		{"trust/empty", []int{5}, bad, "an empty file", trust(func(*maker, string) string { return "" })},
		{"trust/cut-off", []int{5}, bad, "the end is missing", trust(func(_ *maker, s string) string { return s[:len(s)-3] })},
		{"trust/trailing", []int{5, 9}, bad, "a second object behind the first", trust(func(_ *maker, s string) string { return s + s })},
		{"trust/later-version", []int{7}, bad, "a version of the future", swap(`"version": 1`, `"version": 99`)},
		{"trust/unknown-field", []int{11}, bad, "an unknown field", swap(`"version": 1,`, `"version": 1, "extra": 1,`)},
		{"trust/field-case", []int{11}, bad, "a field in capitals", swap(`"roots"`, `"Roots"`)},
		{"trust/field-twice", []int{9}, bad, "a field twice", trust(func(_ *maker, s string) string {
			return strings.Replace(s, `"version": 1,`, `"version": 1, "logs": [],`, 1)
		})},
		{"trust/no-roots", []int{6}, bad, "no root", swap(`"roots": [`, `"roots": [], "name": [`)},
		{"trust/leaf-as-root", []int{3}, bad, "a root that is no CA", func(m *maker) { m.rawTrust = replaceRoot(m, m.p.Leaf.Cert.Raw) }},
		{"trust/root-twice", []int{6}, bad, "a root twice", trust(func(m *maker, s string) string {
			return strings.Replace(s, `"roots": [`, `"roots": ["`+base64.StdEncoding.EncodeToString(m.p.Root.Cert.Raw)+`",`, 1)
		})},
		{"trust/log-twice", []int{6}, bad, "a log twice", trust(func(m *maker, s string) string {
			return strings.Replace(s, `"logs": [`, `"logs": ["`+m.p.Log.VerifierKey+`",`, 1)
		})},
		{"trust/arc", []int{16}, bad, "an arc with a number of 10,000 digits", trust(func(m *maker, s string) string {
			return strings.Replace(s, m.p.Arc.String(), "1.3."+strings.Repeat("9", 10000), 1)
		})},
		{"trust/too-large", []int{14}, bad, "a bundle of 2 MB", func(m *maker) {
			good := m.marshalTrust()
			m.rawTrust = []byte("{}") // in the recipe's place
			m.recipe = &vector.Recipe{File: "trust.json", Parts: []vector.Part{{Bytes: good, Times: 1}, {Bytes: []byte("        "), Times: 1 << 18}}}
		}},
		{"status/empty", []int{5, 19}, stale, "an empty file", status(func(*maker, string) string { return "" })},
		{"status/cut-off", []int{5, 19}, stale, "the end is missing", status(func(_ *maker, s string) string { return s[:len(s)-3] })},
		{"status/trailing", []int{5, 9}, stale, "a second object behind the first", status(func(_ *maker, s string) string { return s + s })},
		{"status/signature", []int{2, 5}, stale, "the signature is damaged", status(func(_ *maker, s string) string {
			i := strings.LastIndex(s, `"sig":"`) + 30
			return s[:i] + string(s[i]^1) + s[i+1:]
		})},
		{"status/payload", []int{2, 7}, stale, "the number was raised afterwards", status(func(_ *maker, s string) string {
			return strings.Replace(s, `"number":7`, `"number":8`, 1)
		})},
		{"status/version-1", []int{7}, stale, "a bundle from before they were signed", status(func(m *maker, _ string) string {
			return `{"version":1,"issued_at":"2026-03-01T11:00:00Z","crls":[]}` + "\n"
		})},
		{"status/another-key", []int{2}, stale, "signed by the key for summaries", func(m *maker) {
			m.p.StatusKey = m.p.SummaryKey
			m.rawStatus = m.p.SignStatus(m, m.status)
		}},
		{"status/another-ca", []int{2}, stale, "the bundle of another CA", func(m *maker) { m.rawStatus = m.q.SignStatus(m, m.q.Status(m)) }},
		{"status/no-keys", []int{6, 19}, stale, "a trust bundle without keys for status bundles", func(m *maker) { m.trust.StatusKeys = nil }},
		{"status/summary-as-status", []int{10}, stale, "a payload signed for another type", func(m *maker) {
			payload, _, _ := strings.Cut(string(m.marshalStatus()), "\n")
			sum := sha256.Sum256(pae("application/vnd.in-toto+json", payload))
			sig, err := m.p.StatusKey.Sign(nil, sum[:], crypto.SHA256)
			if err != nil {
				m.Fatal(err)
			}
			_, line, _ := strings.Cut(strings.TrimSpace(string(m.marshalStatus())), "\n")
			id, _, _ := strings.Cut(line, `"sig"`)
			m.rawStatus = []byte(payload + "\n" + id + `"sig":"` + base64.StdEncoding.EncodeToString(sig) + "\"}\n")
		}},
		{"status/not-json", []int{5}, stale, "a page of HTML", status(func(*maker, string) string { return "<html>login</html>" })},
	}
}

func debMember(name string, data string) []byte {
	b := fmt.Appendf(nil, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", name, 0, 0, 0, "100644", len(data), data)
	if len(data)%2 == 1 {
		b = append(b, '\n')
	}
	return b
}

package main

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// summary replaces the stapled summary.
func summary(f func(m *maker) []byte) func(*maker) {
	return staple(func(m *maker, s *ext.Staple) { s.VSA = f(m) })
}

// edited is a good summary with one thing changed.
func edited(change func(v *attest.VSA)) func(*maker) {
	return summary(func(m *maker) []byte { return m.p.SummaryWith(m, m.p.SummaryKey, digest(), change) })
}

// envelope is a DSSE envelope made by hand; pae is what is signed.
func (m *maker) envelope(payloadType, payload string, pae []byte) []byte {
	m.Helper()
	sum := sha256.Sum256(pae)
	sig, err := m.p.SummaryKey.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		m.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{"payloadType": payloadType, "payload": base64.StdEncoding.EncodeToString([]byte(payload)),
		"signatures": []any{map[string]string{"keyid": "", "sig": base64.StdEncoding.EncodeToString(sig)}}})
	if err != nil {
		m.Fatal(err)
	}
	return raw
}

// pae is DSSE's pre-authentication encoding.
func pae(payloadType, payload string) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
}

// statement is the good summary's payload, changed as text.
func (m *maker) statement(old, new string) string {
	m.Helper()
	opened, err := attest.Open(m.p.Summary(m, digest(), attest.Passed), m.p.SummaryKey.Public())
	if err != nil {
		m.Fatal(err)
	}
	text := strings.Replace(string(opened.Payload), old, new, 1)
	if old != "" && text == string(opened.Payload) {
		m.Fatalf("no %s in %s", old, text)
	}
	return text
}

// restated signs a changed payload as a statement.
func restated(old, new string) func(*maker) {
	return summary(func(m *maker) []byte {
		text := m.statement(old, new)
		return m.envelope(attest.PayloadType, text, pae(attest.PayloadType, text))
	})
}

func summaries() []sketch {
	invalid := wants(verify.SummaryInvalid)
	return []sketch{
		{"summary/none", []int{1}, wants(verify.SummaryMissing), "no summary where one is demanded", staple(func(_ *maker, s *ext.Staple) { s.VSA = nil })},
		{"summary/no-staple", []int{1}, wants(verify.SummaryMissing, verify.ReceiptMissing), "no staple at all", sign(func(_ *maker, c *pki.CMS) { c.Staple = nil })},
		{"summary/another-key", []int{2}, invalid, "signed by a key that nobody trusts", summary(func(m *maker) []byte { return m.p.SummaryBy(m, pki.Key(m), digest(), attest.Passed) })},
		{"summary/auditors-key", []int{2, 6}, invalid, "signed by the auditor", summary(func(m *maker) []byte { return m.p.SummaryBy(m, m.p.Auditor, digest(), attest.Passed) })},
		{"summary/vendors-key", []int{2, 6}, invalid, "signed by the vendor itself", summary(func(m *maker) []byte { return m.p.SummaryBy(m, m.p.Leaf.Key, digest(), attest.Passed) })},
		{"summary/another-file", []int{2}, invalid, "about another file", summary(func(m *maker) []byte { return m.p.Summary(m, [32]byte{1}, attest.Passed) })},
		{"summary/another-vendor", []int{2}, invalid, "for another vendor of the same bytes", edited(func(v *attest.VSA) { v.ResourceURI = "https://other.example.com#file" })},
		{"summary/vendor-prefix", []int{2, 11}, invalid, "for a vendor whose name begins the same", edited(func(v *attest.VSA) { v.ResourceURI = pki.Vendor + ".example#file" })},
		{"summary/vendor-case", []int{11}, invalid, "the vendor in capitals", edited(func(v *attest.VSA) { v.ResourceURI = strings.ToUpper(pki.Vendor) + "#file" })},
		{"summary/lesser", []int{7}, invalid, "verifies a lower level than the certificate claims", edited(func(v *attest.VSA) { v.VerifiedLevels = []string{"SLSA_LEVEL_2"} })},
		{"summary/level-case", []int{11}, invalid, "the level in small letters", edited(func(v *attest.VSA) { v.VerifiedLevels = []string{"slsa_level_3"} })},
		{"summary/no-levels", []int{6}, invalid, "verifies no level", edited(func(v *attest.VSA) { v.VerifiedLevels = nil })},
		{"summary/failed", []int{1}, wants(verify.SummaryFailed), "says FAILED", edited(func(v *attest.VSA) { v.Result = attest.Failed; v.VerifiedLevels = nil })},
		{"summary/no-key-trusted", []int{6}, invalid, "a trust bundle without keys for summaries", func(m *maker) { m.trust.VSAKeys = nil }},
		{"summary/provisional", []int{7}, wants(verify.NotConfirmed), "a provisional summary beside a final signature", edited(func(v *attest.VSA) {
			v.VerifiedLevels, v.ConfirmBy = nil, after.Add(time.Hour)
		})},
		{"summary/other-predicate", []int{10}, invalid, "another predicate type", restated("verification_summary/v1", "provenance/v1")},
		{"summary/predicate-version", []int{10}, invalid, "a later version of the predicate", restated("verification_summary/v1", "verification_summary/v2")},
		{"summary/statement-type", []int{10}, invalid, "an unknown statement type", restated("in-toto.io/Statement/v1", "in-toto.io/Statement/v9")},
		{"summary/payload-type", []int{10}, invalid, "another payload type, signed as such", summary(func(m *maker) []byte {
			text := m.statement("", "")
			return m.envelope("application/json", text, pae("application/json", text))
		})},
		{"summary/payload-type-unsigned", []int{10}, invalid, "the payload type is not what was signed", summary(func(m *maker) []byte {
			text := m.statement("", "")
			return m.envelope(attest.PayloadType, text, pae("application/json", text))
		})},
		{"summary/no-pae", []int{10}, invalid, "the payload alone is signed, without its type", summary(func(m *maker) []byte {
			text := m.statement("", "")
			return m.envelope(attest.PayloadType, text, []byte(text))
		})},
		{"summary/pae-lengths", []int{10}, invalid, "a pre-authentication encoding whose lengths are shifted", summary(func(m *maker) []byte {
			text := m.statement("", "")
			return m.envelope(attest.PayloadType+" ", text, pae(attest.PayloadType, text))
		})},
		{"summary/result-case", []int{10, 11}, invalid, "the result in small letters", restated(`"PASSED"`, `"passed"`)},
		{"summary/result-twice", []int{10, 9}, invalid, "the result twice in one object", restated(`"verificationResult":"PASSED"`, `"verificationResult":"FAILED","verificationResult":"PASSED"`)},
		{"summary/digest-case", []int{11}, invalid, "the digest in capitals", restated(hexOf(digest()), strings.ToUpper(hexOf(digest())))},
		{"summary/digest-cut", []int{11}, invalid, "half of the digest", restated(hexOf(digest()), hexOf(digest())[:32])},
		{"summary/digest-algorithm", []int{10}, invalid, "the digest under another algorithm's name", restated(`"sha256":"`+hexOf(digest()), `"sha512":"`+hexOf(digest()))},
		{"summary/not-json", []int{5}, invalid, "no JSON", summary(func(*maker) []byte { return []byte("summary") })},
		{"summary/no-signatures", []int{6}, invalid, "an envelope with an empty list of signatures", summary(func(m *maker) []byte {
			return []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"` + base64.StdEncoding.EncodeToString([]byte(m.statement("", ""))) + `","signatures":[]}`)
		})},
		{"summary/another-after", []int{10}, invalid, "two envelopes, one behind the other", summary(func(m *maker) []byte {
			good := m.p.Summary(m, digest(), attest.Passed)
			return append(good, good...)
		})},
		{"summary/deep", []int{16}, invalid, "JSON nested a thousand deep", summary(func(*maker) []byte {
			return []byte(`{"payloadType":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + "}")
		})},
		{"summary/oci-another-file", []int{1, 2}, invalid, "an OCI image with the summary of another", func(m *maker) {
			m.layout(func(j *pki.JWS) { j.Staple.VSA = m.p.Summary(m, [32]byte{1}, attest.Passed) })
		}},
		{"summary/jar-other-digest", []int{2, 9}, invalid, "a summary about the signed digest alone, under the name of the file's", func(m *maker) {
			m.signFile("hello.jar", archive(), func(c *pki.CMS) { c.Staple.VSA = m.p.Summary(m, c.Digest, attest.Passed) })
		}},
	}
}

// entry replaces the log entry that the receipt is about.
func entry(change func(e *receipt.Entry)) func(*maker) {
	return staple(func(m *maker, s *ext.Staple) { s.Receipts[0] = m.p.Receipt(m, 3, change) })
}

// receiptText changes the receipt as text.
func receiptText(f func(string) string) func(*maker) {
	return staple(func(_ *maker, s *ext.Staple) { s.Receipts[0] = []byte(f(string(s.Receipts[0]))) })
}

func receipts() []sketch {
	invalid, missing := wants(verify.ReceiptInvalid), wants(verify.ReceiptMissing)
	return []sketch{
		{"receipt/none", []int{1}, missing, "no receipt", staple(func(_ *maker, s *ext.Staple) { s.Receipts = nil })},
		{"receipt/another-assessment", []int{2}, missing, "of another assessment", entry(func(e *receipt.Entry) { e.Assessment = strings.Repeat("0", 63) + "1" })},
		{"receipt/withdrawal", []int{2, 10}, missing, "of the assessment's withdrawal", entry(func(e *receipt.Entry) {
			e.Type, e.Effective, e.Reason = receipt.AssessmentWithdrawn, after, "withdrawn"
		})},
		{"receipt/another-log", []int{2}, invalid, "of a log that nobody trusts", staple(func(m *maker, s *ext.Staple) { s.Receipts[0] = m.q.Receipt(m, 3) })},
		{"receipt/no-log-trusted", []int{6}, invalid, "a trust bundle without logs", func(m *maker) { m.trust.Logs = nil }},
		{"receipt/not-a-receipt", []int{5}, invalid, "no receipt but some text", receiptText(func(string) string { return "receipt" })},
		{"receipt/lower-level", []int{7}, invalid, "of a lower level than the claim", entry(func(e *receipt.Entry) { e.Level = 2 })},
		{"receipt/another-vendor", []int{2}, invalid, "of another vendor", entry(func(e *receipt.Entry) { e.Vendor = "https://other.example.com" })},
		{"receipt/another-auditor", []int{2}, invalid, "of another auditor", entry(func(e *receipt.Entry) { e.AuditorSPKI = strings.Repeat("1", 64) })},
		{"receipt/another-framework", []int{2}, invalid, "of another framework", entry(func(e *receipt.Entry) { e.Framework = "https://slsa.dev/spec/v1.2/" })},
		{"receipt/another-track", []int{2}, invalid, "of another track", entry(func(e *receipt.Entry) { e.Track = "build" })},
		{"receipt/another-index", []int{2}, invalid, "the claim names another index", func(m *maker) {
			claims := m.p.Claims(3)
			claims[0].Assessment.LogIndex = 2
			m.debBy(m.p.NewLeaf(m, m.p.High, claims))
		}},
		{"receipt/index-shifted", []int{2}, invalid, "the receipt's index changed", receiptText(func(s string) string { return strings.Replace(s, "index 1", "index 0", 1) })},
		{"receipt/proof-hash", []int{2}, invalid, "a hash of the proof changed", receiptText(func(s string) string {
			lines := strings.Split(s, "\n")
			for i, l := range lines {
				if strings.HasPrefix(l, "index") {
					lines[i+1] = base64.StdEncoding.EncodeToString(make([]byte, 32))
					break
				}
			}
			return strings.Join(lines, "\n")
		})},
		{"receipt/checkpoint-unsigned", []int{6}, invalid, "the checkpoint's signature line is missing", receiptText(func(s string) string {
			return s[:strings.LastIndex(s, "\u2014")]
		})},
		{"receipt/tree-size", []int{7}, invalid, "the checkpoint's size changed", receiptText(func(s string) string { return strings.Replace(s, "\n3\n", "\n4\n", 1) })},
		{"receipt/staple-malformed", []int{5}, wants(verify.StapleMalformed), "an empty staple", sign(func(m *maker, c *pki.CMS) {
			c.Staple, c.Unsigned = nil, []pki.Attribute{{OID: m.p.Arc.Staple(), Values: [][]byte{{0x30, 0}}}}
		})},
		{"receipt/staple-crl-malformed", []int{5, 19}, wants(verify.StapleMalformed), "a stapled list that is none", staple(func(_ *maker, s *ext.Staple) { s.CRLs = [][]byte{{0x30, 0}} })},
	}
}

// provisional are signatures made before all evidence was there.
func provisionals() []sketch {
	provisionally := func(by time.Time, policy string, vsa func(m *maker) []byte) func(*maker) {
		return func(m *maker) {
			if policy != "" {
				m.policy = policy
			}
			m.deb(func(c *pki.CMS) {
				value, err := ext.MarshalConfirmBy(by)
				if err != nil {
					m.Fatal(err)
				}
				c.Replace(m.p.Arc.ConfirmBy(), value)
				c.Staple.VSA = m.p.SummaryWith(m, m.p.SummaryKey, digest(), func(v *attest.VSA) { v.VerifiedLevels, v.ConfirmBy = nil, by })
				if vsa != nil {
					c.Staple.VSA = vsa(m)
				}
			})
		}
	}
	open, overdue := after.Add(90*time.Minute), after
	none := func(*maker) []byte { return nil }
	any := "version: 1\nattestations: stapled\nconfirmed: any\n"
	return []sketch{
		{"provisional/confirmed-demanded", []int{7}, wants(verify.NotConfirmed), "provisional, and a summary is demanded", provisionally(open, "", nil)},
		{"provisional/without-summary", []int{1}, wants(verify.SummaryMissing), "its summary taken out, one is demanded", provisionally(open, any, none)},
		{"provisional/overdue", []int{7, 24}, wants(verify.ConfirmationOverdue), "to be confirmed by a time that has passed", provisionally(overdue, any, nil)},
		{"provisional/found-out", []int{7}, wants(verify.SummaryFailed), "found to fail", provisionally(open, any, func(m *maker) []byte {
			return m.p.Summary(m, digest(), attest.Failed)
		})},
		{"provisional/confirmed-by-another", []int{2}, wants(verify.SummaryInvalid), "confirmed by a key that nobody trusts", provisionally(open, any, func(m *maker) []byte {
			return m.p.SummaryBy(m, pki.Key(m), digest(), attest.Passed)
		})},
		{"provisional/unsigned-deadline", []int{1}, wants(verify.AttributeMalformed), "the deadline among the unsigned attributes", sign(func(m *maker, c *pki.CMS) {
			value, err := ext.MarshalConfirmBy(open)
			if err != nil {
				m.Fatal(err)
			}
			c.Unsigned = append(c.Unsigned, pki.Attribute{OID: m.p.Arc.ConfirmBy(), Values: [][]byte{value}})
		})},
		{"provisional/open", nil, nil, "provisional, and the policy can live with that for now", provisionally(open, any, nil)},
		{"provisional/confirmed", nil, nil, "confirmed since", provisionally(overdue, "", func(m *maker) []byte { return m.p.Summary(m, digest(), attest.Passed) })},
	}
}

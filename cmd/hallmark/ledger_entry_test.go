package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func sixtyFour(digit string) string { return strings.Repeat(digit, 64) }

// oneOfEach is an entry of each type, in an order in which a CA could have logged them.
func oneOfEach() []receipt.Entry {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const vendor, framework = "https://vendor.example.com", "https://slsa.dev/spec/v0.1"
	about := func(kind, reason string) receipt.Entry {
		e := receipt.Entry{Type: kind, At: at, Assessment: sixtyFour("1"), Vendor: vendor, AuditorSPKI: sixtyFour("a"), SecondAuditorSPKI: sixtyFour("b"), Framework: framework, Track: "build", Level: 3}
		if kind != receipt.AssessmentAccepted {
			e.Effective, e.Reason = at.Add(-time.Hour), reason
		}
		return e
	}
	certificate := receipt.Entry{Type: receipt.CertificateIssued, At: at, Certificate: sixtyFour("4"), Serial: "0a1b", Tier: "high", Vendor: vendor, Assessments: []string{sixtyFour("1")}, Until: at.AddDate(1, 0, 0)}
	revoked := certificate
	revoked.Type, revoked.Assessments, revoked.Until = receipt.CertificateRevoked, nil, time.Time{}
	revoked.Effective, revoked.Invalidity, revoked.RevocationReason = at.Add(-time.Hour), at.Add(-2*time.Hour), 9
	held := certificate
	held.Type, held.Assessments, held.Reason = receipt.CertificateHeld, nil, "olga, otto: disk full"
	return []receipt.Entry{
		{Type: receipt.AuditorAccredited, At: at, Auditor: sixtyFour("e"), Framework: framework, Effective: at, Until: at.AddDate(2, 0, 0)},
		{Type: receipt.AuditorKey, At: at, Auditor: sixtyFour("e"), AuditorSPKI: sixtyFour("a")},
		{Type: receipt.AssessmentSubmitted, At: at, Commitment: sixtyFour("c")},
		{Type: receipt.AssessmentRejected, At: at, Commitment: sixtyFour("d")},
		about(receipt.AssessmentAccepted, ""),
		certificate,
		about(receipt.AssessmentReopened, "an auditor was revoked"),
		about(receipt.AssessmentUpheld, "looked at again"),
		about(receipt.AssessmentLowered, ""),
		about(receipt.AssessmentSuperseded, ""),
		about(receipt.AssessmentExpired, ""),
		about(receipt.AssessmentWithdrawn, "steers\x1b[2J"),
		revoked,
		{Type: receipt.AuditorSuspended, At: at, Auditor: sixtyFour("e"), Framework: framework, Effective: at},
		{Type: receipt.AuditorRevoked, At: at, Auditor: sixtyFour("e"), Effective: at, Reason: "bribed"},
		held,
		{Type: receipt.OfficerEnrolled, At: at, Certificate: sixtyFour("4"), Reason: "otto: invited by olga, agreed to by odo"},
		{Type: receipt.SignatureMade, At: at, Signer: sixtyFour("f"), Commitment: sixtyFour("c")},
		{Type: receipt.ApprovalGiven, At: at, Signer: sixtyFour("f"), Commitment: sixtyFour("c")},
		{Type: receipt.ApprovalDenied, At: at, Signer: sixtyFour("f"), Commitment: sixtyFour("c")},
		{Type: receipt.PolicyChanged, At: at, Signer: sixtyFour("f"), Commitment: sixtyFour("c")},
	}
}

func TestEntryText(t *testing.T) {
	var got []string
	for _, e := range oneOfEach() {
		if _, err := e.Marshal(); err != nil {
			t.Fatal(err)
		}
		got = append(got, entryText(e))
	}
	const on = "https://slsa.dev/spec/v0.1 build level 3  https://vendor.example.com  assessment 1111111111111111  by auditor aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb"
	want := []string{
		"2026-03-01T12:00:00Z  auditor.accredited     auditor eeeeeeeeeeeeeeee  for https://slsa.dev/spec/v0.1  from 2026-03-01T12:00:00Z until 2028-03-01T12:00:00Z",
		"2026-03-01T12:00:00Z  auditor.key            auditor eeeeeeeeeeeeeeee  signs with key aaaaaaaaaaaaaaaa",
		"2026-03-01T12:00:00Z  assessment.submitted   commitment cccccccccccccccc",
		"2026-03-01T12:00:00Z  assessment.rejected    commitment dddddddddddddddd",
		"2026-03-01T12:00:00Z  assessment.accepted    " + on,
		"2026-03-01T12:00:00Z  certificate.issued     https://vendor.example.com  serial 0a1b  tier high  until 2027-03-01T12:00:00Z  on assessment 1111111111111111",
		"2026-03-01T12:00:00Z  assessment.reopened    " + on + `  since 2026-03-01T11:00:00Z: "an auditor was revoked"`,
		"2026-03-01T12:00:00Z  assessment.upheld      " + on + `  since 2026-03-01T11:00:00Z: "looked at again"`,
		"2026-03-01T12:00:00Z  assessment.lowered     " + on + "  since 2026-03-01T11:00:00Z",
		"2026-03-01T12:00:00Z  assessment.superseded  " + on + "  since 2026-03-01T11:00:00Z",
		"2026-03-01T12:00:00Z  assessment.expired     " + on + "  since 2026-03-01T11:00:00Z",
		"2026-03-01T12:00:00Z  assessment.withdrawn   " + on + `  since 2026-03-01T11:00:00Z: "steers\x1b[2J"`,
		"2026-03-01T12:00:00Z  certificate.revoked    https://vendor.example.com  serial 0a1b  tier high  privilege withdrawn  since 2026-03-01T11:00:00Z (invalid since 2026-03-01T10:00:00Z)",
		"2026-03-01T12:00:00Z  auditor.suspended      auditor eeeeeeeeeeeeeeee  for https://slsa.dev/spec/v0.1  since 2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00Z  auditor.revoked        auditor eeeeeeeeeeeeeeee  since 2026-03-01T12:00:00Z: \"bribed\"",
		`2026-03-01T12:00:00Z  certificate.held       https://vendor.example.com  serial 0a1b  tier high  until 2027-03-01T12:00:00Z: "olga, otto: disk full"`,
		`2026-03-01T12:00:00Z  officer.enrolled       certificate 4444444444444444: "otto: invited by olga, agreed to by odo"`,
		"2026-03-01T12:00:00Z  signature.made         signer ffffffffffffffff  commitment cccccccccccccccc",
		"2026-03-01T12:00:00Z  approval.given         signer ffffffffffffffff  commitment cccccccccccccccc",
		"2026-03-01T12:00:00Z  approval.denied        signer ffffffffffffffff  commitment cccccccccccccccc",
		"2026-03-01T12:00:00Z  policy.changed         signer ffffffffffffffff  commitment cccccccccccccccc",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	for reason := range 11 {
		e := receipt.Entry{Type: receipt.CertificateRevoked, RevocationReason: reason}
		if text := entryText(e); strings.Contains(text, "reason ") != (reason == 7 || reason == 8) {
			t.Errorf("reason %d: %s", reason, text)
		}
	}
}

// signsAll is a witness that signs whatever it is sent.
func signsAll(t *testing.T) (ledger.Witness, string) {
	t.Helper()
	const name = "witness.example.com"
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	plain, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(fmt.Sprintf("PRIVATE+KEY+%s+00000000+%s", name, base64.StdEncoding.EncodeToString(append([]byte{4}, key.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, checkpoint, _ := strings.Cut(string(body), "\n\n")
		text, _, _ := strings.Cut(checkpoint, "\n\n")
		signed, err2 := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil || err2 != nil {
			t.Error(err, err2)
			return
		}
		w.Write(signed[len(text)+2:])
	}))
	t.Cleanup(srv.Close)
	return ledger.Witness{Key: vkey, URL: srv.URL}, vkey
}

func TestLedgerVerifyWitness(t *testing.T) {
	witness, vkey := signsAll(t)
	l, key := openTestLog(t, witness)
	plain, _ := openTestLog(t)
	const stranger = "stranger.example.com+57c3d90e+BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	dir := t.TempDir()
	files := map[*ledger.Log]string{l: filepath.Join(dir, "cosigned.txt"), plain: filepath.Join(dir, "plain.txt")}
	for log, name := range files {
		raw, _, err := log.Append(t.Context(), oneOfEach()[5])
		if err != nil {
			t.Fatal(err)
		}
		writeTestFile(t, name, string(raw))
	}
	verifyReceipt := func(want int, name string, flags ...string) (stdout, stderr string) {
		t.Helper()
		return hallmark(t, want, append(append([]string{"ledger", "verify", "--key", key}, flags...), name)...)
	}
	out, _ := verifyReceipt(exitOK, files[l], "--witness", vkey)
	if !strings.Contains(out, "verified: entry 0 of 1 in log.example.com/test\n  2026-03-01T12:00:00Z  certificate.issued") || !strings.Contains(out, "\n  cosigned by witness.example.com at 20") {
		t.Errorf("printed\n%s", out)
	}
	out, _ = verifyReceipt(exitOK, files[l], "--witness", vkey, "--json")
	var r receipt.Receipt
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Cosignatures) != 1 || r.Cosignatures[0].Witness != "witness.example.com" {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range files { // asked for none
		if out, _ := verifyReceipt(exitOK, name); strings.Contains(out, "cosigned") {
			t.Errorf("printed\n%s", out)
		}
	}
	if _, errs := verifyReceipt(exitRefused, files[plain], "--witness", vkey); !strings.Contains(errs, "receipt refused (witnesses): cosigned by 0 of 1 witnesses") {
		t.Errorf("printed\n%s", errs)
	}
	for _, flags := range [][]string{
		{"--quorum", "1"}, {"--witness", vkey, "--quorum", "2"}, {"--witness", vkey, "--quorum", "0"}, {"--witness", vkey, "--quorum", "-1"},
		{"--witness", key}, {"--witness", stranger},
	} {
		if _, errs := verifyReceipt(exitUsage, files[l], flags...); !strings.Contains(errs, "hint") {
			t.Errorf("%v: printed\n%s", flags, errs)
		}
	}
}

package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// Log is a transparency log of three entries; the one in the middle is what
// receipts are about.
type Log struct {
	VerifierKey string
	signer      note.Signer
}

func newLog(t testing.TB) *Log {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, LogOrigin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return &Log{public, signer}
}

func hexString(b []byte) string { return hex.EncodeToString(b) }

// Entry is the log entry of the assessment that Claims refers to.
func (p *PKI) Entry(level int) receipt.Entry {
	c := p.Claims(level)[0]
	return receipt.Entry{
		Type: receipt.AssessmentAccepted, At: date(2026), Assessment: hexString(c.Assessment.Payload[:]), Vendor: Vendor,
		AuditorSPKI: hexString(c.Assessment.Auditor[:]), Framework: c.Framework, Track: c.Track, Level: level,
	}
}

// Receipt proves that the assessment of Claims is in the log, edited first if told to.
func (p *PKI) Receipt(t testing.TB, level int, edits ...func(*receipt.Entry)) []byte {
	t.Helper()
	e := p.Entry(level)
	for _, edit := range edits {
		edit(&e)
	}
	raw, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return p.Log.Prove(t, raw)
}

// Prove puts an entry between two others and proves that it is there: index 1 of a
// tree of 3, RFC 6962 §2.1.1.
func (l *Log) Prove(t testing.TB, entry []byte) []byte {
	t.Helper()
	first, third := leafHash([]byte("first")), leafHash([]byte("third"))
	root := nodeHash(nodeHash(first, leafHash(entry)), third)
	text := fmt.Sprintf("%s\n3\n%s\n", LogOrigin, base64.StdEncoding.EncodeToString(root[:]))
	checkpoint, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Marshal(entry, 1, [][32]byte{first, third}, checkpoint)
}

func leafHash(b []byte) [32]byte { return sha256.Sum256(append([]byte{0}, b...)) }

func nodeHash(a, b [32]byte) [32]byte {
	return sha256.Sum256(append(append([]byte{1}, a[:]...), b[:]...))
}

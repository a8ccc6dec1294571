package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"golang.org/x/mod/sumdb/note"
)

const (
	logWriters = 64
	logSpan    = time.Second
	logRounds  = 5
	// logPortion is how many entries a queue hands over at once.
	logPortion = 1000
	// verifications are timed together: one takes a tenth of a millisecond.
	verifications = 100
)

// benchLog is a log with what it takes to check it.
type benchLog struct {
	*ledger.Log
	options  ledger.Options
	verifier note.Verifier
}

func openBenchLog(ctx context.Context, dir string) (*benchLog, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signer, vkey, err := ledger.NewSigner("log.example.com/bench", key)
	if err != nil {
		return nil, err
	}
	l := &benchLog{options: ledger.Options{Dir: dir, Signer: signer, VKey: vkey}}
	if l.verifier, err = note.NewVerifier(vkey); err != nil {
		return nil, err
	}
	return l, l.open(ctx)
}

func (l *benchLog) open(ctx context.Context) (err error) {
	l.Log, err = ledger.Open(ctx, l.options)
	return err
}

// benchEntry is the n-th of a log as a CA has it: one assessment to nine certificates.
func benchEntry(n int) receipt.Entry {
	digest := func(of string, n int) string { return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, of, n))) }
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	vendor := fmt.Sprintf("https://vendor%d.example.com", n/10)
	if n%10 == 0 {
		return receipt.Entry{
			Type: receipt.AssessmentAccepted, At: at, Assessment: digest("assessment", n), Vendor: vendor, AuditorSPKI: digest("auditor", n%100),
			Framework: "https://slsa.dev/spec/v1.2", Track: "build", Level: 3,
		}
	}
	return receipt.Entry{
		Type: receipt.CertificateIssued, At: at, Certificate: digest("certificate", n), Serial: fmt.Sprintf("%032x", n), Tier: "high",
		Vendor: vendor, Assessments: []string{digest("assessment", n-n%10)}, Until: at.AddDate(1, 0, 0),
	}
}

func benchEntries(from, n int) []receipt.Entry {
	list := make([]receipt.Entry, n)
	for i := range list {
		list[i] = benchEntry(from + i)
	}
	return list
}

// fsyncs measures what one writer gets durably written who shares with nobody.
func (l *lab) fsyncs(ctx context.Context, name string) (run func() (float64, error), end func() error, err error) {
	file, err := os.Create(l.path(name))
	if err != nil {
		return nil, nil, err
	}
	raw, err := benchEntry(1).Marshal()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return func() (float64, error) {
		return rate(ctx, 1, logSpan, func(context.Context, int, int) error {
			if _, err := file.Write(raw); err != nil {
				return err
			}
			return file.Sync()
		})
	}, file.Close, nil
}

// writers is a side in which many callers append, each waiting for its receipt.
func (l *benchLog) writers(ctx context.Context, next func() int) func() (float64, error) {
	return func() (float64, error) {
		first := next()
		return rate(ctx, logWriters, logSpan, func(ctx context.Context, worker, n int) error {
			_, _, err := l.Append(ctx, benchEntry(first+worker+n*logWriters))
			return err
		})
	}
}

// ledgerAppend compares entries that are in the published log, each with a receipt that
// was verified, with bare fsyncs of as many bytes. A log entry takes at least eight
// fsyncs of five files; the writers share them.
func ledgerAppend(ctx context.Context, l *lab) (_ []measurement, err error) {
	log, err := openBenchLog(ctx, l.path("log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close(ctx)) }()
	fsyncs, end, err := l.fsyncs(ctx, "log-fsync")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	round := 0
	next := func() int { round++; return round * 1_000_000 }
	portions := func() (float64, error) {
		first := next()
		r, err := rate(ctx, 1, logSpan, func(ctx context.Context, _, n int) error {
			_, err := log.AppendAll(ctx, benchEntries(first+n*logPortion, logPortion))
			return err
		})
		return r * logPortion, err
	}
	medians, err := rates(logRounds, log.writers(ctx, next), portions, fsyncs)
	if err != nil {
		return nil, err
	}
	peer := fmt.Sprintf("write and fsync %.0f/s", medians[2])
	return []measurement{
		{Ours: fmt.Sprintf("%d writers %.0f entries/s, with receipts", logWriters, medians[0]), Peer: peer, Value: medians[0] / medians[2], Unit: "x", Goal: atLeast(0.5)},
		{Ours: fmt.Sprintf("a queue's portions of %d, %.0f entries/s", logPortion, medians[1]), Peer: peer, Value: medians[1] / medians[2], Unit: "x"},
	}, nil
}

// receiptVerify is what somebody does who was handed a receipt, beside the one signature
// verification in it.
func receiptVerify(ctx context.Context, l *lab) (_ []measurement, err error) {
	log, err := openBenchLog(ctx, l.path("receipt-log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close(ctx)) }()
	if _, err := log.AppendAll(ctx, benchEntries(0, 10*logPortion)); err != nil {
		return nil, err
	}
	raw, err := log.Receipt(ctx, benchEntry(1234), 1234)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	signature := ed25519.Sign(private, raw[:100])
	ours := repeated("verify a receipt", func() error {
		_, err := receipt.Verify(raw, log.verifier)
		return err
	})
	bare := repeated("verify one Ed25519 signature", func() error {
		if !ed25519.Verify(public, raw[:100], signature) {
			return errors.New("a good signature does not verify")
		}
		return nil
	})
	took, err := takeTurns(ctx, l.rounds, ours, bare)
	if err != nil {
		return nil, err
	}
	each := took[0] / verifications
	return []measurement{
		{Ours: ours.name + " " + show(each), Value: float64(each) / float64(time.Millisecond), Unit: "ms", Goal: atMost(1), Note: "in a log of 10,000 entries"},
		slower(ours, each, bare, took[1]/verifications, goal{}),
	}, nil
}

func repeated(name string, do func() error) side {
	return side{name, func(context.Context) (time.Duration, error) {
		start := time.Now()
		for range verifications {
			if err := do(); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}}
}

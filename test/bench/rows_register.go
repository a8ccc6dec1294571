package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/test/cast"
)

const (
	manyAssessments = 100_000
	fillBatch       = 2_000
	registerRounds  = 30
)

// registerScale asks a store with one assessment, and one with 100,000, what the gate
// asks before it grants: what of this vendor's is in force, opened and computed again.
// Then it lets a sweep look for what ends, and reads how much memory that took.
func registerScale(ctx context.Context, l *lab) ([]measurement, error) {
	few, err := fillRegister(ctx, l, "few.db", 1)
	if err != nil {
		return nil, err
	}
	defer few.db.Close()
	many, err := fillRegister(ctx, l, "many.db", manyAssessments)
	if err != nil {
		return nil, err
	}
	defer many.db.Close()
	took, err := takeTurns(ctx, registerRounds, side{"few", few.ground}, side{"many", many.ground})
	if err != nil {
		return nil, err
	}
	before := residentKB()
	start := time.Now()
	if _, err := many.reg.Sweep(ctx); err != nil {
		return nil, err
	}
	swept := time.Since(start)
	return []measurement{
		{
			Ours: fmt.Sprintf("in force, opened, computed: %s of %d", took[1].Round(time.Microsecond), manyAssessments),
			Peer: fmt.Sprintf("of one %s", took[0].Round(time.Microsecond)), Value: ratio(took[1], took[0]), Unit: "x", Goal: atMost(1.2),
		},
		{
			Ours: fmt.Sprintf("a sweep over %d, %s", manyAssessments, swept.Round(time.Millisecond)), Value: max(0, float64(residentKB()-before)/1024), Unit: "MB",
			Note: "memory that it took",
		},
	}, nil
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// filled is a register on a store of its own.
type filled struct {
	db        *bolt.DB
	reg       *audit.Register
	catalogue *audit.Catalogue
}

// ground is what the gate reads about a vendor.
func (f *filled) ground(ctx context.Context) (time.Duration, error) {
	start := time.Now()
	err := f.db.View(ctx, func(r store.Reader) error {
		list, err := audit.InForce(r, cast.Vendor, time.Now())
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return fmt.Errorf("%d assessments of %s in force", len(list), cast.Vendor)
		}
		a, err := audit.Open(r, list[0])
		if err != nil {
			return err
		}
		_, track, err := f.catalogue.Pinned(r, a)
		if err != nil {
			return err
		}
		if got := track.Compute(a.Findings); got.Level != a.Level {
			return fmt.Errorf("level %d", got.Level)
		}
		return nil
	})
	return time.Since(start), err
}

// fillRegister makes a store with one real assessment, accepted, and records of the
// same size for n-1 other vendors.
func fillRegister(ctx context.Context, l *lab, name string, n int) (*filled, error) {
	db, err := bolt.Open(l.path(name), bolt.Options{})
	if err != nil {
		return nil, err
	}
	f := &filled{db: db}
	if f.catalogue, err = audit.Embedded(); err != nil {
		return nil, err
	}
	f.reg, err = audit.New(audit.Config{
		Store: db, Ledger: nowhere{}, Queue: nowhere{}, Certificates: nowhere{}, Catalogue: f.catalogue, Arc: ext.DefaultArc(), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	rec, err := f.acceptOne(ctx)
	if err != nil {
		return nil, err
	}
	for from := 1; from < n; from += fillBatch {
		if err := db.Update(ctx, func(tx store.Tx) error { return copies(tx, rec, from, min(from+fillBatch, n)) }); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// copies puts records of other vendors beside a real one.
func copies(tx store.Tx, rec store.Assessment, from, to int) error {
	for i := from; i < to; i++ {
		c := rec
		c.ID, c.Vendor = fmt.Sprintf("%064x", i), fmt.Sprintf("vendor-%d", i)
		if err := store.Assessments.Insert(tx, c); err != nil {
			return err
		}
	}
	return nil
}

func (f *filled) acceptOne(ctx context.Context) (store.Assessment, error) {
	people, err := cast.New()
	if err != nil {
		return store.Assessment{}, err
	}
	framework, _ := f.catalogue.Lookup("slsa-v0.1")
	now := time.Now().UTC()
	if err := f.db.Update(ctx, func(tx store.Tx) error { return people.Seed(tx, now, framework.ID) }); err != nil {
		return store.Assessment{}, err
	}
	a, err := people.Assessment(framework, 4, now)
	if err != nil {
		return store.Assessment{}, err
	}
	envelope, err := people.Sign(ctx, a)
	if err != nil {
		return store.Assessment{}, err
	}
	rec, err := f.reg.Submit(ctx, envelope, cast.Auditor)
	if err != nil {
		return store.Assessment{}, err
	}
	countersigned, err := people.Countersign(ctx, rec.Envelope)
	if err != nil {
		return store.Assessment{}, err
	}
	return f.reg.Accept(ctx, rec.ID, cast.Officer, countersigned)
}

// nowhere is a log and a CA that forget: what they cost is measured elsewhere.
type nowhere struct{}

func (nowhere) Origin() string { return "log.example/bench" }
func (nowhere) Append(context.Context, receipt.Entry) ([]byte, uint64, error) {
	return []byte("receipt"), 0, nil
}
func (nowhere) Flush(context.Context) (int, error)                { return 0, nil }
func (nowhere) RevokeIn(store.Tx, string, store.Revocation) error { return nil }
func (nowhere) PublishCRLs(context.Context) error                 { return nil }
func (nowhere) RevokeLaterIn(store.Tx, store.RevocationJob) (string, error) {
	return "", nil
}
func (nowhere) StartRevocations() {}

// residentKB is how much of the process is in memory, after a collection.
func residentKB() int {
	runtime.GC()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err == nil {
				return kb
			}
		}
	}
	return 0
}

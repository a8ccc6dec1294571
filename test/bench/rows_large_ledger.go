package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/monitor"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

const (
	openRounds = 5
	// oldReceipts are made for entries anywhere in the log, each from files that are read
	// for it.
	oldReceipts = 200
)

// largeLedger measures a log of --entries entries beside a new one: does anything grow
// with the log but the disk? It takes a row only where it is asked for.
func largeLedger(ctx context.Context, l *lab) (_ []measurement, err error) {
	if l.entries == 0 {
		return nil, nil
	}
	small, err := openBenchLog(ctx, l.path("small-log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.Close(ctx)) }()
	large, err := openBenchLog(ctx, l.path("large-log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, large.Close(ctx)) }()
	all, err := l.fill(ctx, large)
	if err != nil {
		return nil, err
	}
	for _, part := range []func(context.Context, *lab, *benchLog, *benchLog) ([]measurement, error){openLarge, monitorLarge, appendLarge, receiptsLarge} {
		more, err := part(ctx, l, small, large)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// fill says how the memory grows while the log does.
func (l *lab) fill(ctx context.Context, log *benchLog) ([]measurement, error) {
	var tenth uint64
	start := time.Now()
	for n := 0; n < l.entries; n += logPortion {
		if _, err := log.AppendAll(ctx, benchEntries(n, min(logPortion, l.entries-n))); err != nil {
			return nil, err
		}
		if tenth == 0 && n >= l.entries/10 {
			tenth = heap()
		}
	}
	took, whole := time.Since(start), heap()
	size, err := diskUse(log.options.Dir)
	if err != nil {
		return nil, err
	}
	return []measurement{
		{Ours: fmt.Sprintf("fill with %d entries in %s", l.entries, show(took)), Value: float64(l.entries) / took.Seconds(), Unit: "entries/s", Note: fmt.Sprintf("%d MB on disk", size>>20)},
		{Ours: fmt.Sprintf("heap in use, whole %d KB", whole>>10), Peer: fmt.Sprintf("a tenth %d KB", tenth>>10), Value: float64(whole) / float64(tenth), Unit: "x", Note: "flat is 1"},
	}, nil
}

func openLarge(ctx context.Context, _ *lab, small, large *benchLog) ([]measurement, error) {
	again := func(name string, log *benchLog) side {
		return side{name, func(ctx context.Context) (time.Duration, error) {
			if err := log.Close(ctx); err != nil {
				return 0, err
			}
			start := time.Now()
			err := log.open(ctx)
			return time.Since(start), err
		}}
	}
	ours, peer := again("open the large log", large), again("open a new log", small)
	took, err := takeTurns(ctx, openRounds, ours, peer)
	if err != nil {
		return nil, err
	}
	m := slower(ours, took[0], peer, took[1], goal{})
	m.Note = fmt.Sprintf("heap in use with both open %d KB", heap()>>10)
	return []measurement{m}, nil
}

func appendLarge(ctx context.Context, l *lab, small, large *benchLog) (_ []measurement, err error) {
	fsyncs, end, err := l.fsyncs(ctx, "large-fsync")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	round := 0
	next := func() int { round++; return l.entries + round*1_000_000 }
	medians, err := rates(logRounds, large.writers(ctx, next), small.writers(ctx, next), fsyncs)
	if err != nil {
		return nil, err
	}
	ours := fmt.Sprintf("%d writers to the large log %.0f entries/s", logWriters, medians[0])
	return []measurement{
		{Ours: ours, Peer: fmt.Sprintf("to a new log %.0f/s", medians[1]), Value: medians[0] / medians[1], Unit: "x"},
		{Ours: ours, Peer: fmt.Sprintf("write and fsync %.0f/s", medians[2]), Value: medians[0] / medians[2], Unit: "x", Goal: atLeast(0.5)},
	}, nil
}

// receiptsLarge makes receipts for old entries, which the CA does when it is asked again.
func receiptsLarge(ctx context.Context, l *lab, _, large *benchLog) ([]measurement, error) {
	before := heap()
	start := time.Now()
	for range oldReceipts {
		n := rand.IntN(l.entries)
		raw, err := large.Receipt(ctx, benchEntry(n), uint64(n))
		if err != nil {
			return nil, err
		}
		if _, err := receipt.Verify(raw, large.verifier); err != nil {
			return nil, err
		}
	}
	each := time.Since(start) / oldReceipts
	return []measurement{{
		Ours: "make and verify a receipt of an old entry " + show(each), Value: float64(each) / float64(time.Millisecond), Unit: "ms",
		Note: fmt.Sprintf("heap in use grew by %d KB over %d", (int64(heap())-int64(before))>>10, oldReceipts),
	}}, nil
}

// monitorLarge follows the log from its first entry, as somebody outside does.
func monitorLarge(ctx context.Context, l *lab, _, large *benchLog) ([]measurement, error) {
	srv := httptest.NewServer(large.Handler())
	defer srv.Close()
	state := l.path("large-state")
	f, err := monitor.New(monitor.Options{URL: srv.URL, Key: large.options.VKey, State: state})
	if err != nil {
		return nil, err
	}
	size, peak := 0, uint64(0)
	start := time.Now()
	if _, err := f.Check(ctx, func(e monitor.Entry) error {
		if len(e.Findings) > 0 {
			return fmt.Errorf("entry %d: %s", e.Index, e.Findings[0])
		}
		if size++; size%100_000 == 0 {
			peak = max(peak, heap())
		}
		return nil
	}); err != nil {
		return nil, err
	}
	took := time.Since(start)
	kept, err := os.Stat(state + ".assessments")
	if err != nil {
		return nil, err
	}
	return []measurement{{
		Ours: fmt.Sprintf("monitor %d entries from the first in %s", size, show(took)), Value: float64(size) / took.Seconds(), Unit: "entries/s",
		Note: fmt.Sprintf("heap in use at most %d KB, register of %d assessments %d KB", peak>>10, (size+9)/10, kept.Size()>>10),
	}}, nil
}

// heap is what is in use when the garbage is gone.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func diskUse(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a partial tile that was thrown away on the way
		}
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

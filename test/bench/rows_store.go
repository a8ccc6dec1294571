package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

const (
	storeWriters = 64
	recordBytes  = 2 << 10 // about what a certificate's record takes
	storeSpan    = time.Second
	storeRounds  = 5
)

// storeUpdates compares durable updates by many writers with the fsyncs of which each
// would cost one if they did not share.
func storeUpdates(ctx context.Context, l *lab) ([]measurement, error) {
	db, err := bolt.Open(l.path("bench.db"), bolt.Options{})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	file, err := os.Create(l.path("fsync"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	record := make([]byte, recordBytes)
	round := 0
	updates := func() (float64, error) {
		round++
		return rate(ctx, storeWriters, storeSpan, func(ctx context.Context, worker, n int) error {
			return db.Update(ctx, func(tx store.Tx) error {
				return tx.PutRaw("bench", fmt.Sprintf("%d-%d-%d", round, worker, n), record)
			})
		})
	}
	fsyncs := func() (float64, error) {
		return rate(ctx, 1, storeSpan, func(context.Context, int, int) error {
			if _, err := file.Write(record); err != nil {
				return err
			}
			return file.Sync()
		})
	}
	medians, err := rates(storeRounds, updates, fsyncs)
	if err != nil {
		return nil, err
	}
	return []measurement{{
		Ours: fmt.Sprintf("%d writers %.0f updates/s", storeWriters, medians[0]),
		Peer: fmt.Sprintf("write and fsync %.0f/s", medians[1]), Value: medians[0] / medians[1], Unit: "x",
	}}, nil
}

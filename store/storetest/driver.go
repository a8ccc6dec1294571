// Package storetest holds what every driver of package store must do, and drivers
// for the tests of those who use one.
//
// Which of them do I need?
//
//   - Run and RunDurable are the suite: a new driver calls both and is done.
//   - NewMemory is a store for tests that need one and do not care which. It runs each
//     function twice, so that a function that may not be run again shows itself.
//   - FailAt and its relatives wrap a driver and make one call fail, or lie. EachFault
//     runs a test once for every point at which it could fail.
package storetest

import (
	"context"

	"github.com/hallmark-pki/hallmark/store"
)

// Driver is what a driver of package store does. Its promises are in that package's
// doc comment.
type Driver interface {
	// View hands fn a snapshot, and returns fn's error.
	View(ctx context.Context, fn func(store.Reader) error) error
	// Update runs fn and makes what it wrote durable, or returns an error.
	Update(ctx context.Context, fn func(store.Tx) error) error
	// Close ends the driver; afterwards every call returns store.ErrClosed.
	Close() error
}

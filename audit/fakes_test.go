package audit

import (
	"context"
	"fmt"
	"sync"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// fakeLedger is a log in memory. It can be told to fail.
type fakeLedger struct {
	mu      sync.Mutex
	entries []receipt.Entry
	// fail is asked before each append; lie makes it fail after the entry is in.
	fail func(n int) error
	lie  bool
	hook func(receipt.Entry)
}

func (l *fakeLedger) Origin() string { return "log.example/test" }

func (l *fakeLedger) Append(_ context.Context, e receipt.Entry) ([]byte, uint64, error) {
	if l.hook != nil {
		l.hook(e)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := e.Marshal(); err != nil {
		return nil, 0, err
	}
	var failed error
	if l.fail != nil {
		failed = l.fail(len(l.entries))
	}
	if failed != nil && !l.lie {
		return nil, 0, failed
	}
	l.entries = append(l.entries, e)
	if failed != nil {
		return nil, 0, failed
	}
	index := uint64(len(l.entries) - 1)
	return fmt.Appendf(nil, "receipt %d", index), index, nil
}

// AppendRaw appends one after the other.
func (l *fakeLedger) AppendRaw(ctx context.Context, list [][]byte) ([]uint64, error) {
	var indexes []uint64
	for _, raw := range list {
		e, err := receipt.ParseEntry(raw)
		if err != nil {
			return nil, err
		}
		_, index, err := l.Append(ctx, e)
		if err != nil {
			return nil, err
		}
		indexes = append(indexes, index)
	}
	return indexes, nil
}

// types lists the entries about an assessment.
func (l *fakeLedger) types(id string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, e := range l.entries {
		if e.Assessment == id {
			list = append(list, e.Type)
		}
	}
	return list
}

// fakeCertificates revokes in the store, like the CA, and counts CRLs.
type fakeCertificates struct {
	mu        sync.Mutex
	published int
	started   int
	fail      error
}

func (c *fakeCertificates) RevokeIn(tx store.Tx, serial string, rev store.Revocation) error {
	cert, err := store.Certificates.Get(tx, serial)
	if err != nil {
		return err
	}
	if old := cert.Revocation; old != nil {
		if !rev.RevocationDate.Before(old.RevocationDate) {
			return fmt.Errorf("certificate %s is revoked already", serial)
		}
		merged := *old
		merged.RevocationDate, merged.InvalidityDate, merged.Note = rev.RevocationDate, rev.InvalidityDate, old.Note+"; "+rev.Note
		rev = merged
	}
	cert.Revocation = &rev
	return store.Certificates.Put(tx, cert)
}

func (c *fakeCertificates) RevokeLaterIn(tx store.Tx, job store.RevocationJob) (string, error) {
	job.ID = "job"
	return job.ID, store.RevocationJobs.Put(tx, job)
}

func (c *fakeCertificates) StartRevocations() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started++
}

func (c *fakeCertificates) PublishCRLs(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail != nil {
		return c.fail
	}
	c.published++
	return nil
}

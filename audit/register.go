package audit

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
)

// Store is what the register needs of a store driver. The function given to Update
// may run more than once.
type Store interface {
	View(context.Context, func(store.Reader) error) error
	Update(context.Context, func(store.Tx) error) error
}

// Ledger is the transparency log. An entry is in the log, durably, when Append
// returns without error; after an error it may be or not.
type Ledger interface {
	Append(context.Context, receipt.Entry) (raw []byte, index uint64, err error)
	Origin() string
}

// Certificates revokes what hangs on an assessment.
type Certificates interface {
	// RevokeIn revokes one certificate inside a store transaction. One that is revoked
	// already takes an earlier date and keeps both notes.
	RevokeIn(tx store.Tx, serial string, rev store.Revocation) error
	// PublishCRLs makes revocations visible outside.
	PublishCRLs(context.Context) error
	// RevokeLaterIn decides inside a store transaction to revoke many, and returns the
	// id of the job; StartRevocations, called behind it, has them worked off.
	RevokeLaterIn(tx store.Tx, job store.RevocationJob) (id string, err error)
	StartRevocations()
}

// Queue logs what transactions have put into it (package ledger/queue).
type Queue interface {
	Flush(context.Context) (int, error)
}

// Prober runs one probe of an assessment (package audit/probe).
type Prober interface {
	Run(ctx context.Context, kind string, with map[string]string, last string) probe.Result
}

// Config is what a Register is made of. All fields but Prober and Log are required.
type Config struct {
	Store        Store
	Ledger       Ledger
	Queue        Queue
	Certificates Certificates
	Catalogue    *Catalogue
	Arc          ext.Arc // under which certificates carry their mark
	Prober       Prober  // nil: probes are not run, and assessments with probes support no certificate once the last run is old
	Now          func() time.Time
	Log          *slog.Logger // nil: silent
}

// Register keeps signed assessments and what became of them:
//
//	submitted ──▶ accepting ──▶ in-force ──▶ superseded | lowered | expired | withdrawn
//	    └───────▶ rejected        │   ▲
//	                              ▼   │ upheld
//	                            in-review ──▶ withdrawn
//
// "accepting" is the state between an officer's decision, which is durable, and the
// log's receipt; Recover leads out of it after a crash. Every step is logged: coming
// into force before it takes effect, the others from the transaction that takes them
// (package ledger/queue). Its methods are safe for concurrent use, and by several
// processes on one store.
type Register struct {
	cfg Config
	// deciding serialises decisions in this process, so that the log is not given
	// the same entry twice merely because two officers are quick. Between processes
	// the transactions decide, and a doubled entry is harmless.
	deciding sync.Mutex
	opener   Opener
}

// New checks the configuration.
func New(c Config) (*Register, error) {
	switch {
	case c.Store == nil, c.Ledger == nil, c.Queue == nil, c.Certificates == nil, c.Catalogue == nil, c.Now == nil:
		return nil, errors.New("audit register: store, ledger, queue, certificates, catalogue and clock are required")
	case c.Arc.IsZero():
		return nil, errors.New("audit register: arc is required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Register{cfg: c}, nil
}

// now is the time of a decision, to the second as in log entries and CRLs.
func (r *Register) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Second) }

// flush logs what waits. What fails stays in the queue, and the server's upkeep tries
// again, so that nobody has to be told.
func (r *Register) flush(ctx context.Context) {
	if _, err := r.cfg.Queue.Flush(ctx); err != nil {
		r.cfg.Log.WarnContext(ctx, "entries wait for the log", "error", err)
	}
}

// event makes an audit trail line about an assessment. Call it outside Update.
func (r *Register) event(who, action string, rec store.Assessment, detail map[string]string) store.Event {
	if detail == nil {
		detail = map[string]string{}
	}
	detail["vendor"], detail["framework"], detail["track"] = rec.Vendor, rec.Framework, rec.Track
	detail["level"] = strconv.Itoa(rec.Level)
	return store.NewEvent(r.cfg.Now(), who, action+".assessment", rec.ID, detail)
}

// get reads an assessment's record, or refuses with CodeNotFound.
func get(r store.Reader, id string) (store.Assessment, error) {
	rec, err := store.Assessments.Get(r, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Assessment{}, refuse(CodeNotFound, "id", "no assessment %q", clip(id))
	}
	return rec, err
}

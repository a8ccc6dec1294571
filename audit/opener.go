package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/hallmark-pki/hallmark/store"
)

// openerGeneration is how many assessments an Opener remembers, at least; it holds
// twice as many at most, a few dozen kilobytes each.
const openerGeneration = 256

// Opener opens assessments on record and remembers what it has verified, for those who
// ask for the same ones again and again. What it remembers is found by the digest of
// the very bytes and the keys that they were verified with, so that a record which was
// changed is verified anew. Whether the keys are still on record, and whether the
// record still says what was signed, is asked each time. The zero value is ready; it is
// safe for concurrent use. What it returns is shared: read it only.
type Opener struct {
	records store.Memo[store.Assessment]
	keys    keyMemory

	mu         sync.Mutex
	young, old map[[sha256.Size]byte]remembered
}

type remembered struct {
	assessment Assessment
	id         string
}

// Open is the function Open with a memory.
func (o *Opener) Open(r store.Reader, rec store.Assessment) (Assessment, error) {
	a, err := o.open(r, rec)
	if err != nil {
		return Assessment{}, fmt.Errorf("open assessment %s: %w", rec.ID, err)
	}
	return a, nil
}

func (o *Opener) open(r store.Reader, rec store.Assessment) (Assessment, error) {
	if rec.AcceptedBy != "" && rec.AcceptedSPKI == "" {
		return Assessment{}, errors.New("accepted without an officer's signature")
	}
	keys, err := o.keys.recordKeys(r, rec)
	if err != nil {
		return Assessment{}, err
	}
	sum := fingerprint(rec.Envelope, keys)
	known, ok := o.recall(sum)
	if !ok {
		if known.assessment, known.id, err = verifyEnvelope(rec.Envelope, keys); err != nil {
			return Assessment{}, err
		}
		o.remember(sum, known)
	}
	auditors := keys
	if rec.AcceptedSPKI != "" {
		auditors = keys[:len(keys)-1]
	}
	signed, err := newRecord(known.assessment, known.id, rec.Envelope, auditors)
	if err != nil {
		return Assessment{}, err
	}
	if field := disagreement(rec, signed); field != "" {
		return Assessment{}, fmt.Errorf("the record's %s is not what was signed", field)
	}
	return known.assessment, nil
}

// fingerprint names what verifyEnvelope is a function of: the bytes, and the keys by
// the digest of each.
func fingerprint(envelope []byte, keys []signingKey) [sha256.Size]byte {
	h := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(h, "%s\n", k.id)
	}
	h.Write([]byte{'\n'})
	h.Write(envelope)
	return [sha256.Size]byte(h.Sum(nil))
}

func (o *Opener) recall(sum [sha256.Size]byte) (remembered, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.young[sum]; ok {
		return known, true
	}
	known, ok := o.old[sum]
	if ok {
		o.keep(sum, known)
	}
	return known, ok
}

func (o *Opener) remember(sum [sha256.Size]byte, known remembered) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep(sum, known)
}

// keep puts something among the young; when they are many, they become the old, and
// what was old is forgotten.
func (o *Opener) keep(sum [sha256.Size]byte, known remembered) {
	if o.young == nil || len(o.young) >= openerGeneration {
		o.old, o.young = o.young, make(map[[sha256.Size]byte]remembered, openerGeneration)
	}
	o.young[sum] = known
}

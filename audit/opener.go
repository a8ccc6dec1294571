package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/store"
)

// Opener opens assessments on record and remembers what it has verified, for those who
// ask for the same ones again and again. What it remembers is compared with the very bytes
// and the keys that were verified, so that a record which was
// changed is verified anew. Whether the keys are still on record, and whether the
// record still says what was signed, is asked each time. The zero value is ready; it is
// safe for concurrent use. What it returns is shared: read it only.
type Opener struct {
	records  store.Memo[store.Assessment]
	keys     keyMemory
	verified recent.Values[string, remembered] // by the record's id
}

// remembered is what verifyEnvelope made of an envelope and keys.
type remembered struct {
	envelope   []byte
	keys       []string // ids
	assessment Assessment
	id         string
}

// isOf reports whether this was made of these.
func (m remembered) isOf(envelope []byte, keys []signingKey) bool {
	return bytes.Equal(m.envelope, envelope) && slices.EqualFunc(m.keys, keys, func(id string, k signingKey) bool { return id == k.id })
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
	known, ok := o.verified.Get(rec.ID)
	if !ok || !known.isOf(rec.Envelope, keys) {
		known = remembered{envelope: rec.Envelope} // records are only read
		for _, k := range keys {
			known.keys = append(known.keys, k.id)
		}
		if known.assessment, known.id, err = verifyEnvelope(rec.Envelope, keys); err != nil {
			return Assessment{}, err
		}
		o.verified.Put(rec.ID, known)
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

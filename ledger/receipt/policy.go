package receipt

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Policy says what a receipt must show to be believed. Its methods change nothing and
// may be called at once.
type Policy struct {
	Logs []note.Verifier // one of them must have signed, under its own name
	// Witnesses are those whose cosignatures count (NewWitness), each key once: under a
	// second name it is no second witness, and the first of its names counts. A
	// cosignature says that the witness saw the tree extend all that it saw before, so
	// that the log cannot have shown it another history.
	Witnesses []note.Verifier
	// Quorum is how many of Witnesses must have cosigned. 0 means all of them. One that
	// cannot be met, being negative or above their number, refuses everything.
	Quorum int
}

// Cosignature is a witness's, verified.
type Cosignature struct {
	Witness string    // its name
	At      time.Time // when it cosigned, by its own clock, UTC
}

// Verify checks a receipt as the function Verify does, and that enough witnesses have
// cosigned its checkpoint. Errors are *Error; that of the witnesses is NotCosigned.
func (p Policy) Verify(raw []byte) (Receipt, error) {
	r, err := parse(raw)
	if err != nil {
		return Receipt{}, err
	}
	cp, err := p.ParseCheckpoint(r.Checkpoint)
	if err != nil {
		return Receipt{}, err
	}
	path := make([][]byte, len(r.Hashes))
	for i := range r.Hashes {
		path[i] = r.Hashes[i][:]
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(r.ExtraData)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, r.Index, cp.Size, leaf, path, cp.Hash); err != nil {
		return Receipt{}, &Error{Reason: NotIncluded, Err: err}
	}
	e, err := ParseEntry(r.ExtraData)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{
		Raw: bytes.Clone(raw), Origin: cp.Origin, Index: r.Index, TreeSize: cp.Size, Entry: e, Cosignatures: cp.Cosignatures,
	}, nil
}

// ParseCheckpoint verifies a checkpoint as the function ParseCheckpoint does, and that
// enough witnesses have cosigned it.
func (p Policy) ParseCheckpoint(raw []byte) (Checkpoint, error) {
	cp, err := ParseCheckpoint(raw, p.Logs...)
	if err != nil {
		return Checkpoint{}, err
	}
	if cp.Cosignatures, err = p.cosignatures(raw); err != nil {
		return Checkpoint{}, err
	}
	return cp, nil
}

// cosignatures verifies those by p.Witnesses apart from the log's own signature: a
// witness that has the log's name is not the log.
func (p Policy) cosignatures(raw []byte) ([]Cosignature, error) {
	keys := oncePerKey(unique(p.Witnesses))
	want := p.Quorum
	if want == 0 {
		want = len(keys)
	}
	if want < 0 || want > len(keys) {
		return nil, refuse(NotCosigned, fmt.Sprintf("%d witnesses cannot give %d cosignatures", len(keys), want))
	}
	if len(keys) == 0 {
		return nil, nil
	}
	n, err := note.Open(raw, note.VerifierList(keys...))
	var none *note.UnverifiedNoteError
	switch {
	case errors.As(err, &none):
		n = none.Note
	case err != nil:
		return nil, &Error{Reason: NotCosigned, Err: err}
	}
	list := make([]Cosignature, len(n.Sigs))
	for i, s := range n.Sigs {
		list[i] = Cosignature{Witness: s.Name, At: cosignedAt(s)}
	}
	if len(list) < want {
		return nil, refuse(NotCosigned, fmt.Sprintf("cosigned by %d of %d witnesses, %d are wanted", len(list), len(keys), want))
	}
	slices.SortStableFunc(list, func(a, b Cosignature) int { return cmp.Compare(a.Witness, b.Witness) })
	return list, nil
}

// cosignedAt reads the time in a verified cosignature: behind the key's id of 4 bytes,
// 8 bytes of seconds.
func cosignedAt(s note.Signature) time.Time {
	raw, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(raw) != 4+cosignatureBytes {
		return time.Time{} // of a key that NewWitness did not make
	}
	seconds := binary.BigEndian.Uint64(raw[4:])
	return time.Unix(int64(min(seconds, maxUnix)), 0).UTC()
}

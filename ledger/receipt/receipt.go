// Package receipt checks, without the log and without a network, that an assessment
// is in the transparency log: what exactly does the log vouch for, and who signed?
//
// # Receipt
//
// A receipt is a c2sp.org/tlog-proof v1, a text of at most MaxReceipt bytes:
//
//	c2sp.org/tlog-proof@v1
//	extra <base64 of the entry>
//	index <decimal>
//	<base64 of a hash>            one line for each step of the inclusion proof
//	                              an empty line
//	<origin>                      the checkpoint: a signed note, c2sp.org/tlog-checkpoint
//	<tree size>
//	<base64 of the root hash>
//
//	— <origin> <base64 of key id and Ed25519 signature>
//
// The entry is the log's leaf: its leaf hash (RFC 6962 §2.1) is computed here, so a
// receipt cannot be about anything but the entry it carries.
//
// # Entry
//
// One line of JSON, fields in this order, no spaces, times RFC 3339 in UTC with
// whole seconds; reason and effective only where an assessment ended:
//
//	{"v":1,"type":"assessment.withdrawn","at":"2026-03-01T12:00:00Z","assessment":"<64 hex>",
//	 "vendor":"https://vendor.example.com","auditor_spki_sha256":"<64 hex>","framework":"https://slsa.dev/spec/v0.1",
//	 "track":"build","level":3,"reason":"…","effective":"2026-02-01T00:00:00Z"}
//
// (shown on three lines). Each receipt and each entry has one spelling: what Verify
// accepts, written again, gives the same bytes.
package receipt

import (
	"bytes"
	"errors"

	"github.com/transparency-dev/formats/log"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Receipt is a verified receipt.
type Receipt struct {
	Raw      []byte // as given
	Origin   string // the log
	Index    uint64 // of the entry
	TreeSize uint64 // of the checkpoint, larger than Index
	Entry    Entry
}

// Marshal puts a receipt together. It verifies nothing.
func Marshal(entry []byte, index uint64, path [][32]byte, checkpoint []byte) []byte {
	return tlogproof.TLogProof{Index: index, Hashes: path, Checkpoint: checkpoint, ExtraData: entry}.Marshal()
}

// Verify checks a receipt: the checkpoint is signed by one of the logs, whose name
// is the origin it states, and the entry's leaf hash is at the index of the tree
// with that root. Signatures by others, such as witnesses, are skipped. Errors are
// *Error; without keys every receipt is refused as UnknownLog.
func Verify(raw []byte, logs ...note.Verifier) (Receipt, error) {
	p, err := parse(raw)
	if err != nil {
		return Receipt{}, err
	}
	cp, err := ParseCheckpoint(p.Checkpoint, logs...)
	if err != nil {
		return Receipt{}, err
	}
	path := make([][]byte, len(p.Hashes))
	for i := range p.Hashes {
		path[i] = p.Hashes[i][:]
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(p.ExtraData)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, leaf, path, cp.Hash); err != nil {
		return Receipt{}, &Error{Reason: NotIncluded, Err: err}
	}
	e, err := ParseEntry(p.ExtraData)
	if err != nil {
		return Receipt{}, err
	}
	return Receipt{Raw: bytes.Clone(raw), Origin: cp.Origin, Index: p.Index, TreeSize: cp.Size, Entry: e}, nil
}

// parse reads a receipt and insists on its one spelling: the library would take a
// leading zero, a carriage return or an unpadded corner of base64.
func parse(raw []byte) (tlogproof.TLogProof, error) {
	var p tlogproof.TLogProof
	if len(raw) > MaxReceipt {
		return p, refuse(TooLarge, "receipt")
	}
	if err := p.Unmarshal(raw); err != nil {
		return tlogproof.TLogProof{}, &Error{Reason: Malformed, Err: err}
	}
	if !bytes.Equal(p.Marshal(), raw) {
		return tlogproof.TLogProof{}, refuse(Malformed, "not in its one spelling")
	}
	if len(p.ExtraData) == 0 {
		return tlogproof.TLogProof{}, refuse(BadEntry, "no entry in the receipt")
	}
	if len(p.Hashes) > 64 { // more than any tree of 2^64 leaves needs
		return tlogproof.TLogProof{}, refuse(TooLarge, "inclusion proof")
	}
	return p, nil
}

// Checkpoint is the verified state of a log.
type Checkpoint struct {
	Origin string
	Size   uint64
	Hash   []byte // 32 bytes
}

// ParseCheckpoint verifies a checkpoint as Verify does. Extension lines are
// refused: our logs write none, and their meaning would be unknown.
func ParseCheckpoint(raw []byte, logs ...note.Verifier) (Checkpoint, error) {
	if len(raw) > MaxReceipt {
		return Checkpoint{}, refuse(TooLarge, "checkpoint")
	}
	n, err := note.Open(raw, verifiers(logs))
	if err != nil {
		reason := BadCheckpoint
		var unsigned *note.UnverifiedNoteError
		var wrong *note.InvalidSignatureError
		if errors.As(err, &unsigned) || errors.As(err, &wrong) {
			reason = UnknownLog
		}
		return Checkpoint{}, &Error{Reason: reason, Err: err}
	}
	var cp log.Checkpoint
	rest, err := cp.Unmarshal([]byte(n.Text))
	if err != nil {
		return Checkpoint{}, &Error{Reason: BadCheckpoint, Err: err}
	}
	if len(rest) > 0 || string(cp.Marshal()) != n.Text || len(cp.Hash) != rfc6962.DefaultHasher.Size() {
		return Checkpoint{}, refuse(BadCheckpoint, "not in its one spelling")
	}
	for _, s := range n.Sigs {
		if s.Name == cp.Origin {
			return Checkpoint{Origin: cp.Origin, Size: cp.Size, Hash: cp.Hash}, nil
		}
	}
	return Checkpoint{}, refuse(WrongOrigin, "signed by another log than "+cp.Origin)
}

// verifiers takes the first of keys with one name and hash: the library calls the
// same key given twice ambiguous, and would refuse what it signed.
func verifiers(logs []note.Verifier) note.Verifiers {
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var out []note.Verifier
	for _, v := range logs {
		if k := (id{v.Name(), v.KeyHash()}); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return note.VerifierList(out...)
}

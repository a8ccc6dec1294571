// Package receipt checks, without the log and without a network, that an entry is in
// the transparency log: what exactly does the log vouch for, and who signed?
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
// Behind the log's signature there may be those of witnesses. They count where a Policy
// names their keys (c2sp.org/tlog-cosignature with Ed25519) and says how many it wants.
//
// # Entry
//
// One line of JSON, fields in the order below, no spaces, what is empty left out. Times
// are RFC 3339 in UTC with whole seconds, digests SHA-256 in lower-case hex.
//
//	v                           1
//	type                        what happened, see below
//	at                          when
//	assessment                  digest of the signed assessment payload
//	vendor                      the vendor's URI
//	auditor_spki_sha256         digest of the auditor's SubjectPublicKeyInfo
//	second_auditor_spki_sha256  likewise, where two signed
//	framework                   the framework's URI
//	track                       of the framework, if it has tracks
//	level                       1 or higher
//	commitment                  see below
//	auditor                     see below
//	signer                      see below
//	certificate_sha256          digest of the certificate's DER
//	serial                      the certificate's, lower-case hex of whole bytes
//	tier                        name of the issuing CA
//	assessments                 digests that the certificate relies on, sorted, 1 to 16
//	revocation_reason           RFC 5280 §5.3.1; absent: unspecified
//	reason                      why, in somebody's words
//	effective                   since when, or from when
//	invalidity                  since when the key or the assessment was bad, RFC 5280 §5.3.2
//	until                       when it ends by itself
//
// Every entry has the first three. The types and their other fields, in brackets those
// that may be missing:
//
//	assessment.submitted   commitment
//	assessment.rejected    commitment
//	assessment.accepted    assessment vendor auditor_spki_sha256 framework level
//	                       [second_auditor_spki_sha256] [track]
//	assessment.reopened, assessment.upheld, assessment.superseded, assessment.lowered,
//	assessment.expired, assessment.withdrawn
//	                       as accepted, and effective [reason]
//	auditor.accredited     auditor framework effective until
//	auditor.key            auditor auditor_spki_sha256
//	auditor.suspended      auditor framework effective
//	auditor.revoked        auditor effective reason
//	certificate.issued     certificate_sha256 serial tier vendor assessments until
//	certificate.revoked    certificate_sha256 serial tier vendor effective
//	                       [revocation_reason] [invalidity]
//	certificate.held       certificate_sha256 serial tier vendor reason until
//	officer.enrolled       certificate_sha256 reason
//	signature.made         signer commitment
//	approval.given         signer commitment
//	approval.denied        signer commitment
//	policy.changed         signer commitment
//
// An assessment is in force after accepted and after upheld; no longer after any other
// of its types. A certificate.issued relies on assessments that are in force where it
// stands in the log.
//
// # What is not told
//
// A commitment is the digest of 32 random bytes, a zero byte and a text (Commit). That
// of a submitted or rejected assessment holds its digest; auditor, that of the auditor's
// id at this CA, with one salt for all entries about the same auditor, so that they can
// be counted before anybody is named; signer likewise, that of the vendor's id, for which
// the service signs. The commitment of a signature.made holds the record's id, the serial
// number of the certificate and the SHA-256 of what was signed, with a blank between; of
// an approval its id, who spoke, and the SHA-256 of what it covers; of a policy the SHA-256
// of its terms. Opens checks what is told later.
//
// # One spelling
//
// Each receipt and each entry has one spelling: what Verify and ParseEntry accept,
// written again, gives the same bytes. An entry with a higher v is refused as
// UnknownVersion, everything else that is not as above as BadEntry.
package receipt

import (
	"bytes"
	"errors"

	"github.com/transparency-dev/formats/log"
	tlogproof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Receipt is a verified receipt.
type Receipt struct {
	Raw          []byte // as given
	Origin       string // the log
	Index        uint64 // of the entry
	TreeSize     uint64 // of the checkpoint, larger than Index
	Entry        Entry
	Cosignatures []Cosignature // by the policy's witnesses, by name; nil if it has none
}

// Marshal puts a receipt together. It verifies nothing.
func Marshal(entry []byte, index uint64, path [][32]byte, checkpoint []byte) []byte {
	return tlogproof.TLogProof{Index: index, Hashes: path, Checkpoint: checkpoint, ExtraData: entry}.Marshal()
}

// Verify checks a receipt: the checkpoint is signed by one of the logs, whose name
// is the origin it states, and the entry's leaf hash is at the index of the tree
// with that root. Signatures by others, such as witnesses, are skipped; Policy demands
// them. Errors are *Error; without keys every receipt is refused as UnknownLog.
func Verify(raw []byte, logs ...note.Verifier) (Receipt, error) {
	return Policy{Logs: logs}.Verify(raw)
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
	// Cosignatures are those that a policy's witnesses gave, by name.
	Cosignatures []Cosignature
}

// ParseCheckpoint verifies a checkpoint as Verify does. Extension lines are
// refused: our logs write none, and their meaning would be unknown.
func ParseCheckpoint(raw []byte, logs ...note.Verifier) (Checkpoint, error) {
	if len(raw) > MaxReceipt {
		return Checkpoint{}, refuse(TooLarge, "checkpoint")
	}
	n, err := note.Open(raw, note.VerifierList(unique(logs)...))
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

// unique takes the first of keys with one name and hash: the library calls the same
// key given twice ambiguous, and would refuse what it signed.
func unique(keys []note.Verifier) []note.Verifier {
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var out []note.Verifier
	for _, v := range keys {
		if k := (id{v.Name(), v.KeyHash()}); !seen[k] {
			seen[k] = true
			out = append(out, v)
		}
	}
	return out
}

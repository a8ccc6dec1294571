package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// ErrTooMany: the log has more in force than a monitor keeps (limits.go). Forgetting
// some would accuse the CA of what it has not done.
var ErrTooMany = errors.New("more in force than a monitor keeps")

// Problem says why a certificate may not rely on an assessment.
type Problem string

const (
	// NotAccepted: no entry before it says that the assessment was accepted, or it ended
	// so long ago that this monitor has forgotten it.
	NotAccepted Problem = "not-accepted"
	// InReview: an auditor of it was revoked for cause, and no officer has upheld it since.
	InReview Problem = "in-review"
	// Ended: it was superseded, lowered or withdrawn, or had expired.
	Ended Problem = "ended"
	// AnotherVendor: it is about another vendor than the certificate.
	AnotherVendor Problem = "another-vendor"
)

// Finding is a certificate.issued entry that relies on an assessment which, where the
// entry stands in the log, was not in force for it. Nothing in a log's proofs forbids
// that; the CA has promised not to do it.
type Finding struct {
	Assessment string // as in the entry
	Problem    Problem
	// By is the type of the entry that ended the assessment, put it into review, or
	// accepted it for another vendor, and At its index; both are zero with NotAccepted.
	By string
	At uint64
}

func (f Finding) String() string {
	text := "relies on assessment " + f.Assessment + ", which "
	switch f.Problem {
	case InReview:
		return text + fmt.Sprintf("is in review since entry %d", f.At)
	case Ended:
		return text + fmt.Sprintf("is not in force since entry %d, %s", f.At, f.By)
	case AnotherVendor:
		return text + fmt.Sprintf("was accepted in entry %d for another vendor", f.At)
	}
	return text + "the log has not seen accepted before"
}

type digest [sha256.Size]byte

// register is what the log has said, up to some entry, about what is in force. It is a
// summary of verified entries, and can be made anew from them.
type register struct {
	assessments map[digest]standing
	ended       int                 // of the assessments
	keys        map[digest]digest   // digest of an auditor's key to commitment of the auditor
	keysOf      map[digest][]digest // the other way round
	// recent are the leaf hashes of the last entries that grant something, oldest first.
	// A crash of the CA may repeat a batch of entries; a repetition grants nothing anew.
	recent []digest
	known  map[digest]bool // those of recent
}

// standing is where an assessment stands.
type standing struct {
	vendor          digest // SHA-256 of the URI: shorter than most
	auditor, second digest // of the keys; second is zero where one signed
	by              string // type of the last entry about it
	at              uint64 // its index
}

func (s standing) isOver() bool {
	return s.by != receipt.AssessmentAccepted && s.by != receipt.AssessmentUpheld && s.by != receipt.AssessmentReopened
}

func newRegister() *register {
	return &register{assessments: map[digest]standing{}, keys: map[digest]digest{}, keysOf: map[digest][]digest{}, known: map[digest]bool{}}
}

// add takes the next entry in, and says what is wrong with it.
func (r *register) add(index uint64, leaf digest, e receipt.Entry) ([]Finding, error) {
	switch e.Type {
	case receipt.AssessmentAccepted, receipt.AssessmentUpheld:
		if r.isRepetition(leaf) {
			return nil, nil
		}
		r.grant(index, e)
	case receipt.AssessmentReopened, receipt.AssessmentSuperseded, receipt.AssessmentLowered, receipt.AssessmentExpired, receipt.AssessmentWithdrawn:
		r.end(index, e)
	case receipt.AuditorKey:
		r.addKey(digestOf(e.AuditorSPKI), digestOf(e.Auditor))
	case receipt.CertificateIssued:
		if r.isRepetition(leaf) {
			return nil, nil
		}
		return r.judge(e), nil
	}
	if len(r.assessments)-r.ended > maxInForce || len(r.keys) > maxKeys {
		return nil, fmt.Errorf("entry %d: %w: %d assessments, %d auditors' keys", index, ErrTooMany, len(r.assessments)-r.ended, len(r.keys))
	}
	return nil, nil
}

func (r *register) addKey(key, auditor digest) {
	if r.keys[key] != auditor {
		r.keys[key] = auditor
		r.keysOf[auditor] = append(r.keysOf[auditor], key)
	}
}

// isRepetition remembers a leaf, and says whether it was there a short while ago.
func (r *register) isRepetition(leaf digest) bool {
	if r.known[leaf] {
		return true
	}
	r.known[leaf] = true
	if r.recent = append(r.recent, leaf); len(r.recent) > maxRecent {
		delete(r.known, r.recent[0])
		r.recent = r.recent[1:]
	}
	return false
}

// grant puts an assessment in force. One that was not in review cannot be upheld.
func (r *register) grant(index uint64, e receipt.Entry) {
	id := digestOf(e.Assessment)
	old, isKnown := r.assessments[id]
	if e.Type == receipt.AssessmentUpheld && old.by != receipt.AssessmentReopened {
		return
	}
	if isKnown && old.isOver() {
		r.ended--
	}
	r.assessments[id] = standing{
		vendor: sha256.Sum256([]byte(e.Vendor)), auditor: digestOf(e.AuditorSPKI), second: digestOf(e.SecondAuditorSPKI), by: e.Type, at: index,
	}
}

// end takes an assessment out of force. What is over already is not put into review.
func (r *register) end(index uint64, e receipt.Entry) {
	id := digestOf(e.Assessment)
	s, isKnown := r.assessments[id]
	if !isKnown || s.isOver() {
		return
	}
	s.by, s.at = e.Type, index
	r.assessments[id] = s
	if s.isOver() {
		if r.ended++; r.ended > 2*maxEnded {
			r.forget()
		}
	}
}

// forget drops the assessments that ended first, but for maxEnded.
func (r *register) forget() {
	var over []uint64
	for _, s := range r.assessments {
		if s.isOver() {
			over = append(over, s.at)
		}
	}
	slices.Sort(over)
	limit := over[len(over)-maxEnded]
	for id, s := range r.assessments {
		if s.isOver() && s.at < limit {
			delete(r.assessments, id)
			r.ended--
		}
	}
}

// judge says which assessments of a certificate were not in force for it.
func (r *register) judge(e receipt.Entry) (found []Finding) {
	vendor := digest(sha256.Sum256([]byte(e.Vendor)))
	for _, id := range e.Assessments {
		s, isKnown := r.assessments[digestOf(id)]
		f := Finding{Assessment: id, By: s.by, At: s.at}
		switch {
		case !isKnown:
			f.Problem = NotAccepted
		case s.isOver():
			f.Problem = Ended
		case s.by == receipt.AssessmentReopened:
			f.Problem = InReview
		case s.vendor != vendor:
			f.Problem = AnotherVendor
		default:
			continue
		}
		found = append(found, f)
	}
	return found
}

// auditors returns all names that the log has for the auditors whom an entry concerns:
// digests of keys, and commitments. A certificate concerns those of its assessments.
func (r *register) auditors(e receipt.Entry) []string {
	names := map[digest]bool{digestOf(e.Auditor): true}
	keys := []digest{digestOf(e.AuditorSPKI), digestOf(e.SecondAuditorSPKI)}
	for _, id := range e.Assessments {
		s := r.assessments[digestOf(id)]
		keys = append(keys, s.auditor, s.second)
	}
	for _, key := range keys {
		names[key] = true
		names[r.keys[key]] = true
	}
	for name := range maps.Clone(names) {
		for _, key := range r.keysOf[name] {
			names[key] = true
		}
	}
	delete(names, digest{}) // of what is not there
	var all []string
	for name := range names {
		all = append(all, hex.EncodeToString(name[:]))
	}
	slices.Sort(all)
	return all
}

// digestOf reads what ParseEntry has checked; what an entry does not have is zero.
func digestOf(text string) (d digest) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(d) {
		return digest{}
	}
	return digest(raw)
}

package gate

import (
	"crypto/sha256"
	"sync"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/recent"
	"github.com/hallmark-pki/hallmark/sign/layout"
)

// Opener reads envelopes and verifies their signatures, and remembers both by the bytes
// and the keys: the same evidence is judged under several assessments, explained and
// then signed on. The zero value is ready; it is safe for concurrent use.
type Opener struct {
	documents recent.Values[string, *document] // by their bytes
	steps     recent.Values[string, *layout.Document]
}

// document is an envelope that was read. What its predicate says is read when somebody
// with a role has signed it, and not before.
type document struct {
	*attest.UnverifiedDocument

	mu       sync.Mutex
	verified map[[sha256.Size]byte][]string // by the name of a ring

	once    sync.Once
	content any
	err     error
}

// signed is a document under one ring.
type signed struct {
	*document
	signers []string // key ids of the ring that signed it
}

// open reads envelopes and verifies each once. What is no envelope with a statement is
// no evidence, and left out.
func (o *Opener) open(evidence [][]byte, ring *attest.Keyring) []signed {
	out := make([]signed, 0, len(evidence))
	for _, raw := range evidence {
		if d := o.read(raw); d != nil {
			out = append(out, signed{d, d.signersOf(ring)})
		}
	}
	return out
}

func (o *Opener) read(raw []byte) *document {
	if d, ok := recent.GetBytes(&o.documents, raw); ok {
		return d
	}
	read, err := attest.ReadDocument(raw)
	if err != nil {
		return nil
	}
	d := &document{UnverifiedDocument: read}
	if len(raw) <= maxRememberedBytes {
		o.documents.Put(string(raw), d)
	}
	return d
}

func (d *document) signersOf(ring *attest.Keyring) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.verified[ring.Name()]; ok {
		return known
	}
	if d.verified == nil || len(d.verified) >= maxRings {
		d.verified = map[[sha256.Size]byte][]string{}
	}
	signers := d.Signers(ring)
	d.verified[ring.Name()] = signers
	return signers
}

// read parses the predicate. Call it for a document whose signer has a role, or for one
// that needs no signer.
func (d *document) read() (any, error) {
	d.once.Do(func() {
		s := d.Statement
		switch t := s.PredicateType; {
		case attest.IsProvenance(t):
			d.content, d.err = attest.ParseProvenance(s)
		case t == attest.VSAType:
			d.content, d.err = attest.ParseVSA(s)
		case t == attest.RebuildFailureType:
			d.content, d.err = attest.ParseRebuildFailure(s)
		case t == attest.TestResultV01:
			d.content, d.err = attest.ParseTestResult(s)
		case t == attest.VulnsV01, t == attest.VulnsV02:
			d.content, d.err = attest.ParseVulns(s)
		case attest.IsSBOM(t):
			d.content, d.err = attest.ParseSBOM(s)
		case attest.IsReview(t):
			d.content, d.err = attest.ParseReview(s)
		case attest.IsSourceProvenance(t):
			d.content, d.err = attest.ParseSourceProvenance(s)
		case t == attest.LinkV03:
			d.content, d.err = attest.ParseLink(s)
		case t == gitcommit.PredicateType:
			d.content, d.err = gitcommit.Parse(s)
		default:
			d.err = errUnknownPredicate
		}
	})
	return d.content, d.err
}

// only says why a statement is not about the artifact and nothing else, or "". Every
// subject must have its SHA-256.
func (b Build) only(s attest.Statement) (why string) {
	if b.Digest == "" || !s.Covers("sha256", b.Digest) {
		return "about another artifact"
	}
	for _, sub := range s.Subject {
		if sub.Digest["sha256"] != b.Digest {
			return "about another artifact too: " + quote(sub.Name)
		}
	}
	return ""
}

package store

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/plainjson"
)

// plainRecord is a record that is written so often that it writes itself, the same as
// encoding/json does.
type plainRecord interface {
	writePlain(*plainjson.Writer)
	// longest is the member that makes some of them longer than others, in base64.
	longest() []byte
}

// plainRoom is about what such a record takes beside its longest member.
const plainRoom = 640

// sealPlain is seal for a plain record; ok is false for others.
func sealPlain(rec any) (raw []byte, ok bool) {
	p, ok := rec.(plainRecord)
	if !ok {
		return nil, false
	}
	w := plainjson.Writer{B: make([]byte, 0, plainRoom+base64.StdEncoding.EncodedLen(len(p.longest()))), OK: true, HTML: true}
	w.Raw(sealBegin)
	p.writePlain(&w)
	w.Raw(sealEnd)
	return w.B, w.OK
}

func (Signature) longest() []byte { return nil }

func (s Signature) writePlain(w *plainjson.Writer) {
	w.Member(`{"id":`, s.ID)
	w.Member(`,"vendor":`, s.Vendor)
	w.Member(`,"serial":`, s.Serial)
	w.Member(`,"digest":`, s.Digest)
	w.Member(`,"format":`, s.Format)
	w.Member(`,"product":`, s.Product)
	w.Texts(`,"evidence":`, s.Evidence)
	w.Time(`,"at":`, s.At)
	w.Member(`,"by":`, s.By)
	w.Optional(`,"approval":`, s.Approval)
	if len(s.LogSalt) > 0 {
		w.Bytes(`,"log_salt":`, s.LogSalt)
	}
	w.Optional(`,"mode":`, s.Mode)
	w.Optional(`,"state":`, s.State)
	w.OptionalTime(`,"confirm_by":`, s.ConfirmBy)
	w.OptionalTime(`,"confirmed_at":`, s.ConfirmedAt)
	w.OptionalTime(`,"held_until":`, s.HeldUntil)
	w.Optional(`,"commit":`, s.Commit)
	w.Optional(`,"incident":`, s.Incident)
	w.Optional(`,"signed":`, s.Signed)
	if s.Computed {
		w.Raw(`,"computed":true`)
	}
	w.Raw(`}`)
}

func (i Intent) longest() []byte { return i.TBS }

func (i Intent) writePlain(w *plainjson.Writer) {
	w.Member(`{"serial":`, i.Serial)
	w.Member(`,"tier":`, i.Tier)
	w.Member(`,"vendor":`, i.Vendor)
	w.Bytes(`,"tbs":`, i.TBS)
	w.Texts(`,"assessments":`, i.Assessments)
	w.Member(`,"requested_by":`, i.RequestedBy)
	w.Member(`,"way":`, i.Way)
	w.Time(`,"at":`, i.At)
	w.Optional(`,"build":`, i.Build)
	w.Optional(`,"issuer":`, i.Issuer)
	w.Raw(`}`)
}

func (c Certificate) longest() []byte { return c.DER }

func (c Certificate) writePlain(w *plainjson.Writer) {
	w.Member(`{"serial":`, c.Serial)
	w.Member(`,"tier":`, c.Tier)
	w.Optional(`,"issuer":`, c.Issuer)
	w.Member(`,"vendor":`, c.Vendor)
	w.Bytes(`,"der":`, c.DER)
	w.Member(`,"spki_sha256":`, c.SPKISHA256)
	w.Time(`,"not_before":`, c.NotBefore)
	w.Time(`,"not_after":`, c.NotAfter)
	w.Texts(`,"assessments":`, c.Assessments)
	w.Optional(`,"signing_key":`, c.SigningKey)
	w.Time(`,"issued_at":`, c.IssuedAt)
	w.Member(`,"requested_by":`, c.RequestedBy)
	w.Optional(`,"profile":`, c.Profile)
	w.Optional(`,"request":`, c.Request)
	w.Optional(`,"replaces":`, c.Replaces)
	if c.Revocation != nil {
		w.OK = false // rare: encoding/json writes it
	}
	w.Optional(`,"build":`, c.Build)
	if c.Leftover {
		w.Raw(`,"leftover":true`)
	}
	w.Raw(`}`)
}

func (Event) longest() []byte { return nil }

func (e Event) writePlain(w *plainjson.Writer) {
	w.Member(`{"id":`, e.ID)
	w.Time(`,"at":`, e.At)
	w.Member(`,"who":`, e.Who)
	w.Member(`,"action":`, e.Action)
	w.Member(`,"object":`, e.Object)
	if len(e.Detail) > 0 {
		names := make([]string, 0, 8)
		for name := range e.Detail {
			names = append(names, name)
		}
		slices.Sort(names)
		w.Raw(`,"detail":`)
		for i, name := range names {
			w.Member([]string{`{`, `,`}[min(i, 1)], name)
			w.Member(`:`, e.Detail[name])
		}
		w.Raw(`}`)
	}
	w.Raw(`}`)
}

func (e LedgerEntry) longest() []byte { return e.Entry }

func (e LedgerEntry) writePlain(w *plainjson.Writer) {
	w.Member(`{"id":`, e.ID)
	w.Member(`,"about":`, e.About)
	w.Bytes(`,"entry":`, e.Entry)
	w.Time(`,"at":`, e.At)
	w.OptionalTime(`,"logged_at":`, e.LoggedAt)
	if e.Index != 0 {
		w.Uint(`,"index":`, e.Index)
	}
	w.Raw(`}`)
}

// plainReader is a record that reads what it has written; ok is false for all else, which
// encoding/json reads.
type plainReader interface{ readPlain(text string) (ok bool) }

// unsealPlain reads what stands between sealBegin and sealEnd into a record.
func unsealPlain(data []byte, rec any) bool {
	p, ok := rec.(plainReader)
	return ok && p.readPlain(string(data))
}

// readPlain reads an entry that waits: each is read once to be logged.
func (e *LedgerEntry) readPlain(text string) bool {
	var entry, at string
	for _, m := range []struct {
		before string
		to     *string
	}{{`{"id":"`, &e.ID}, {`,"about":"`, &e.About}, {`,"entry":"`, &entry}, {`,"at":"`, &at}} {
		rest, ok := strings.CutPrefix(text, m.before)
		if !ok {
			return false
		}
		if *m.to, text, ok = strings.Cut(rest, `"`); !ok || !isPlainText(*m.to) {
			return false
		}
	}
	var errBytes, errTime error
	e.Entry, errBytes = base64.StdEncoding.Strict().DecodeString(entry)
	e.At, errTime = time.Parse(time.RFC3339, at)
	return text == `}` && errBytes == nil && errTime == nil && strings.HasSuffix(at, "Z")
}

// isPlainText reports whether the text of a JSON string stands for itself.
func isPlainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

package sign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// Mode says how much must be proved before a signature is given out.
type Mode string

const (
	// Strict: everything that the gate asks for. "" means the same.
	Strict Mode = "strict"
	// Provisional: the gate's basic rules. The signature is given out at once, with a key
	// and a certificate of its own, and is confirmed or revoked soon after (package
	// sign/confirm). Where everything is proved already it is final, as in strict mode.
	Provisional Mode = store.SignatureModeProvisional
)

// ProvisionalConfig is what signatures in provisional mode need.
type ProvisionalConfig struct {
	// Within is how long a signature under a tier may stay unconfirmed: positive.
	Within func(tier string) time.Duration
	// Ask asks rebuilders for what is missing, in the transaction that puts the signature
	// on record. evidence is what the gate has seen. nil: nobody is asked, evidence comes
	// from elsewhere.
	Ask func(ctx context.Context, tx store.Tx, signature store.Signature, evidence [][]byte) error
	// Asked is called once that transaction is durable; nil: nothing.
	Asked func()
}

// normal fills in what the mode implies: a provisional signature is revoked with its
// certificate, so that one is for this build alone.
func (r Request) normal() Request {
	if r.Mode == Strict {
		r.Mode = ""
	}
	if r.Mode == Provisional {
		r.PerBuild = true
	}
	return r
}

// checkMode refuses a mode that does not exist here.
func (s *Service) checkMode(r Request) *Refusal {
	why := ""
	switch {
	case r.Mode != "" && r.Mode != Strict && r.Mode != Provisional:
		why = quote(string(r.Mode)) + " is neither strict nor provisional"
	case r.Mode == Provisional && s.c.Provisional == nil:
		why = "this service signs nothing before it is proved"
	case r.Mode == Provisional && r.Certificate != "":
		why = "a provisional signature has a certificate of its own, so none can be named"
	default:
		return nil
	}
	refusal := refuse(CodeRequest, "ask for strict mode", "%s", why)
	refusal.Field = "mode"
	return refusal
}

// Allows reports whether a decision is enough for what is asked for.
func (r Request) Allows(d gate.Decision) bool {
	return d.Granted() || r.Mode == Provisional && basic(d)
}

// basic reports whether a build may be signed provisionally.
func basic(d gate.Decision) bool { return d.Basic() && len(d.Contradicted()) == 0 }

// confirmBy is when a signature must have been confirmed; zero: it is final. It counts in
// whole seconds, as the signature says it.
func (s *Service) confirmBy(r Request, g ground, d gate.Decision, now time.Time) time.Time {
	if r.Mode != Provisional || d.Granted() {
		return time.Time{}
	}
	return now.Add(s.c.Provisional.Within(g.record.Tier)).Truncate(time.Second)
}

// provisionalAttributes are the signed attributes that make a signature provisional.
func (s *Service) provisionalAttributes(g ground) ([]format.Attribute, error) {
	if g.confirmBy.IsZero() {
		return nil, nil
	}
	der, err := ext.MarshalConfirmBy(g.confirmBy)
	if err != nil {
		return nil, fmt.Errorf("confirm-by: %w", err)
	}
	return []format.Attribute{{Type: s.c.Arc.ConfirmBy(), Value: der}}, nil
}

// setState notes how a signature was made, and what is to become of it.
func (r Request) setState(signature *store.Signature, g ground) {
	if r.Mode != Provisional {
		return
	}
	signature.Commit = r.Commit
	signature.Mode, signature.State, signature.ConfirmBy = store.SignatureModeProvisional, r.state(g), g.confirmBy
	if signature.State == store.SignatureConfirmed {
		signature.ConfirmedAt = signature.At
	}
}

// state is how a new signature stands.
func (r Request) state(g ground) string {
	switch {
	case r.Mode != Provisional:
		return ""
	case g.confirmBy.IsZero():
		return store.SignatureConfirmed
	}
	return store.SignatureProvisional
}

// askRebuilders asks for what is missing, in the signature's own transaction.
func (s *Service) askRebuilders(ctx context.Context, tx store.Tx, signature store.Signature, evidence [][]byte) error {
	if signature.State != store.SignatureProvisional || s.c.Provisional.Ask == nil {
		return nil
	}
	if err := s.c.Provisional.Ask(ctx, tx, signature, evidence); err != nil {
		return fmt.Errorf("ask for what is missing: %w", err)
	}
	return nil
}

// parseHex reads a digest on record.
func parseHex(text string) (digest [sha256.Size]byte, err error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(digest) {
		return digest, fmt.Errorf("digest %s on record is none", quote(text))
	}
	copy(digest[:], raw)
	return digest, nil
}

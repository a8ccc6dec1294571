package confirm

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// Types of notices.
const (
	noticeConfirmed    = notify.SignatureConfirmed
	noticeRevoked      = notify.SignatureRevoked
	noticeHeld         = notify.SignatureHeld
	noticeWouldRevoke  = notify.SignatureWouldRevoke
	noticeContradicted = notify.SignatureContradicted
)

// incidentOf returns the incident of a signature, a new one if there is none.
func incidentOf(r store.Reader, s store.Signature, now time.Time) (store.Incident, error) {
	if s.Incident != "" {
		return store.Incidents.Get(r, s.Incident)
	}
	return store.Incident{
		ID: store.NewID(now), Signature: s.ID, Vendor: s.Vendor, Product: s.Product, Digest: s.Digest, Serial: s.Serial, OpenedAt: now,
	}, nil
}

// findings notes in an incident why it is one.
func findings(i *store.Incident, cause string, j Judgement) {
	if i.Cause == "" || i.Cause == store.CauseOfficer || cause == store.CauseContradiction {
		i.Cause = cause
	}
	if len(j.Verdicts) > 0 {
		i.Verdicts = j.Verdicts[:min(len(j.Verdicts), maxVerdicts)]
	}
	i.Evidence = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(i.Evidence), j.Evidence...))))
}

func step(i *store.Incident, now time.Time, who, action, note string) {
	i.Steps = append(slices.Clone(i.Steps), store.IncidentStep{At: now, Who: who, Action: action, Note: note})
	if len(i.Steps) > maxSteps { // the first ones say how it began
		i.Steps = slices.Delete(i.Steps, maxSteps/2, len(i.Steps)-maxSteps/2)
	}
}

// closeIncident ends an incident.
func closeIncident(tx store.Tx, id, state string, now time.Time, note string) error {
	i, err := store.Incidents.Get(tx, id)
	if err != nil {
		return err
	}
	i.State, i.ClosedAt = state, now
	step(&i, now, machine, state, note)
	return store.Incidents.Put(tx, i)
}

// putSummary has a summary filed, once the transaction is durable.
func putSummary(tx store.Tx, s store.Signature, envelope []byte, passed bool, now time.Time) error {
	return store.Summaries.Insert(tx, store.Summary{ID: store.NewID(now), Signature: s.ID, Vendor: s.Vendor, Passed: passed, Envelope: envelope, At: now})
}

// tell queues a notice.
func tell(tx store.Tx, kind string, s store.Signature, i store.Incident, now time.Time, detail string) error {
	data := map[string]any{"signature": s.ID, "vendor": s.Vendor, "product": s.Product, "sha256": s.Digest, "serial": s.Serial}
	id := kind + "/" + s.ID
	if kind != noticeConfirmed {
		data["incident"], data["cause"], data["detail"] = i.ID, i.Cause, cut(detail)
	}
	if kind == noticeHeld {
		data["held_by"], data["held_until"] = heldBy(i), i.HeldUntil.UTC().Format(time.RFC3339)
		id += "/" + store.TimeKey(i.HeldUntil)
	}
	body, err := json.Marshal(data)
	if err != nil {
		return err
	}
	_, err = notify.Put(tx, store.Notice{ID: id, Type: kind, At: now, Body: body})
	return err
}

// heldBy names who holds a revocation up.
func heldBy(i store.Incident) string {
	if len(i.HeldBy) == 0 {
		return "storm-brake"
	}
	return strings.Join(i.HeldBy, ", ")
}

func eventDetail(s store.Signature) map[string]string {
	d := map[string]string{"signature": s.ID, "vendor": s.Vendor, "product": s.Product, "serial": s.Serial}
	if s.Incident != "" {
		d["incident"] = s.Incident
	}
	return d
}

func cut(s string) string {
	if len(s) > maxDetail {
		return strings.ToValidUTF8(s[:maxDetail], "") + "…"
	}
	return s
}

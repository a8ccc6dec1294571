package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/store"
)

// incidentRoutes are about what becomes of provisional signatures.
func (s *Server) incidentRoutes() []Route {
	return []Route{
		get("/v1/signatures/{id}", "show-signature", "One signature: how it stands", approvalReaders, s.showSignature),
		envelopes("/v1/signatures/{id}/refresh", "refresh-signature", "A signature with today's staple: the summary that confirmed it, and the newest revocation list", vendors, s.refreshSignature),

		get("/v1/incidents", "list-incidents", "Provisional signatures that were or would have been taken back: a vendor's own, or all", certificateReaders, s.listIncidents),
		get("/v1/incidents/{id}", "show-incident", "One incident, with the evidence and who did what", certificateReaders, s.showIncident),
		post("/v1/incidents/{id}/hold", "hold-incident", "Ask for a revocation to be held, or agree to that: two officers", officers, s.holdIncident),
		post("/v1/incidents/{id}/release", "release-incident", "End a hold: the signature is judged again at once", officers, s.releaseIncident),
		post("/v1/incidents/{id}/revoke", "revoke-incident", "Revoke what an incident is about, at once", officers, s.revokeIncident),
	}
}

// RecordPath is the path of a record with a time-ordered id. Exported, or the fields of
// what embeds it are not read.
type RecordPath struct {
	ID string `path:"id" maxLength:"64"`
}

func apiSignature(sig store.Signature) api.SignatureRecord {
	return api.SignatureRecord{
		ID: sig.ID, Vendor: sig.Vendor, Serial: sig.Serial, SHA256: sig.Digest,
		Format: sig.Format, Product: sig.Product, At: sig.At, By: sig.By, Approval: sig.Approval, LogSalt: sig.LogSalt,
		Mode: sig.Mode, State: sig.State, ConfirmBy: sig.ConfirmBy, ConfirmedAt: sig.ConfirmedAt, HeldUntil: sig.HeldUntil, Incident: sig.Incident,
	}
}

func (s *Server) showSignature(ctx context.Context, in *RecordPath) (*body[api.SignatureRecord], error) {
	sig, err := s.readSignature(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(apiSignature(sig)), nil
}

// readSignature reads one that the caller may see.
func (s *Server) readSignature(ctx context.Context, id string) (store.Signature, error) {
	var sig store.Signature
	err := s.Store.View(ctx, func(r store.Reader) (err error) {
		if sig, err = store.Signatures.Get(r, id); err != nil {
			return missing(err, "signature", id)
		}
		if _, err := ownVendor(ctx, sig.Vendor); err != nil {
			return notFound("signature", id)
		}
		return nil
	})
	return sig, err
}

type refreshInput struct {
	RecordPath
	Body api.Refresh
}

func (s *Server) refreshSignature(ctx context.Context, in *refreshInput) (*body[api.Refreshed], error) {
	sig, err := s.readSignature(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	cms, err := s.Signing.Refresh(ctx, sig.Vendor, sig.ID, in.Body.CMS)
	if err != nil {
		return nil, err
	}
	return answer(api.Refreshed{ID: sig.ID, State: sig.State, CMS: cms}), nil
}

type incidentsInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	State  string `query:"state" maxLength:"16"`
}

func (s *Server) listIncidents(ctx context.Context, in *incidentsInput) (*body[api.Page[api.Incident]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.Incident] {
		switch {
		case vendor != "":
			return store.Incidents.ByAfter(r, "vendor", vendor, in.After)
		case in.State != "":
			return store.Incidents.ByAfter(r, "state", in.State, in.After)
		}
		return store.Incidents.All(r, in.After)
	}
	keep := func(i store.Incident) bool { return in.State == "" || i.State == in.State }
	return listWhere(ctx, s.Store, records, keep, func(i store.Incident) (string, api.Incident) { return i.ID, apiIncident(i) })
}

func (s *Server) showIncident(ctx context.Context, in *RecordPath) (*body[api.Incident], error) {
	var incident store.Incident
	err := s.Store.View(ctx, func(r store.Reader) (err error) {
		if incident, err = store.Incidents.Get(r, in.ID); err != nil {
			return missing(err, "incident", in.ID)
		}
		if _, err := ownVendor(ctx, incident.Vendor); err != nil {
			return notFound("incident", in.ID)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(apiIncident(incident)), nil
}

type holdInput struct {
	RecordPath
	Body api.NewHold
}

func (s *Server) holdIncident(ctx context.Context, in *holdInput) (*body[api.Incident], error) {
	incident, err := s.Confirm.Hold(ctx, in.ID, caller(ctx), in.Body.Reason, time.Duration(in.Body.Seconds)*time.Second)
	return s.decided(ctx, incident, err)
}

type decisionInput struct {
	RecordPath
	Body api.IncidentDecision
}

func (s *Server) releaseIncident(ctx context.Context, in *decisionInput) (*body[api.Incident], error) {
	incident, err := s.Confirm.Release(ctx, in.ID, caller(ctx), in.Body.Note)
	return s.decided(ctx, incident, err)
}

func (s *Server) revokeIncident(ctx context.Context, in *decisionInput) (*body[api.Incident], error) {
	incident, err := s.Confirm.Revoke(ctx, in.ID, caller(ctx), in.Body.Note)
	return s.decided(ctx, incident, err)
}

func (s *Server) decided(ctx context.Context, incident store.Incident, err error) (*body[api.Incident], error) {
	if err != nil {
		return nil, err
	}
	s.flush(ctx)
	return answer(apiIncident(incident)), nil
}

func apiIncident(i store.Incident) api.Incident {
	out := api.Incident{
		ID: i.ID, State: i.State, Cause: i.Cause, Signature: i.Signature, Vendor: i.Vendor, Product: i.Product, SHA256: i.Digest, Serial: i.Serial,
		OpenedAt: i.OpenedAt, Verdicts: []api.IncidentVerdict{}, Evidence: i.Evidence, Steps: []api.IncidentStep{},
		HoldAskedBy: i.HoldAskedBy, HoldAskedAt: i.HoldAskedAt, HeldBy: i.HeldBy, HeldUntil: i.HeldUntil,
		RevokedAt: i.RevokedAt, RevokedBy: i.RevokedBy, ClosedAt: i.ClosedAt,
	}
	if out.Evidence == nil {
		out.Evidence = []string{}
	}
	for _, v := range i.Verdicts {
		out.Verdicts = append(out.Verdicts, api.IncidentVerdict(v))
	}
	for _, step := range i.Steps {
		out.Steps = append(out.Steps, api.IncidentStep(step))
	}
	return out
}

// confirmProblem answers a refusal of what an officer may not do.
func confirmProblem(refusal *confirm.Refusal) *api.Problem {
	status := http.StatusConflict
	switch refusal.Code {
	case confirm.CodeUnknown:
		status = http.StatusNotFound
	case confirm.CodeNote, confirm.CodeHold:
		status = http.StatusUnprocessableEntity
	}
	return problem(status, string(refusal.Code), refusal.Detail, refusal.Hint)
}

// confirmRefusal returns the refusal in an error, or nil.
func confirmRefusal(err error) *confirm.Refusal {
	var refusal *confirm.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}

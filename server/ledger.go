package server

import (
	"context"
	"fmt"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

func (s *Server) ledgerState(ctx context.Context, _ *struct{}) (*body[api.LedgerState], error) {
	checkpoint, err := s.Ledger.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	size, err := s.Ledger.Size(ctx)
	if err != nil {
		return nil, err
	}
	return answer(api.LedgerState{Origin: s.Ledger.Origin(), VerifierKey: s.LedgerKey, Size: size, Checkpoint: string(checkpoint)}), nil
}

type entriesInput struct {
	PageQuery
	About string `query:"about" maxLength:"128" doc:"an assessment's id, a certificate's serial number or a person's id; auditors and vendors must give one"`
}

// listLedgerEntries lists what the CA has had logged, and what waits for it. The log
// itself is public; what an entry is about is not, where it says only a commitment.
func (s *Server) listLedgerEntries(ctx context.Context, in *entriesInput) (*body[api.Page[api.LedgerEntry]], error) {
	if err := s.mayAskAbout(ctx, in.About); err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.LedgerEntry] {
		if in.About != "" {
			return store.LedgerEntries.ByAfter(r, "about", in.About, in.After)
		}
		return store.LedgerEntries.All(r, in.After)
	}
	page, err := list(ctx, s.Store, records, func(e store.LedgerEntry) (string, store.LedgerEntry) { return e.ID, e })
	if err != nil {
		return nil, err
	}
	out := api.Page[api.LedgerEntry]{Items: []api.LedgerEntry{}, Next: page.Body.Next}
	for _, rec := range page.Body.Items {
		entry, err := receipt.ParseEntry(rec.Entry)
		if err != nil {
			return nil, fmt.Errorf("log entry %s on record: %w", rec.ID, err)
		}
		out.Items = append(out.Items, api.LedgerEntry{
			ID: rec.ID, About: rec.About, Type: entry.Type, At: rec.At, LoggedAt: rec.LoggedAt, Index: rec.Index, Leaf: string(rec.Entry),
		})
	}
	return answer(out), nil
}

// mayAskAbout narrows auditors and vendors to themselves, their assessments and, for
// vendors, their certificates. For everything else the answer is that of what is not
// there.
func (s *Server) mayAskAbout(ctx context.Context, about string) error {
	p := caller(ctx)
	switch {
	case p.Role == api.RoleOfficer || p.Role == api.RoleReader || about == p.ID:
		return nil
	case about == "":
		return invalid("about", "role "+p.Role+" has to say what the entries are to be about", "the id of an assessment, the serial number of a certificate, or your own name")
	case len(about) == sha256Digits:
		_, err := s.visibleAssessment(ctx, about)
		return err
	case p.Role == api.RoleVendor:
		_, err := s.visibleCertificate(ctx, about)
		return err
	}
	return notFound("record", about)
}

type indexInput struct {
	Index uint64 `path:"index" doc:"place in the log, from 0"`
}

// ledgerReceipt proves an entry into the newest checkpoint. It is read from the log,
// not from the records: what is in the log is public, and provable, whatever the
// records say.
func (s *Server) ledgerReceipt(ctx context.Context, in *indexInput) (*fileOutput, error) {
	for e, err := range s.Ledger.Entries(ctx, in.Index) {
		if err != nil {
			return nil, err
		}
		raw, err := s.Ledger.Receipt(ctx, e.Entry, e.Index)
		if err != nil {
			return nil, err
		}
		return &fileOutput{"text/plain; charset=utf-8", raw}, nil
	}
	return nil, notFound("log entry", fmt.Sprint(in.Index))
}

package server

import (
	"context"
	"errors"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// Who is disabled while their certificate is being made gets none, and an auditor whose word
// was taken back gets no new key to sign with.
func TestDisabledWhileEnrolling(t *testing.T) {
	w := newWorld(t)
	var invitation api.Invitation
	w.must("olga", "POST", "/v1/people/quill/invite", nil, &invitation)
	secret, ctx := secretOf(t, invitation), context.Background()
	person, err := w.server.invited(ctx, secret)
	if err != nil {
		t.Fatal(err)
	}
	key, signing := newTestKey(t), newTestKey(t)
	cert, err := w.server.Operator.IssueClient(ctx, key.Public(), person, clientValidity)
	if err != nil {
		t.Fatal(err)
	}
	auditorKey, err := w.server.signingKey(newTestCSR(t, signing))
	if err != nil {
		t.Fatal(err)
	}
	w.must("olga", "POST", "/v1/people/quill/disable", nil, nil)
	err = w.server.recordEnrolment(ctx, secret, person, cert, auditorKey)
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != "person-disabled" {
		t.Errorf("enrolled: %v", err)
	}
	err = w.store.View(ctx, func(r store.Reader) error {
		if _, err := store.AuditorKeys.Get(r, auditorKey.SPKISHA256); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the key is on record: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

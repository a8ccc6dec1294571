package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/server/api"
)

// TestSignatureAsItIs asks for a signature without JSON around it.
func TestSignatureAsItIs(t *testing.T) {
	w := newWorld(t)
	request := api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello"}
	got, err := w.apiClient("acme").Sign(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	var page api.Page[api.SignatureRecord]
	w.must("acme", "GET", "/v1/signatures", nil, &page)
	rec := page.Items[len(page.Items)-1]
	want := api.Signature{CMS: got.CMS, Serial: rec.Serial, SHA256: rec.SHA256, At: rec.At, ID: rec.ID, Allowed: true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-on record +answered):\n%s", diff)
	}
	if len(got.CMS) < 1000 || got.CMS[0] != 0x30 {
		t.Errorf("the body is no CMS: %d bytes", len(got.CMS))
	}

	t.Run("provisional", func(t *testing.T) {
		request := request
		request.Mode = "provisional"
		got, err := w.apiClient("acme").Sign(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		var rec api.SignatureRecord
		w.must("acme", "GET", "/v1/signatures/"+got.ID, nil, &rec)
		if got.State != rec.State || !got.ConfirmBy.Equal(rec.ConfirmBy) {
			t.Errorf("state %q until %s, on record %q until %s", got.State, got.ConfirmBy, rec.State, rec.ConfirmBy)
		}
	})
	t.Run("refused", func(t *testing.T) {
		request := request
		request.Product = "other"
		_, err := w.apiClient("acme").Sign(t.Context(), request)
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != http.StatusForbidden || len(p.Rules) == 0 {
			t.Errorf("got %v, want the gate's refusal with its rules", err)
		}
	})
	t.Run("explain stays JSON", func(t *testing.T) {
		request := request
		request.Explain = true
		got, err := w.apiClient("acme").Sign(t.Context(), request)
		if err != nil || len(got.Rules) == 0 || len(got.CMS) != 0 {
			t.Errorf("got %d rules and %d bytes of CMS, %v", len(got.Rules), len(got.CMS), err)
		}
	})
}

// TestSignatureAsAsked gives JSON to who does not name CMS.
func TestSignatureAsAsked(t *testing.T) {
	w := newWorld(t)
	for accept, wantCMS := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "application/cms;q=0, application/json": false, "application/cms-like": false, "application/cms; Q=0.00": false,
		"application/cms": true, "application/json, Application/CMS; q=0.5": true,
	} {
		raw, err := json.Marshal(api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello"})
		if err != nil {
			t.Fatal(err)
		}
		got, body := w.accepting("POST", "/v1/signatures", accept, raw)
		want := "application/json"
		if wantCMS {
			want = api.TypeCMS
		}
		var out api.Signature
		if !wantCMS {
			if err := json.Unmarshal(body, &out); err != nil || len(out.CMS) == 0 || len(out.Rules) == 0 {
				t.Errorf("Accept %q: no signature or no rules: %v", accept, err)
			}
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q: answered as %q, want %q", accept, got, want)
		}
	}
}

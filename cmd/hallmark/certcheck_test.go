package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
)

// TestDisagreements: one thing differs, and exactly that is said.
func TestDisagreements(t *testing.T) {
	at := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	revocation := api.Revocation{Reason: "keyCompromise", RevocationDate: at.Add(300 * time.Millisecond), InvalidityDate: at}
	good := source{Status: "good"}
	list := source{Status: "revoked", Number: "7", Reason: "keyCompromise", RevokedAt: at, InvalidityDate: at}
	answer := source{Status: "revoked", Reason: "keyCompromise", RevokedAt: at}
	revoked, valid := &api.Certificate{State: "revoked", Revocation: &revocation}, &api.Certificate{State: "valid"}
	with := func(s source, change func(*source)) source { change(&s); return s }
	for name, c := range map[string]struct {
		record    *api.Certificate
		crl, ocsp source
		want      []string
	}{
		"all good":               {valid, good, good, nil},
		"all revoked":            {revoked, list, answer, nil},
		"revoked, no record":     {nil, list, answer, nil},
		"CRL lags":               {revoked, good, answer, []string{"CRL says good, the record revoked"}},
		"OCSP lags":              {revoked, list, good, []string{"OCSP says good, the record revoked"}},
		"OCSP knows nothing":     {valid, good, source{Status: "unknown"}, []string{"OCSP says unknown, the record valid"}},
		"listed and not revoked": {valid, list, good, []string{"CRL says revoked, the record valid"}},
		"the two differ":         {nil, list, good, []string{"CRL says revoked, OCSP good"}},
		"no list":                {valid, source{Problem: "gone"}, good, []string{"CRL proves nothing: gone"}},
		"no answer":              {nil, good, source{Problem: "gone"}, []string{"OCSP proves nothing: gone"}},
		"reason":                 {revoked, list, with(answer, func(s *source) { s.Reason = "superseded" }), []string{"OCSP gives the reason superseded"}},
		"date":                   {revoked, with(list, func(s *source) { s.RevokedAt = at.Add(time.Second) }), answer, []string{"CRL revokes from"}},
		"invalidity date":        {revoked, with(list, func(s *source) { s.InvalidityDate = time.Time{} }), answer, []string{"CRL has invalidity date"}},
	} {
		r := checkReport{CRL: c.crl, OCSP: c.ocsp, record: c.record}
		got := r.disagreements()
		if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

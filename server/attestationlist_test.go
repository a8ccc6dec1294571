package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/server/api"
)

// smallForBeta is the quota of the tests' vendors.
func smallForBeta(vendor string) repository.Quota {
	if vendor == "beta" {
		return repository.Quota{MaxEnvelopes: 3}
	}
	return repository.Quota{}
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestAttestationLists(t *testing.T) {
	w := newWorld(t)
	want := []string{w.artifact}
	var envelopes [][]byte
	for i := range 40 {
		d := digestOf(fmt.Sprint(i))
		want = append(want, d)
		envelopes = append(envelopes, w.provenance(d))
	}
	slices.Sort(want)
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: envelopes}, nil)

	for who, query := range map[string]string{"acme": "", "olga": "?vendor=acme", "rita": "?vendor=acme"} {
		var page api.Page[api.AttestedArtifact]
		w.must(who, "GET", "/v1/attestations"+query, nil, &page)
		var got []string
		for _, i := range page.Items {
			got = append(got, i.SHA256)
		}
		if !slices.Equal(got, want) || page.Next != "" {
			t.Errorf("%s sees %d of %d, next %q", who, len(got), len(want), page.Next)
		}
	}
	var page api.Page[api.AttestedArtifact]
	w.must("acme", "GET", "/v1/attestations?prefix=abab&after="+strings.Repeat("0", 64), nil, &page)
	if len(page.Items) != 1 || page.Items[0].SHA256 != w.artifact || page.Items[0].Bytes == 0 {
		t.Errorf("by prefix: %+v", page.Items)
	}
	w.must("acme", "GET", "/v1/attestations?after="+want[len(want)-1], nil, &page)
	if len(page.Items) != 0 {
		t.Errorf("after the last: %+v", page.Items)
	}

	var found api.Attestations
	w.must("acme", "GET", "/v1/attestations/abab", nil, &found)
	if found.SHA256 != w.artifact || len(found.Envelopes) != 2 { // the provenance, and the summary of its signature
		t.Errorf("by the first digits: %s, %d envelopes", found.SHA256, len(found.Envelopes))
	}
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance("abab" + w.artifact[4:62] + "00")}}, nil)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/v1/attestations/abab":                {http.StatusConflict, "ambiguous-digest"},
		"/v1/attestations/ffff0000":            {http.StatusNotFound, "not-found"},
		"/v1/attestations/aba":                 {http.StatusUnprocessableEntity, "invalid-field"},
		"/v1/attestations/ABAB":                {http.StatusUnprocessableEntity, "invalid-field"},
		"/v1/attestations/" + w.artifact + "0": {http.StatusUnprocessableEntity, "invalid-field"},
		"/v1/attestations?prefix=..%2f":        {http.StatusUnprocessableEntity, "invalid-field"},
		"/v1/attestations?after=ab":            {http.StatusUnprocessableEntity, "invalid-field"},
	} {
		if got := w.do("acme", "GET", path, nil); got.status != want.status || got.problem.Code != want.code && want.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := w.do("olga", "GET", "/v1/attestations", nil); got.problem.Field != "vendor" {
		t.Errorf("an officer who names no vendor: %d %s", got.status, got.body)
	}
	if got := w.do("olga", "GET", "/v1/attestations?vendor=..%2fx", nil); got.status != http.StatusNotFound {
		t.Errorf("a vendor that cannot be: %d %s", got.status, got.body)
	}
}

func TestAttestationQuota(t *testing.T) {
	w := newWorld(t)
	envelopes := [][]byte{w.provenance(digestOf("1")), w.provenance(digestOf("2")), w.provenance(digestOf("3")), w.provenance(digestOf("4"))}
	got := w.do("beta", "POST", "/v1/attestations", api.NewAttestations{Envelopes: envelopes})
	p := got.problem
	if got.status != http.StatusConflict || p.Code != "quota-exceeded" || p.Field != "envelopes[3]" || p.Hint == "" ||
		p.Detail != "quota of vendor beta: 3 of 3 envelopes are used, 1 more were asked for" {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.must("beta", "POST", "/v1/attestations", api.NewAttestations{Envelopes: envelopes[:3]}, nil) // they are there
	for who, query := range map[string]string{"beta": "", "olga": "?vendor=beta"} {
		var used api.AttestationUsage
		w.must(who, "GET", "/v1/attestation-usage"+query, nil, &used)
		if used.Vendor != "beta" || used.Envelopes != 3 || used.MaxEnvelopes != 3 || used.Bytes == 0 || used.MaxBytes != repository.DefaultQuotaBytes {
			t.Errorf("%s: %+v", who, used)
		}
	}
}

// TestNegativeStatementsStay: there is no way to take evidence back, and what is filed
// later stands behind it.
func TestNegativeStatementsStay(t *testing.T) {
	w := newWorld(t)
	var before, after api.Attestations
	w.must("acme", "GET", "/v1/attestations/"+w.artifact, nil, &before)
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance(w.artifact)}}, nil)
	for _, method := range []string{"DELETE", "PUT", "PATCH"} {
		for _, path := range []string{"/v1/attestations/" + w.artifact, "/att/acme/sha256/ab/" + w.artifact + ".jsonl"} {
			if got := w.do("acme", method, path, nil); got.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, got.status)
			}
		}
	}
	w.must("acme", "GET", "/v1/attestations/"+w.artifact, nil, &after)
	if n := len(before.Envelopes); n == 0 || len(after.Envelopes) != n+1 || string(after.Envelopes[0]) != string(before.Envelopes[0]) {
		t.Errorf("%d envelopes, then %d", len(before.Envelopes), len(after.Envelopes))
	}
}

package server

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/server/api"
)

// TestPushForms: what is filed beside statements, and under which digests.
func TestPushForms(t *testing.T) {
	w := newWorld(t)
	bundle, err := os.ReadFile(filepath.Join("..", "attest", "testdata", "bundles", "v03.json"))
	if err != nil {
		t.Fatal(err)
	}
	made := strings.Repeat("cd", 32)
	link, err := attest.Sign(t.Context(), attest.PayloadType, []byte(`{"_type":"link","name":"pack","materials":{},"products":{"a":{"sha256":"`+made+`"}}}`), w.builder)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		envelope []byte
		under    string
	}{
		"a Sigstore bundle": {bundle, strings.Repeat("ab", 32)},
		"a link":            {link, made},
	} {
		var stored api.StoredAttestations
		w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{c.envelope}}, &stored)
		if !slices.Equal(stored.SHA256, []string{c.under}) {
			t.Errorf("%s: %v", name, stored)
		}
		var found api.Attestations
		w.must("acme", "GET", "/v1/attestations/"+c.under, nil, &found)
		if len(found.Envelopes) == 0 || slices.ContainsFunc(found.Envelopes, attest.IsBundle) {
			t.Errorf("%s: %d envelopes", name, len(found.Envelopes))
		}
	}
}

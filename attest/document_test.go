package attest

import (
	"crypto"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// withFields adds fields to the first signature object of an envelope.
func withFields(t testing.TB, raw []byte, more map[string]any) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for name, v := range more {
		e["signatures"].([]any)[0].(map[string]any)[name] = v
	}
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ring(t testing.TB, keys ...crypto.PublicKey) *Keyring {
	t.Helper()
	r, err := NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSigners holds documents against rings: the hint must not matter.
func TestSigners(t *testing.T) {
	one, two, three := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P384()), ecKey(t, elliptic.P256())
	id := func(k crypto.Signer) string {
		id, err := KeyID(k.Public())
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	s := predicateSample(t, "test-result", nil)
	single := sign(t, s, one)
	both, err := AddSignature(t.Context(), single, two)
	if err != nil {
		t.Fatal(err)
	}
	twice := withFields(t, single, nil)
	for name, c := range map[string]struct {
		raw  []byte
		ring *Keyring
		want []string
	}{
		"its key":            {single, ring(t, one.Public()), []string{id(one)}},
		"among others":       {single, ring(t, three.Public(), two.Public(), one.Public()), []string{id(one)}},
		"another key":        {single, ring(t, two.Public()), nil},
		"no key":             {single, ring(t), nil},
		"a wrong hint":       {withFields(t, single, map[string]any{"keyid": id(three)}), ring(t, one.Public(), three.Public()), []string{id(one)}},
		"a hint without key": {withFields(t, single, map[string]any{"keyid": "x"}), ring(t, one.Public()), []string{id(one)}},
		"two signatures":     {both, ring(t, two.Public(), one.Public()), []string{id(one), id(two)}},
		"a key given twice":  {twice, ring(t, one.Public(), one.Public()), []string{id(one)}},
	} {
		d, err := ReadDocument(c.raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, d.Signers(c.ring)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if ring(t, one.Public(), two.Public()).Name() != ring(t, two.Public(), one.Public(), two.Public()).Name() || ring(t).Name() == ring(t, one.Public()).Name() {
		t.Error("the names of rings")
	}
	if _, err := ReadDocument([]byte("{}")); !Is(err, Malformed) {
		t.Error(err)
	}
	if _, err := NewKeyring("no key"); !Is(err, BadKey) {
		t.Error(err)
	}
}

// TestCertified reads what may stand beside a signature, and drops what is not well
// formed instead of refusing the envelope.
func TestCertified(t *testing.T) {
	key := ecKey(t, elliptic.P256())
	raw := sign(t, predicateSample(t, "test-result", nil), key)
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	many := make([]any, maxTimestamps+1)
	for i := range many {
		many[i] = map[string]any{"type": "tsp", "data": b64("token")}
	}
	for name, c := range map[string]struct {
		more  map[string]any
		chain string
		stamp int
	}{
		"none":               {nil, "", 0},
		"cert":               {map[string]any{"cert": "PEM"}, "PEM", 0},
		"witness":            {map[string]any{"certificate": b64("leaf"), "intermediates": []string{b64("ca")}, "timestamps": []any{map[string]any{"type": "tsp", "data": b64("token")}}}, "leafca", 1},
		"another timestamp":  {map[string]any{"cert": "PEM", "timestamps": []any{map[string]any{"type": "rekor", "data": b64("token")}}}, "PEM", 0},
		"not base64":         {map[string]any{"certificate": "*"}, "", 0},
		"not text":           {map[string]any{"cert": 7}, "", 0},
		"too many timestamp": {map[string]any{"cert": "PEM", "timestamps": many}, "", 0},
	} {
		d, err := ReadDocument(withFields(t, raw, c.more))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := d.Certified()
		if c.chain == "" {
			if len(got) > 0 {
				t.Errorf("%s: %q", name, got[0].Chain)
			}
			continue
		}
		if len(got) != 1 || string(got[0].Chain) != c.chain || len(got[0].Timestamps) != c.stamp {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		if _, err := got[0].Verify(key.Public()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := got[0].Verify(ecKey(t, elliptic.P256()).Public()); !Is(err, NotVerified) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

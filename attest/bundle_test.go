package attest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFromBundle(t *testing.T) {
	for name, want := range map[string]struct {
		chain string
		stamp int
	}{"v03": {"leaf", 1}, "v01": {"leafca", 0}} {
		raw, err := os.ReadFile(filepath.Join("testdata", "bundles", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := FromBundle(raw)
		if err != nil || !IsBundle(raw) || IsBundle(envelope) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		d, err := ReadDocument(envelope)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := d.Certified()
		if len(got) != 1 || string(got[0].Chain) != want.chain || len(got[0].Timestamps) != want.stamp || string(got[0].Value) != "signature" || d.Statement.PredicateType != TestResultV01 {
			t.Errorf("%s: %+v", name, got)
		}
		for what, c := range map[string]struct {
			old, new string
			reason   Reason
		}{
			"another media type": {"vnd.dev.sigstore.bundle", "vnd.example.bundle", Malformed},
			"no envelope":        {`"dsseEnvelope"`, `"messageSignature"`, NoSignature},
			"no signature":       {`"signatures"`, `"signature"`, NoSignature},
			"no payload":         {`"payload"`, `"load"`, Malformed},
			"cut off":            {"}\n}", "}", Malformed},
		} {
			broken := strings.Replace(string(raw)+"\n", c.old, c.new, 1)
			if what == "cut off" {
				broken = string(raw[:len(raw)-1])
			}
			if _, err := FromBundle([]byte(broken)); !Is(err, c.reason) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// FuzzFromBundle: what comes out is an envelope with the payload that went in.
func FuzzFromBundle(f *testing.F) {
	seeds(f, "bundles")
	f.Fuzz(func(t *testing.T, raw []byte) {
		envelope, err := FromBundle(raw)
		if err != nil {
			if envelope != nil {
				t.Fatal("half a result with an error")
			}
			return
		}
		u, err := ParseEnvelope(envelope)
		if err != nil {
			t.Fatal(err)
		}
		var in struct {
			DSSEEnvelope struct{ Payload []byte } `json:"dsseEnvelope"`
		}
		if json.Unmarshal(raw, &in) == nil && len(in.DSSEEnvelope.Payload) > 0 && !bytes.Equal(in.DSSEEnvelope.Payload, u.Payload) {
			t.Fatal("another payload")
		}
	})
}

package attest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	seedLayout = `{"_type":"layout","expires":"2027-01-01T00:00:00Z","readme":"","inspect":[],"rootcas":{},"intermediatecas":{},
"keys":{"aa":{"keyid":"aa","keytype":"ed25519","scheme":"ed25519","keyval":{"public":"00"}},"bb":{"keyid":"bb","keytype":"rsa","scheme":"rsassa-pss-sha256","keyval":{"public":"-----BEGIN"}}},
"steps":[{"_type":"step","name":"build","pubkeys":["aa","bb"],"threshold":2,"expected_command":["make"],"expected_materials":[["ALLOW","*"]],"expected_products":[["CREATE","a"],["DISALLOW","*"]]}]}`
	seedStepLink = `{"_type":"link","name":"build","command":["make"],"byproducts":{},"environment":{},
"materials":{"a.c":{"sha256":"0000000000000000000000000000000000000000000000000000000000000000"}},
"products":{"a":{"sha256":"1111111111111111111111111111111111111111111111111111111111111111"},"b":{}}}`
)

// FuzzLayout: a layout's thresholds can be met by keys that it has, each named once; a
// link's products are what it is filed under; two readings are the same, and an error
// comes alone and with a reason.
func FuzzLayout(f *testing.F) {
	for _, s := range []string{seedLayout, seedStepLink, `{"_type":"layout"}`, `{"_type":"link","name":""}`, `{"_type":"link","_type":"layout"}`, "null", ""} {
		f.Add([]byte(s))
	}
	for _, s := range []string{seedLayout, seedStepLink} {
		if _, err := FiledPayload([]byte(s)); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		layout, layoutErr := ParseLayout(raw)
		link, linkErr := ParseStepLink(raw)
		if layoutErr == nil && linkErr == nil || IsLayout(raw) && IsStepLink(raw) {
			t.Fatal("a layout and a link")
		}
		for _, err := range []error{layoutErr, linkErr} {
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error without a reason: %v", err)
			}
		}
		again, _ := ParseLayout(raw)
		linkAgain, _ := ParseStepLink(raw)
		if d := cmp.Diff(layout, again) + cmp.Diff(link, linkAgain); d != "" {
			t.Fatal("two readings differ", d)
		}
		if layoutErr != nil && (layout.Steps != nil || layout.Keys != nil) || linkErr != nil && (link.Name != "" || link.Products != nil) {
			t.Fatal("half a result with an error")
		}
		filed, err := FiledPayload(raw)
		switch {
		case layoutErr == nil:
			checkSteps(t, layout)
			if err != nil || len(filed) != 1 || filed[0] != LayoutKeyID(raw) {
				t.Fatal(filed, err)
			}
		case linkErr == nil:
			if err != nil || !slices.IsSorted(filed) || len(filed) > len(link.Products) {
				t.Fatal(filed, err)
			}
		}
	})
}

func checkSteps(t *testing.T, l Layout) {
	t.Helper()
	if len(l.Steps) == 0 || l.Expires.IsZero() {
		t.Fatalf("%+v", l)
	}
	names := map[string]bool{}
	for _, s := range l.Steps {
		keys := map[string]bool{}
		for _, k := range s.Keys {
			if _, ok := l.Keys[k]; !ok || keys[k] {
				t.Fatalf("key %q", k)
			}
			keys[k] = true
		}
		if names[s.Name] || s.Threshold < 1 || s.Threshold > len(keys) {
			t.Fatalf("%+v", s)
		}
		names[s.Name] = true
	}
}

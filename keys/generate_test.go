//go:build cgo && !nopkcs11

package keys_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/hallmark-pki/hallmark/keys"
)

func TestGenerate(t *testing.T) {
	h := newHSM(t)
	for i, c := range []struct {
		algorithm keys.Algorithm
		kind      string
	}{
		{keys.P256, "ECDSA P-256"}, {keys.P384, "ECDSA P-384"}, {keys.RSA3072, "RSA 3072"}, {keys.RSA4096, "RSA 4096"},
	} {
		path := "token=audits;object=" + string(c.algorithm)
		if i == 1 {
			path += ";id=0a10"
		}
		made, err := keys.Generate(t.Context(), h.uri(path), keys.Options{}, c.algorithm)
		if err != nil {
			t.Fatal(err)
		}
		if made.Kind != c.kind || i == 1 && made.URI != "pkcs11:token=audits;object=P-384;id=%0A%10?module-path="+h.module+"&pin-source="+h.pin {
			t.Errorf("made %+v", made)
		}
		k := openKey(t, made.URI, keys.Options{})
		signAndOpen(t, k, made.Public)
		h.wantFlags(string(c.algorithm))
	}
}

// wantFlags reads the attributes of a private key that say what it may be used for.
func (h *hsm) wantFlags(label string) {
	h.t.Helper()
	ctx := pkcs11.New(h.module) // started: a key is open
	defer ctx.Destroy()
	slots, err := ctx.GetSlotList(true)
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := ctx.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		h.t.Fatal(err)
	}
	defer ctx.CloseSession(s)
	err = ctx.FindObjectsInit(s, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label)})
	if err != nil {
		h.t.Fatal(err)
	}
	found, _, err := ctx.FindObjects(s, 2)
	if err != nil || len(found) != 1 {
		h.t.Fatalf("%d keys, %v", len(found), err)
	}
	if err := ctx.FindObjectsFinal(s); err != nil {
		h.t.Fatal(err)
	}
	for attribute, want := range map[uint]byte{
		pkcs11.CKA_PRIVATE: 1, pkcs11.CKA_SENSITIVE: 1, pkcs11.CKA_ALWAYS_SENSITIVE: 1, pkcs11.CKA_EXTRACTABLE: 0, pkcs11.CKA_NEVER_EXTRACTABLE: 1,
		pkcs11.CKA_SIGN: 1, pkcs11.CKA_DECRYPT: 0, pkcs11.CKA_UNWRAP: 0, pkcs11.CKA_DERIVE: 0,
	} {
		got, err := ctx.GetAttributeValue(s, found[0], []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)})
		if err != nil || len(got[0].Value) != 1 || got[0].Value[0] != want {
			h.t.Errorf("%s: attribute %#x is %v, want %d: %v", label, attribute, got[0].Value, want, err)
		}
	}
	if _, err := ctx.GetAttributeValue(s, found[0], []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)}); err == nil && strings.HasPrefix(label, "P-") {
		h.t.Errorf("%s: the private key can be read", label)
	}
}

func TestGenerateRefused(t *testing.T) {
	h := newHSM(t)
	h.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "taken", "--id", "01")
	for name, c := range map[string]struct {
		uri       string
		algorithm keys.Algorithm
		want      keys.Reason
		says      string
	}{
		"label taken":   {h.uri("token=audits;object=taken"), keys.P256, keys.Exists, "label taken"},
		"id taken":      {h.uri("token=audits;object=free;id=01"), keys.P256, keys.Exists, "id 01"},
		"no label":      {h.uri("token=audits;id=02"), keys.P256, keys.BadURI, "object="},
		"no token":      {h.uri("token=none;object=free"), keys.P256, keys.NoToken, ""},
		"no PIN":        {h.asking("token=audits;object=free"), keys.P256, keys.NoSecret, ""},
		"wrong PIN":     {h.asking("token=audits;object=free") + "&pin-value=4321", keys.P256, keys.WrongPIN, ""},
		"algorithm":     {h.uri("token=audits;object=free"), "RSA-1024", keys.BadKey, "P-256, P-384, RSA-3072, RSA-4096"},
		"file":          {"file:" + filepath.Join(t.TempDir(), "key.pem"), keys.P256, keys.Unsupported, ""},
		"agent":         {"ssh-agent:quill", keys.P256, keys.Unsupported, ""},
		"bad attribute": {h.uri("token=audits;objekt=free"), keys.P256, keys.BadURI, "objekt"},
	} {
		t.Run(name, func(t *testing.T) {
			made, err := keys.Generate(t.Context(), c.uri, keys.Options{}, c.algorithm)
			wantReason(t, err, c.want, c.says)
			if made.URI != "" || strings.Contains(err.Error(), "4321") {
				t.Errorf("%+v, %v", made, err)
			}
		})
	}
	if all := list(t, h.uri("token=audits")); len(all) != 1 {
		t.Errorf("there are now %+v", all)
	}
}

// Of many who make a key of one name, one does.
func TestGenerateInParallel(t *testing.T) {
	h := newHSM(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 8 {
		wg.Go(func() {
			_, err := keys.Generate(t.Context(), h.uri("token=audits;object=one"), keys.Options{}, keys.P256)
			if err != nil && !keys.Is(err, keys.Exists) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			}
		})
	}
	wg.Wait()
	if all := list(t, h.uri("token=audits")); made != 1 || len(all) != 1 {
		t.Errorf("%d were made, and there is %+v", made, all)
	}
}

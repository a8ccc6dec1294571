package attest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// messageKey hashes for itself, as a key in an ssh-agent does.
type messageKey struct {
	crypto.Signer
	digests, messages int
}

func (k *messageKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	k.digests++
	return nil, errors.New("digests are not signed here")
}

func (k *messageKey) SignMessage(random io.Reader, msg []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.messages++
	return crypto.SignMessage(k.Signer, random, msg, opts)
}

// testKeys has one key of each kind that is accepted.
func testKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{
		"ecdsa-p256": ecKey(t, elliptic.P256()), "ecdsa-p384": ecKey(t, elliptic.P384()), "rsa": rsaKey, "ed25519": edKey,
	}
}

func TestSignWithMessageSigner(t *testing.T) {
	for name, inner := range testKeys(t) {
		t.Run(name, func(t *testing.T) {
			k := &messageKey{Signer: inner}
			raw := sign(t, sample(t), k)
			if _, err := Open(raw, inner.Public()); err != nil {
				t.Fatal(err)
			}
			if k.digests != 0 || k.messages != 1 {
				t.Errorf("%d digests and %d messages were signed, want 0 and 1", k.digests, k.messages)
			}
		})
	}
}

func TestAddSignature(t *testing.T) {
	first := ecKey(t, elliptic.P256())
	raw := sign(t, sample(t), first)
	before := bytes.TrimSuffix(raw, []byte("]}"))
	for name, second := range testKeys(t) {
		t.Run(name, func(t *testing.T) {
			both, err := AddSignature(t.Context(), raw, &messageKey{Signer: second})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(both, append(bytes.Clone(before), ',')) || bytes.ContainsRune(both, '\n') {
				t.Errorf("what was there has changed:\n%s\n%s", raw, both)
			}
			o, err := Open(both, second.Public(), first.Public())
			if err != nil {
				t.Fatal(err)
			}
			idA, _ := KeyID(first.Public())
			idB, _ := KeyID(second.Public())
			if d := cmp.Diff([]string{idA, idB}, o.Signers); d != "" {
				t.Error(d)
			}
		})
	}
}

// Envelopes by others: fields in another order, white space, fields that we ignore,
// the other base64 alphabet, and strings that look like the place to write to.
func TestAddSignatureKeepsOthers(t *testing.T) {
	const foreign = `{ "signatures" : [
		{ "sig" : "A-_A", "keyid" : "]}\"signatures\":[", "cert" : "<a&b>", "extension" : { "signatures" : [ [ 1 ] ] } },
		{ "sig" : "AAAA" } ],
	"payloadType" : "signatures", "payload" : "A-_A" }`
	const want = `{"signatures":[{"sig":"A-_A","keyid":"]}\"signatures\":[","cert":"<a&b>","extension":{"signatures":[[1]]}},{"sig":"AAAA"},` +
		`NEW],"payloadType":"signatures","payload":"A-_A"}`
	k := fuzzKey()
	for _, raw := range []string{foreign, strings.Replace(foreign, `"signatures" :`, `"signature\u0073" :`, 1)} {
		out, err := AddSignature(t.Context(), []byte(raw), k)
		if err != nil {
			t.Fatal(err)
		}
		u, _, err := parseEnvelope(out)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := Sign(t.Context(), u.PayloadType, u.Payload, k)
		if err != nil {
			t.Fatal(err)
		}
		_, object, _ := strings.Cut(string(alone), `"signatures":[`)
		expected := strings.Replace(want, "NEW", strings.TrimSuffix(object, "]}"), 1)
		if got := strings.Replace(string(out), `\u0073`, "s", 1); got != expected {
			t.Error(cmp.Diff(expected, got))
		}
		if _, err := OpenPayload(out, "signatures", k.Public()); err != nil {
			t.Error(err)
		}
	}
}

// refusing fails the test when a refused request reaches the key.
type refusing struct {
	t *testing.T
	crypto.Signer
}

func (k refusing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	k.t.Error("something was signed")
	return nil, errors.New("no")
}

func TestAddSignatureRefused(t *testing.T) {
	a, b := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	good := sign(t, sample(t), a)
	idB, _ := KeyID(b.Public())
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := string(good)
	filler := `"cert":"` + strings.Repeat("x", MaxEnvelope-len(good)-200) + `","keyid"`
	cases := map[string]struct {
		raw    string
		signer crypto.Signer
		want   Reason
	}{
		"the same key":                 {text, a, AlreadySigned},
		"the same key, other hint":     {string(damage(t, good, func(e *envelope) { e.Signatures[0]["keyid"] = idB })), a, AlreadySigned},
		"the same key, no hint":        {string(damage(t, good, func(e *envelope) { delete(e.Signatures[0], "keyid") })), a, AlreadySigned},
		"the same key, r and s raw":    {string(damage(t, good, func(e *envelope) { e.Signatures[0]["sig"] = rawForm(t, e, a) })), a, AlreadySigned},
		"RSA-2048":                     {text, small, BadKey},
		"P-521":                        {text, ecKey(t, elliptic.P521()), BadKey},
		"no public key":                {text, keyless{}, BadKey},
		"sixteen are there":            {string(damage(t, good, func(e *envelope) { fill(e, MaxSignatures) })), ed, TooLarge},
		"seventeen are there":          {string(damage(t, good, func(e *envelope) { fill(e, MaxSignatures+1) })), ed, Malformed},
		"no room":                      {strings.Replace(text, `"keyid"`, filler, 1), ed, TooLarge},
		"no signature":                 {`{"payload":"AAAA","payloadType":"x","signatures":[]}`, ed, NoSignature},
		"an unknown field":             {strings.Replace(text, `"payload":`, `"x":1,"payload":`, 1), ed, UnknownField},
		"a field twice":                {strings.Replace(text, `"payload":`, `"payload":"AAAA","payload":`, 1), ed, Malformed},
		"signatures twice":             {strings.Replace(text, `"payload":`, `"signatures":[{"sig":"AAAA"}],"payload":`, 1), ed, Malformed},
		"text behind it":               {text + "x", ed, Malformed},
		"two envelopes":                {text + "\n" + text, ed, Malformed},
		"nothing":                      {"", ed, Malformed},
		"base64 with a stray line end": {strings.Replace(text, `"sig":"`, `"sig":"\n`, 1), ed, Malformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			out, err := AddSignature(t.Context(), []byte(c.raw), refusing{t, c.signer})
			wantReason(t, err, c.want)
			if out != nil {
				t.Error("a refusal gave an envelope")
			}
		})
	}
	if _, err := AddSignature(t.Context(), good, nil); !Is(err, BadKey) {
		t.Errorf("no signer: %v", err)
	}
	if _, err := AddSignature(t.Context(), good, ed); err != nil {
		t.Errorf("the good envelope and a good key: %v", err)
	}
}

func TestAddSignatureFails(t *testing.T) {
	good, k := sign(t, sample(t), ecKey(t, elliptic.P256())), ecKey(t, elliptic.P256())
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := AddSignature(gone, good, k); !Is(err, SigningFailed) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if out, err := AddSignature(t.Context(), good, failing{k}); !Is(err, SigningFailed) || !errors.Is(err, errToken) || out != nil {
		t.Errorf("a failing key gave %q, %v", out, err)
	}
}

var errToken = errors.New("token was pulled out")

type failing struct{ crypto.Signer }

func (failing) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errToken }

// keyless is what a token object without a public half looks like.
type keyless struct{ crypto.Signer }

func (keyless) Public() crypto.PublicKey { return nil }

func fill(e *envelope, n int) {
	for len(e.Signatures) < n {
		e.Signatures = append(e.Signatures, e.Signatures[0])
	}
}

// rawForm signs again in the form without DER that Open reads as well.
func rawForm(t *testing.T, e *envelope, k *ecdsa.PrivateKey) []byte {
	t.Helper()
	u, err := ParseEnvelope(mustJSON(t, e))
	if err != nil {
		t.Fatal(err)
	}
	pae := []byte("DSSEv1 " + strconv.Itoa(len(u.PayloadType)) + " " + u.PayloadType + " " + strconv.Itoa(len(u.Payload)) + " " + string(u.Payload))
	h := crypto.SHA256.New()
	h.Write(pae)
	r, s, err := ecdsa.Sign(rand.Reader, k, h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzAddSignature: whatever envelope is read, with our signature behind them its
// signatures are the same, its payload is the same, and ours verifies; a second time
// is refused.
func FuzzAddSignature(f *testing.F) {
	seeds(f, "envelopes")
	f.Fuzz(func(t *testing.T, raw []byte) {
		out, err := AddSignature(t.Context(), raw, fuzzKey())
		if err != nil {
			if out != nil {
				t.Fatal("half a result with an error")
			}
			return
		}
		u, sigs, err := parseEnvelope(raw)
		if err != nil {
			t.Fatal(err)
		}
		v, more, err := parseEnvelope(out)
		if err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		if len(more) != len(sigs)+1 || u.PayloadType != v.PayloadType || !bytes.Equal(u.Payload, v.Payload) {
			t.Fatalf("another envelope:\n%s\n%s", raw, out)
		}
		for i, s := range sigs {
			if s.keyID != more[i].keyID || !bytes.Equal(s.sig, more[i].sig) {
				t.Fatalf("signature %d has changed", i)
			}
		}
		if _, err := OpenPayload(out, v.PayloadType, fuzzKey().Public()); err != nil {
			t.Fatal(err)
		}
		if _, err := AddSignature(t.Context(), out, fuzzKey()); !Is(err, AlreadySigned) && !Is(err, TooLarge) {
			t.Fatalf("a second time: %v", err)
		}
	})
}

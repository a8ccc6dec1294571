package attest

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != want {
		t.Errorf("error %v, want reason %s", err, want)
	}
}

var digest = strings.Repeat("ab", 32)

func sample(t testing.TB) Statement {
	t.Helper()
	s, err := NewStatement([]Subject{{Name: "tool.deb", Digest: map[string]string{"sha256": digest}}},
		"https://example.com/predicate/v1", map[string]any{"answer": 42})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s Statement, k crypto.Signer) []byte {
	t.Helper()
	raw, err := SignStatement(context.Background(), s, k)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// envelope is the JSON shape, to take envelopes apart and damage them.
type envelope struct {
	Payload     string           `json:"payload"`
	PayloadType string           `json:"payloadType"`
	Signatures  []map[string]any `json:"signatures"`
}

func damage(t testing.TB, raw []byte, change func(*envelope)) []byte {
	t.Helper()
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	change(&e)
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSignAndOpen(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, k := range map[string]crypto.Signer{
		"ecdsa-p256": ecKey(t, elliptic.P256()), "ecdsa-p384": ecKey(t, elliptic.P384()), "rsa": rsaKey, "ed25519": edKey,
	} {
		t.Run(name, func(t *testing.T) {
			raw := sign(t, sample(t), k)
			o, err := Open(raw, ecKey(t, elliptic.P256()).Public(), k.Public())
			if err != nil {
				t.Fatal(err)
			}
			id, err := KeyID(k.Public())
			if err != nil {
				t.Fatal(err)
			}
			if len(o.Signers) != 1 || o.Signers[0] != id {
				t.Errorf("signers %v, want [%s]", o.Signers, id)
			}
			if !o.Statement.Covers("sha256", digest) || o.Statement.Covers("sha256", "") || o.Statement.Covers("sha512", digest) {
				t.Error("Covers is wrong about the subject")
			}
			_, err = Open(raw, ecKey(t, elliptic.P256()).Public())
			wantReason(t, err, NotVerified)
		})
	}
}

// The same signature twice, the same key twice, and a hint that lies must not make
// one signer look like two, or like another.
func TestEnvelopeRefused(t *testing.T) {
	k := ecKey(t, elliptic.P256())
	good := string(sign(t, sample(t), k))
	edit := func(old, new string) string {
		t.Helper()
		if !strings.Contains(good, old) {
			t.Fatalf("the envelope lacks %q", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	many := func(e *envelope) {
		for len(e.Signatures) <= MaxSignatures {
			e.Signatures = append(e.Signatures, e.Signatures[0])
		}
	}
	cases := map[string]struct {
		raw  string
		want Reason
	}{
		"empty":                 {"", Malformed},
		"not an object":         {`[1]`, Malformed},
		"null":                  {`null`, Malformed},
		"trailing object":       {good + `{}`, Malformed},
		"trailing text":         {good + `x`, Malformed},
		"two payloads":          {edit(`"payload":`, `"payload":"AAAA","payload":`), Malformed},
		"two payloads, escaped": {edit(`"payload":`, `"p\u0061yload":"AAAA","payload":`), Malformed},
		"two keyids":            {edit(`"keyid":`, `"keyid":"x","keyid":`), Malformed},
		"payload in capitals":   {edit(`"payload":`, `"Payload":"AAAA","payload":`), UnknownField},
		"unknown field":         {edit(`"payload":`, `"threshold":1,"payload":`), UnknownField},
		"unknown in signature":  {edit(`"keyid":`, `"alg":"none","keyid":`), UnknownField},
		"payload a number":      {`{"payload":1,"payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload empty":         {`{"payload":"","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload null":          {`{"payload":null,"payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload not base64":    {`{"payload":"AA*A","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload line break":    {`{"payload":"AA\nAA","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload unpadded":      {`{"payload":"AAA","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload stray bits":    {`{"payload":"AAB=","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"payload two alphabets": {`{"payload":"A+_A","payloadType":"x","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"no type":               {`{"payload":"AAAA","signatures":[{"sig":"AAAA"}]}`, Malformed},
		"long type":             {`{"payload":"AAAA","payloadType":"` + strings.Repeat("x", 300) + `","signatures":[{"sig":"AAAA"}]}`, TooLarge},
		"no signatures":         {`{"payload":"AAAA","payloadType":"x"}`, NoSignature},
		"empty signatures":      {`{"payload":"AAAA","payloadType":"x","signatures":[]}`, NoSignature},
		"signature a string":    {`{"payload":"AAAA","payloadType":"x","signatures":["AAAA"]}`, Malformed},
		"signature null":        {`{"payload":"AAAA","payloadType":"x","signatures":[null]}`, Malformed},
		"sig empty":             {`{"payload":"AAAA","payloadType":"x","signatures":[{"sig":""}]}`, Malformed},
		"sig long":              {`{"payload":"AAAA","payloadType":"x","signatures":[{"sig":"` + strings.Repeat("AAAA", 400) + `"}]}`, TooLarge},
		"17 signatures":         {string(damage(t, []byte(good), many)), Malformed},
		"deep":                  {edit(`"keyid":`, `"cert":`+strings.Repeat("[", MaxDepth)+strings.Repeat("]", MaxDepth)+`,"keyid":`), TooLarge},
		"large":                 {good + strings.Repeat(" ", MaxEnvelope), TooLarge},
		"invalid UTF-8":         {edit(`"keyid":"`, "\"keyid\":\"\xff"), Malformed},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnvelope([]byte(c.raw))
			wantReason(t, err, c.want)
			_, err = Open([]byte(c.raw), k.Public())
			wantReason(t, err, c.want)
		})
	}
	if _, err := Open([]byte(good), k.Public()); err != nil {
		t.Errorf("the undamaged envelope: %v", err)
	}
}

func TestOpenRefused(t *testing.T) {
	k := ecKey(t, elliptic.P256())
	good := sign(t, sample(t), k)
	ctx := context.Background()
	other, err := Sign(ctx, "application/vnd.example+json", []byte(`{"_type":1}`), k)
	if err != nil {
		t.Fatal(err)
	}
	notStatement, err := Sign(ctx, PayloadType, []byte(`{"_type":"link"}`), k)
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		raw  []byte
		want Reason
	}{
		"another payload type": {other, WrongPayload},
		"type changed after signing": {damage(t, good, func(e *envelope) {
			e.PayloadType = "application/vnd.in-toto+jsonA"
		}), WrongPayload},
		"type claimed after signing": {damage(t, other, func(e *envelope) { e.PayloadType = PayloadType }), NotVerified},
		"payload changed": {damage(t, good, func(e *envelope) {
			e.Payload = strings.Replace(e.Payload, "J", "K", 1)
		}), NotVerified},
		"signature of another": {damage(t, good, func(e *envelope) { e.Signatures[0]["sig"] = "AAAA" }), NotVerified},
		"not a statement":      {notStatement, BadStatement},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, err := Open(c.raw, k.Public())
			wantReason(t, err, c.want)
			if o.Payload != nil || o.Signers != nil {
				t.Error("a refused envelope gave content")
			}
		})
	}
	if _, err := Open(good); !Is(err, BadKey) {
		t.Errorf("without keys: %v", err)
	}
	many := make([]crypto.PublicKey, MaxKeys+1)
	if _, err := Open(good, many...); !Is(err, BadKey) {
		t.Errorf("with too many keys: %v", err)
	}
	o, err := OpenPayload(other, "application/vnd.example+json", k.Public())
	if err != nil || string(o.Payload) != `{"_type":1}` || o.Statement.Type != "" {
		t.Errorf("OpenPayload gave %q, %v", o.Payload, err)
	}
}

func TestSignRefuses(t *testing.T) {
	k, ctx := ecKey(t, elliptic.P256()), context.Background()
	if _, err := Sign(ctx, "", []byte("x"), k); !Is(err, WrongPayload) {
		t.Errorf("no type: %v", err)
	}
	if _, err := Sign(ctx, "x", nil, k); !Is(err, WrongPayload) {
		t.Errorf("no payload: %v", err)
	}
	if _, err := Sign(ctx, "x", make([]byte, MaxEnvelope), k); !Is(err, TooLarge) {
		t.Errorf("large payload: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Sign(gone, "x", []byte("x"), k); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := SignStatement(ctx, Statement{Type: StatementTypeV01}, k); !Is(err, BadStatement) {
		t.Errorf("v0.1: %v", err)
	}
}

func TestStatementRefused(t *testing.T) {
	const good = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"DIGEST"}}],` +
		`"predicateType":"https://example.com/p","predicate":{"a":1},"later":"ignored"}`
	full := strings.Replace(good, "DIGEST", digest, 1)
	if _, err := ParseStatement([]byte(full)); err != nil {
		t.Fatal(err)
	}
	subjects := `[` + strings.Repeat(`{"digest":{"sha256":"`+digest+`"}},`, MaxSubjects) + `{"digest":{"sha256":"` + digest + `"}}]`
	cases := map[string]struct{ old, new string }{
		"no type":              {`"_type":"https://in-toto.io/Statement/v1",`, ``},
		"other type":           {`Statement/v1`, `Statement/v2`},
		"type in capitals":     {`"_type"`, `"_TYPE"`},
		"no predicate type":    {`"predicateType":"https://example.com/p",`, ``},
		"predicate a string":   {`{"a":1}`, `"a"`},
		"predicate null":       {`{"a":1}`, `null`},
		"no subject":           {`"subject"`, `"subjects"`},
		"subject an object":    {`[{"name"`, `{"x":{"name"`},
		"subjects empty":       {`[{"name":"a","digest":{"sha256":"` + digest + `"}}]`, `[]`},
		"subject null":         {`[{"name":"a","digest":{"sha256":"` + digest + `"}}]`, `[null]`},
		"too many subjects":    {`[{"name":"a","digest":{"sha256":"` + digest + `"}}]`, subjects},
		"no digest":            {`"digest"`, `"digests"`},
		"digest empty":         {`{"sha256":"` + digest + `"}`, `{}`},
		"digest in capitals":   {digest, strings.ToUpper(digest)},
		"digest short":         {digest, digest[2:]},
		"digest not hex":       {digest, "xy" + digest[2:]},
		"digest value empty":   {`"sha256":"` + digest, `"other":"`},
		"digest a number":      {`"` + digest + `"`, `1`},
		"digest twice":         {`"sha256":`, `"sha256":"x","sha256":`},
		"trailing":             {`"later":"ignored"}`, `"later":"ignored"}{}`},
		"predicate key twice":  {`{"a":1}`, `{"a":1,"a":2}`},
		"name of 20 kilobytes": {`"name":"a"`, `"name":"` + strings.Repeat("a", 20<<10) + `"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			raw := strings.Replace(full, c.old, c.new, 1)
			if raw == full {
				t.Fatalf("%q is not in the statement", c.old)
			}
			if s, err := ParseStatement([]byte(raw)); err == nil {
				t.Errorf("accepted: %+v", s)
			}
		})
	}
}

// The verifier that runs before every installation links this package.

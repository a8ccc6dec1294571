package notify

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The test vector of standard-webhooks/standard-webhooks:libraries/go/webhook_test.go,
// which the other libraries there share.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func secretOf(t testing.TB, written string) []byte {
	t.Helper()
	secret, err := ParseSecret(written)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func vectorHeader() http.Header {
	h := http.Header{}
	h.Set(HeaderID, vectorID)
	h.Set(HeaderTimestamp, strconv.Itoa(vectorTime))
	h.Set(HeaderSignature, vectorSignature)
	return h
}

func TestVector(t *testing.T) {
	secret := secretOf(t, vectorSecret)
	at := time.Unix(vectorTime, 0)
	if got := Sign(secret, vectorID, at, []byte(vectorBody)); got != vectorSignature {
		t.Errorf("signature %s", got)
	}
	if err := Verify(secret, vectorHeader(), []byte(vectorBody), at); err != nil {
		t.Error(err)
	}
}

func TestVerify(t *testing.T) {
	const wrong = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
	at := time.Unix(vectorTime, 0)
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	none := func(http.Header) {}
	cases := map[string]struct {
		change func(http.Header)
		now    time.Time
		want   Reason // "" for a good one
	}{
		"good":                  {none, at, ""},
		"at the end of its day": {none, at.Add(Tolerance), ""},
		"clock behind":          {none, at.Add(-Tolerance), ""},
		"too old":               {none, at.Add(Tolerance + time.Second), TooOld},
		"too new":               {none, at.Add(-Tolerance - time.Second), TooNew},
		"among others":          {set(HeaderSignature, wrong+" v1a,AAAA v2,x "+vectorSignature+" "+wrong), at, ""},

		"no id":               {func(h http.Header) { h.Del(HeaderID) }, at, MissingHeader},
		"no timestamp":        {func(h http.Header) { h.Del(HeaderTimestamp) }, at, MissingHeader},
		"no signature":        {func(h http.Header) { h.Del(HeaderSignature) }, at, MissingHeader},
		"empty id":            {set(HeaderID, ""), at, MissingHeader},
		"two ids":             {func(h http.Header) { h.Add(HeaderID, vectorID) }, at, MissingHeader},
		"two signatures":      {func(h http.Header) { h.Add(HeaderSignature, vectorSignature) }, at, MissingHeader},
		"full stop in id":     {set(HeaderID, "msg.1"), at, BadHeader},
		"long id":             {set(HeaderID, strings.Repeat("x", maxHeaderBytes+1)), at, BadHeader},
		"many signatures":     {set(HeaderSignature, strings.Repeat("v1, ", maxSignatures)+vectorSignature), at, BadHeader},
		"timestamp in words":  {set(HeaderTimestamp, "now"), at, BadHeader},
		"timestamp with sign": {set(HeaderTimestamp, "+1614265330"), at, BadHeader},
		"timestamp with zero": {set(HeaderTimestamp, "01614265330"), at, BadHeader},
		"timestamp too large": {set(HeaderTimestamp, "99999999999999999999"), at, BadHeader},
		"other timestamp":     {set(HeaderTimestamp, "1614265331"), at, BadSignature},
		"other id":            {set(HeaderID, vectorID+"x"), at, BadSignature},
		"wrong signature":     {set(HeaderSignature, wrong), at, BadSignature},
		"other version":       {set(HeaderSignature, "v2"+vectorSignature[2:]), at, BadSignature},
		"no version":          {set(HeaderSignature, vectorSignature[3:]), at, BadSignature},
		"cut signature":       {set(HeaderSignature, vectorSignature[:len(vectorSignature)-1]), at, BadSignature},
		"empty signature":     {set(HeaderSignature, "v1,"), at, BadSignature},
		"comma between":       {set(HeaderSignature, wrong+","+vectorSignature), at, BadSignature},
	}
	secret := secretOf(t, vectorSecret)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := vectorHeader()
			c.change(h)
			requireReason(t, Verify(secret, h, []byte(vectorBody), c.now), c.want)
		})
	}
	requireReason(t, Verify(secret, vectorHeader(), []byte(vectorBody+" "), at), BadSignature)
	requireReason(t, Verify(secret, vectorHeader(), nil, at), BadSignature)
	other := slices.Clone(secret)
	other[0] ^= 1
	requireReason(t, Verify(other, vectorHeader(), []byte(vectorBody), at), BadSignature)
	for _, short := range [][]byte{nil, make([]byte, minSecretBytes-1), make([]byte, maxSecretBytes+1)} {
		if err := Verify(short, vectorHeader(), []byte(vectorBody), at); !errors.Is(err, ErrSecret) {
			t.Errorf("secret of %d bytes: %v", len(short), err)
		}
	}
}

func requireReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var refused *VerifyError
	if want == "" && err == nil || errors.As(err, &refused) && refused.Reason == want {
		return
	}
	t.Errorf("%v, want %q", err, want)
}

func TestSecrets(t *testing.T) {
	made := NewSecret()
	if secret := secretOf(t, made); len(secret) != newSecretBytes || FormatSecret(secret) != made || made == NewSecret() {
		t.Errorf("made %q", made)
	}
	good := vectorSecret
	for name, s := range map[string]string{
		"empty": "", "no prefix": good[len(secretPrefix):], "only prefix": secretPrefix, "upper case": "WHSEC_" + good[6:],
		"not base64": good[:10] + "!" + good[11:], "cut": good[:len(good)-1], "URL alphabet": secretPrefix + strings.Repeat("_", 32),
		"line end": good + "\n", "space": " " + good, "short": FormatSecret(make([]byte, minSecretBytes-1)),
		"long": FormatSecret(make([]byte, maxSecretBytes+1)), "loose bits": FormatSecret(make([]byte, 25))[:6+33] + "B==",
	} {
		_, err := ParseSecret(s)
		if !errors.Is(err, ErrSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerify: what is accepted was signed by this secret, over exactly this.
func FuzzVerify(f *testing.F) {
	secret := secretOf(f, vectorSecret)
	f.Add(vectorID, strconv.Itoa(vectorTime), vectorSignature, []byte(vectorBody))
	f.Add("msg.1", "-1", "v1, v1,", []byte(nil))
	f.Add("", "1614265330.1", strings.Repeat(" ", 100), []byte("x"))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		h := http.Header{}
		for name, value := range map[string]string{HeaderID: id, HeaderTimestamp: stamp, HeaderSignature: signature} {
			h.Set(name, value)
		}
		before := maps.Clone(h)
		err := Verify(secret, h, body, time.Unix(vectorTime, 0))
		if !maps.EqualFunc(before, h, slices.Equal) {
			t.Fatal("the header was changed")
		}
		var refused *VerifyError
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("error of another type: %v", err)
		}
		seconds, _ := strconv.ParseInt(stamp, 10, 64)
		want := Sign(secret, id, time.Unix(seconds, 0), body)
		if err == nil && !slices.Contains(strings.Fields(signature), want) {
			t.Fatalf("accepted %q, the signature is %q", signature, want)
		}
		// Signed by us and sent at once, the same is accepted if only its id is good.
		h.Set(HeaderTimestamp, strconv.Itoa(vectorTime))
		h.Set(HeaderSignature, Sign(secret, id, time.Unix(vectorTime, 0), body))
		if err := Verify(secret, h, body, time.Unix(vectorTime, 0)); (err == nil) != (id != "" && len(id) <= maxHeaderBytes && !strings.Contains(id, ".")) {
			t.Fatalf("id %q: %v", id, err)
		}
	})
}

// FuzzParseSecret: what is read is written the same way again.
func FuzzParseSecret(f *testing.F) {
	f.Add(vectorSecret)
	f.Add("whsec_")
	f.Add("whsec_AAAA\nAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, s string) {
		if secret, err := ParseSecret(s); err == nil && (FormatSecret(secret) != s || !isSecret(secret)) {
			t.Errorf("%q is read as %x", s, secret)
		}
	})
}

package notify

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store/storetest"
)

func TestCheck(t *testing.T) {
	secret := bytes.Repeat([]byte{1}, 32)
	good := Webhook{URL: "https://hooks.example.com/a?token=s3cret", Secret: secret}
	with := func(change func(*Webhook)) []Webhook { w := good; change(&w); return []Webhook{w} }
	at := func(url string) []Webhook { return with(func(w *Webhook) { w.URL = url }) }
	cases := map[string]struct {
		hooks []Webhook
		want  string // "" for a good one
	}{
		"none":         {nil, ""},
		"good":         {[]Webhook{good}, ""},
		"two":          {append(at("https://hooks.example.com/b"), good), ""},
		"this machine": {at("http://127.0.0.1:8080/"), ""}, "and by name": {at("http://localhost/"), ""}, "and IPv6": {at("http://[::1]:80/"), ""},
		"types":        {with(func(w *Webhook) { w.Types = []string{"probe.failed", "certificate.revoked"} }), ""},
		"twice":        {[]Webhook{good, good}, "the same URL twice"},
		"http":         {at("http://hooks.example.com/?token=s3cret"), "not https"},
		"http, nearly": {at("http://127.0.0.1.example.com/"), "not https"},
		"other scheme": {at("ftp://hooks.example.com/"), "not https"},
		"relative":     {at("/hook?s3cret"), "not an absolute URL"},
		"malformed":    {at("https://hooks.example.com/%zz?s3cret"), "not an absolute URL"},
		"opaque":       {at("https:hooks.example.com"), "not an absolute URL"},
		"password":     {at("https://user:s3cret@hooks.example.com/"), "user name or password"},
		"fragment":     {at("https://hooks.example.com/#s3cret"), "fragment"},
		"no secret":    {with(func(w *Webhook) { w.Secret = nil }), ErrSecret.Error()},
		"short secret": {with(func(w *Webhook) { w.Secret = secret[:minSecretBytes-1] }), ErrSecret.Error()},
		"bad previous": {with(func(w *Webhook) { w.Previous = []byte("s3cret") }), ErrSecret.Error()},
		"unknown type": {with(func(w *Webhook) { w.Types = []string{"probe.*"} }), "no events of type"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := &Sender{Store: storetest.NewMemory(), Webhooks: tc.hooks, Now: time.Now}
			err := s.Check()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("Check = %v", err)
			}
			if err == nil {
				return
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("tells the secret: %v", err)
			}
			_, flushErr := s.Flush(t.Context())
			if runErr := s.Run(t.Context(), time.Second); flushErr == nil || runErr == nil {
				t.Errorf("Flush = %v, Run = %v", flushErr, runErr)
			}
			s.Poke() // does nothing, and does not panic
		})
	}
	for _, s := range []*Sender{{Now: time.Now}, {Store: storetest.NewMemory()}} {
		if s.Check() == nil {
			t.Error("a sender without store or clock")
		}
	}
	if err := (&Sender{Store: storetest.NewMemory(), Now: time.Now}).Run(t.Context(), 0); err == nil {
		t.Error("runs without an interval")
	}
	for _, text := range []string{fmt.Sprint(good), fmt.Sprintf("%v %+v %s", good, []Webhook{good}, &good)} {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "[1 1") {
			t.Errorf("prints %s", text)
		}
	}
}

package workload

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/test/stepclient"
)

const (
	audience = "https://ca.example.com/ci/acme"
	subject  = "repo:acme/tool:ref:refs/heads/main"
)

// world is an issuer, and vendor acme's machine "build" that it vouches for.
type world struct {
	t      *testing.T
	store  storetest.Driver
	issuer *stepclient.Issuer
	v      *Verifier
	now    func() time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: storetest.NewMemory(), issuer: stepclient.NewIssuer(t), now: time.Now}
	w.v = w.verifier(outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: w.issuer.Roots})
	w.put("build", func(m *store.Machine) { m.Subject = subject })
	return w
}

func (w *world) verifier(policy outbound.Policy) *Verifier {
	w.t.Helper()
	v, err := New(Config{Store: w.store, Outbound: policy, Now: func() time.Time { return w.now() }})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) put(id string, change func(*store.Machine)) {
	w.t.Helper()
	m := store.Machine{Person: id, Vendor: "acme", Products: []string{"app"}, Issuer: w.issuer.URL, Audience: audience}
	change(&m)
	w.update(func(tx store.Tx) error {
		return errors.Join(store.Machines.Put(tx, m), store.People.Put(tx, store.Person{ID: id, Role: roleMachine, Vendor: "acme"}))
	})
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	if err := w.store.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) identify(token string) (string, error) {
	p, err := w.v.Identify(context.Background(), token)
	return p.ID, err
}

func (w *world) wantNo(name, token string, want Reason) {
	w.t.Helper()
	_, err := w.identify(token)
	var r *Refusal
	if !errors.As(err, &r) || r.Reason != want {
		w.t.Errorf("%s: %v, want %s", name, err, want)
	}
}

// A good token is taken; with one thing wrong it is refused for that.
func TestIdentify(t *testing.T) {
	w, other := newWorld(t), stepclient.NewIssuer(t)
	token := func(more stepclient.Claims) string { return w.issuer.Token(audience, subject, more) }
	if who, err := w.identify(token(nil)); err != nil || who != "build" {
		t.Fatalf("%q, %v", who, err)
	}
	if who, err := w.identify(token(stepclient.Claims{"aud": []string{"https://elsewhere.example.com", audience}})); err != nil || who != "build" {
		t.Errorf("two audiences: %q, %v", who, err)
	}
	now := time.Now()
	good := token(nil)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	for name, c := range map[string]struct {
		token string
		want  Reason
	}{
		"another subject":        {w.issuer.Token(audience, subject+"2", nil), Unknown},
		"a longer branch":        {w.issuer.Token(audience, strings.Replace(subject, "main", "main2", 1), nil), Unknown},
		"other case":             {w.issuer.Token(audience, strings.ToUpper(subject), nil), Unknown},
		"another audience":       {w.issuer.Token("https://ca.example.com/ci/beta", subject, nil), Unknown},
		"another issuer":         {other.Token(audience, subject, nil), Unknown},
		"another issuer's key":   {other.Token(audience, subject, stepclient.Claims{"iss": w.issuer.URL}), Unverified},
		"expired":                {token(stepclient.Claims{"exp": now.Add(-time.Second).Unix()}), Unverified},
		"no expiry":              {token(stepclient.Claims{"exp": nil}), Unverified},
		"not yet valid":          {token(stepclient.Claims{"nbf": now.Add(time.Hour).Unix()}), Unverified},
		"issued too long ago":    {token(stepclient.Claims{"iat": now.Add(-maxAge - time.Minute).Unix()}), TooOld},
		"issued in the future":   {token(stepclient.Claims{"iat": now.Add(2 * leeway).Unix()}), TooOld},
		"does not say when":      {token(stepclient.Claims{"iat": 0}), TooOld},
		"signature of another":   {parts[0] + "." + parts[1] + "." + strings.Split(token(nil), ".")[2], Unverified},
		"no signature":           {none, Unverified},
		"no audience":            {token(stepclient.Claims{"aud": nil}), Malformed},
		"numbers for audiences":  {token(stepclient.Claims{"aud": []int{1}}), Malformed},
		"too many audiences":     {token(stepclient.Claims{"aud": strings.Split("123456789", "")}), Malformed},
		"empty":                  {"", Malformed},
		"two parts":              {parts[0] + "." + parts[1], Malformed},
		"large":                  {good + strings.Repeat("A", maxToken), Malformed},
		"something behind":       {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"a","aud":"b"}{}`)) + "." + parts[2], Malformed},
		"a symmetric key's name": {base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2], Unverified},
	} {
		w.wantNo(name, c.token, c.want)
	}
	w.update(func(tx store.Tx) error {
		return store.People.Put(tx, store.Person{ID: "build", Role: roleMachine, Vendor: "acme", DisabledAt: now})
	})
	w.wantNo("disabled", token(nil), Disabled)
	w.update(func(tx store.Tx) error {
		return store.People.Put(tx, store.Person{ID: "build", Role: "vendor", Vendor: "acme"})
	})
	w.wantNo("a person and no machine", token(nil), Disabled)
}

// A machine may be told by claims, each with its one value.
func TestClaims(t *testing.T) {
	w := newWorld(t)
	w.put("release", func(m *store.Machine) {
		m.Claims = map[string]string{"repository": "acme/lib", "ref_protected": "true", "project_id": "12"}
	})
	claims := stepclient.Claims{"repository": "acme/lib", "ref_protected": true, "project_id": 12}
	token := func(name string, value any) string {
		more := stepclient.Claims{}
		for k, v := range claims {
			more[k] = v
		}
		if name != "" {
			more[name] = value
		}
		return w.issuer.Token(audience, "whatever", more)
	}
	if who, err := w.identify(token("", nil)); err != nil || who != "release" {
		t.Fatalf("%q, %v", who, err)
	}
	w.wantNo("another repository", token("repository", "acme/library"), Unknown)
	w.wantNo("not protected", token("ref_protected", false), Unknown)
	w.wantNo("no project", token("project_id", nil), Unknown)
	w.wantNo("a list", token("repository", []string{"acme/lib"}), Unknown)
	w.put("again", func(m *store.Machine) { m.Claims = map[string]string{"repository": "acme/lib"} })
	w.wantNo("fits two machines", token("", nil), Unknown)
}

// A token is taken as often as one run would use it, and not for ever.
func TestUses(t *testing.T) {
	w := newWorld(t)
	token := w.issuer.Token(audience, subject, nil)
	for range maxUses {
		if _, err := w.identify(token); err != nil {
			t.Fatal(err)
		}
	}
	w.wantNo("once more", token, UsedUp)
	if _, err := w.identify(w.issuer.Token(audience, subject, nil)); err != nil {
		t.Errorf("another token: %v", err)
	}
}

// A vendor that makes up tokens, with an issuer of its own, turns away its own machines and
// nobody else's; after an hour they are forgotten.
func TestUsesAreByVendor(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	flood := claims{issuer: "https://flood.example.com", issuedAt: now}
	for i := range maxUsed {
		flood.id = strconv.Itoa(i)
		if err := w.v.count(flood, "zeta", now); err != nil {
			t.Fatal(err)
		}
	}
	flood.id = "one more"
	var r *Refusal
	if err := w.v.count(flood, "zeta", now); !errors.As(err, &r) || r.Reason != UsedUp {
		t.Errorf("one more: %v", err)
	}
	if _, err := w.identify(w.issuer.Token(audience, subject, stepclient.Claims{"jti": "first"})); err != nil {
		t.Errorf("another vendor: %v", err)
	}
	flood.issuedAt = now.Add(2 * time.Hour)
	if err := w.v.count(flood, "zeta", flood.issuedAt); err != nil {
		t.Errorf("hours later: %v", err)
	}
}

// Keys are fetched when they are needed, again when they do not fit, and not for every
// token that somebody makes up; nothing is fetched for what no machine looks like.
func TestKeysAreKept(t *testing.T) {
	w := newWorld(t)
	start := time.Now()
	ahead := time.Duration(0)
	w.now = func() time.Time { return start.Add(ahead) }
	w.wantNo("unknown", w.issuer.Token(audience, "x", nil), Unknown)
	if n := w.issuer.Reads(); n != 0 {
		t.Errorf("asked %d times before anybody needed it", n)
	}
	good := func() error { _, err := w.identify(w.issuer.Token(audience, subject, nil)); return err }
	for range 3 {
		if err := good(); err != nil {
			t.Fatal(err)
		}
	}
	w.issuer.Rotate("second")
	for range 5 {
		if good() == nil {
			t.Error("a key that has not been read yet")
		}
	}
	if n := w.issuer.Reads(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	ahead = keysPause
	if err := good(); err != nil {
		t.Error(err)
	}
	if n := w.issuer.Reads(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// An issuer inside our network is not reached unless the administrator says so.
func TestOutboundRules(t *testing.T) {
	w := newWorld(t)
	w.v = w.verifier(outbound.Policy{RootCAs: w.issuer.Roots})
	w.wantNo("loopback", w.issuer.Token(audience, subject, nil), Unavailable)
	if w.issuer.Reads() != 0 {
		t.Error("the issuer was reached")
	}
}

func TestCheck(t *testing.T) {
	good := store.Machine{Issuer: "https://ci.example.com", Audience: audience, Subject: subject}
	if err := Check(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*store.Machine){
		"plain http":        func(m *store.Machine) { m.Issuer = "http://ci.example.com" },
		"user":              func(m *store.Machine) { m.Issuer = "https://a@ci.example.com" },
		"query":             func(m *store.Machine) { m.Issuer = "https://ci.example.com?x" },
		"no audience":       func(m *store.Machine) { m.Audience = "" },
		"audience blank":    func(m *store.Machine) { m.Audience = "a b" },
		"nobody":            func(m *store.Machine) { m.Subject = "" },
		"every repository":  func(m *store.Machine) { m.Subject = "repo:acme/*" },
		"every branch":      func(m *store.Machine) { m.Claims = map[string]string{"ref": "refs/heads/*"} },
		"long":              func(m *store.Machine) { m.Subject = strings.Repeat("a", MaxText+1) },
		"control":           func(m *store.Machine) { m.Subject = "a\x00" },
		"reserved claim":    func(m *store.Machine) { m.Claims = map[string]string{"aud": "x"} },
		"claim without one": func(m *store.Machine) { m.Claims = map[string]string{"repository": ""} },
	} {
		m := good
		change(&m)
		var r *Refusal
		if err := Check(m); !errors.As(err, &r) || r.Reason != BadMachine {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	jwk, _ := stepclient.PublicJWK(t, newPublicKey(t))
	for name, set := range map[string]string{
		"not JSON": "x", "none": `{"keys":[]}`, "symmetric": `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`,
		"to encrypt": `{"keys":[` + strings.Replace(string(jwk), "{", `{"use":"enc",`, 1) + `]}`,
		"short RSA":  `{"keys":[{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs","e":"AQAB"}]}`,
		"too many":   `{"keys":[` + strings.Repeat(string(jwk)+",", maxKeys) + string(jwk) + `]}`,
	} {
		if keys, err := parseKeys([]byte(set)); err == nil {
			t.Errorf("%s: %d keys", name, len(keys))
		}
	}
	if keys, err := parseKeys([]byte(`{"keys":[{"kty":"new"},` + string(jwk) + `]}`)); err != nil || len(keys) != 1 {
		t.Errorf("an unknown kind beside a good key: %d, %v", len(keys), err)
	}
}

// FuzzParse: what is read has an issuer and audiences, and fits no machine that names
// another.
func FuzzParse(f *testing.F) {
	for _, payload := range []string{`{"iss":"https://a","aud":"b","sub":"c","iat":1}`, `{"iss":"https://a","aud":["b"]}`, `[]`, `{"iss":"https://a","aud":"b","iat":1e300}`, `{"iss":1}`} {
		f.Add([]byte("e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".AA"))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parse(string(raw))
		if err != nil {
			var r *Refusal
			if !errors.As(err, &r) || r.Reason != Malformed {
				t.Fatal(err)
			}
			return
		}
		if c.issuer == "" || len(c.audiences) == 0 {
			t.Fatalf("%+v", c)
		}
		if fits(store.Machine{Issuer: c.issuer + "x", Audience: c.audiences[0], Subject: c.subject}, c) || fits(store.Machine{Issuer: c.issuer, Audience: c.audiences[0]}, c) {
			t.Fatal("fits a machine of another issuer, or one that says nothing")
		}
	})
}

// FuzzParseKeys: what is read are public keys that sign.
func FuzzParseKeys(f *testing.F) {
	jwk, _ := stepclient.PublicJWK(f, newPublicKey(f))
	set, err := json.Marshal(map[string]any{"keys": []json.RawMessage{jwk}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(set)
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if keys, err := parseKeys(raw); err == nil && (len(keys) == 0 || len(keys) > maxKeys) {
			t.Fatalf("%d keys", len(keys))
		}
	})
}

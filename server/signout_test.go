package server

import (
	"net/http"
	"testing"

	"github.com/hallmark-pki/hallmark/server/api"
)

// Whoever found a person's device, or an invitation that went astray, is out once an
// officer says so; the person comes back by a new invitation, under the same name.
func TestSignOut(t *testing.T) {
	w := newWorld(t)
	secret := func(path string) string {
		t.Helper()
		var invitation api.Invitation
		w.must("olga", "POST", path, nil, &invitation)
		return secretOf(t, invitation)
	}
	astray, anothers := secret("/v1/people/acme/invite"), secret("/v1/people/beta/invite")
	for who, want := range map[string]string{"acme": "wrong-role", "rita": "wrong-role", "": "no-identity"} {
		if got := w.do(who, "POST", "/v1/people/acme/sign-out", nil); got.problem.Code != want {
			t.Errorf("as %q: %d %s", who, got.status, got.body)
		}
	}
	if got := w.do("olga", "POST", "/v1/people/nobody/sign-out", nil); got.status != http.StatusNotFound {
		t.Errorf("nobody: %d %s", got.status, got.body)
	}
	if got := w.do("olga", "POST", "/v1/people/olga/sign-out", nil); got.problem.Code != "own-account" {
		t.Errorf("oneself: %d %s", got.status, got.body)
	}
	w.must("acme", "GET", "/v1/whoami", nil, nil)

	var out api.SignedOut
	w.must("olga", "POST", "/v1/people/acme/sign-out", nil, &out)
	if out.Person.ID != "acme" || out.Certificates != 1 || out.Invitations != 1 {
		t.Errorf("%+v", out)
	}
	if got := w.do("acme", "GET", "/v1/whoami", nil); got.problem.Code != "certificate-revoked" {
		t.Errorf("the old device: %d %s", got.status, got.body)
	}
	enroll := func(secret string) reply {
		return w.do("", "POST", "/v1/enroll", api.EnrollRequest{Token: secret, CSR: newTestCSR(t, newTestKey(t))})
	}
	if got := enroll(astray); got.problem.Code != "token-expired" {
		t.Errorf("the old invitation: %d %s", got.status, got.body)
	}
	w.must("beta", "GET", "/v1/whoami", nil, nil)
	if got := enroll(anothers); got.status != http.StatusOK {
		t.Errorf("another person's invitation: %d %s", got.status, got.body)
	}
	w.enrol("acme", secret("/v1/people/acme/invite"))
	var me api.Person
	w.must("acme", "GET", "/v1/whoami", nil, &me)
	if me.ID != "acme" {
		t.Errorf("back as %q", me.ID)
	}
	w.must("olga", "POST", "/v1/people/acme/sign-out", nil, &out)
	if out.Certificates != 1 || out.Invitations != 0 { // what was revoked is not revoked again
		t.Errorf("again: %+v", out)
	}
}

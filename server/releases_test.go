package server

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/hallmark-pki/hallmark/sign/workload"
	"github.com/hallmark-pki/hallmark/test/stepclient"
)

// colleagues gives acme two more people.
func (w *world) colleagues() {
	w.t.Helper()
	for _, who := range []string{"alice", "bob"} {
		var invitation api.Invitation
		w.must("olga", "POST", "/v1/people", api.NewPerson{ID: who, Role: api.RoleVendor, Vendor: "acme", Organization: "ACME"}, &invitation)
		w.enrol(who, secretOf(w.t, invitation))
	}
}

func (w *world) policy() api.SigningPolicy {
	return api.SigningPolicy{Product: "hello", Approvals: 1, Roles: []api.ProductRole{
		{Person: "acme", Role: "signer"}, {Person: "robot", Role: "signer"}, {Person: "acme", Role: "admin"}, {Person: "alice", Role: "approver"}, {Person: "bob", Role: "approver"},
	}}
}

// guarded puts acme's product under a policy, with a proposal and a request that wait.
func (w *world) guarded() (api.PolicyChange, api.SigningApproval) {
	w.t.Helper()
	w.colleagues()
	var change api.PolicyChange
	w.must("acme", "POST", "/v1/vendors/acme/signing-policies", w.policy(), &change)
	if change.State != "in-force" {
		w.t.Fatalf("the first policy is %s", change.State)
	}
	other := w.policy()
	other.MaxPerDay = 5
	w.must("acme", "POST", "/v1/vendors/acme/signing-policies", other, &change)
	var wanted api.SigningApproval
	w.must("acme", "POST", "/v1/approvals", api.NewApproval{SHA256: w.artifact, Format: "detached", Product: "hello"}, &wanted)
	return change, wanted
}

// A product under a policy, through the API: who may, who must agree, once.
func TestApprovalOverHTTP(t *testing.T) {
	w := newWorld(t)
	change, wanted := w.guarded()
	signature := api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello"}
	wantCode := func(who, path string, in any, status int, code string) {
		t.Helper()
		if got := w.do(who, "POST", path, in); got.status != status || got.problem.Code != code {
			t.Errorf("%s POST %s: %d %s, want %d %s", who, path, got.status, got.body, status, code)
		}
	}
	wantCode("acme", "/v1/signatures", signature, http.StatusForbidden, "approval")
	wantCode("alice", "/v1/signatures", signature, http.StatusForbidden, "role")
	wantCode("acme", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{}, http.StatusForbidden, "role")
	wantCode("alice", "/v1/policy-changes/"+change.ID+"/agree", api.NewVote{}, http.StatusOK, "")
	wantCode("bob", "/v1/policy-changes/"+change.ID+"/agree", api.NewVote{}, http.StatusUnprocessableEntity, "policy")
	wantCode("bob", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{Note: "looked at it"}, http.StatusOK, "")
	var shown api.SigningApproval
	w.must("robot", "GET", "/v1/approvals/"+wanted.ID, nil, &shown)
	if shown.State != "approved" || len(shown.Votes) != 1 || shown.Needs != 1 || shown.Challenge != "" {
		t.Errorf("%+v", shown)
	}
	w.must("robot", "POST", "/v1/signatures", signature, nil)
	wantCode("robot", "/v1/signatures", signature, http.StatusForbidden, "approval")
	var recorded api.Page[api.SignatureRecord]
	w.must("acme", "GET", "/v1/signatures", nil, &recorded)
	if last := recorded.Items[len(recorded.Items)-1]; last.Approval != wanted.ID || last.By != "robot" || len(last.LogSalt) != 32 {
		t.Errorf("%+v", last)
	}
	w.must("acme", "POST", "/v1/approvals", api.NewApproval{SHA256: w.artifact, Format: "detached", Product: "hello"}, &wanted)
	wantCode("bob", "/v1/approvals/"+wanted.ID+"/deny", api.NewVote{Note: "no"}, http.StatusOK, "")
	wantCode("bob", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{}, http.StatusForbidden, "approval")
	bad := w.policy()
	bad.ApprovalLasts = "a week"
	wantCode("acme", "/v1/vendors/acme/signing-policies", bad, http.StatusUnprocessableEntity, "invalid-field")
	bad.ApprovalLasts, bad.Zone = "", "Europe/Atlantis"
	wantCode("acme", "/v1/vendors/acme/signing-policies", bad, http.StatusUnprocessableEntity, "policy")
}

// An approval is none of the gate's: what the evidence does not show stays unsigned.
func TestApprovalIsNoEvidence(t *testing.T) {
	w := newWorld(t)
	w.guarded()
	unproven := api.NewApproval{SHA256: strings.Repeat("cd", 32), Format: "detached", Product: "hello"}
	var wanted api.SigningApproval
	w.must("acme", "POST", "/v1/approvals", unproven, &wanted)
	w.must("alice", "POST", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{}, nil)
	got := w.do("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: unproven.SHA256, Format: unproven.Format, Product: unproven.Product})
	if got.problem.Code != "gate" {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// sshKey makes a key; proof signs a text with it as OpenSSH does.
func (w *world) sshKey() (public []byte, proof func(text string) []byte) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "id")
	run := func(stdin string, args ...string) []byte {
		w.t.Helper()
		cmd := exec.Command("ssh-keygen", args...)
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			w.t.Fatalf("ssh-keygen %q: %v", args, err)
		}
		return out
	}
	run("", "-q", "-t", "ed25519", "-N", "", "-f", file)
	public, err := os.ReadFile(file + ".pub")
	if err != nil {
		w.t.Fatal(err)
	}
	return public, func(text string) []byte { return run(text, "-q", "-Y", "sign", "-n", release.SSHNamespace, "-f", file) }
}

func TestSecondFactorOverHTTP(t *testing.T) {
	w := newWorld(t)
	w.colleagues()
	policy := w.policy()
	policy.SecondFactor = "required"
	w.must("acme", "POST", "/v1/vendors/acme/signing-policies", policy, nil)
	var wanted api.SigningApproval
	w.must("acme", "POST", "/v1/approvals", api.NewApproval{SHA256: w.artifact, Format: "detached", Product: "hello"}, &wanted)
	approve := func(proof []byte) reply {
		return w.do("alice", "POST", "/v1/approvals/"+wanted.ID+"/approve", api.NewVote{Proof: proof})
	}
	if got := approve(nil); got.problem.Code != "factor" {
		t.Errorf("without: %d %s", got.status, got.body)
	}
	public, proof := w.sshKey()
	var f api.Factor
	w.must("alice", "POST", "/v1/factors", api.NewFactor{Kind: "ssh", Label: "laptop", PublicKey: public, Proof: proof(string(release.FactorChallenge("alice")))}, &f)
	w.must("alice", "GET", "/v1/approvals/"+wanted.ID, nil, &wanted)
	if got := approve(proof(wanted.Challenge)); got.problem.Code != "factor" {
		t.Errorf("not confirmed: %d %s", got.status, got.body)
	}
	w.must("olga", "POST", "/v1/factors/"+f.ID+"/confirm", nil, nil)
	if got := approve(proof(wanted.Challenge + "x")); got.problem.Code != "factor" {
		t.Errorf("another text: %d %s", got.status, got.body)
	}
	if got := approve(proof(wanted.Challenge)); got.status != http.StatusOK {
		t.Errorf("good: %d %s", got.status, got.body)
	}
	var mine, theirs api.Page[api.Factor]
	w.must("alice", "GET", "/v1/factors", nil, &mine)
	w.must("bob", "GET", "/v1/factors", nil, &theirs)
	if len(mine.Items) != 1 || len(theirs.Items) != 0 {
		t.Errorf("alice sees %d, bob %d", len(mine.Items), len(theirs.Items))
	}
	if got := w.do("bob", "POST", "/v1/factors/"+f.ID+"/revoke", nil); got.status != http.StatusNotFound {
		t.Errorf("bob revokes alice's: %d %s", got.status, got.body)
	}
}

// withToken is a request without a client certificate.
func (w *world) withToken(token, method, path string, in any) reply {
	w.t.Helper()
	raw, err := json.Marshal(in)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequest(method, w.http.URL+path, bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := w.clients[""].Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode}
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	r.body = body.Bytes()
	if r.status >= 400 {
		json.Unmarshal(r.body, &r.problem)
	}
	return r
}

// A build system with a token of its operator pushes evidence and has it signed, and does
// nothing else; it is turned away as soon as it is removed.
func TestMachineWithToken(t *testing.T) {
	w := newWorld(t)
	issuer := stepclient.NewIssuer(t)
	var err error
	w.server.Machines, err = workload.New(workload.Config{Store: w.store, Now: time.Now,
		Outbound: outbound.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, RootCAs: issuer.Roots}})
	if err != nil {
		t.Fatal(err)
	}
	const subject = "repo:acme/hello:ref:refs/heads/main"
	machine := api.NewMachine{ID: "ci-hello", Products: []string{"hello"}, Issuer: issuer.URL, Subject: subject}
	other := machine
	other.Audience = "sts.example.com"
	if got := w.do("acme", "POST", "/v1/vendors/acme/machines", other); got.problem.Field != "audience" {
		t.Errorf("a vendor names any audience: %d %s", got.status, got.body)
	}
	var added api.Machine
	w.must("acme", "POST", "/v1/vendors/acme/machines", machine, &added)
	if added.Audience != "https://ca.example.com/ci/acme" || added.Invitation != nil {
		t.Errorf("%+v", added)
	}
	again := machine
	again.ID = "ci-again"
	if got := w.do("acme", "POST", "/v1/vendors/acme/machines", again); got.problem.Code != "machine-exists" {
		t.Errorf("the same tokens twice: %d %s", got.status, got.body)
	}
	token := issuer.Token(added.Audience, subject, nil)
	digest := strings.Repeat("ef", 32)
	for _, call := range []struct {
		path string
		in   any
	}{
		{"/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance(digest)}}},
		{"/v1/signatures", api.NewSignature{SHA256: digest, Format: "detached", Product: "hello", Explain: true}},
		{"/v1/signatures", api.NewSignature{SHA256: digest, Format: "detached", Product: "hello"}},
	} {
		if got := w.withToken(token, "POST", call.path, call.in); got.status != http.StatusOK {
			t.Errorf("%s: %d %s", call.path, got.status, got.body)
		}
	}
	if got := w.withToken(token, "POST", "/v1/signatures", api.NewSignature{SHA256: digest, Format: "detached", Product: "other"}); got.problem.Code != "role" {
		t.Errorf("another product: %d %s", got.status, got.body)
	}
	for _, call := range []string{"POST /v1/certificates", "GET /v1/people", "POST /v1/vendors/acme/machines", "GET /v1/vendors/acme", "POST /v1/people"} {
		method, path, _ := strings.Cut(call, " ")
		if got := w.withToken(token, method, path, []int{}); got.problem.Code != "wrong-role" {
			t.Errorf("%s: %d %s", call, got.status, got.body)
		}
	}
	if got := w.withToken(issuer.Token("https://ca.example.com/ci/beta", subject, nil), "GET", "/v1/whoami", nil); got.status != http.StatusUnauthorized || got.problem.Code != "unknown-machine" {
		t.Errorf("a token for beta: %d %s", got.status, got.body)
	}
	w.must("acme", "POST", "/v1/vendors/acme/machines/ci-hello/remove", nil, nil)
	if got := w.withToken(token, "GET", "/v1/whoami", nil); got.status != http.StatusUnauthorized {
		t.Errorf("removed: %d %s", got.status, got.body)
	}
}

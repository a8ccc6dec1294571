package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/hallmark-pki/hallmark/store"
)

// officersAndVendors may see to a vendor's people, machines and policies; what a vendor's
// person may do of that, the vendor's own policies say.
var officersAndVendors = []string{api.RoleOfficer, api.RoleVendor}

// releaseRoutes are about who of a vendor may have what signed, and who must agree.
func (s *Server) releaseRoutes() []Route {
	return []Route{
		post("/v1/vendors/{id}/signing-policies", "propose-signing-policy", "Set a product's first signing policy, or propose another", officersAndVendors, s.proposePolicy),
		get("/v1/vendors/{id}/signing-policies", "list-signing-policies", "A vendor's signing policies", certificateReaders, s.listPolicies),
		get("/v1/vendors/{id}/policy-changes", "list-policy-changes", "What was proposed for a vendor's signing policies, and who agreed", certificateReaders, s.listPolicyChanges),
		post("/v1/policy-changes/{id}/agree", "agree-policy-change", "Agree to a proposed signing policy", officersAndVendors, s.agreePolicy),
		post("/v1/policy-changes/{id}/reject", "reject-policy-change", "End a proposal", officersAndVendors, s.rejectPolicy),

		post("/v1/approvals", "ask-approval", "Ask a product's approvers to agree to exactly one signature", signers, s.askApproval),
		get("/v1/approvals", "list-approvals", "Signatures that somebody wants, and who agreed", approvalReaders, s.listApprovals),
		get("/v1/approvals/{id}", "show-approval", "One of them", approvalReaders, s.showApproval),
		post("/v1/approvals/{id}/approve", "approve-signature", "Agree to a signature", vendors, s.approveSignature),
		post("/v1/approvals/{id}/deny", "deny-signature", "Refuse a signature, or take one's own request back", vendors, s.denySignature),

		post("/v1/factors", "add-factor", "Register a second factor of one's own; it counts once an officer has confirmed it", vendors, s.addFactor),
		get("/v1/factors", "list-factors", "One's own second factors; officers see a person's", []string{api.RoleOfficer, api.RoleReader, api.RoleVendor}, s.listFactors),
		post("/v1/factors/{part}/confirm", "confirm-factor", "Vouch that a second factor is its person's", officers, s.confirmFactor),
		post("/v1/factors/{part}/revoke", "revoke-factor", "Take a second factor out of use, for good", officersAndVendors, s.revokeFactor),

		post("/v1/vendors/{id}/machines", "add-machine", "Register a build system that may ask for signatures", officersAndVendors, s.addMachine),
		get("/v1/vendors/{id}/machines", "list-machines", "A vendor's build systems", certificateReaders, s.listMachines),
		post("/v1/vendors/{id}/machines/{part}/remove", "remove-machine", "Turn a build system away from the next request on", officersAndVendors, s.removeMachine),
	}
}

// signers ask for signatures; approvalReaders see who agreed, a vendor's own only.
var (
	signers         = []string{api.RoleVendor, api.RoleMachine}
	approvalReaders = []string{api.RoleOfficer, api.RoleReader, api.RoleVendor, api.RoleMachine}
)

type policyInput struct {
	IDPath
	Body api.SigningPolicy
}

func (s *Server) proposePolicy(ctx context.Context, in *policyInput) (*body[api.PolicyChange], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	policy, err := storedPolicy(vendor, in.Body)
	if err != nil {
		return nil, err
	}
	c, err := s.Release.Propose(ctx, caller(ctx), policy)
	if err != nil {
		return nil, err
	}
	return answer(apiPolicyChange(ctx, c)), nil
}

func storedPolicy(vendor string, p api.SigningPolicy) (store.SigningPolicy, error) {
	out := store.SigningPolicy{
		Vendor: vendor, Product: p.Product, Approvals: p.Approvals, RequesterMayApprove: p.RequesterMayApprove, ApprovalUses: p.ApprovalUses,
		SecondFactor: p.SecondFactor != "", Zone: p.Zone, MaxPerHour: p.MaxPerHour, MaxPerDay: p.MaxPerDay,
	}
	if p.ApprovalLasts != "" {
		var err error
		if out.ApprovalLasts, err = time.ParseDuration(p.ApprovalLasts); err != nil || out.ApprovalLasts <= 0 {
			return out, invalid("approval_lasts", "is no time such as 24h or 90m", "")
		}
	}
	for _, r := range p.Roles {
		out.Roles = append(out.Roles, store.ProductRole(r))
	}
	for _, w := range p.Windows {
		out.Windows = append(out.Windows, store.ReleaseWindow(w))
	}
	for _, f := range p.Freezes {
		out.Freezes = append(out.Freezes, store.ReleaseFreeze(f))
	}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, store.SigningRule(r))
	}
	return out, nil
}

func apiPolicy(p store.SigningPolicy) api.SigningPolicy {
	out := api.SigningPolicy{
		Vendor: p.Vendor, Product: p.Product, Version: p.Version, Approvals: p.Approvals, RequesterMayApprove: p.RequesterMayApprove, ApprovalUses: p.ApprovalUses,
		Zone: p.Zone, MaxPerHour: p.MaxPerHour, MaxPerDay: p.MaxPerDay, ChangedAt: p.ChangedAt, ChangedBy: p.ChangedBy, AgreedBy: p.AgreedBy, SHA256: p.SHA256, LogSalt: p.LogSalt,
	}
	if p.SecondFactor {
		out.SecondFactor = "required"
	}
	if p.ApprovalLasts > 0 {
		out.ApprovalLasts = p.ApprovalLasts.String()
	}
	for _, r := range p.Roles {
		out.Roles = append(out.Roles, api.ProductRole(r))
	}
	for _, w := range p.Windows {
		out.Windows = append(out.Windows, api.ReleaseWindow(w))
	}
	for _, f := range p.Freezes {
		out.Freezes = append(out.Freezes, api.ReleaseFreeze(f))
	}
	for _, r := range p.Rules {
		out.Rules = append(out.Rules, api.SigningRule(r))
	}
	return out
}

func (s *Server) listPolicies(ctx context.Context, in *vendorPage) (*body[api.Page[api.SigningPolicy]], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.SigningPolicy] {
		return store.SigningPolicies.ByAfter(r, "vendor", vendor, in.After)
	},
		func(p store.SigningPolicy) (string, api.SigningPolicy) {
			return store.ProductKey(p.Vendor, p.Product), apiPolicy(p)
		})
}

func (s *Server) listPolicyChanges(ctx context.Context, in *vendorPage) (*body[api.Page[api.PolicyChange]], error) {
	vendor, err := ownVendor(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return list(ctx, s.Store, func(r store.Reader) seq[store.PolicyChange] {
		return store.PolicyChanges.ByAfter(r, "vendor", vendor, in.After)
	},
		func(c store.PolicyChange) (string, api.PolicyChange) { return c.ID, apiPolicyChange(ctx, c) })
}

type voteInput struct {
	RequestPath
	Body api.NewVote
}

func (s *Server) agreePolicy(ctx context.Context, in *voteInput) (*body[api.PolicyChange], error) {
	c, err := s.Release.Agree(ctx, caller(ctx), in.ID, in.Body.Proof)
	if err != nil {
		return nil, missing(err, "proposal", in.ID)
	}
	return answer(apiPolicyChange(ctx, c)), nil
}

func (s *Server) rejectPolicy(ctx context.Context, in *RequestPath) (*body[api.PolicyChange], error) {
	c, err := s.Release.Reject(ctx, caller(ctx), in.ID)
	if err != nil {
		return nil, missing(err, "proposal", in.ID)
	}
	return answer(apiPolicyChange(ctx, c)), nil
}

func apiPolicyChange(ctx context.Context, c store.PolicyChange) api.PolicyChange {
	out := api.PolicyChange{
		ID: c.ID, State: c.State, Vendor: c.Vendor, Product: c.Product, Policy: apiPolicy(c.Policy), Replaces: c.Replaces, At: c.At, By: c.By, Votes: apiVotes(c.Votes), DoneAt: c.DoneAt,
	}
	out.Policy.SHA256 = c.SHA256
	if c.State == store.ChangeProposed {
		out.Challenge = string(release.PolicyChallenge(c, caller(ctx).ID))
	}
	return out
}

func apiVotes(votes []store.Vote) []api.Vote {
	out := []api.Vote{}
	for _, v := range votes {
		out = append(out, api.Vote(v))
	}
	return out
}

func (s *Server) askApproval(ctx context.Context, in *body[api.NewApproval]) (*body[api.SigningApproval], error) {
	digest, err := parseDigest(in.Body.SHA256)
	if err != nil {
		return nil, err
	}
	request := sign.Request{
		Vendor: caller(ctx).Vendor, By: caller(ctx).ID, Digest: digest, Format: in.Body.Format, Product: in.Body.Product,
		Certificate: in.Body.Certificate, PerBuild: in.Body.PerBuild, Mode: sign.Mode(in.Body.Mode), Claims: wantedClaims(in.Body.Claims),
	}
	if in.Body.Signed != "" {
		if request.Signed, err = parseDigest(in.Body.Signed); err != nil {
			return nil, err
		}
	}
	a, err := s.Release.Ask(ctx, request, in.Body.Note)
	if err != nil {
		return nil, err
	}
	return s.approvalAnswer(ctx, a)
}

type approvalsInput struct {
	PageQuery
	Vendor  string `query:"vendor" maxLength:"63"`
	Product string `query:"product" maxLength:"200"`
	State   string `query:"state" enum:"pending,approved,denied,used,expired,obsolete"`
}

func (s *Server) listApprovals(ctx context.Context, in *approvalsInput) (*body[api.Page[api.SigningApproval]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	records := func(r store.Reader) seq[store.SigningApproval] {
		if vendor != "" {
			return store.SigningApprovals.ByAfter(r, "vendor", vendor, in.After)
		}
		return store.SigningApprovals.All(r, in.After)
	}
	keep := func(a store.SigningApproval) bool {
		return (in.Product == "" || a.Product == in.Product) && (in.State == "" || release.StateOf(a, s.Now()) == in.State)
	}
	return listWhere(ctx, s.Store, records, keep, func(a store.SigningApproval) (string, api.SigningApproval) {
		return a.ID, s.apiApproval(ctx, a, store.SigningPolicy{})
	})
}

func (s *Server) showApproval(ctx context.Context, in *RequestPath) (*body[api.SigningApproval], error) {
	var rec store.SigningApproval
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		rec, err = store.SigningApprovals.Get(r, in.ID)
		return missing(err, "request", in.ID)
	})
	if err != nil {
		return nil, err
	}
	if vendor, err := ownVendor(ctx, rec.Vendor); err != nil || vendor != rec.Vendor {
		return nil, notFound("request", in.ID)
	}
	return s.approvalAnswer(ctx, rec)
}

func (s *Server) approveSignature(ctx context.Context, in *voteInput) (*body[api.SigningApproval], error) {
	a, err := s.Release.Approve(ctx, caller(ctx), in.ID, in.Body.Note, in.Body.Proof)
	if err != nil {
		return nil, missing(err, "request", in.ID)
	}
	return s.approvalAnswer(ctx, a)
}

func (s *Server) denySignature(ctx context.Context, in *voteInput) (*body[api.SigningApproval], error) {
	a, err := s.Release.Deny(ctx, caller(ctx), in.ID, in.Body.Note)
	if err != nil {
		return nil, missing(err, "request", in.ID)
	}
	return s.approvalAnswer(ctx, a)
}

// approvalAnswer adds what the policy asks for now.
func (s *Server) approvalAnswer(ctx context.Context, a store.SigningApproval) (*body[api.SigningApproval], error) {
	var policy store.SigningPolicy
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		policy, err = store.SigningPolicies.Get(r, store.ProductKey(a.Vendor, a.Product))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return answer(s.apiApproval(ctx, a, policy)), nil
}

func (s *Server) apiApproval(ctx context.Context, a store.SigningApproval, p store.SigningPolicy) api.SigningApproval {
	out := api.SigningApproval{
		ID: a.ID, State: release.StateOf(a, s.Now()), Vendor: a.Vendor, Product: a.Product, SHA256: a.SHA256, Format: a.Format, Mode: a.Mode,
		Certificate: a.Certificate, PerBuild: a.PerBuild, Signed: a.Signed, Covers: a.Covers, Note: a.Note, At: a.At, By: a.By, ExpiresAt: a.ExpiresAt,
		Votes: apiVotes(a.Votes), Needs: p.Approvals, SecondFactor: p.SecondFactor, DeniedBy: a.DeniedBy, Reason: a.Reason, MaxUses: a.MaxUses,
		Uses: a.Uses, LogSalt: a.LogSalt,
	}
	for _, c := range a.Claims {
		out.Claims = append(out.Claims, api.Claim{Framework: c.Framework, Track: c.Track, Level: c.Level})
	}
	if slices.Contains([]string{store.ApprovalPending, store.ApprovalGiven}, out.State) && caller(ctx).Role == api.RoleVendor {
		out.Challenge = string(release.Challenge(a, caller(ctx).ID))
	}
	return out
}

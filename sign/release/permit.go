package release

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// Permit implements sign.Release.
func (s *Service) Permit(r store.Reader, req sign.Request, serial string, now time.Time) error {
	p, ok, err := s.rules(r, req, now)
	if err != nil || !ok {
		return err
	}
	if p.MaxPerHour > 0 || p.MaxPerDay > 0 {
		c, err := countOf(r, p)
		if err != nil {
			return err
		}
		if err := fits(p, c, now); err != nil {
			return err
		}
	}
	if p.Approvals == 0 {
		return nil
	}
	_, err = usable(r, p, cover(req, serial), now)
	return err
}

// Use implements sign.Release.
func (s *Service) Use(tx store.Tx, req sign.Request, signature store.Signature) (approval string, err error) {
	p, ok, err := s.rules(tx, req, signature.At)
	if err != nil || !ok {
		return "", err
	}
	if p.MaxPerHour > 0 || p.MaxPerDay > 0 {
		if err := count(tx, p, signature.At); err != nil {
			return "", err
		}
	}
	if p.Approvals == 0 {
		return "", nil
	}
	serial := signature.Serial
	if req.PerBuild {
		serial = ""
	}
	a, err := usable(tx, p, cover(req, serial), signature.At)
	if err != nil {
		return "", err
	}
	if a.Uses = append(a.Uses, signature.ID); len(a.Uses) >= uses(p, a) {
		a.State = store.ApprovalUsed
	}
	return a.ID, store.SigningApprovals.Put(tx, a)
}

// rules holds a request against what a policy says of people and times; ok is false where
// there is no policy, and nothing more to ask.
func (s *Service) rules(r store.Reader, req sign.Request, now time.Time) (p store.SigningPolicy, ok bool, err error) {
	p, err = s.policies.Get(r, store.SigningPolicies, store.ProductKey(req.Vendor, req.Product))
	if ok = err == nil; err != nil && !errors.Is(err, store.ErrNotFound) {
		return p, false, err
	}
	if err := s.maySign(r, p, ok, req); err != nil {
		return p, false, err
	}
	if !ok {
		return p, false, nil
	}
	return p, true, open(p, now)
}

// maySign says whether somebody may ask for signatures of a product.
func (s *Service) maySign(r store.Reader, p store.SigningPolicy, isPolicy bool, req sign.Request) error {
	who, err := s.people.Get(r, store.People, req.By)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err != nil || !mayAct(who, req.Vendor) {
		return refuse(sign.CodeRole, "", "%s may not act for vendor %s", req.By, req.Vendor)
	}
	if who.Role == roleMachine {
		m, err := s.machines.Get(r, store.Machines, who.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || !slices.Contains(m.Products, req.Product) {
			return refuse(sign.CodeRole, "a person of the vendor registers it for the product: hallmark ci add", "%s is not registered for product %q", req.By, req.Product)
		}
	}
	if isPolicy && !has(p, req.By, store.ProductSigner) {
		return refuse(sign.CodeRole, "an admin of the product gives the role: hallmark sign policy set", "%s is no signer of product %q", req.By, req.Product)
	}
	return nil
}

// cover is what an approval is for, in one digest: everything that decides which bytes
// are signed with which certificate.
func cover(req sign.Request, serial string) string {
	parts := []string{
		"hallmark approval v1", req.Vendor, req.Product, hex.EncodeToString(req.Digest[:]), req.Format, modeOf(req), serial, fmt.Sprint(req.PerBuild), signedOf(req),
	}
	for _, c := range claimsOf(req) {
		parts = append(parts, fmt.Sprintf("%q %q %d", c.Framework, c.Track, c.Level))
	}
	text, err := json.Marshal(parts) // strings with lengths made plain by quotes
	if err != nil {
		panic("release: strings do not encode: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// claimsOf are the claims of a certificate for one build, in one order.
func claimsOf(req sign.Request) (out []store.RequestClaim) {
	for _, c := range req.Claims {
		out = append(out, store.RequestClaim{Framework: c.Framework, Track: c.Track, Level: c.Level})
	}
	slices.SortFunc(out, func(a, b store.RequestClaim) int {
		return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.Track, b.Track), cmp.Compare(a.Level, b.Level))
	})
	return out
}

// modeOf is how a request wants to be signed; "" is strict.
func modeOf(req sign.Request) string { return string(req.Mode) }

// signedOf is what the signature is over where that is not the artifact's SHA-256; how it
// was taken follows from the format.
func signedOf(req sign.Request) string {
	if req.Signed == ([32]byte{}) {
		return ""
	}
	return hex.EncodeToString(req.Signed[:])
}

func uses(p store.SigningPolicy, a store.SigningApproval) int {
	return max(1, min(a.MaxUses, max(1, p.ApprovalUses)))
}

// usable finds an approval that covers a signature and has enough votes.
func usable(r store.Reader, p store.SigningPolicy, covers string, now time.Time) (store.SigningApproval, error) {
	detail := "nobody has asked for approval of exactly this digest, product, format and certificate"
	hint := "hallmark sign request asks for it"
	var found store.SigningApproval
	for a, err := range store.SigningApprovals.By(r, "open", covers) {
		if err != nil {
			return found, err
		}
		if now.After(a.ExpiresAt) || len(a.Uses) >= uses(p, a) {
			continue
		}
		n, err := countVotes(r, p, a)
		if err != nil {
			return found, err
		}
		if n >= p.Approvals {
			return a, nil
		}
		detail, hint = fmt.Sprintf("request %s has %d of the %d approvals it needs", a.ID, n, p.Approvals), "approvers of the product answer it: hallmark sign approve "+a.ID
	}
	return found, refuse(sign.CodeApproval, hint, "%s", detail)
}

// countVotes counts whose word counts, under a policy, at this moment.
func countVotes(r store.Reader, p store.SigningPolicy, a store.SigningApproval) (int, error) {
	counted := map[string]bool{}
	for _, v := range a.Votes {
		if v.By == a.By && !p.RequesterMayApprove || !has(p, v.By, store.ProductApprover) {
			continue
		}
		ok, err := stands(r, p, v, a.Vendor)
		if err != nil {
			return 0, err
		}
		if ok {
			counted[v.By] = true
		}
	}
	return len(counted), nil
}

// stands reports whether a vote was given by a person of the vendor who is still there,
// with a second factor that is still good where one is wanted.
func stands(r store.Reader, p store.SigningPolicy, v store.Vote, vendor string) (bool, error) {
	who, ok, err := active(r, v.By, vendor)
	if err != nil || !ok || who.Role != roleVendor {
		return false, err
	}
	if !p.SecondFactor {
		return true, nil
	}
	return factorStands(r, v)
}

package release

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// complete fills in what a policy leaves open.
func complete(p store.SigningPolicy) store.SigningPolicy {
	if p.Approvals > 0 && p.ApprovalLasts == 0 {
		p.ApprovalLasts = defaultLasts
	}
	if p.Approvals > 0 && p.ApprovalUses == 0 {
		p.ApprovalUses = 1
	}
	return p
}

// check refuses a policy that cannot be meant, or that nobody could ever satisfy or
// change.
func (s *Service) check(r store.Reader, p store.SigningPolicy) error {
	if err := cmpFirst(
		func() error { return checkForm(p) },
		func() error { return checkTimes(p) },
		func() error { return s.checkRules(p) },
	); err != nil {
		return err
	}
	return checkPeople(r, p)
}

func cmpFirst(checks ...func() error) error {
	for _, c := range checks {
		if err := c(); err != nil {
			return err
		}
	}
	return nil
}

// wrong is a refusal about one field of a policy.
func wrong(field, format string, args ...any) *sign.Refusal {
	r := refuse(sign.CodePolicy, "", format, args...)
	r.Field = field
	return r
}

func checkForm(p store.SigningPolicy) error {
	switch {
	case p.Product == "" || len(p.Product) > maxProduct || !isText(p.Product):
		return wrong("product", "is missing, longer than %d bytes or no text", maxProduct)
	case len(p.Roles) > maxRoles:
		return wrong("roles", "%d, at most %d", len(p.Roles), maxRoles)
	case p.Approvals < 0 || p.Approvals > maxApprovals:
		return wrong("approvals", "must be from 0 to %d", maxApprovals)
	case p.Approvals == 0 && (p.SecondFactor || p.RequesterMayApprove || p.ApprovalLasts != 0 || p.ApprovalUses != 0):
		return wrong("approvals", "is 0, and something is said about approvals")
	case p.Approvals > 0 && (p.ApprovalLasts < minLasts || p.ApprovalLasts > maxLasts):
		return wrong("approval_lasts", "must be from %s to %s", minLasts, maxLasts)
	case p.Approvals > 0 && (p.ApprovalUses < 1 || p.ApprovalUses > maxUses):
		return wrong("approval_uses", "must be from 1 to %d", maxUses)
	case p.MaxPerHour < 0 || p.MaxPerHour > maxLimit:
		return wrong("max_per_hour", "must be from 0 to %d", maxLimit)
	case p.MaxPerDay < 0 || p.MaxPerDay > maxLimit:
		return wrong("max_per_day", "must be from 0 to %d", maxLimit)
	}
	return nil
}

func isText(s string) bool { return utf8.ValidString(s) && !containsControl(s) }

func containsControl(s string) bool { return slices.ContainsFunc([]rune(s), unicode.IsControl) }

// checkTimes checks windows and freezes.
func checkTimes(p store.SigningPolicy) error {
	if _, err := zoneOf(p.Zone); err != nil {
		return wrong("zone", "%q is no time zone that this server knows", p.Zone)
	}
	if len(p.Windows) > maxWindows || len(p.Freezes) > maxFreezes {
		return wrong("windows", "%d windows and %d freezes, at most %d and %d", len(p.Windows), len(p.Freezes), maxWindows, maxFreezes)
	}
	for i, w := range p.Windows {
		field := fmt.Sprintf("windows[%d]", i)
		if len(w.Days) == 0 || len(w.Days) > len(weekdays) || slices.ContainsFunc(w.Days, func(d string) bool { return !slices.Contains(weekdays, d) }) {
			return wrong(field, "days are mon, tue, wed, thu, fri, sat and sun, one at least")
		}
		if !isClock(w.From) || w.Until != "24:00" && !isClock(w.Until) || w.From >= w.Until {
			return wrong(field, "%s to %s is no time of a day, such as 09:00 to 17:30; a night is two windows", w.From, w.Until)
		}
	}
	for i, f := range p.Freezes {
		if !isDay(f.From) || !isDay(f.Until) || f.From > f.Until || len(f.Reason) > maxReason || !isText(f.Reason) {
			return wrong(fmt.Sprintf("freezes[%d]", i), "from and until are days such as 2026-12-24, in order, and the reason is at most %d bytes", maxReason)
		}
	}
	return nil
}

// isClock and isDay insist on the one spelling, since they are compared as text.
func isClock(s string) bool {
	t, err := time.Parse(clock, s)
	return err == nil && t.Format(clock) == s
}

func isDay(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Format(time.DateOnly) == s
}

func (s *Service) checkRules(p store.SigningPolicy) error {
	if len(p.Rules) > maxRules {
		return wrong("rules", "%d, at most %d", len(p.Rules), maxRules)
	}
	seen := map[string]bool{}
	for i, rule := range p.Rules {
		field := fmt.Sprintf("rules[%d]", i)
		switch {
		case rule.Name == "" || len(rule.Name) > maxRuleName || !isText(rule.Name) || seen[rule.Name]:
			return wrong(field, "wants a name of its own of at most %d bytes", maxRuleName)
		case rule.CEL == "" || len(rule.CEL) > maxCEL:
			return wrong(field, "wants an expression of at most %d bytes", maxCEL)
		case s.c.Rules == nil:
			return wrong(field, "this server evaluates no rules")
		}
		seen[rule.Name] = true
		if err := s.c.Rules.Check(rule.CEL); err != nil {
			return wrong(field, "%v", err)
		}
	}
	return nil
}

// checkPeople checks that everybody named can do what they are named for, and that there
// are enough of them: a product that nobody can sign, or whose policy nobody can change,
// would be a mistake that only officers could undo.
func checkPeople(r store.Reader, p store.SigningPolicy) error {
	seen := map[store.ProductRole]bool{}
	for i, role := range p.Roles {
		field := fmt.Sprintf("roles[%d]", i)
		who, ok, err := active(r, role.Person, p.Vendor)
		switch {
		case err != nil:
			return err
		case !ok:
			return wrong(field, "vendor %s has no %s who may act for it", p.Vendor, role.Person)
		case role.Role != store.ProductSigner && role.Role != store.ProductApprover && role.Role != store.ProductAdmin:
			return wrong(field, "%q is not signer, approver or admin", role.Role)
		case who.Role == roleMachine && role.Role != store.ProductSigner:
			return wrong(field, "%s is a machine, which can be signer only", role.Person)
		case seen[role]:
			return wrong(field, "%s is %s twice", role.Person, role.Role)
		}
		seen[role] = true
	}
	return checkEnough(p)
}

func checkEnough(p store.SigningPolicy) error {
	signers, approvers, admins := holders(p, store.ProductSigner), holders(p, store.ProductApprover), holders(p, store.ProductAdmin)
	if p.Approvals > 0 && len(p.Roles) == 0 {
		return wrong("roles", "approvals need approvers, by name")
	}
	if len(p.Roles) == 0 {
		return nil
	}
	if len(signers) == 0 || len(admins) == 0 {
		return wrong("roles", "with any role given, one signer and one admin are needed at least")
	}
	if !slices.ContainsFunc(signers, func(who string) bool { return len(without(approvers, who, p)) >= p.Approvals }) {
		return wrong("roles", "%d approvers for %d approvals: no signer could get them", len(approvers), p.Approvals)
	}
	voters := slices.Compact(slices.Sorted(slices.Values(slices.Concat(approvers, admins))))
	if !slices.ContainsFunc(admins, func(who string) bool { return len(without(voters, who, p)) >= quorum(p) }) {
		return wrong("roles", "%d people are approvers or admins: no admin could get %d of them to agree to another policy", len(voters), quorum(p))
	}
	return nil
}

func holders(p store.SigningPolicy, role string) (out []string) {
	for _, r := range p.Roles {
		if r.Role == role {
			out = append(out, r.Person)
		}
	}
	return out
}

// without leaves out who asks, where who asks may not agree.
func without(people []string, who string, p store.SigningPolicy) []string {
	if p.Approvals == 0 || p.RequesterMayApprove {
		return people
	}
	return slices.DeleteFunc(slices.Clone(people), func(x string) bool { return x == who })
}

// quorum is how many must agree to replace a policy.
func quorum(p store.SigningPolicy) int { return max(1, p.Approvals) }

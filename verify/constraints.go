package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// checkConstraints adds to the name constraints that crypto/x509 has found to hold, RFC 5280
// §4.2.1.10, what it leaves out. It never permits what the library does not.
func checkConstraints(chain []*x509.Certificate) error {
	for i := len(chain) - 1; i > 0; i-- {
		ca := chain[i]
		isLax := slices.ContainsFunc(ca.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidNameConstraints) && !e.Critical })
		if isLax {
			// The library refuses forms of names that it does not compare only where the
			// extension is critical, as it must be.
			return because(NameConstraint, "%q: name constraints are not critical", ca.Subject)
		}
		for _, c := range chain[:i] {
			if err := checkNames(ca, c); err != nil {
				return because(NameConstraint, "%q below %q: %v", c.Subject, ca.Subject, err)
			}
		}
	}
	return nil
}

// checkNames: the library takes a host for its whole domain, where the RFC has a period
// in front say so, and does not look for e-mail addresses in the subject.
func checkNames(ca, c *x509.Certificate) error {
	if len(ca.PermittedEmailAddresses)+len(ca.ExcludedEmailAddresses) > 0 {
		if slices.ContainsFunc(c.Subject.Names, func(n pkix.AttributeTypeAndValue) bool { return n.Type.Equal(oidEmailAddress) }) {
			return errors.New("e-mail addresses are constrained, and its subject has one")
		}
	}
	for _, address := range c.EmailAddresses {
		_, host, _ := strings.Cut(address, "@")
		if !isPermitted(host, ca.PermittedEmailAddresses) && !slices.Contains(ca.PermittedEmailAddresses, address) {
			return fmt.Errorf("e-mail address %.64q is not permitted", address)
		}
	}
	for _, u := range c.URIs {
		if !isPermitted(u.Hostname(), ca.PermittedURIDomains) {
			return fmt.Errorf("URI %.64q is not permitted", u)
		}
	}
	return nil
}

func isPermitted(host string, permitted []string) bool {
	return len(permitted) == 0 || slices.ContainsFunc(permitted, func(p string) bool {
		if strings.HasPrefix(p, ".") {
			return strings.HasSuffix(strings.ToLower(host), strings.ToLower(p))
		}
		return strings.EqualFold(host, p)
	})
}

// checkMappings refuses CAs that declare policies to be the same: what a mark's policy
// would then mean is not what it says. RFC 5280 §4.2.1.5.
func checkMappings(issuers []*x509.Certificate) error {
	i := slices.IndexFunc(issuers, func(c *x509.Certificate) bool { return len(c.PolicyMappings) > 0 })
	if i >= 0 {
		return because(TierCeiling, "%q maps policies", issuers[i].Subject)
	}
	return nil
}

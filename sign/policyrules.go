package sign

import (
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// policyRules compiles the rules that stand in the product's signing policy, which its
// people have agreed on. One that cannot be compiled any more refuses every build of the
// product rather than none: the error is not a refusal of anything the caller sent.
func (s *Service) policyRules(r store.Reader, vendor, product string) ([]gate.CustomRule, error) {
	p, err := s.records.policies.Get(r, store.SigningPolicies, store.ProductKey(vendor, product))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []gate.CustomRule
	for _, rule := range p.Rules {
		compiled, err := s.compiler.Compile(gate.RuleText{Name: rule.Name, CEL: rule.CEL})
		if err != nil {
			return nil, fmt.Errorf("signing policy of %s: %v", quote(product), err)
		}
		out = append(out, compiled)
	}
	return out, nil
}

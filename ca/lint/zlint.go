package lint

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hallmark-pki/hallmark/ext"
	zasn1 "github.com/zmap/zcrypto/encoding/asn1"
	zx509 "github.com/zmap/zcrypto/x509"
	_ "github.com/zmap/zlint/v3" // registers the rules
	"github.com/zmap/zlint/v3/lint"
	"github.com/zmap/zlint/v3/util"
)

// allowedFindings are zlint findings that stand, by rule name, each with the reason.
// There are none: what we make passes everything that is asked.
var allowedFindings = map[string]string{}

// runZlint applies zlint's rules to the certificate as zcrypto reads it, once.
func (l *Linter) runZlint(c *Certificate, report func(Result)) {
	if c.zcrypto == nil {
		return // readable has said so
	}
	for i := range l.general {
		l.runOne(&l.general[i], c.zcrypto, false, report)
	}
	subject := c.zcrypto
	if c.Kind == KindLeaf {
		subject = twin(subject)
	}
	asserts := util.IsCodeSigning(subject.PolicyIdentifiers) // for all of them, because it spells policies out
	for i := range l.codeSigning {
		l.runOne(&l.codeSigning[i], subject, asserts, report)
	}
}

// runOne applies a rule; asserts as for execute.
func (l *Linter) runOne(rule *zlintRule, c *zx509.Certificate, asserts bool, report func(Result)) {
	r := rule.execute(c, asserts, l.config)
	status := statusOf(r.Status)
	if status >= Warning && allowedFindings[rule.Name] != "" {
		status = Pass
	}
	report(Result{rule.Name, status, r.Details, rule.Citation, Source(rule.Source)})
}

// zlintRule is one of zlint's with what need not be found out for each certificate.
type zlintRule struct {
	*lint.CertificateLint
	plain lint.CertificateLintInterface // the rule itself, where it has neither state nor configuration; else nil
}

// newZlintRules looks at the rules once.
func newZlintRules(all []*lint.CertificateLint) []zlintRule {
	rules := make([]zlintRule, len(all))
	for i, r := range all {
		rules[i].CertificateLint = r
		one := r.Lint()
		_, configurable := one.(lint.Configurable)
		if t := reflect.TypeOf(one); !configurable && t.Kind() == reflect.Pointer && t.Elem().Size() == 0 && filtered(r) {
			rules[i].plain = one
		}
	}
	return rules
}

// filtered reports whether execute knows what the framework's own filter does with a rule:
// TLS servers' and mail's are kept from others.
func filtered(r *lint.CertificateLint) bool {
	return r.Source != lint.CABFBaselineRequirements && r.Source != lint.CABFSMIMEBaselineRequirements
}

// execute does what CertificateLint.Execute does, in its order. asserts is whether the
// certificate asserts one of the code-signing policies: without, their rules are kept from it.
func (r *zlintRule) execute(c *zx509.Certificate, asserts bool, config lint.Configuration) (result *lint.LintResult) {
	if r.plain == nil {
		return r.Execute(c, config)
	}
	defer func() {
		if err := recover(); err != nil {
			result = &lint.LintResult{Status: lint.Fatal, Details: fmt.Sprintf("'%s' panicked. Error: %v", r.Name, err)}
		}
	}()
	switch {
	case r.Source == lint.CABFCSBaselineRequirements && !asserts && !r.OverrideFrameworkFilter, !r.plain.CheckApplies(c):
		return &notApplicable
	case !r.CheckEffective(c):
		return &notInForce
	}
	return r.plain.Execute(c)
}

// Nobody writes to these.
var (
	notApplicable = lint.LintResult{Status: lint.NA}
	notInForce    = lint.LintResult{Status: lint.NE}
)

// twin is the certificate with the CA/Browser Forum's policy asserted. It stands first
// because every code-signing rule looks for it, and spells each policy out on the way.
// The parsed form is enough: no code-signing rule reads the policies' bytes, and a test
// compares with a twin that was encoded and read again.
func twin(c *zx509.Certificate) *zx509.Certificate {
	t := *c
	t.PolicyIdentifiers = slices.Concat([]zasn1.ObjectIdentifier{zasn1.ObjectIdentifier(ext.CodeSigningBaselinePolicy())}, c.PolicyIdentifiers)
	return &t
}

// statusOf maps zlint's statuses. A notice is a remark that demands nothing; fatal says
// that the rule itself could not cope, which proves nothing in the certificate's favour.
func statusOf(s lint.LintStatus) Status {
	switch s {
	case lint.NA:
		return NotApplicable
	case lint.NE:
		return NotInForce
	case lint.Pass, lint.Notice:
		return Pass
	case lint.Warn:
		return Warning
	}
	return Error
}

package lint

import (
	"slices"

	"github.com/hallmark-pki/hallmark/ext"
	zasn1 "github.com/zmap/zcrypto/encoding/asn1"
	zx509 "github.com/zmap/zcrypto/x509"
	_ "github.com/zmap/zlint/v3" // registers the rules
	"github.com/zmap/zlint/v3/lint"
)

// allowedFindings are zlint findings that stand, by rule name, each with the reason.
// There are none: what we make passes everything that is asked.
var allowedFindings = map[string]string{}

// runZlint applies zlint's rules to the certificate as zcrypto reads it, once.
func (l *Linter) runZlint(c *Certificate, report func(Result)) {
	if c.zcrypto == nil {
		return // readable has said so
	}
	for _, rule := range l.general {
		l.runOne(rule, c.zcrypto, report)
	}
	subject := c.zcrypto
	if c.Kind == KindLeaf {
		subject = twin(subject)
	}
	for _, rule := range l.codeSigning {
		l.runOne(rule, subject, report)
	}
}

func (l *Linter) runOne(rule *lint.CertificateLint, c *zx509.Certificate, report func(Result)) {
	r := rule.Execute(c, l.config)
	status := statusOf(r.Status)
	if status >= Warning && allowedFindings[rule.Name] != "" {
		status = Pass
	}
	report(Result{rule.Name, status, r.Details, rule.Citation, Source(rule.Source)})
}

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

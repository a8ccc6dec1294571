package lint

import (
	"errors"
	"fmt"

	"github.com/zmap/zlint/v3/lint"
)

// Result is what one rule says about one certificate.
type Result struct {
	Rule     string `json:"rule"`
	Status   Status `json:"status"`
	Detail   string `json:"detail,omitempty"` // what is wrong
	Citation string `json:"citation"`
	Source   Source `json:"source"`
}

// String returns rule, status and detail.
func (r Result) String() string {
	if r.Detail == "" {
		return r.Rule + " (" + r.Status.String() + ")"
	}
	return r.Rule + " (" + r.Status.String() + "): " + r.Detail
}

// Linter holds all rules. Safe for concurrent use.
type Linter struct {
	ours        []Rule
	general     []zlintRule // RFCs and community rules
	codeSigning []zlintRule // CABF Code Signing BR
	config      lint.Configuration
}

// generalSources are zlint's sources that can apply to a code-signing certificate and
// to the CAs above it, besides the CA/Browser Forum's Code Signing BR. Left out are
// those about TLS servers, mail, EV and qualified certificates, the programs of browser
// roots, and RFC 6960 and RFC 6962, whose rules are about OCSP responses and
// Certificate Transparency.
func generalSources() lint.SourceList {
	return lint.SourceList{lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC8813, lint.Community}
}

// New gathers the rules. It is not cheap; keep the Linter.
func New() (*Linter, error) {
	l := &Linter{ours: Rules(), config: lint.GlobalRegistry().GetConfiguration()}
	all := lint.GlobalRegistry().CertificateLints()
	for _, source := range generalSources() {
		l.general = append(l.general, newZlintRules(all.BySource(source))...)
	}
	l.codeSigning = newZlintRules(all.BySource(lint.CABFCSBaselineRequirements))
	if len(l.general) == 0 || len(l.codeSigning) == 0 {
		return nil, errors.New("select lints: none found")
	}
	return l, nil
}

// Findings returns the warnings and errors, ours first. None means that nothing
// speaks against the certificate.
func (l *Linter) Findings(c *Certificate) []Result {
	var found []Result
	l.run(c, func(r Result) {
		if r.Status >= Warning {
			found = append(found, r)
		}
	})
	return found
}

// All returns what every rule says, also those with nothing to say.
func (l *Linter) All(c *Certificate) []Result {
	all := make([]Result, 0, len(l.ours)+len(l.general)+len(l.codeSigning))
	l.run(c, func(r Result) { all = append(all, r) })
	return all
}

func (l *Linter) run(c *Certificate, report func(Result)) {
	for i := range l.ours {
		r := &l.ours[i]
		status, detail := r.judge(c)
		report(Result{r.ID, status, detail, r.Citation, r.Source})
	}
	l.runZlint(c, report)
}

// Check reads and judges in one step, for who needs no more than the findings.
func (l *Linter) Check(raw []byte, ctx Context) ([]Result, error) {
	c, err := Read(raw, ctx)
	if err != nil {
		return nil, fmt.Errorf("lint: %w", err)
	}
	return l.Findings(c), nil
}

package policy

import (
	_ "embed"
	"strings"

	"github.com/hallmark-pki/hallmark/verify"
)

// reasons is made from verify/reason.go by a test there: code, meaning and what to do,
// behind tabs.
//
//go:embed reasons.tsv
var reasons string

// Reason is what a code of a verdict means, and what whoever sees it can do.
type Reason struct {
	Code      verify.Code
	Means, Do string
}

// Reasons lists all codes, notes among them, in the order of docs/reasons.md.
func Reasons() []Reason {
	var out []Reason
	for line := range strings.Lines(reasons) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		out = append(out, Reason{verify.Code(fields[0]), fields[1], fields[2]})
	}
	return out
}

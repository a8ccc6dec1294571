package proof

import (
	"slices"

	"github.com/hallmark-pki/hallmark/verify"
)

// HasStage reports whether some stage lists the code.
func HasStage(c verify.Code) bool {
	return slices.ContainsFunc(stages(), func(s stage) bool { return slices.Contains(s.codes, c) })
}

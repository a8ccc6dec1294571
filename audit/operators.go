package audit

import "slices"

// FoldOrganization reduces an organisation's name to what two spellings of it have in
// common: case, spaces and punctuation carry no difference, so that "ACME, Ltd." is
// "Acme Ltd".
func FoldOrganization(name string) string { return foldOrganization(name) }

// Operators returns who runs the rebuilders of the scope with these ids: each
// organisation once, folded and sorted. A quorum counts these, and neither rebuilders
// nor keys: one operator with ten of either is one witness. An id that the scope does
// not name counts for nothing.
func (s Scope) Operators(rebuilders []string) []string {
	var out []string
	for _, r := range s.Rebuilders {
		if slices.Contains(rebuilders, r.ID) {
			out = append(out, foldOrganization(r.Operator))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

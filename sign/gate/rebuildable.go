package gate

import "slices"

// rebuildable are the rules that enough rebuilds satisfy, whatever else is missing: those
// that ask an exhibit whether it is reproduced or confirmed.
var rebuildable = []string{
	"build.hermetic",
	"build.reproducible",
	"provenance.dependencies-complete",
	"provenance.identifies-source-code.authenticated",
	"provenance.includes-reproducible-info",
}

// AwaitsRebuilds reports whether nothing but rebuilds keeps the build from being signed:
// every basic rule passes, and those that fail are satisfied once enough operators have
// reproduced it. Whether they will is another matter.
func (d Decision) AwaitsRebuilds() bool {
	failed := d.Failed()
	return d.Basic() && !d.Granted() && len(failed) > 0 && !slices.ContainsFunc(failed, func(rule string) bool { return !slices.Contains(rebuildable, rule) })
}

package lint

import "github.com/hallmark-pki/hallmark/ext"

// withArc is for rules about the mark, which nobody finds without its arc.
func withArc(k Kind) func(*Certificate) bool {
	return func(c *Certificate) bool { return c.X509 != nil && c.Kind == k && !c.Arc.IsZero() }
}

// readMark reads both extensions of the mark, once for all rules about it.
func (c *Certificate) readMark() {
	if !withArc(KindLeaf)(c) {
		return
	}
	assurance, repository := c.extension(c.Arc.Assurance()), c.extension(c.Arc.AttestationRepository())
	var err error
	switch {
	case assurance == nil || repository == nil:
		c.broken = "an extension of the mark is absent"
		return
	case assurance.critical || repository.critical:
		c.broken = "an extension of the mark is critical: other people's verifiers would refuse the certificate"
		return
	}
	if c.mark.Assurance, err = ext.ParseAssurance(assurance.value); err == nil {
		c.mark.Repository, err = ext.ParseAttestationRepository(repository.value)
	}
	if err != nil {
		c.broken = err.Error()
	}
}

// leafMark: the mark is there, whole, and in nobody's way.
func leafMark() Rule {
	return Rule{
		ID: "leaf_mark", Requires: "both extensions of the mark, not critical, well formed",
		Citation: "ext/hallmark.asn1", Source: SourceHallmark,
		applies: withArc(KindLeaf),
		broken:  func(c *Certificate) string { return c.broken },
	}
}

// marked is for rules that need a mark that can be read.
func marked(c *Certificate) bool { return withArc(KindLeaf)(c) && c.broken == "" }

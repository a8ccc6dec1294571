package lint

import "fmt"

// duplicateExtension: readers differ on which of two counts.
func duplicateExtension() Rule {
	return Rule{
		ID: "duplicate_extension", Requires: "no extension stands twice",
		Citation: "RFC 5280 §4.2", Source: SourceRFC,
		applies: func(*Certificate) bool { return true },
		broken: func(c *Certificate) string {
			for i, e := range c.fields.extensions {
				for _, earlier := range c.fields.extensions[:i] {
					if earlier.id.Equal(e.id) {
						return fmt.Sprintf("extension %s stands twice", e.id)
					}
				}
			}
			return ""
		},
	}
}

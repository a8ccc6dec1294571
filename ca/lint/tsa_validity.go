package lint

// tsaValidity: timestamps are judged for years, but not by a key that is older than that.
func tsaValidity() Rule {
	return Rule{
		ID: "tsa_validity", Requires: "a timestamp authority's certificate lasts at most 135 months",
		Citation: "CABF Code Signing BR section 6.3.2", Source: SourceCABF,
		applies: only(KindTSA),
		broken: func(c *Certificate) string {
			if c.X509.NotAfter.After(c.X509.NotBefore.AddDate(0, maxTSAMonths, 0)) {
				return "lasts longer than 135 months"
			}
			return ""
		},
	}
}

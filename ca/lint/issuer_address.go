package lint

// issuerAddress: where the issuer's certificate is, and for leaves where to ask for the
// state of this one.
func issuerAddress() Rule {
	return Rule{
		ID: "issuer_address", Requires: "one caIssuers address and, for leaves, one OCSP address; http, below the CA's public URL",
		Citation: "CABF Code Signing BR section 7.1.2.3, RFC 5280 §4.2.2.1", Source: SourceCABF,
		applies: only(KindLeaf, KindTSA, KindTier, KindTimestampingCA, KindCross),
		broken: func(c *Certificate) string {
			if detail := c.brokenAddress("issuer's certificate", c.X509.IssuingCertificateURL, "/ca/", ".cer"); detail != "" {
				return detail
			}
			if c.Kind != KindLeaf && len(c.X509.OCSPServer) == 0 {
				return "" // CA certificates and the timestamp authority are on CRLs alone
			}
			return c.brokenAddress("OCSP responder", c.X509.OCSPServer, "/ocsp", "")
		},
	}
}

package vector

// Class is a way in which verifiers have failed: each comes from the advisories of
// comparable tools.
type Class struct {
	Name string
	// Tests name what covers the part of the class that no file can show, as
	// "folder TestName".
	Tests []string
}

// Classes lists them; a vector names them by number, from 1.
func Classes() []Class {
	return []Class{
		{Name: "check skipped on an unusual path", Tests: []string{"verify TestLayoutRefuses"}},
		{Name: "proof about something else", Tests: []string{"verify TestSwappedParts"}},
		{Name: "verified with one certificate, authorised by another", Tests: []string{"verify TestExtraCertificates"}},
		{Name: "expired, not yet valid or revoked"},
		{Name: "parse error or panic reported as success", Tests: []string{
			"verify TestEveryByte", "verify TestEveryByteOfTheFile", "verify TestEveryLength", "verify TestPanicIsNotValid", "test/vectors TestEveryByteOfGoodFiles",
		}},
		{Name: "threshold miscounts", Tests: []string{"sign/gate TestQuorumPolicy", "rebuild TestOutcomeTwoKeys", "rebuild TestOperators", "sign/release TestPolicyNeedsItsOwnQuorum", "attest TestDistinctSigners"}},
		{Name: "rollback and downgrade", Tests: []string{"verify TestStatusFollows", "verify/update TestBrokenRepositories", "verify/update TestKeepsWhatItLearned", "test/installer TestAptDirections"}},
		{Name: "fetched or opened twice", Tests: []string{"format TestFileThatChanges", "format TestChangedMeanwhile", "test/installer TestSwap", "test/installer TestSwapAfterApt", "verify TestFetchedSummary"}},
		{Name: "signed bytes differ from used bytes", Tests: []string{"test/installer TestMismatch"}},
		{Name: "DSSE payload type or predicate confusion"},
		{Name: "policy matching semantics", Tests: []string{"verify TestParsePolicyRefuses"}},
		{Name: "path traversal in an outside name", Tests: []string{"verify/install TestCheckPath", "test/installer TestHostilePaths", "test/installer TestRootLeadsOut"}},
		{Name: "cache used as truth", Tests: []string{"verify TestKnownPathDates", "verify/scan TestStates"}},
		{Name: "endless body, many signatures, many certificates", Tests: []string{"verify TestNegatives", "verify/install TestParseTransactionBounds", "verify/installed TestEndless", "ledger/monitor TestEndlessBody", "attest/mirror TestMirrorRefusesLines"}},
		{Name: "decompression bomb", Tests: []string{"format TestPackageBomb"}},
		{Name: "ASN.1, name or OID blow-up"},
		{Name: "panic on an odd certificate"},
		{Name: "SSRF through the repository URL", Tests: []string{
			"verify/fetch TestPrivateAddresses", "verify/fetch TestRedirects", "outbound TestRebinding", "verify/fetch TestRefusedURLs",
		}},
		{Name: "revocation machinery failing open"},
		{Name: "own re-implementation of name constraints"},
		{Name: "unbounded metric labels", Tests: []string{"server TestMetricLabels"}},
		{Name: "installer protocol injection", Tests: []string{
			"cmd/hallmark-verify TestScripts", "verify/install TestParseTransactionRefuses", "test/installer TestHostileTransaction", "test/installer TestHostileRepository",
		}},
		{Name: "weak algorithms and keys"},
		{Name: "clock far off"},
	}
}

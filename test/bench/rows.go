package main

// rows is the table, in order.
func rows() []row {
	return []row{
		{"floor of a verifier, whole process", hashFloor},
		{"verify, whole process", processVerify},
		{"verify, beside other tools", verifyPeers},
		{"verify 500 packages at once", verifyMany},
		{"verify a file of 4 GB", verifyHuge},
		{"verify in the library, warm", libraryVerify},
		{"verifier binary", binarySize},
		{"store update, durable", storeUpdates},
		{"assessments, 100,000 on record", registerScale},
		{"ledger append", ledgerAppend},
		{"receipt verification", receiptVerify},
		{"ledger of many entries", largeLedger},
		{"start-up", startUp},
		{"sign by digest over HTTP", signHTTP},
		{"evidence lookup, many artifacts", evidenceLookup},
		{"issue over HTTP, 64 clients", issueHTTP},
		{"CA with many certificates", largeStore},
		{"OCSP from the cache", ocspCached},
	}
}

package main

// rows is the table, in order.
func rows() []row {
	return []row{
		{"floor of a verifier, whole process", hashFloor},
		{"verify, whole process", processVerify},
		{"verify in the library, warm", libraryVerify},
		{"verifier binary", binarySize},
		{"store update, durable", storeUpdates},
		{"start-up", startUp},
		{"sign by digest over HTTP", signHTTP},
		{"issue over HTTP, 64 clients", issueHTTP},
	}
}

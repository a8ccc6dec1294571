package stepca

import "time"

// Bounds on what comes from outside.
const (
	// maxBodyBytes bounds a request: a CSR and a token with a certificate chain, in JSON.
	maxBodyBytes = 64 << 10
	// minValidity is the shortest certificate that smallstep lets through to the gate, which has the same floor.
	minValidity = time.Minute
)

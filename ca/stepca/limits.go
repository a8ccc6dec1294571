package stepca

import "time"

// Bounds on what comes from outside.
const (
	// maxBodyBytes bounds a request: a CSR and a token, or an attestation, with a certificate chain, in JSON.
	maxBodyBytes = 64 << 10
	// maxJWKBytes bounds a public key. RSA-8192 takes 1.4 KB in base64.
	maxJWKBytes = 4 << 10
	// maxNameBytes bounds an issuer and a subject. OpenID Connect Core §2 allows 255 ASCII characters for a subject,
	// CI systems go beyond it with repository and branch names. A guess.
	maxNameBytes = 1024
	// maxIssuerBytes bounds each answer of an OpenID Connect issuer: its configuration, its keys. The largest known have 8 KB.
	maxIssuerBytes = 256 << 10
	// maxRSABits bounds the keys that signatures are verified with before it is known who sent them; the gate certifies none
	// larger. The time grows with the square: what fits maxBodyBytes takes a second.
	maxRSABits = 8192
	// maxNonces bounds the ACME nonces that are outstanding; the oldest makes room. A client whose nonce has gone is told
	// so and tries again (RFC 8555 §6.5), so a flood costs the others a round trip, and nobody memory or disk.
	maxNonces = 8192
	// maxIdentifierBytes bounds an ACME order's permanent identifier: serial numbers of devices have 8 to 40. A guess.
	maxIdentifierBytes = 256
	// maxPendingOrders bounds an account's orders that wait for their challenge; one lasts a day. A guess: a client finishes
	// one before it begins the next.
	maxPendingOrders = 50
	// listPage is how many keys one answer of /provisioners lists.
	listPage = 100
)

// Times.
const (
	// minValidity is the shortest certificate that smallstep lets through to the gate, which has the same floor.
	minValidity = time.Minute
	// issuerTimeout bounds one request to an OpenID Connect issuer, which a client waits for.
	issuerTimeout = 10 * time.Second
	// issuerPause lies between two attempts to read an issuer's keys: tokens that nobody signed must not make us a flood.
	issuerPause = 10 * time.Second
	// issuerAge is when an issuer's keys are read again even if they fit: a key that it took back is not trusted for longer.
	issuerAge = time.Hour
)

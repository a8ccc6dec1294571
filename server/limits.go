package server

import "time"

// Bounds on what a client may send and how long it may take. Those marked as a
// guess are generous for every legitimate use known today.
const (
	// maxBodyBytes bounds any request body: 64 attestations of an average size. A guess.
	maxBodyBytes = 32 << 20
	// maxJSONBytes bounds the body of an API call that carries no evidence.
	maxJSONBytes = 1 << 20
	// maxEvidenceBytes bounds the body of a call that carries DSSE envelopes,
	// which grow by a third in base64.
	maxEvidenceBytes = maxBodyBytes
	// maxHeaderBytes bounds the request head.
	maxHeaderBytes = 32 << 10
	// maxTimestampBytes bounds an RFC 3161 request: a digest, a nonce and a policy.
	maxTimestampBytes = 4 << 10

	// maxPlainSignature bounds a request for a signature that is read without the schema:
	// several times what all its members take.
	maxPlainSignature = 4 << 10
	// maxPlainCertificate bounds a request for a certificate that is read without the schema:
	// a CSR of an RSA-8192 key has 3 KB, in base64 4.
	maxPlainCertificate = 8 << 10
	// maxPlainProduct bounds the product that it names, as the schema does.
	maxPlainProduct = 200
	// bodyTimeout is how long such a body may take, as long as others may.
	bodyTimeout = 5 * time.Second

	// maxInFlight bounds the requests worked on at once, so that a flood costs
	// answers and not memory: 512 bodies of ordinary size. A guess.
	maxInFlight = 512

	// maxUploads bounds the files that are taken in at once, to be signed: eight of the
	// largest need 8 GiB of the folder for temporary files. A guess.
	maxUploads = 8
	// maxVendorUploads bounds those of one vendor: they may take an hour each.
	maxVendorUploads = 3

	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 90 * time.Second // the ledger may take a moment to publish
	// streamTimeout is how long a file of evidence may take, in either direction, while
	// its bytes keep coming: a gigabyte at 2.4 Mbit/s.
	streamTimeout = time.Hour
	// probeTimeout is how long a caller waits for probes: less than clients do, so that
	// what has been found by then is told.
	probeTimeout = 45 * time.Second
	idleTimeout  = 2 * time.Minute
	// shutdownTimeout is how long requests under way may take after a stop signal.
	shutdownTimeout = 15 * time.Second

	// maxOrganization bounds an organisation's name, as the schemas do for people.
	maxOrganization = 128

	// pageSize is how many records one answer lists.
	pageSize = 200
	// maxRead is how many records one answer looks at for those: a filter that little
	// passes must not keep a request busy. 50 ms.
	maxRead = 5000
	// maxTallied is likewise, of counts. A guess: a group has about fifty.
	maxTallied = 20_000

	// enrolmentValidity is how long an invitation can be used.
	enrolmentValidity = 7 * 24 * time.Hour
	// officerGone is how long an officer who was disabled or signed out still counts as one who could agree
	// to an invitation: long enough to be noticed by who was locked out for that.
	officerGone = 7 * 24 * time.Hour
	// clientValidity is how long a client certificate lasts.
	clientValidity = 365 * 24 * time.Hour
	// maxListed bounds the lists in a status: more is for the commands that list.
	maxListed = 100
	// maxPlanned bounds the certificates that a plan names one by one; its total says how many there are.
	maxPlanned = 1000
)

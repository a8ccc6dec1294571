package sign

import "time"

const (
	// maxEvidence bounds the envelopes judged for one digest: what a repository
	// keeps for one. Each may cost a signature verification per audited key.
	maxEvidence = 64
	// maxStepLookups bounds the artifacts about which layouts and links are looked up for one
	// build: the materials of its steps, and theirs. More belong to a step that lists a whole
	// tree of files, whose makers nobody will find by digest.
	maxStepLookups = 64
	// maxPublished bounds the envelopes that clients find under one digest: what one
	// repository keeps, for each of the few that a certificate names.
	maxPublished = 4 * maxEvidence
	// maxInputEvidence bounds what is read about the inputs of one build, in bytes: as many as
	// gate.MaxInputs with provenance and a bill of material of 8 KB each. It is in memory at
	// once, for each signature that is being made.
	maxInputEvidence = 32 << 20
	// maxProductLength bounds a product's name, in bytes; it ends up in records,
	// events and verification summaries. A guess.
	maxProductLength = 256
	// maxNameLength bounds ids and serial numbers in a request, in bytes.
	maxNameLength = 256
	// maxDetailLength bounds what a refusal quotes from a request, in bytes.
	maxDetailLength = 200
	// signTimeout bounds one signature from request to record; the slowest step is a
	// key device, and those that take longer are broken.
	signTimeout = time.Minute
	// abandonTimeout bounds the revocation of a certificate for a build that was not signed
	// after all: a write, and a list to publish.
	abandonTimeout = 30 * time.Second
)

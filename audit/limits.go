package audit

import (
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
)

// Bounds on what comes from outside. Where no document sets a number it is a guess
// with room to spare: the largest shipped catalogue is 34 KB with 56 requirements.
const (
	// maxFrameworkBytes bounds a catalogue file before it is parsed.
	maxFrameworkBytes = 1 << 20
	// maxDraftBytes bounds a draft before it is parsed. Evidence stays outside it.
	maxDraftBytes = 1 << 20
	// maxAssessmentBytes bounds the predicate to what an envelope can hold in base64.
	maxAssessmentBytes = attest.MaxEnvelope / 4 * 3

	// maxYAMLNodes bounds the work one document can ask for; the largest shipped
	// catalogue has about 1,600.
	maxYAMLNodes = 100_000
	// maxDepth bounds nesting in YAML and JSON; ours needs 8.
	maxDepth = 24

	maxTracks       = 16
	maxLevels       = ext.MaxLevel
	maxRequirements = 1000
	maxEvidence     = 32 // kinds per requirement and descriptors per finding

	maxToken     = ext.MaxTokenLength // ids: they become store keys, file names and tokens in certificates
	maxURL       = 2048               // what browsers and proxies carry
	maxSAN       = 255                // a vendor's URI: it becomes a URI SAN, and a framework's: it stands in claims
	maxName      = 256                // one line of text
	maxText      = 8192               // a paragraph: summary, note, justification
	maxScopeList = 256                // entries per list of a scope

	// maxProbes bounds what one assessment makes the CA fetch, again and again.
	maxProbes          = 16
	maxProbeParameters = 16
	maxProbeParameter  = 16 << 10 // bytes of one: a list of a hundred signers' keys fits

	// maxSharedEvidence bounds the evidence that has a name of its own in a draft with
	// its visit.
	maxSharedEvidence = 1000

	// maxRootBytes bounds a CA certificate in PEM. Sigstore's is 0.8 KB, an RSA-4096
	// root about 2 KB.
	maxRootBytes = 16 << 10

	// maxKeyFileBytes and maxEvidenceFileBytes bound files that a draft refers to. An
	// RSA-16384 key in PEM is 2.9 KB; an hour of screen recording is under a gigabyte.
	maxKeyFileBytes      = 4 << 10
	maxEvidenceFileBytes = 1 << 30
)

const (
	// MaxValidity is the longest an assessment may last. A certificate may live for
	// 460 days and may not outlive its assessment; yearly audits with a month to
	// organise the next one fit, and a second year on one visit does not.
	MaxValidity = 400 * 24 * time.Hour
	// clockSkew is how far an auditor's clock may run ahead of ours.
	clockSkew = 5 * time.Minute
)

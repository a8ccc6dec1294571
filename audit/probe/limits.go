package probe

import (
	"time"

	"github.com/hallmark-pki/hallmark/attest"
)

// Bounds on what parameters hold and on what those who are asked send.
const (
	// maxValue bounds one parameter in bytes; the longest are keys in PEM and lists of
	// signers.
	maxValue = 16 << 10
	// maxDetail bounds what a result says.
	maxDetail = 500
	// maxLine bounds parameters that are one line: resource URIs, levels, branch names.
	maxLine = 512

	// timeout bounds a run that fetches one document.
	timeout = 30 * time.Second
	// maxDocument bounds what document-digest reads. It streams, so this is time and
	// traffic, not memory. A guess with room: policies and manuals have a few megabytes.
	maxDocument = 256 << 20
	// documentTimeout is longer for that.
	documentTimeout = 2 * time.Minute
	// maxEnvelope bounds a VSA or layout as fetched.
	maxEnvelope = attest.MaxEnvelope
	// maxAnswer bounds the answer to a challenge: 100 bytes, signed, in base64.
	maxAnswer = 64 << 10
	// nonceBytes makes a challenge that nobody can have seen before.
	nonceBytes = 32

	// maxSteps bounds steps and inspections of a layout, and maxLayoutSignatures its
	// signatures; layouts in our test material have fewer than ten of each.
	maxSteps            = 1024
	maxLayoutSignatures = 16
)

// Bounds of git-branch.
const (
	// maxSigners is how many keys may be allowed; a project has some dozen committers.
	maxSigners = 64
	// defaultCommits is how many of the newest commits are checked, maxCommits how many
	// at most: for each, git starts ssh-keygen twice.
	defaultCommits = 10
	maxCommits     = 200
	// maxNewCommits bounds the commits since the last look that are checked: about half
	// a minute of ssh-keygen. A busy branch is to be looked at more often.
	maxNewCommits = 2000
	// shallowDepth is how far back git fetches at first. Most runs find what they look
	// for within it; the whole history is fetched when they do not.
	shallowDepth = 500
	// maxGitBytes bounds all traffic of a run. Without trees and files a commit takes
	// some 300 bytes: room for 800,000.
	maxGitBytes = 256 << 20
	// gitTimeout bounds a run.
	gitTimeout = 3 * time.Minute
	// gitMemoryKiB bounds the address space of git and its children: a small pack can
	// hold a commit that unpacks to gigabytes.
	gitMemoryKiB = 2 << 20
	// gitFileBlocks bounds each file that git writes, in blocks of 512 bytes: the pack
	// is no larger than what came over the network, its index smaller.
	gitFileBlocks = 2 * maxGitBytes / 512
	// maxGitLine bounds a line of git's output, maxGitErrors what is kept of its
	// complaints.
	maxGitLine   = 4 << 10
	maxGitErrors = 4 << 10
	// minGitMajor and minGitMinor: SSH signatures came with git 2.34.
	minGitMajor, minGitMinor = 2, 34
)

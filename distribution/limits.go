package distribution

import "time"

const (
	// timestampLife is how long a client believes that there is nothing newer. Three days
	// let a stick be carried to a machine without a network; a mirror that holds news back
	// is found out after them.
	timestampLife = 3 * 24 * time.Hour
	// snapshotLife is also that of the role which lists status.json: the bundle itself
	// holds for a week.
	snapshotLife = 7 * 24 * time.Hour
	// targetsLife and rootLife are for keys that people may have to fetch from a safe.
	targetsLife = 365 * 24 * time.Hour
	rootLife    = 2 * 365 * 24 * time.Hour
	// timestampRenewal is the age at which an unchanged timestamp is made anew.
	timestampRenewal = 12 * time.Hour

	// maxRoots bounds how many roots are looked for: a client follows 256 at once.
	maxRoots = 256
	// maxMetadataBytes bounds metadata that an operator hands in; ours have 2 KiB.
	maxMetadataBytes = 64 << 10
	// maxRootKeys bounds the keys of a new root: more people than ever met over one.
	maxRootKeys = 16
)

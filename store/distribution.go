package store

import "time"

// StatusBundleKey is the key of the one StatusBundle.
const StatusBundleKey = "status"

// StatusBundle is the one record that has the newest status bundle, as verifiers get it.
type StatusBundle struct {
	Number   uint64    `json:"number"` // only goes up
	IssuedAt time.Time `json:"issued_at"`
	Inputs   string    `json:"inputs"` // SHA-256 of what is in it and when it matters: another calls for a new bundle
	Body     []byte    `json:"body"`
}

// RepositoryFile is a file of the update repository, package distribution.
type RepositoryFile struct {
	Name string    `json:"name"` // path in the repository
	Body []byte    `json:"body"`
	At   time.Time `json:"at"`
	// RetiredAt is since when the newest timestamp does not lead to it any more; zero:
	// it does, or it is a root. It stays for whoever began to fetch before.
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

package api

import "time"

// AttestedArtifact is an artifact about which the repository holds something.
type AttestedArtifact struct {
	SHA256     string    `json:"sha256"`
	Bytes      int64     `json:"bytes" doc:"size of its file of envelopes; files only grow, so that one of the same size is the same"`
	ModifiedAt time.Time `json:"modified_at"`
}

// AttestationUsage is what a vendor has on file in the repository, and what it may have.
type AttestationUsage struct {
	Vendor       string `json:"vendor"`
	Bytes        int64  `json:"bytes"`
	MaxBytes     int64  `json:"max_bytes"`
	Envelopes    int64  `json:"envelopes" doc:"one about several artifacts counts for each"`
	MaxEnvelopes int64  `json:"max_envelopes"`
}

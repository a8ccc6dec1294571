package api

// UpdateRepository is where verifiers get trust and status bundles, and by what they
// know it for the first time.
type UpdateRepository struct {
	URL         string `json:"url" doc:"of the folder, for 'hallmark-verify trust add'"`
	RootVersion int    `json:"root_version" doc:"of the newest root metadata"`
	Fingerprint string `json:"fingerprint" doc:"SHA-256 of the file of the newest root metadata, lower-case hex: what people compare"`
}

// NewRepositoryRoot publishes a root of the update repository that its operators have signed.
type NewRepositoryRoot struct {
	Metadata []byte `json:"metadata" doc:"root metadata of The Update Framework, as signed; the server adds its own signature where it counts"`
}

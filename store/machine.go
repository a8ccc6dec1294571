package store

import "time"

// Machine says what a person of role "ci" is: a build system that pushes evidence and
// asks for signatures, for some products of one vendor. Key: Person. Indexes: by vendor,
// by what its tokens say ("token").
type Machine struct {
	Person   string   `json:"person"` // Person.ID
	Vendor   string   `json:"vendor"`
	Products []string `json:"products"` // that it may ask signatures for

	// How an OpenID Connect token of it looks: all of this, exactly. Empty for a machine
	// with a client certificate.
	Issuer   string            `json:"issuer,omitempty"`   // claim iss
	Audience string            `json:"audience,omitempty"` // one of the claim aud
	Subject  string            `json:"subject,omitempty"`  // claim sub; "": Claims say who it is
	Claims   map[string]string `json:"claims,omitempty"`   // further claims and their only value

	AddedAt time.Time `json:"added_at"`
	AddedBy string    `json:"added_by"`
}

// MachineKey is what the index by token lists a machine under: its issuer and audience.
// U+0020 cannot be in a URL.
func MachineKey(issuer, audience string) string { return issuer + " " + audience }

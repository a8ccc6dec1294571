package api

import "time"

// RoleMachine is a build system of a vendor: it pushes evidence and asks for signatures.
const RoleMachine = "ci"

// SigningPolicy is what a vendor wants to be asked before a product is signed. The same
// members are those of the YAML file that 'hallmark sign policy set' reads.
type SigningPolicy struct {
	Product string `json:"product" yaml:"-" minLength:"1" maxLength:"200"`

	Roles               []ProductRole   `json:"roles,omitempty" yaml:"roles" maxItems:"200" doc:"none: every person of the vendor may sign, and set another policy"`
	Approvals           int             `json:"approvals,omitempty" yaml:"approvals" minimum:"0" maximum:"10" doc:"how many approvers must agree to each signature"`
	RequesterMayApprove bool            `json:"requester_may_approve,omitempty" yaml:"requester_may_approve"`
	ApprovalLasts       string          `json:"approval_lasts,omitempty" yaml:"approval_lasts" maxLength:"32" doc:"from request to signature, such as 24h, which is the default"`
	ApprovalUses        int             `json:"approval_uses,omitempty" yaml:"approval_uses" minimum:"0" maximum:"100" doc:"signatures for each approval; default 1"`
	SecondFactor        string          `json:"second_factor,omitempty" yaml:"second_factor" enum:"required" doc:"to approve, and to agree to another policy"`
	Zone                string          `json:"zone,omitempty" yaml:"zone" maxLength:"64" doc:"IANA time zone of windows and freezes; default UTC"`
	Windows             []ReleaseWindow `json:"windows,omitempty" yaml:"windows" maxItems:"32" doc:"none: at any time"`
	Freezes             []ReleaseFreeze `json:"freezes,omitempty" yaml:"freezes" maxItems:"100"`
	MaxPerHour          int             `json:"max_per_hour,omitempty" yaml:"max_per_hour" minimum:"0" doc:"signatures in any 60 minutes; 0: no limit"`
	MaxPerDay           int             `json:"max_per_day,omitempty" yaml:"max_per_day" minimum:"0" doc:"in any 24 hours"`
	Rules               []SigningRule   `json:"rules,omitempty" yaml:"rules" maxItems:"16" doc:"conditions in CEL that the gate asks beside its own"`

	// What the server adds.
	Vendor    string    `json:"vendor,omitempty" yaml:"-" readOnly:"true"`
	Version   int       `json:"version,omitempty" yaml:"-" readOnly:"true"`
	ChangedAt time.Time `json:"changed_at,omitzero" yaml:"-" readOnly:"true"`
	ChangedBy string    `json:"changed_by,omitempty" yaml:"-" readOnly:"true"`
	AgreedBy  []string  `json:"agreed_by,omitempty" yaml:"-" readOnly:"true"`
	SHA256    string    `json:"sha256,omitempty" yaml:"-" readOnly:"true" doc:"of its terms; the log has a commitment to it"`
	LogSalt   []byte    `json:"log_salt,omitempty" yaml:"-" readOnly:"true" doc:"opens that commitment"`
}

// ProductRole gives a person or machine of the vendor a role for one product.
type ProductRole struct {
	Person string `json:"person" yaml:"person" maxLength:"63"`
	Role   string `json:"role" yaml:"role" enum:"signer,approver,admin"`
}

// ReleaseWindow is a time of the week in which signatures are made.
type ReleaseWindow struct {
	Days  []string `json:"days" yaml:"days" maxItems:"7" doc:"mon, tue, wed, thu, fri, sat, sun"`
	From  string   `json:"from" yaml:"from" maxLength:"5" doc:"such as 09:00"`
	Until string   `json:"until" yaml:"until" maxLength:"5" doc:"such as 17:30; 24:00 is the day's end"`
}

// ReleaseFreeze is a stretch of days in which none are made.
type ReleaseFreeze struct {
	From   string `json:"from" yaml:"from" maxLength:"10" doc:"first day, such as 2026-12-18"`
	Until  string `json:"until" yaml:"until" maxLength:"10" doc:"last day"`
	Reason string `json:"reason,omitempty" yaml:"reason" maxLength:"500"`
}

// SigningRule is a condition in CEL.
type SigningRule struct {
	Name string `json:"name" yaml:"name" minLength:"1" maxLength:"64"`
	CEL  string `json:"cel" yaml:"cel" minLength:"1" maxLength:"4096"`
}

// PolicyChange is a policy that somebody proposed.
type PolicyChange struct {
	ID        string        `json:"id"`
	State     string        `json:"state" enum:"proposed,in-force,refused,stale"`
	Vendor    string        `json:"vendor"`
	Product   string        `json:"product"`
	Policy    SigningPolicy `json:"policy"`
	Replaces  int           `json:"replaces" doc:"version of the policy that it is to replace; 0: there is none"`
	At        time.Time     `json:"at"`
	By        string        `json:"by"`
	Votes     []Vote        `json:"votes"`
	DoneAt    time.Time     `json:"done_at,omitzero"`
	Challenge string        `json:"challenge,omitempty" doc:"text that the caller's second factor signs to agree"`
}

// Vote is one person's word.
type Vote struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Factor string    `json:"factor,omitempty" doc:"id of the second factor that was shown"`
	Note   string    `json:"note,omitempty"`
}

// NewApproval asks the approvers of a product to agree to exactly one signature.
type NewApproval struct {
	SHA256      string  `json:"sha256" pattern:"^[0-9a-f]{64}$" doc:"of the bytes to be signed"`
	Format      string  `json:"format" minLength:"1" maxLength:"32" doc:"as for the signature"`
	Product     string  `json:"product" minLength:"1" maxLength:"200"`
	Certificate string  `json:"certificate,omitempty" pattern:"^[0-9a-f]{2,40}$" doc:"serial; default: the newest valid one whose key the service holds"`
	PerBuild    bool    `json:"per_build,omitempty"`
	Claims      []Claim `json:"claims,omitempty" maxItems:"16"`
	Mode        string  `json:"mode,omitempty" enum:"strict,provisional" doc:"as for the signature"`
	Signed      string  `json:"signed,omitempty" pattern:"^[0-9a-f]{64}$" doc:"as for the signature: for pe, msi, cab and jar, what is signed"`
	Note        string  `json:"note,omitempty" maxLength:"500" doc:"for the approvers"`
}

// SigningApproval is a signature that somebody wants, and who agreed.
type SigningApproval struct {
	ID           string    `json:"id"`
	State        string    `json:"state" enum:"pending,approved,denied,used,expired,obsolete"`
	Vendor       string    `json:"vendor"`
	Product      string    `json:"product"`
	SHA256       string    `json:"sha256"`
	Format       string    `json:"format"`
	Mode         string    `json:"mode,omitempty"`
	Certificate  string    `json:"certificate,omitempty" doc:"serial of the one that signs"`
	PerBuild     bool      `json:"per_build,omitempty"`
	Claims       []Claim   `json:"claims,omitempty"`
	Signed       string    `json:"signed,omitempty"`
	Covers       string    `json:"covers" doc:"SHA-256 over all that it covers"`
	Note         string    `json:"note,omitempty"`
	At           time.Time `json:"at"`
	By           string    `json:"by"`
	ExpiresAt    time.Time `json:"expires_at"`
	Votes        []Vote    `json:"votes"`
	Needs        int       `json:"needs" doc:"approvals that the policy wants now"`
	SecondFactor bool      `json:"second_factor,omitempty" doc:"to approve"`
	DeniedBy     string    `json:"denied_by,omitempty"`
	Reason       string    `json:"reason,omitempty"`
	MaxUses      int       `json:"max_uses"`
	Uses         []string  `json:"uses,omitempty" doc:"ids of the signatures made on it"`
	LogSalt      []byte    `json:"log_salt,omitempty" doc:"opens the log's commitments to its votes"`
	Challenge    string    `json:"challenge,omitempty" doc:"text that the caller's second factor signs to approve"`
}

// NewVote answers a request or a proposal.
type NewVote struct {
	Note  string `json:"note,omitempty" maxLength:"500"`
	Proof []byte `json:"proof,omitempty" maxLength:"32768" doc:"signature of the second factor over the challenge: ssh-keygen -Y sign -n hallmark"`
}

// NewFactor registers a second factor of the caller's.
type NewFactor struct {
	Kind      string `json:"kind" enum:"ssh"`
	Label     string `json:"label" minLength:"1" maxLength:"100"`
	PublicKey []byte `json:"public_key" maxLength:"16384" doc:"a line of an OpenSSH .pub file"`
	Proof     []byte `json:"proof" maxLength:"32768" doc:"signature over 'hallmark: register a second factor', 'by: ' and the person's id, each on its line"`
}

// Factor is what a person shows beside their client certificate.
type Factor struct {
	ID          string    `json:"id"`
	Person      string    `json:"person"`
	Kind        string    `json:"kind"`
	Label       string    `json:"label"`
	AddedAt     time.Time `json:"added_at"`
	ConfirmedAt time.Time `json:"confirmed_at,omitzero" doc:"by an officer; it counts from then on"`
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
}

// NewMachine registers a build system of a vendor: with the tokens of an issuer, or, where
// no issuer is named, with a client certificate that it enrols for.
type NewMachine struct {
	ID       string            `json:"id" pattern:"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"`
	Products []string          `json:"products" minItems:"1" maxItems:"100" doc:"that it may ask signatures for"`
	Issuer   string            `json:"issuer,omitempty" maxLength:"1024" doc:"OpenID Connect issuer, https, as in the tokens' iss"`
	Subject  string            `json:"subject,omitempty" maxLength:"1024" doc:"as in the tokens' sub; compared byte by byte"`
	Audience string            `json:"audience,omitempty" maxLength:"1024" doc:"one of the tokens' aud; default, and for people of the vendor the only one: <api url>/ci/<vendor>"`
	Claims   map[string]string `json:"claims,omitempty" doc:"further claims and their only value; with them the subject may be left out"`
}

// Machine is a build system of a vendor.
type Machine struct {
	ID         string            `json:"id"`
	Vendor     string            `json:"vendor"`
	Products   []string          `json:"products"`
	Kind       string            `json:"kind" enum:"oidc,mtls"`
	Issuer     string            `json:"issuer,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Audience   string            `json:"audience,omitempty"`
	Claims     map[string]string `json:"claims,omitempty"`
	AddedAt    time.Time         `json:"added_at"`
	AddedBy    string            `json:"added_by"`
	Invitation *Invitation       `json:"invitation,omitempty" doc:"shown once, for a machine with a client certificate"`
}

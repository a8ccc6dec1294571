package store

import "time"

// What somebody may do about a product, as SigningPolicy.Roles says it.
const (
	ProductSigner   = "signer"   // asks for signatures
	ProductApprover = "approver" // agrees to one
	ProductAdmin    = "admin"    // proposes another policy
)

// SigningPolicy is what a vendor wants to be asked before a product of theirs is signed.
// Key: "<vendor>/<product>". Index: by vendor. A product without one is signed for
// anybody of its vendor.
type SigningPolicy struct {
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	Version int    `json:"version"` // 1 for the first, one more for each that replaces another

	Roles []ProductRole `json:"roles,omitempty"` // none: every person of the vendor is a signer

	Approvals           int           `json:"approvals,omitempty"` // how many approvers must agree; 0: nobody is asked
	RequesterMayApprove bool          `json:"requester_may_approve,omitempty"`
	ApprovalLasts       time.Duration `json:"approval_lasts,omitempty"` // from request to signature
	ApprovalUses        int           `json:"approval_uses,omitempty"`  // signatures per approval
	SecondFactor        bool          `json:"second_factor,omitempty"`  // to agree, beside the client certificate

	Zone    string          `json:"zone,omitempty"` // IANA name for Windows and Freezes; "": UTC
	Windows []ReleaseWindow `json:"windows,omitempty"`
	Freezes []ReleaseFreeze `json:"freezes,omitempty"`

	MaxPerHour int `json:"max_per_hour,omitempty"` // signatures in any 60 minutes; 0: no limit
	MaxPerDay  int `json:"max_per_day,omitempty"`  // in any 24 hours

	Rules []SigningRule `json:"rules,omitempty"` // of the gate, beside those of the audit

	ChangedAt time.Time `json:"changed_at"`
	ChangedBy string    `json:"changed_by"`          // who proposed it
	AgreedBy  []string  `json:"agreed_by,omitempty"` // who agreed
	LogSalt   []byte    `json:"log_salt,omitempty"`  // opens the commitment in the log, see PolicyChange.SHA256
	SHA256    string    `json:"sha256,omitempty"`    // of the terms: PolicyChange.SHA256
}

// ProductRole gives one person or machine a role.
type ProductRole struct {
	Person string `json:"person"` // Person.ID
	Role   string `json:"role"`   // ProductSigner, ProductApprover or ProductAdmin
}

// ReleaseWindow is a time of the week in which signatures may be made.
type ReleaseWindow struct {
	Days  []string `json:"days"`  // "mon" to "sun"
	From  string   `json:"from"`  // "09:00"
	Until string   `json:"until"` // "17:30", no longer then; up to "24:00"
}

// ReleaseFreeze is a stretch of days in which none may be made.
type ReleaseFreeze struct {
	From   string `json:"from"`  // first day, "2026-12-18"
	Until  string `json:"until"` // last day
	Reason string `json:"reason,omitempty"`
}

// SigningRule is a condition in CEL that the gate asks beside its own.
type SigningRule struct {
	Name string `json:"name"`
	CEL  string `json:"cel"`
}

// States of a PolicyChange.
const (
	ChangeProposed = "proposed"
	ChangeInForce  = "in-force" // it became the policy; a later one may have replaced it
	ChangeRefused  = "refused"
	ChangeStale    = "stale" // the policy that it was to replace is no longer the policy
)

// PolicyChange is a policy that somebody proposed, and who agreed. ID is time-ordered.
// Index: by vendor.
type PolicyChange struct {
	ID       string        `json:"id"`
	State    string        `json:"state"`
	Vendor   string        `json:"vendor"`
	Product  string        `json:"product"`
	Policy   SigningPolicy `json:"policy"`   // as it is to be
	SHA256   string        `json:"sha256"`   // of what it says, which is what people agree to
	Replaces int           `json:"replaces"` // SigningPolicy.Version, 0: there was none
	At       time.Time     `json:"at"`
	By       string        `json:"by"`
	Votes    []Vote        `json:"votes,omitempty"`
	DoneAt   time.Time     `json:"done_at,omitzero"`
}

// Vote is one person's word on an approval or a policy.
type Vote struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Factor string    `json:"factor,omitempty"` // Factor.ID that was shown
	Note   string    `json:"note,omitempty"`
}

// States of a SigningApproval. That one has expired is read off ExpiresAt as well.
const (
	ApprovalPending  = "pending"  // people are being asked
	ApprovalGiven    = "approved" // enough of them had agreed when the last one did
	ApprovalDenied   = "denied"
	ApprovalUsed     = "used" // as often as it may be
	ApprovalExpired  = "expired"
	ApprovalObsolete = "obsolete" // the policy changed and asks for something else
)

// SigningApproval is a signature that somebody wants, and who agreed to it. It covers
// exactly what its fields say. ID is time-ordered. Indexes: by vendor, by Covers while
// it can still be used ("open"), by vendor while somebody is being asked ("pending").
type SigningApproval struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	SHA256  string `json:"sha256"` // the artifact
	Format  string `json:"format"`
	Mode    string `json:"mode,omitempty"` // "" is strict
	// Certificate is the serial number of the one that will sign; "" with PerBuild.
	Certificate string         `json:"certificate,omitempty"`
	PerBuild    bool           `json:"per_build,omitempty"`
	Claims      []RequestClaim `json:"claims,omitempty"` // of the certificate for one build
	Signed      string         `json:"signed,omitempty"` // what the signature is over, where that is not SHA256
	Covers      string         `json:"covers"`           // SHA-256 over all of the above but ID and State

	Note      string    `json:"note,omitempty"` // the requester's words
	At        time.Time `json:"at"`
	By        string    `json:"by"`
	ExpiresAt time.Time `json:"expires_at"` // for agreeing and for signing
	Votes     []Vote    `json:"votes,omitempty"`
	DeniedBy  string    `json:"denied_by,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of the denial
	MaxUses   int       `json:"max_uses"`
	Uses      []string  `json:"uses,omitempty"` // Signature.ID of each
	LogSalt   []byte    `json:"log_salt,omitempty"`
}

// IsOpen reports whether the record can still lead to a signature, time aside.
func (a SigningApproval) IsOpen() bool {
	return a.State == ApprovalPending || a.State == ApprovalGiven
}

// SigningCount counts a product's signatures for its limits: how many were made in each
// stretch of time that still matters. Key: "<vendor>/<product>".
type SigningCount struct {
	Vendor  string       `json:"vendor"`
	Product string       `json:"product"`
	Minutes []TimedCount `json:"minutes,omitempty"` // oldest first
	Hours   []TimedCount `json:"hours,omitempty"`   // by the quarter of an hour
}

// TimedCount is how many fell into the stretch of time that began at From.
type TimedCount struct {
	From int64 `json:"from"` // Unix time in seconds
	N    int   `json:"n"`
}

// Factor is what a person shows beside their client certificate where a policy asks for
// a second factor. ID: the SHA-256 of PublicKey, hex. Index: by person.
type Factor struct {
	ID        string    `json:"id"`
	Person    string    `json:"person"`
	Kind      string    `json:"kind"` // "ssh"
	Label     string    `json:"label"`
	PublicKey []byte    `json:"public_key"` // SSH wire format
	AddedAt   time.Time `json:"added_at"`
	// ConfirmedAt is when somebody else vouched that it is this person's; before, it
	// counts for nothing.
	ConfirmedAt time.Time `json:"confirmed_at,omitzero"`
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
}

// ProductKey is the key of what is kept for one product of a vendor.
func ProductKey(vendor, product string) string { return vendor + "/" + product }

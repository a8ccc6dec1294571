package api

import "time"

// Refresh asks for a signature with a staple of today.
type Refresh struct {
	CMS []byte `json:"cms" doc:"the signature as it was given out, DER"`
}

// Refreshed is a signature with a staple of today.
type Refreshed struct {
	ID    string `json:"id"`
	State string `json:"state,omitempty" doc:"as in a signature's record"`
	CMS   []byte `json:"cms"`
}

// Incident is a provisional signature that was, or would have been, taken back.
type Incident struct {
	ID        string            `json:"id"`
	State     string            `json:"state" enum:"asked,held,released,dry-run,reported,revoked,confirmed"`
	Cause     string            `json:"cause" enum:"contradiction,deadline,officer"`
	Signature string            `json:"signature" doc:"its id"`
	Vendor    string            `json:"vendor"`
	Product   string            `json:"product"`
	SHA256    string            `json:"sha256"`
	Serial    string            `json:"serial" doc:"of the certificate, which is for this build alone"`
	OpenedAt  time.Time         `json:"opened_at"`
	Verdicts  []IncidentVerdict `json:"verdicts" doc:"what the gate found missing or contradicted"`
	Evidence  []string          `json:"evidence" doc:"SHA-256 of each envelope that it rests on, in the vendor's repository"`
	Steps     []IncidentStep    `json:"steps"`

	HoldAskedBy string    `json:"hold_asked_by,omitempty" doc:"one officer; another one must agree"`
	HoldAskedAt time.Time `json:"hold_asked_at,omitzero"`
	HeldBy      []string  `json:"held_by,omitempty" doc:"two officers; none: the storm brake"`
	HeldUntil   time.Time `json:"held_until,omitzero" doc:"then it is revoked, unless it was confirmed"`
	RevokedAt   time.Time `json:"revoked_at,omitzero"`
	RevokedBy   string    `json:"revoked_by,omitempty" doc:"an officer; absent: nobody, it happened by itself"`
	ClosedAt    time.Time `json:"closed_at,omitzero"`
}

// IncidentVerdict is what a rule of the gate said.
type IncidentVerdict struct {
	Rule       string `json:"rule"`
	Assessment string `json:"assessment,omitempty"`
	Outcome    string `json:"outcome"`
	Detail     string `json:"detail"`
	Evidence   string `json:"evidence,omitempty" doc:"SHA-256 of the envelope judged"`
}

// IncidentStep is one thing that happened, and who did it.
type IncidentStep struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who" doc:"a person, or hallmark"`
	Action string    `json:"action"`
	Note   string    `json:"note,omitempty"`
}

// NewHold asks for a hold, or agrees to one that another officer has asked for.
type NewHold struct {
	Reason  string `json:"reason" minLength:"1" maxLength:"500"`
	Seconds int64  `json:"seconds,omitempty" minimum:"1" maximum:"259200" doc:"default: a day; the second officer can only shorten it"`
}

// IncidentDecision is an officer's word on an incident.
type IncidentDecision struct {
	Note string `json:"note" minLength:"1" maxLength:"500"`
}

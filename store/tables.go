package store

// LedgerPending is, in the index by state, a LedgerEntry that is not known to be logged.
const LedgerPending = "pending"

// RevocationJobOpen is, in the index by state, a RevocationJob that is not finished.
const RevocationJobOpen = "open"

// LedgerMarkKey is the key of the one LedgerMark.
const LedgerMarkKey = "ledger"

// ClockMarkKey is the key of the one ClockMark.
const ClockMarkKey = "tsa"

// The tables. They are constants in spirit: nothing assigns to them.
var (
	Vendors            = Table[Vendor]{name: "vendor", key: func(v Vendor) string { return v.ID }, indexes: []index[Vendor]{{"uri", func(v Vendor) []string { return []string{v.URI} }}}}
	People             = Table[Person]{name: "person", key: func(p Person) string { return p.ID }}
	Enrolments         = Table[Enrolment]{name: "enrolment", key: func(e Enrolment) string { return e.TokenSHA256 }, indexes: []index[Enrolment]{{"unconsented", Enrolment.unconsented}}}
	ClientCertificates = Table[ClientCertificate]{name: "client_certificate", key: func(c ClientCertificate) string { return c.Serial }, indexes: []index[ClientCertificate]{{"person", func(c ClientCertificate) []string { return []string{c.Person} }}}}
	AuditorKeys        = Table[AuditorKey]{name: "auditor_key", key: func(k AuditorKey) string { return k.SPKISHA256 }, indexes: []index[AuditorKey]{{"auditor", func(k AuditorKey) []string { return []string{k.Auditor} }}}}
	Accreditations     = Table[Accreditation]{name: "accreditation", key: func(a Accreditation) string { return a.Auditor + "/" + a.Framework }}
	Assessments        = Table[Assessment]{name: "assessment", key: func(a Assessment) string { return a.ID }, indexes: []index[Assessment]{
		{"vendor", func(a Assessment) []string { return []string{a.Vendor} }},
		{"auditor", func(a Assessment) []string {
			if a.SecondAuditor == "" {
				return []string{a.Auditor}
			}
			return []string{a.Auditor, a.SecondAuditor}
		}},
		{"state", func(a Assessment) []string { return []string{a.State} }},
		{"until", func(a Assessment) []string { // of those whose time can still run out
			if a.State == AssessmentInForce || a.State == AssessmentInReview {
				return []string{TimeKey(a.ValidUntil)}
			}
			return nil
		}},
	}}
	Catalogues    = Table[Catalogue]{name: "catalogue", key: func(c Catalogue) string { return c.SHA256 }}
	LedgerEntries = Table[LedgerEntry]{name: "ledger_entry", key: func(e LedgerEntry) string { return e.ID }, indexes: []index[LedgerEntry]{
		{"state", func(e LedgerEntry) []string {
			if e.LoggedAt.IsZero() {
				return []string{LedgerPending}
			}
			return nil
		}},
		{"about", func(e LedgerEntry) []string { return []string{e.About} }},
		{"index", func(e LedgerEntry) []string {
			if e.LoggedAt.IsZero() {
				return nil
			}
			return []string{IndexKey(e.Index)}
		}},
	}}
	LedgerMarks = Table[LedgerMark]{name: "ledger_mark", key: func(LedgerMark) string { return LedgerMarkKey }}
	ClockMarks  = Table[ClockMark]{name: "clock_mark", key: func(ClockMark) string { return ClockMarkKey }}
	ProbeStates = Table[ProbeState]{name: "probe_state", key: func(p ProbeState) string { return p.Assessment + "/" + p.Probe }}
	Notices     = Table[Notice]{name: "notice", key: func(n Notice) string { return n.ID }, indexes: []index[Notice]{{"pending", func(n Notice) []string {
		if n.SettledAt.IsZero() {
			return []string{TimeKey(n.At)}
		}
		return nil
	}}}}
	EvidenceFiles = Table[Evidence]{name: "evidence", key: func(e Evidence) string { return e.Assessment + "/" + e.SHA256 }}
	Intents       = Table[Intent]{name: "intent", key: func(i Intent) string { return i.Serial }}
	Certificates  = Table[Certificate]{name: "certificate", key: func(c Certificate) string { return c.Serial }, indexes: []index[Certificate]{
		{"vendor", func(c Certificate) []string { return []string{c.Vendor} }},
		{"assessment", func(c Certificate) []string { return c.Assessments }},
		{"key", func(c Certificate) []string { return []string{c.SPKISHA256} }},
		{"not_after", func(c Certificate) []string { return []string{TimeKey(c.NotAfter)} }},
		{"revoked", func(c Certificate) []string {
			if c.Revocation == nil {
				return nil
			}
			return []string{c.IssuingCA()}
		}},
		{"kept", func(c Certificate) []string { // by vendor, those that are not for one build: a list that a person reads
			if c.Build != "" {
				return nil
			}
			return []string{c.Vendor}
		}},
		{"build", func(c Certificate) []string { return present(c.Build) }},
		{"group", func(c Certificate) []string { return present(c.BuildGroup()) }},
	}, tallies: []tally[Certificate]{{"group", groupTally}}}
	CertificateRequests = Table[CertificateRequest]{name: "certificate_request", key: func(q CertificateRequest) string { return q.ID }, indexes: []index[CertificateRequest]{
		{"vendor", func(q CertificateRequest) []string { return []string{q.Vendor} }},
		{"key", func(q CertificateRequest) []string { return []string{q.SPKISHA256} }},
		{"state", func(q CertificateRequest) []string { return []string{q.State} }},
	}}
	CRLs = Table[CRL]{name: "crl", key: func(c CRL) string {
		if c.Name != "" {
			return c.Name
		}
		return c.Tier
	}}
	StatusBundles       = Table[StatusBundle]{name: "status_bundle", key: func(StatusBundle) string { return StatusBundleKey }}
	RepositoryFiles     = Table[RepositoryFile]{name: "repository_file", key: func(f RepositoryFile) string { return f.Name }}
	UnlistedRevocations = Table[UnlistedRevocation]{name: "unlisted_revocation", key: func(u UnlistedRevocation) string { return u.ID }, indexes: []index[UnlistedRevocation]{{"issuer", func(u UnlistedRevocation) []string { return []string{u.Issuer} }}}}
	RevocationJobs      = Table[RevocationJob]{name: "revocation_job", key: func(j RevocationJob) string { return j.ID }, indexes: []index[RevocationJob]{{"state", func(j RevocationJob) []string {
		if j.FinishedAt.IsZero() {
			return []string{RevocationJobOpen}
		}
		return nil
	}}}}
	SigningKeys = Table[SigningKey]{name: "signing_key", key: func(k SigningKey) string { return k.ID }, indexes: []index[SigningKey]{{"vendor", func(k SigningKey) []string { return []string{k.Vendor} }}}}
	Signatures  = Table[Signature]{name: "signature", key: func(s Signature) string { return s.ID }, indexes: []index[Signature]{{"vendor", func(s Signature) []string { return []string{s.Vendor} }}, {"serial", func(s Signature) []string { return []string{s.Serial} }},
		{"state", func(s Signature) []string { return present(s.State) }},
		{"vendor_state", func(s Signature) []string {
			if s.State == "" {
				return nil
			}
			return []string{s.Vendor + "/" + s.State}
		}},
		{"artifact", func(s Signature) []string { // of those that more evidence may change
			if !s.Open() && s.State != SignatureConfirmed {
				return nil
			}
			return []string{s.Vendor + "/" + s.Digest}
		}},
		{"due", func(s Signature) []string {
			if !s.Open() {
				return nil
			}
			return []string{TimeKey(s.Due())}
		}},
	}}
	Events           = Table[Event]{name: "event", key: func(e Event) string { return e.ID }}
	VendorIdentities = Table[VendorIdentity]{name: "vendor_identity", key: func(i VendorIdentity) string { return i.ID }, indexes: []index[VendorIdentity]{{"vendor", func(i VendorIdentity) []string { return []string{i.Vendor} }}}}
	ACMEKeys         = Table[ACMEKey]{name: "acme_key", key: func(k ACMEKey) string { return k.ID }, indexes: []index[ACMEKey]{
		{"vendor", func(k ACMEKey) []string { return []string{k.Vendor} }},
		{"account", func(k ACMEKey) []string {
			if k.Account == "" {
				return nil
			}
			return []string{k.Account}
		}},
	}}
	RebuildJobs = Table[RebuildJob]{name: "rebuild_job", key: func(j RebuildJob) string { return j.ID }, indexes: []index[RebuildJob]{
		{"vendor", func(j RebuildJob) []string { return []string{j.Vendor} }},
		{"artifact", func(j RebuildJob) []string { return []string{j.Vendor + "/" + j.SHA256} }},
		{"rebuilder", func(j RebuildJob) []string { return []string{j.Rebuilder} }},
		{"due", RebuildJob.due},
		{"open", RebuildJob.open},
	}, tallies: []tally[RebuildJob]{
		{"state", func(j RebuildJob) string { return j.State }},
		{"open", RebuildJob.openOf},
	}}
	RebuildTurns     = Table[RebuildTurn]{name: "rebuild_turn", key: func(t RebuildTurn) string { return RebuilderKey(t.Rebuilder) }}
	RebuildRecipes   = Table[RebuildRecipe]{name: "rebuild_recipe", key: func(r RebuildRecipe) string { return r.SHA256 }}
	SigningPolicies  = Table[SigningPolicy]{name: "signing_policy", key: func(p SigningPolicy) string { return ProductKey(p.Vendor, p.Product) }, indexes: []index[SigningPolicy]{{"vendor", func(p SigningPolicy) []string { return []string{p.Vendor} }}}}
	PolicyChanges    = Table[PolicyChange]{name: "policy_change", key: func(c PolicyChange) string { return c.ID }, indexes: []index[PolicyChange]{{"vendor", func(c PolicyChange) []string { return []string{c.Vendor} }}}}
	SigningApprovals = Table[SigningApproval]{name: "signing_approval", key: func(a SigningApproval) string { return a.ID }, indexes: []index[SigningApproval]{
		{"vendor", func(a SigningApproval) []string { return []string{a.Vendor} }},
		{"open", func(a SigningApproval) []string {
			if !a.IsOpen() {
				return nil
			}
			return []string{a.Covers}
		}},
		{"pending", func(a SigningApproval) []string {
			if !a.IsOpen() {
				return nil
			}
			return []string{a.Vendor}
		}},
	}}
	SigningCounts = Table[SigningCount]{name: "signing_count", key: func(c SigningCount) string { return ProductKey(c.Vendor, c.Product) }}
	Factors       = Table[Factor]{name: "factor", key: func(f Factor) string { return f.ID }, indexes: []index[Factor]{{"person", func(f Factor) []string { return []string{f.Person} }}}}
	Machines      = Table[Machine]{name: "machine", key: func(m Machine) string { return m.Person }, indexes: []index[Machine]{
		{"vendor", func(m Machine) []string { return []string{m.Vendor} }},
		{"token", func(m Machine) []string {
			if m.Issuer == "" {
				return nil
			}
			return []string{MachineKey(m.Issuer, m.Audience)}
		}},
	}}
	Incidents = Table[Incident]{name: "incident", key: func(i Incident) string { return i.ID }, indexes: []index[Incident]{
		{"vendor", func(i Incident) []string { return []string{i.Vendor} }},
		{"state", func(i Incident) []string { return []string{i.State} }},
		{"revoked", func(i Incident) []string {
			if i.RevokedAt.IsZero() || i.RevokedBy != "" {
				return nil
			}
			return []string{TimeKey(i.RevokedAt)}
		}},
		{"storm", Incident.storm},
	}}
	Summaries = Table[Summary]{name: "summary", key: func(s Summary) string { return s.ID }, indexes: []index[Summary]{
		{"state", func(s Summary) []string {
			if s.FiledAt.IsZero() {
				return []string{SummaryUnfiled}
			}
			return nil
		}},
		{"signature", func(s Summary) []string { return []string{s.Signature} }},
	}}
)

// present is what an index lists of a field that may be empty.
func present(value string) []string {
	if value == "" {
		return nil
	}
	return []string{value}
}

// tables lists every table for Check.
var tables = []interface{ Check(Reader) error }{
	Vendors, People, Enrolments, ClientCertificates, AuditorKeys, Accreditations,
	Assessments, Catalogues, LedgerEntries, LedgerMarks, ClockMarks, ProbeStates, Notices, EvidenceFiles,
	Intents, Certificates, CertificateRequests, CRLs, StatusBundles, RepositoryFiles, UnlistedRevocations, RevocationJobs, SigningKeys, Signatures, Events, VendorIdentities, ACMEKeys,
	RebuildJobs, RebuildTurns, RebuildRecipes,
	SigningPolicies, PolicyChanges, SigningApprovals, SigningCounts, Factors, Machines,
	Incidents, Summaries,
}

package store

// The tables. They are constants in spirit: nothing assigns to them.
var (
	Vendors            = Table[Vendor]{name: "vendor", key: func(v Vendor) string { return v.ID }, indexes: []index[Vendor]{{"uri", func(v Vendor) []string { return []string{v.URI} }}}}
	People             = Table[Person]{name: "person", key: func(p Person) string { return p.ID }}
	Enrolments         = Table[Enrolment]{name: "enrolment", key: func(e Enrolment) string { return e.TokenSHA256 }}
	ClientCertificates = Table[ClientCertificate]{name: "client_certificate", key: func(c ClientCertificate) string { return c.Serial }, indexes: []index[ClientCertificate]{{"person", func(c ClientCertificate) []string { return []string{c.Person} }}}}
	AuditorKeys        = Table[AuditorKey]{name: "auditor_key", key: func(k AuditorKey) string { return k.SPKISHA256 }, indexes: []index[AuditorKey]{{"auditor", func(k AuditorKey) []string { return []string{k.Auditor} }}}}
	Accreditations     = Table[Accreditation]{name: "accreditation", key: func(a Accreditation) string { return a.Auditor + "/" + a.Framework }}
	Assessments        = Table[Assessment]{name: "assessment", key: func(a Assessment) string { return a.ID }, indexes: []index[Assessment]{
		{"vendor", func(a Assessment) []string { return []string{a.Vendor} }},
		{"auditor", func(a Assessment) []string { return []string{a.Auditor} }},
		{"state", func(a Assessment) []string { return []string{a.State} }},
	}}
	Intents      = Table[Intent]{name: "intent", key: func(i Intent) string { return i.Serial }}
	Certificates = Table[Certificate]{name: "certificate", key: func(c Certificate) string { return c.Serial }, indexes: []index[Certificate]{
		{"vendor", func(c Certificate) []string { return []string{c.Vendor} }},
		{"assessment", func(c Certificate) []string { return c.Assessments }},
		{"key", func(c Certificate) []string { return []string{c.SPKISHA256} }},
		{"not_after", func(c Certificate) []string { return []string{TimeKey(c.NotAfter)} }},
		{"revoked", func(c Certificate) []string {
			if c.Revocation == nil {
				return nil
			}
			return []string{c.Tier}
		}},
	}}
	CRLs        = Table[CRL]{name: "crl", key: func(c CRL) string { return c.Tier }}
	SigningKeys = Table[SigningKey]{name: "signing_key", key: func(k SigningKey) string { return k.ID }, indexes: []index[SigningKey]{{"vendor", func(k SigningKey) []string { return []string{k.Vendor} }}}}
	Signatures  = Table[Signature]{name: "signature", key: func(s Signature) string { return s.ID }, indexes: []index[Signature]{{"vendor", func(s Signature) []string { return []string{s.Vendor} }}, {"serial", func(s Signature) []string { return []string{s.Serial} }}}}
	Events      = Table[Event]{name: "event", key: func(e Event) string { return e.ID }}
)

// tables lists every table for Check.
var tables = []interface{ Check(Reader) error }{
	Vendors, People, Enrolments, ClientCertificates, AuditorKeys, Accreditations,
	Assessments, Intents, Certificates, CRLs, SigningKeys, Signatures, Events,
}

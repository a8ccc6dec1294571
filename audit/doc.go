// Package audit answers two questions: what level does a vendor deserve, and may
// this CA rely on it?
//
// # What level
//
// A [Framework] is a catalogue of requirements, read from YAML (frameworks/*.yaml
// are embedded; [ParseFramework] reads another). Each [Track] of it is a ladder of
// levels. [Track.Compute] turns findings into a level:
//
//	level = the greatest n for which every requirement with from_level <= n and
//	        obligation other than "recommended" is met (or justified, where the
//	        obligation is "unless-justified")
//
// A requirement without a finding counts as not met. Nobody types a level: what an
// auditor signed must equal what Compute gives, with the very catalogue bytes whose
// SHA-256 the assessment names.
//
// # The auditor's document
//
// An auditor fills in a [Draft] (YAML, written by [NewDraft]) and signs the
// [Assessment] made of it: the predicate, of type [PredicateType], of an in-toto
// Statement v1 in a DSSE envelope. Its one subject is the vendor: name is the vendor's
// URI, digest the SHA-256 of that URI's UTF-8 bytes. The predicate is JSON in one
// spelling only: every key as Go's encoding/json writes it here, none twice, none null
// or empty where it may be left out, times in UTC to the second.
//
//	{
//	 "framework": {"id":"slsa-v0.1", "uri":"https://…", "version":"0.1", "track":"slsa",
//	               "digest":{"sha256":"…of the catalogue file"}},
//	 "vendor":  {"id":"acme", "uri":"https://acme.example", "organization":"Acme Ltd"},
//	 "auditor": {"id":"jane", "organization":"Example Audits"},
//	 "secondAuditor": {"id":"ada", "organization":"Example Reviews"},
//	 "level": 3, "levelId": "SLSA_LEVEL_3",
//	 "assessedAt": "2026-05-04T00:00:00Z", "validUntil": "2027-05-04T00:00:00Z",
//	 "scope": {"products":[…], "sources":[…], "builders":[…], …},
//	 "findings": [{"requirement":"…", "status":"met", "evidence":[{…}]}, …],
//	 "probes": [{"id":"…", "kind":"document-digest", "requirements":["…"], "with":{…}}]
//	}
//
// The envelope has one signature, the auditor's, or two where there is a secondAuditor,
// who is of a third organisation: required at the highest level of a track, allowed
// below. The officer who accepts it adds theirs.
//
// A builder in the scope has keys, or identities, or both. An identity is what the
// short-lived certificates of a builder say: {"issuer":"https://…", "subject":"…",
// "root":"…PEM of a CA certificate"}. Issuer and subject are compared as a whole; a
// pattern is refused here as everywhere in a scope, and so is an identity that stands
// on two builders.
//
// A probe is a check that a machine repeats, of a kind that package audit/probe knows.
// It watches findings that are met; while it fails, no new certificate rests on them.
//
// # Drafts of one visit
//
// A draft may include a [Visit], a file in its folder or below ([NewVisit] writes one),
// with the keys vendor, auditor, second_auditor, assessed_at, valid_until, valid_days,
// scope and evidence, and a version; each stands there or in the draft, not in both. A
// visit includes nothing. Under evidence, there and in the draft, pieces have names,
// and a finding that says "- ref: NAME" has that piece.
//
// # Whether to rely on it
//
// A [Register] keeps signed assessments. Submit checks everything that can be
// checked by a machine; Accept is the decision of an officer of the CA, puts it in
// the transparency log and only then in force; Withdraw ends it and revokes what
// hangs on it. The identity of an assessment is the SHA-256 of its DSSE payload.
// [InForce] lists those that certificates may be issued on, and [Open] re-verifies
// one on every use.
package audit

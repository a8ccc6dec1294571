package store_test

import (
	"encoding/json"
	"errors"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

// newest is the sample that -update makes. Once a release has gone out, its sample is
// what that release wrote, and stays: whoever adds a field then names a new one here.
const newest = "testdata/v2"

var rewrite = flag.Bool("update", false, "make the newest sample store and its listing again")

// sample is one record of every table, with every field set.
type sample struct {
	Vendor             []store.Vendor             `json:"vendor"`
	Person             []store.Person             `json:"person"`
	Enrolment          []store.Enrolment          `json:"enrolment"`
	ClientCertificate  []store.ClientCertificate  `json:"client_certificate"`
	AuditorKey         []store.AuditorKey         `json:"auditor_key"`
	Accreditation      []store.Accreditation      `json:"accreditation"`
	Assessment         []store.Assessment         `json:"assessment"`
	Catalogue          []store.Catalogue          `json:"catalogue"`
	LedgerEntry        []store.LedgerEntry        `json:"ledger_entry"`
	LedgerMark         []store.LedgerMark         `json:"ledger_mark"`
	ClockMark          []store.ClockMark          `json:"clock_mark"`
	ProbeState         []store.ProbeState         `json:"probe_state"`
	Notice             []store.Notice             `json:"notice"`
	Evidence           []store.Evidence           `json:"evidence"`
	Intent             []store.Intent             `json:"intent"`
	Certificate        []store.Certificate        `json:"certificate"`
	CertificateRequest []store.CertificateRequest `json:"certificate_request"`
	CRL                []store.CRL                `json:"crl"`
	StatusBundle       []store.StatusBundle       `json:"status_bundle,omitempty"`
	RepositoryFile     []store.RepositoryFile     `json:"repository_file,omitempty"`
	Unlisted           []store.UnlistedRevocation `json:"unlisted_revocation"`
	RevocationJob      []store.RevocationJob      `json:"revocation_job"`
	SigningKey         []store.SigningKey         `json:"signing_key"`
	Signature          []store.Signature          `json:"signature"`
	Event              []store.Event              `json:"event"`
	VendorIdentity     []store.VendorIdentity     `json:"vendor_identity"`
	ACMEKey            []store.ACMEKey            `json:"acme_key"`
	RebuildJob         []store.RebuildJob         `json:"rebuild_job,omitempty"`
	RebuildTurn        []store.RebuildTurn        `json:"rebuild_turn,omitempty"`
	RebuildRecipe      []store.RebuildRecipe      `json:"rebuild_recipe,omitempty"`
	Incident           []store.Incident           `json:"incident"`
	Summary            []store.Summary            `json:"summary"`
	SigningPolicy      []store.SigningPolicy      `json:"signing_policy"`
	PolicyChange       []store.PolicyChange       `json:"policy_change"`
	SigningApproval    []store.SigningApproval    `json:"signing_approval"`
	SigningCount       []store.SigningCount       `json:"signing_count"`
	Factor             []store.Factor             `json:"factor"`
	Machine            []store.Machine            `json:"machine"`
}

// TestSample opens a copy of the sample store of each release and compares every
// record. A failure means that this program can not read what that one wrote.
func TestSample(t *testing.T) {
	if *rewrite {
		writeSample(t, newest+".db", newest+".json")
	}
	files, err := filepath.Glob("testdata/v*.db")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sample stores: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file[:len(file)-len(".db")] + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want sample
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, readSample(t, copyOf(t, file))); diff != "" {
				t.Errorf("(-listed +read):\n%s", diff)
			}
			if file == newest+".db" {
				requireAll(t, want)
			}
		})
	}
}

func copyOf(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "hallmark.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readSample(t *testing.T, path string) (got sample) {
	t.Helper()
	d, err := bolt.Open(path, bolt.Options{MustExist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	view(t, d, func(r store.Reader) error {
		return errors.Join(
			collect(r, store.Vendors, &got.Vendor), collect(r, store.People, &got.Person),
			collect(r, store.Enrolments, &got.Enrolment), collect(r, store.ClientCertificates, &got.ClientCertificate),
			collect(r, store.AuditorKeys, &got.AuditorKey), collect(r, store.Accreditations, &got.Accreditation),
			collect(r, store.Assessments, &got.Assessment), collect(r, store.Catalogues, &got.Catalogue),
			collect(r, store.LedgerEntries, &got.LedgerEntry), collect(r, store.LedgerMarks, &got.LedgerMark),
			collect(r, store.ClockMarks, &got.ClockMark),
			collect(r, store.ProbeStates, &got.ProbeState), collect(r, store.Notices, &got.Notice),
			collect(r, store.EvidenceFiles, &got.Evidence), collect(r, store.Intents, &got.Intent),
			collect(r, store.Certificates, &got.Certificate), collect(r, store.CertificateRequests, &got.CertificateRequest), collect(r, store.CRLs, &got.CRL),
			collect(r, store.StatusBundles, &got.StatusBundle), collect(r, store.RepositoryFiles, &got.RepositoryFile),
			collect(r, store.UnlistedRevocations, &got.Unlisted), collect(r, store.RevocationJobs, &got.RevocationJob),
			collect(r, store.SigningKeys, &got.SigningKey), collect(r, store.Signatures, &got.Signature),
			collect(r, store.Events, &got.Event),
			collect(r, store.VendorIdentities, &got.VendorIdentity), collect(r, store.ACMEKeys, &got.ACMEKey),
			collect(r, store.RebuildJobs, &got.RebuildJob), collect(r, store.RebuildTurns, &got.RebuildTurn), collect(r, store.RebuildRecipes, &got.RebuildRecipe),
			collect(r, store.Incidents, &got.Incident), collect(r, store.Summaries, &got.Summary),
			collect(r, store.SigningPolicies, &got.SigningPolicy),
			collect(r, store.PolicyChanges, &got.PolicyChange),
			collect(r, store.SigningApprovals, &got.SigningApproval),
			collect(r, store.SigningCounts, &got.SigningCount),
			collect(r, store.Factors, &got.Factor),
			collect(r, store.Machines, &got.Machine),
		)
	})
	// The store can still be written: each record is put back where it was.
	update(t, d, func(tx store.Tx) error { return putSample(tx, got) })
	view(t, d, func(store.Reader) error { return nil })
	return got
}

func collect[T any](r store.Reader, table store.Table[T], into *[]T) error {
	*into = nil
	for rec, err := range table.All(r, "") {
		if err != nil {
			return err
		}
		*into = append(*into, rec)
	}
	return nil
}

func putSample(tx store.Tx, s sample) error {
	return errors.Join(
		putAll(tx, store.Vendors, s.Vendor), putAll(tx, store.People, s.Person),
		putAll(tx, store.Enrolments, s.Enrolment), putAll(tx, store.ClientCertificates, s.ClientCertificate),
		putAll(tx, store.AuditorKeys, s.AuditorKey), putAll(tx, store.Accreditations, s.Accreditation),
		putAll(tx, store.Assessments, s.Assessment), putAll(tx, store.Catalogues, s.Catalogue),
		putAll(tx, store.LedgerEntries, s.LedgerEntry), putAll(tx, store.LedgerMarks, s.LedgerMark),
		putAll(tx, store.ClockMarks, s.ClockMark),
		putAll(tx, store.ProbeStates, s.ProbeState), putAll(tx, store.Notices, s.Notice),
		putAll(tx, store.EvidenceFiles, s.Evidence), putAll(tx, store.Intents, s.Intent),
		putAll(tx, store.Certificates, s.Certificate), putAll(tx, store.CertificateRequests, s.CertificateRequest), putAll(tx, store.CRLs, s.CRL),
		putAll(tx, store.StatusBundles, s.StatusBundle), putAll(tx, store.RepositoryFiles, s.RepositoryFile),
		putAll(tx, store.UnlistedRevocations, s.Unlisted), putAll(tx, store.RevocationJobs, s.RevocationJob),
		putAll(tx, store.SigningKeys, s.SigningKey), putAll(tx, store.Signatures, s.Signature),
		putAll(tx, store.Events, s.Event),
		putAll(tx, store.VendorIdentities, s.VendorIdentity), putAll(tx, store.ACMEKeys, s.ACMEKey),
		putAll(tx, store.RebuildJobs, s.RebuildJob), putAll(tx, store.RebuildTurns, s.RebuildTurn), putAll(tx, store.RebuildRecipes, s.RebuildRecipe),
		putAll(tx, store.Incidents, s.Incident), putAll(tx, store.Summaries, s.Summary),
		putAll(tx, store.SigningPolicies, s.SigningPolicy),
		putAll(tx, store.PolicyChanges, s.PolicyChange),
		putAll(tx, store.SigningApprovals, s.SigningApproval),
		putAll(tx, store.SigningCounts, s.SigningCount),
		putAll(tx, store.Factors, s.Factor),
		putAll(tx, store.Machines, s.Machine),
	)
}

func putAll[T any](tx store.Tx, table store.Table[T], recs []T) error {
	for _, rec := range recs {
		if err := table.Put(tx, rec); err != nil {
			return err
		}
	}
	return nil
}

// requireAll fails for a table without a record and a field without a value: it would
// go unread.
func requireAll(t *testing.T, s sample) {
	t.Helper()
	for i := range reflect.TypeOf(s).NumField() {
		name, recs := reflect.TypeOf(s).Field(i).Name, reflect.ValueOf(s).Field(i)
		if recs.Len() == 0 {
			t.Errorf("no %s in the sample", name)
			continue
		}
		requireFields(t, name, recs.Index(0))
	}
	if got, want := reflect.TypeOf(s).NumField(), countTables(t); got != want {
		t.Errorf("sample of %d tables, tables.go has %d", got, want)
	}
}

// requireFields fails for a field of a record without a value, and for one of a record
// inside it.
func requireFields(t *testing.T, name string, rec reflect.Value) {
	t.Helper()
	for i := range rec.NumField() {
		name, field := name+"."+rec.Type().Field(i).Name, rec.Field(i)
		if field.IsZero() {
			t.Errorf("%s has no value in the sample", name)
			continue
		}
		if field.Kind() == reflect.Pointer {
			field = field.Elem()
		} else if field.Kind() == reflect.Slice && field.Len() > 0 {
			field = field.Index(0)
		}
		if field.Kind() == reflect.Struct && field.Type() != reflect.TypeFor[time.Time]() {
			requireFields(t, name, field)
		}
	}
}

// countTables counts the variables of tables.go that are tables, and checks that the
// list which Check goes through is as long.
func countTables(t *testing.T) (n int) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "tables.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	ast.Inspect(file, func(node ast.Node) bool {
		if decl, ok := node.(*ast.GenDecl); ok {
			return decl.Tok == token.VAR
		}
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if spec.Names[0].IsExported() {
			n++
		} else if spec.Names[0].Name == "tables" {
			listed = len(spec.Values[0].(*ast.CompositeLit).Elts)
		}
		return false
	})
	if listed != n {
		t.Errorf("tables.go has %d tables and lists %d", n, listed)
	}
	return n
}

// writeSample makes a store with one record of every table, and its listing.
func writeSample(t *testing.T, dbFile, jsonFile string) {
	t.Helper()
	d, err := bolt.Open(filepath.Join(t.TempDir(), "hallmark.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	s := fullSample()
	update(t, d, func(tx store.Tx) error { return putSample(tx, s) })
	if err := os.MkdirAll(filepath.Dir(dbFile), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(dbFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Backup(t.Context(), f), f.Close()); err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(jsonFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fullSample() sample {
	day := func(n int) time.Time { return noon.AddDate(0, 0, n) }
	const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	return sample{
		Vendor: []store.Vendor{{ID: "acme", URI: "https://acme.example.com/", Organization: "Acme Ltd", Country: "DE", Owners: []string{"Acme Holding"}, CreatedAt: day(0), SuspendedAt: day(90), LogSalt: []byte{1, 2}}},
		Person: []store.Person{{ID: "vera", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd", CreatedAt: day(0), DisabledAt: day(91), LogSalt: []byte{1, 2}, Rebuilder: "https://rebuild.example.org/"}},
		Enrolment: []store.Enrolment{{TokenSHA256: digest, Person: "vera", CreatedAt: day(0), ExpiresAt: day(1), UsedAt: day(0).Add(time.Nanosecond),
			Consent: store.ConsentAlone, InvitedBy: "olga", ConsentBy: "otto", ConsentAt: day(1)}}, // every field at once
		ClientCertificate: []store.ClientCertificate{{Serial: "0a", Person: "vera", DER: []byte{0x30, 0}, NotAfter: day(365), RevokedAt: day(91)}},
		AuditorKey:        []store.AuditorKey{{SPKISHA256: digest, Auditor: "aude", PublicKey: []byte{0x30, 0}, AddedAt: day(0), RevokedAt: day(80)}},
		Accreditation:     []store.Accreditation{{Auditor: "aude", Framework: "slsa-v0.1", From: day(0), Until: day(365), SuspendedAt: day(70)}},
		Assessment: []store.Assessment{{
			ID: digest, State: store.AssessmentWithdrawn, Vendor: "acme", Framework: "slsa-v0.1", FrameworkURI: "https://slsa.dev/spec/v0.1",
			CatalogueSHA256: digest, Track: "slsa", Level: 3, LevelID: "SLSA_LEVEL_3", Auditor: "aude", AuditorSPKI: digest,
			SecondAuditor: "axel", SecondSPKI: digest, Probes: 2, AssessedAt: day(1), ValidUntil: day(300), Envelope: []byte("{}"), LogSalt: []byte{3, 4},
			SubmittedAt: day(2), SubmittedBy: "aude", AcceptedAt: day(3), AcceptedBy: "olga", AcceptedSPKI: digest, Receipt: []byte("c2sp.org/tlog-proof@v1\n"),
			LogOrigin: "example.com/log", LogIndex: 1 << 63, ReopenedAt: day(30), ReopenedReason: "auditor revoked",
			UpheldAt: day(40), UpheldBy: "olga", UpheldReason: "looked at again", EndedAt: day(60), EndedBy: "olga", EndedReason: "builder compromised",
			IneffectiveAt: day(50),
		}, {
			ID: "in force", State: store.AssessmentInForce, Vendor: "acme", Auditor: "aude", ValidUntil: day(300), // in the index by end
		}},
		Catalogue: []store.Catalogue{{SHA256: digest, Framework: "slsa-v0.1", Version: "0.1", YAML: []byte("id: slsa-v0.1\n"), FirstSeen: day(0)}},
		LedgerEntry: []store.LedgerEntry{
			{ID: "20260305T120000.000000000Z-0000000000000003", About: digest, Entry: []byte("{}"), At: day(3), LoggedAt: day(3), Index: 1 << 63},
			{ID: "20260305T120000.000000000Z-0000000000000004", About: digest, Entry: []byte("{}"), At: day(3)}, // pending
		},
		LedgerMark: []store.LedgerMark{{Size: 1<<63 + 1}},
		ClockMark:  []store.ClockMark{{Until: day(4)}},
		ProbeState: []store.ProbeState{{
			Assessment: digest, Probe: "branch", Outcome: "failed", Detail: "history was rewritten", Seen: "0a1b",
			RanAt: day(9), PassedAt: day(7), FailingSince: day(8),
		}},
		Notice: []store.Notice{
			{
				ID: "assessment.expiring/" + digest + "/30", Type: "assessment.expiring", At: day(270), Body: []byte(`{"days":30}`),
				Deliveries: []store.NoticeDelivery{{ // every field at once, as no delivery has them
					Webhook: "5d41402abc4b2a76b9719d911017c592", Tries: 19, Since: day(270), NextTry: day(273), LastError: "status 500", DoneAt: day(274), GivenUp: true,
				}},
				SettledAt: day(274),
			},
			{ID: "probe.failed/" + digest + "/branch", Type: "probe.failed", At: day(8), Body: []byte(`{}`)}, // pending
		},
		Evidence: []store.Evidence{{Assessment: digest, SHA256: digest, Size: 4, At: day(1), By: "aude"}},
		Intent:   []store.Intent{{Serial: "7f01", Tier: "high", Vendor: "acme", TBS: []byte{0x30, 0}, Assessments: []string{digest}, RequestedBy: "vera", Way: "build", At: day(4), Build: "sha256:" + digest, Issuer: "high-2"}},
		Certificate: []store.Certificate{{
			Serial: "7f01", Tier: "high", Issuer: "high-2", Vendor: "acme", DER: []byte{0x30, 1, 0}, SPKISHA256: digest, NotBefore: day(4), NotAfter: day(200),
			Assessments: []string{digest}, SigningKey: "k1", IssuedAt: day(4), RequestedBy: "vera", Profile: "code-signing", Request: "20260305T120000.000000000Z-0000000000000005", Replaces: "7e00",
			Revocation: &store.Revocation{At: day(60), RevocationDate: day(50), InvalidityDate: day(50), Reason: 9, Note: "withdrawn", By: "olga"},
			Build:      "sha256:" + digest, Leftover: true, // no certificate has all of these at once
		}, {
			Serial: "7f02", Tier: "high", Vendor: "acme", DER: []byte{0x30, 1, 0}, SPKISHA256: digest, NotAfter: day(200), IssuedAt: day(4), // not for one build
		}},
		Unlisted: []store.UnlistedRevocation{{ID: "7f01/20260305T120000.000000000Z-0000000000000005", Issuer: "high-2", Serial: "7f01"}},
		RevocationJob: []store.RevocationJob{{
			ID: "20260305T120000.000000000Z-0000000000000006", Vendor: "acme", Assessments: []string{digest}, FrameworkURI: "https://slsa.dev/spec/v0.1",
			Track: "slsa", SPKISHA256: digest, Tier: "high", IssuedAfter: day(1), IssuedBefore: day(9), EndsAfter: day(50),
			Revocation: store.Revocation{At: day(60), RevocationDate: day(50), InvalidityDate: day(50), Reason: 9, Note: "withdrawn", By: "olga"},
			CreatedAt:  day(60), Total: 3, Seen: 2, Revoked: 1, After: "7f01", Through: true, FinishedAt: day(61),
		}, {ID: "20260305T120000.000000000Z-0000000000000007"}}, // open
		CRL:            []store.CRL{{Tier: "high-2", Name: "high-2/1", Number: 7, DER: []byte{0x30, 0}, ThisUpdate: day(60), NextUpdate: day(67)}, {Tier: "standard", Number: 7, DER: []byte{0x30, 0}, ThisUpdate: day(60), NextUpdate: day(67)}},
		StatusBundle:   []store.StatusBundle{{Number: 7, IssuedAt: day(60), Inputs: digest, Body: []byte("{}\n{}\n")}},
		RepositoryFile: []store.RepositoryFile{{Name: "1.snapshot.json", Body: []byte("{}"), At: day(60), RetiredAt: day(61)}},
		CertificateRequest: []store.CertificateRequest{{ // every field at once, as no request has them
			ID: "20260305T120000.000000000Z-0000000000000005", State: store.RequestIssued, Vendor: "acme", Tier: "high", SPKISHA256: digest,
			PublicKey: []byte{0x30, 0}, SigningKey: "k1", Claims: []store.RequestClaim{{Framework: "https://slsa.dev/spec/v0.1", Track: "slsa", Level: 4, LevelID: "SLSA_LEVEL_4"}},
			Profile: "code-signing", Validity: 24 * time.Hour, Replaces: "7e00", Rekey: true, Way: "api", At: day(3), By: "vera", ExpiresAt: day(33),
			Attestation: &store.KeyAttestation{Format: "yubikey", Data: []byte{0x30, 0}, Challenge: digest, Device: "12345678", Details: []string{"firmware 5.7.1"}, Root: digest},
			Waiver:      "key made in front of me", DecidedAt: day(4), DecidedBy: "olga", Note: "checked", IssuedAt: day(4), Certificate: "7f01",
		}},
		SigningKey: []store.SigningKey{{ID: "k1", Vendor: "acme", Encrypted: []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), SPKISHA256: digest, CreatedAt: day(4), Place: "pkcs11:token=vendors;object=acme"}},
		Signature: []store.Signature{{
			ID: "20260305T120000.000000000Z-0000000000000001", Vendor: "acme", Serial: "7f01", Digest: digest, Format: "deb",
			Product: "tool", Evidence: []string{digest}, At: day(4), By: "vera", Approval: "20260305T120000.000000000Z-0000000000000008", LogSalt: []byte{1, 2},
			Mode: store.SignatureModeProvisional, State: store.SignatureHeld, ConfirmBy: day(5), ConfirmedAt: day(5), HeldUntil: day(6),
			Signed: "authenticodeSha256:" + digest, Computed: true, Commit: digest[:40],
			Incident: "20260305T120000.000000000Z-0000000000000008", // every field at once, as no signature has them
		}},
		Event: []store.Event{{
			ID: "20260305T120000.000000000Z-0000000000000002", At: day(4), Who: "olga", Action: "accept.assessment",
			Object: digest, Detail: map[string]string{"note": "ünïcode <&> \u2028"},
		}},
		VendorIdentity: []store.VendorIdentity{
			{ // every field at once, as no identity has them
				ID: "jwk-NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", Vendor: "acme", Kind: store.IdentityJWK, JWK: []byte(`{"kty":"EC"}`),
				Issuer: "https://ci.example.com", Subject: "repo:acme/tool", AddedAt: day(4), AddedBy: "olga",
			},
		},
		ACMEKey: []store.ACMEKey{
			{ID: "k2", Vendor: "acme", Person: "vera", Secret: []byte("secret"), CreatedAt: day(4), CreatedBy: "vera", ExpiresAt: day(5), Account: "a1", BoundAt: day(4)},
		},
		RebuildJob: []store.RebuildJob{{ // every field at once, as no job has them
			ID: "00112233445566778899aabbccddeeff", State: store.RebuildDone, Vendor: "acme", Product: "tool", SHA256: digest, SourceURI: "https://git.example.com/tool",
			SourceCommit: digest[:40], Recipe: digest, Rebuilder: "https://rebuild.example.org/", Operator: "Rebuilds eV", CreatedAt: day(4), CreatedBy: "vera", AskedAt: day(5),
			NotBefore: day(6), Tries: 2, ClaimedAt: day(6), ClaimedBy: "reba", Lease: "00112233445566778899aabbccddeeff", LeaseUntil: day(6),
			Outcome: store.RebuildMismatch, Evidence: []string{digest}, Note: "nobody answered", FinishedAt: day(6),
		}, {ID: "ffeeddccbbaa99887766554433221100", State: store.RebuildQueued, Vendor: "acme", SHA256: digest, Rebuilder: "https://rebuild.example.org/"}}, // open
		RebuildTurn:   []store.RebuildTurn{{Rebuilder: "https://rebuild.example.org/", Vendor: "acme", At: day(6)}},
		RebuildRecipe: []store.RebuildRecipe{{SHA256: digest, Recipe: []byte("version: 1\n")}},
		Incident: []store.Incident{{ // likewise
			ID: "20260305T120000.000000000Z-0000000000000008", State: store.IncidentHeld, Cause: store.CauseContradiction,
			Signature: "20260305T120000.000000000Z-0000000000000001", Vendor: "acme", Product: "tool", Digest: digest, Serial: "7f01", OpenedAt: day(4),
			Verdicts: []store.IncidentVerdict{{Rule: "reproducible", Assessment: digest, Outcome: "fail", Detail: "another digest", Evidence: digest}},
			Evidence: []string{digest}, Steps: []store.IncidentStep{{At: day(4), Who: "olga", Action: "hold", Note: "rebuilder is broken"}},
			HoldAskedBy: "olga", HoldAskedAt: day(4), HoldFor: 3600, HoldReason: "rebuilder is broken", HeldBy: []string{"olga", "otto"}, HeldUntil: day(6), Braked: true,
			RevokedAt: day(6), RevokedBy: "otto", ClosedAt: day(6),
		}, {ID: "20260305T120000.000000000Z-0000000000000009", Vendor: "acme", State: store.IncidentRevoked, RevokedAt: day(6)}}, // by nobody
		Summary: []store.Summary{
			{ID: "20260305T120000.000000000Z-000000000000000a", Signature: "20260305T120000.000000000Z-0000000000000001", Vendor: "acme", Passed: true, Envelope: []byte("{}"), At: day(6), FiledAt: day(6)},
			{ID: "20260305T120000.000000000Z-000000000000000b", Signature: "20260305T120000.000000000Z-0000000000000001", Vendor: "acme", Envelope: []byte("{}"), At: day(6)}, // not filed
		},
		SigningPolicy: []store.SigningPolicy{fullPolicy(day(4), digest)},
		PolicyChange: []store.PolicyChange{{
			ID: "20260305T120000.000000000Z-0000000000000009", State: store.ChangeInForce, Vendor: "acme", Product: "tool", Policy: fullPolicy(day(4), digest),
			SHA256: digest, Replaces: 1, At: day(4), By: "vera", Votes: []store.Vote{{By: "vera", At: day(4), Factor: digest, Note: "fine"}}, DoneAt: day(5),
		}},
		SigningApproval: []store.SigningApproval{{
			ID: "20260305T120000.000000000Z-0000000000000008", State: store.ApprovalGiven, Vendor: "acme", Product: "tool", SHA256: digest, Format: "deb", Mode: "provisional",
			Certificate: "7f01", PerBuild: true, Claims: []store.RequestClaim{{Framework: "https://slsa.dev/spec/v0.1", Track: "slsa", Level: 4, LevelID: "SLSA_LEVEL_4"}},
			Signed: digest, Covers: digest, Note: "release 1.2", At: day(4), By: "vera", ExpiresAt: day(5), Votes: []store.Vote{{By: "vera", At: day(4), Factor: digest, Note: "fine"}},
			DeniedBy: "vlad", Reason: "not today", MaxUses: 2, Uses: []string{"20260305T120000.000000000Z-0000000000000001"}, LogSalt: []byte{1, 2},
		}},
		SigningCount: []store.SigningCount{{Vendor: "acme", Product: "tool", Minutes: []store.TimedCount{{From: 60, N: 1}}, Hours: []store.TimedCount{{From: 900, N: 1}}}},
		Factor:       []store.Factor{{ID: digest, Person: "vera", Kind: "ssh", Label: "laptop", PublicKey: []byte{0, 0}, AddedAt: day(4), ConfirmedAt: day(5), ConfirmedBy: "olga", RevokedAt: day(6)}},
		Machine: []store.Machine{{
			Person: "ci-tool", Vendor: "acme", Products: []string{"tool"}, Issuer: "https://ci.example.com", Audience: "https://ca.example.com/ci/acme", Subject: "repo:acme/tool",
			Claims: map[string]string{"ref": "refs/heads/main"}, AddedAt: day(4), AddedBy: "vera",
		}},
	}
}

// fullPolicy has every field, as no policy has them.
func fullPolicy(at time.Time, digest string) store.SigningPolicy {
	return store.SigningPolicy{
		Vendor: "acme", Product: "tool", Version: 2, Roles: []store.ProductRole{{Person: "vera", Role: store.ProductSigner}}, Approvals: 2, RequesterMayApprove: true,
		ApprovalLasts: time.Hour, ApprovalUses: 3, SecondFactor: true, Zone: "Europe/Amsterdam", Windows: []store.ReleaseWindow{{Days: []string{"mon"}, From: "09:00", Until: "17:00"}},
		Freezes: []store.ReleaseFreeze{{From: "2026-12-18", Until: "2027-01-03", Reason: "holidays"}}, MaxPerHour: 4, MaxPerDay: 9, Rules: []store.SigningRule{{Name: "two", CEL: "true"}},
		ChangedAt: at, ChangedBy: "vera", AgreedBy: []string{"vera"}, LogSalt: []byte{1, 2}, SHA256: digest,
	}
}

package server

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/hallmark-pki/hallmark/server/api"
)

// Route is one operation of the API: who may call it, and what it takes.
type Route struct {
	Method   string
	Path     string
	ID       string // operationId in the OpenAPI document
	Summary  string
	Roles    []string // nobody may call a route without roles
	MaxBytes int64    // of the request body

	shape    func(*huma.Operation) // what the document says beyond the types; nil: nothing
	register func(*Server, Route)
}

// routes is the whole API. Nothing is registered elsewhere, so this table is
// what the access test walks.
func (s *Server) routes() []Route {
	return slices.Concat(
		s.peopleRoutes(),
		s.waysInRoutes(),
		s.assessmentRoutes(),
		s.certificateRoutes(),
		s.evidenceRoutes(),
		s.requestRoutes(),
		s.rebuildRoutes(),
		s.releaseRoutes(),
		s.incidentRoutes(),
		s.publicKnowledgeRoutes(),
	)
}

// peopleRoutes are about who there is.
func (s *Server) peopleRoutes() []Route {
	return []Route{
		post("/v1/enroll", "enroll", "Trade an enrolment token for a client certificate", anonymous, s.enroll),
		get("/v1/whoami", "whoami", "Who the client certificate or the token names", enrolled, s.whoami),
		get("/v1/status", "status", "The CA at a glance", readers, s.status),

		post("/v1/people", "add-person", "Add an officer, reader or further person of a vendor, and invite them", officers, s.addPerson),
		get("/v1/people", "list-people", "List people", readers, s.listPeople),
		post("/v1/people/{id}/invite", "invite-person", "Invite a person again: a new device; what they have goes on counting until they are signed out", officers, s.invitePerson),
		post("/v1/people/{id}/sign-out", "sign-out-person", "Revoke a person's client certificates and end their invitations: a device was lost or stolen", officers, s.signOutPerson),
		post("/v1/people/{id}/consent", "consent-to-invitation", "Agree to another officer's invitation of an officer", officers, s.consent),
		post("/v1/people/{id}/disable", "disable-person", "Disable a person and their client certificates", officers, s.disablePerson),

		post("/v1/vendors", "add-vendor", "Register a vendor and invite its first person", officers, s.addVendor),
		get("/v1/vendors", "list-vendors", "List vendors", []string{api.RoleOfficer, api.RoleReader, api.RoleAuditor}, s.listVendors),
		get("/v1/vendors/{id}", "show-vendor", "One vendor", everybody, s.showVendor),
		post("/v1/vendors/{id}/owners", "set-vendor-owners", "Say which organisations own a vendor", officers, s.setOwners),
		post("/v1/vendors/{id}/suspend", "suspend-vendor", "Issue and sign nothing more for a vendor", officers, s.suspendVendor),
		post("/v1/vendors/{id}/resume", "resume-vendor", "End a suspension", officers, s.resumeVendor),

		post("/v1/auditors", "add-auditor", "Register an auditor with accreditations, and invite them", officers, s.addAuditor),
		get("/v1/auditors", "list-auditors", "List auditors", readers, s.listAuditors),
		get("/v1/auditors/{id}", "show-auditor", "One auditor with keys, pseudonym and track record; an auditor sees themselves", []string{api.RoleOfficer, api.RoleReader, api.RoleAuditor}, s.showAuditor),
		post("/v1/auditors/{id}/accreditations", "accredit-auditor", "Accredit an auditor for one more framework", officers, s.accreditAuditor),
		post("/v1/auditors/{id}/suspend", "suspend-auditor", "Suspend all accreditations of an auditor", officers, s.suspendAuditor),
		post("/v1/auditors/{id}/revoke", "revoke-auditor", "Take an auditor's word back, for cause: all that they signed goes into review", officers, s.revokeAuditor),
	}
}

// assessmentRoutes are about what auditors found, and what the CA makes of it.
func (s *Server) assessmentRoutes() []Route {
	return []Route{
		envelopes("/v1/assessments", "submit-assessment", "Submit a signed assessment", auditors, s.submitAssessment),
		get("/v1/assessments", "list-assessments", "List assessments: an auditor's own, a vendor's own, or all", everybody, s.listAssessments),
		get("/v1/assessments/{id}", "show-assessment", "One assessment with envelope and receipt", everybody, s.showAssessment),
		get("/v1/assessments/{id}/plan", "plan-acceptance", "What accepting a submitted assessment would revoke", readers, s.planAcceptance),
		envelopes("/v1/assessments/{id}/accept", "accept-assessment", "Put a submitted assessment in force, by an officer's signature", officers, s.acceptAssessment),
		post("/v1/assessments/{id}/reject", "reject-assessment", "Refuse a submitted assessment", officers, s.rejectAssessment),
		post("/v1/assessments/{id}/withdraw", "withdraw-assessment", "Withdraw an assessment and revoke what relies on it", officers, s.withdrawAssessment),
		post("/v1/assessments/{id}/uphold", "uphold-assessment", "End a review: the assessment is in force again", officers, s.upholdAssessment),
		get("/v1/reviews", "list-reviews", "Assessments in review, with the certificates that hang on them", readers, s.listReviews),

		get("/v1/assessments/{id}/probes", "list-probes", "The machine checks of an assessment and how they stand", everybody, s.listProbes),
		post("/v1/assessments/{id}/probes", "run-probes", "Run the machine checks of an assessment now", []string{api.RoleOfficer, api.RoleAuditor, api.RoleVendor}, s.runProbes),

		get("/v1/assessments/{id}/evidence", "list-evidence", "The files that an assessment's findings name, and which have been handed in", everybody, s.listEvidence),
		upload("/v1/assessments/{id}/evidence/{sha256}", "put-evidence", "Hand in a file of evidence: the bytes that a finding names by their SHA-256", auditors, s.putEvidence),
		download("/v1/assessments/{id}/evidence/{sha256}", "get-evidence", "One file of evidence", everybody, s.getEvidence),

		get("/v1/assessments/{id}/vsa", "export-vsa", "An assessment in force as a signed SLSA verification summary", everybody, s.exportVSA),
		get("/v1/assessments/{id}/cyclonedx", "export-cyclonedx", "An assessment in force as CycloneDX declarations", everybody, s.exportCycloneDX),
	}
}

// certificateRoutes are about what vendors get, and what they give for it.
func (s *Server) certificateRoutes() []Route {
	return []Route{
		s.plainCertificates(asDER("CertificateAnswer", orAccepted(post("/v1/certificates", "request-certificate", "Request a code-signing certificate", vendors, certificateStream(s, s.requestCertificate))))),
		get("/v1/certificates", "list-certificates", "List certificates: a vendor's own, or all", certificateReaders, s.listCertificates),
		get("/v1/certificate-groups", "list-certificate-groups", "Certificates for single builds, summed up by vendor, day and assessments", certificateReaders, s.listBuildGroups),
		asDER("Certificate", get("/v1/certificates/{serial}", "show-certificate", "One certificate with its chain", certificateReaders, certificateStream(s, s.showCertificate))),
		post("/v1/certificates/{serial}/revoke", "revoke-certificate", "Revoke a certificate: an officer any, a vendor its own", []string{api.RoleOfficer, api.RoleVendor}, s.revokeCertificate),
		post("/v1/revocations", "mass-revoke", "Revoke the certificates of a vendor, an assessment, a key or a tier, or count them", officers, s.massRevoke),
		get("/v1/revocations/{id}", "show-mass-revocation", "How far a mass revocation is", readers, s.showMassRevocation),

		s.asCMS(post("/v1/signatures", "sign", "Sign a digest, or judge it only", signers, s.sign)),
		upload("/v1/signatures/files", "sign-file", "Sign a file whose digests the service is to take itself; it is not kept", signers, s.signFile),
		get("/v1/signatures", "list-signatures", "The signing record: a vendor's own, or all", approvalReaders, s.listSignatures),
	}
}

// publicKnowledgeRoutes are about what the CA stands for: frameworks, trust, the log.
func (s *Server) publicKnowledgeRoutes() []Route {
	return []Route{
		get("/v1/frameworks", "list-frameworks", "Frameworks that assessments may name", everybody, s.listFrameworks),

		get("/v1/trust", "trust-bundle", "Trust bundle for verifiers", anonymous, s.trustBundle),
		get("/v1/trust/status", "status-bundle", "Status bundle for verifiers: revocation lists and what became of assessments, signed", anonymous, s.statusBundle),
		get("/v1/trust/repository", "update-repository", "Where verifiers get both, and the fingerprint to compare", anonymous, s.repositoryState),
		post("/v1/trust/root", "import-repository-root", "Publish a root of the update repository that its operators have signed", officers, s.importRoot),
		get("/v1/trust/tiers/{tier}", "tier-anchor", "Self-signed twin of a tier's CA: trusts that tier and no other", anonymous, s.tierAnchor),

		get("/v1/ledger", "ledger", "Where the transparency log stands", anonymous, s.ledgerState),
		get("/v1/ledger/entries", "list-ledger-entries", "Entries of the log by what they are about; auditors and vendors ask about what concerns them", everybody, s.listLedgerEntries),
		get("/v1/ledger/entries/{index}/receipt", "ledger-receipt", "Receipt of one entry: it verifies offline under the log's key", anonymous, s.ledgerReceipt),
		get("/v1/events", "list-events", "The audit trail", readers, s.listEvents),
	}
}

// certificateReaders see certificates and signatures; vendors only their own.
var certificateReaders = []string{api.RoleOfficer, api.RoleReader, api.RoleVendor}

type handler[I, O any] func(context.Context, *I) (*O, error)

func get[I, O any](path, id, summary string, roles []string, h handler[I, O]) Route {
	return route(Route{Method: http.MethodGet, Path: path, ID: id, Summary: summary, Roles: roles, MaxBytes: maxJSONBytes}, h)
}

func post[I, O any](path, id, summary string, roles []string, h handler[I, O]) Route {
	return route(Route{Method: http.MethodPost, Path: path, ID: id, Summary: summary, Roles: roles, MaxBytes: maxJSONBytes}, h)
}

// envelopes is post for routes whose body carries DSSE envelopes.
func envelopes[I, O any](path, id, summary string, roles []string, h handler[I, O]) Route {
	return route(Route{Method: http.MethodPost, Path: path, ID: id, Summary: summary, Roles: roles, MaxBytes: maxEvidenceBytes}, h)
}

func route[I, O any](r Route, h handler[I, O]) Route {
	r.register = func(s *Server, r Route) {
		op := huma.Operation{
			OperationID:  r.ID,
			Method:       r.Method,
			Path:         r.Path,
			Summary:      r.Summary,
			Description:  describeRoles(r.Roles),
			MaxBodyBytes: r.MaxBytes,
			Middlewares:  huma.Middlewares{s.admit(r.Roles)},
		}
		if r.shape != nil {
			r.shape(&op)
		}
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := h(ctx, in)
			if err != nil {
				return nil, s.asProblem(ctx, err)
			}
			return out, nil
		})
	}
	return r
}

func describeRoles(roles []string) string {
	if slices.Contains(roles, "") {
		return "Open to everybody, without a client certificate."
	}
	return "Roles: " + strings.Join(roles, ", ") + "."
}

// newAPI prepares huma without its extras: no documentation pages that load
// scripts from elsewhere, no $schema members in answers.
func newAPI(mux *http.ServeMux, name, version string) huma.API {
	conf := huma.DefaultConfig("hallmark: "+name, version)
	conf.OpenAPIPath = "/v1/openapi"
	conf.DocsPath = ""
	conf.SchemasPath = ""
	conf.CreateHooks = nil
	conf.RejectUnknownQueryParameters = true
	return humago.New(mux, conf)
}

package server

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

// askers may have builds repeated: a vendor, and its build systems, their own.
var askers = []string{api.RoleVendor, api.RoleMachine, api.RoleOfficer}

// jobReaders see rebuild jobs: a vendor those about its artifacts, a rebuilder its own.
var jobReaders = []string{api.RoleOfficer, api.RoleReader, api.RoleVendor, api.RoleMachine, api.RoleRebuilder}

// rebuildRoutes are about builds that others repeat.
func (s *Server) rebuildRoutes() []Route {
	return []Route{
		post("/v1/rebuilders", "add-rebuilder", "Add a person or machine that works for a rebuilder, and invite them", officers, s.addRebuilder),
		get("/v1/rebuilders", "list-rebuilders", "People who work for rebuilders", readers, s.listRebuilders),

		post("/v1/rebuilds", "request-rebuilds", "Have rebuilders repeat a build", askers, s.requestRebuilds),
		get("/v1/rebuild-jobs", "list-rebuild-jobs", "Rebuild jobs: a vendor's, a rebuilder's own, or all", jobReaders, s.listRebuildJobs),
		get("/v1/rebuild-jobs/{job}", "show-rebuild-job", "One rebuild job", jobReaders, s.showRebuildJob),

		post("/v1/rebuild-jobs/claim", "claim-rebuild", "Be given the next job, or wait for one", rebuilders, s.claimRebuild),
		post("/v1/rebuild-jobs/{job}/heartbeat", "keep-rebuild", "Say that a job is being worked on: it stays with the caller", rebuilders, s.keepRebuild),
		envelopes("/v1/rebuild-jobs/{job}/outcome", "finish-rebuild", "Hand in what came of a job", rebuilders, s.finishRebuild),
	}
}

// JobPath is the path of a rebuild job.
type JobPath struct {
	Job string `path:"job" minLength:"1" maxLength:"64"`
}

func (s *Server) addRebuilder(ctx context.Context, in *body[api.NewRebuilder]) (*body[api.Invitation], error) {
	u, err := url.Parse(in.Body.Rebuilder)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.ContainsFunc(in.Body.Rebuilder, unicode.IsSpace) {
		return nil, invalid("rebuilder", "want an https URL", "the id that audited scopes have for it, and its provenance as builder.id")
	}
	person := store.Person{
		ID: in.Body.ID, Role: api.RoleRebuilder, Rebuilder: in.Body.Rebuilder, Organization: in.Body.Organization, CreatedAt: s.Now().UTC(),
	}
	enrolment, invitation := s.invitation(person)
	event := s.event(ctx, "add.person", person.ID, map[string]string{"role": person.Role, "rebuilder": person.Rebuilder})
	if err := s.Store.Update(ctx, func(tx store.Tx) error { return insertPerson(tx, person, enrolment, event) }); err != nil {
		return nil, err
	}
	return answer(invitation), nil
}

func (s *Server) listRebuilders(ctx context.Context, in *PageQuery) (*body[api.Page[api.Person]], error) {
	return listWhere(ctx, s.Store, func(r store.Reader) seq[store.Person] { return store.People.All(r, in.After) },
		func(p store.Person) bool { return p.Role == api.RoleRebuilder },
		func(p store.Person) (string, api.Person) { return p.ID, apiPerson(p) })
}

// requestRebuilds asks for rebuilds of a vendor's build; an officer says whose.
func (s *Server) requestRebuilds(ctx context.Context, in *body[api.NewRebuilds]) (*body[api.Rebuilds], error) {
	vendor, err := ownVendor(ctx, in.Body.Vendor)
	if err != nil {
		return nil, err
	}
	if vendor == "" {
		return nil, invalid("vendor", "is required of an officer", "")
	}
	request := rebuild.Request{
		Vendor: vendor, Product: in.Body.Product, SHA256: in.Body.SHA256, Operators: in.Body.Operators, Again: in.Body.Again, By: caller(ctx).ID,
	}
	if in.Body.Source != nil {
		request.Source = rebuild.Source{URI: in.Body.Source.URI, Commit: in.Body.Source.Commit}
	}
	jobs, err := s.Rebuilds.Ask(ctx, request)
	if err != nil {
		return nil, err
	}
	return answer(api.Rebuilds{SHA256: in.Body.SHA256, Jobs: apiJobs(jobs)}), nil
}

type jobsInput struct {
	PageQuery
	Vendor string `query:"vendor" maxLength:"63"`
	SHA256 string `query:"sha256" pattern:"^([0-9a-f]{64})?$" doc:"of the artifact"`
	State  string `query:"state" enum:"queued,claimed,done,failed"`
}

func (s *Server) listRebuildJobs(ctx context.Context, in *jobsInput) (*body[api.Page[api.RebuildJob]], error) {
	vendor, err := ownVendor(ctx, in.Vendor)
	if err != nil {
		return nil, err
	}
	me := caller(ctx)
	records := func(r store.Reader) seq[store.RebuildJob] {
		switch {
		case me.Role == api.RoleRebuilder:
			return store.RebuildJobs.ByAfter(r, "rebuilder", rebuilderKey(me), in.After)
		case vendor != "" && in.SHA256 != "":
			return store.RebuildJobs.ByAfter(r, "artifact", vendor+"/"+in.SHA256, in.After)
		case vendor != "":
			return store.RebuildJobs.ByAfter(r, "vendor", vendor, in.After)
		}
		return store.RebuildJobs.All(r, in.After)
	}
	keep := func(j store.RebuildJob) bool {
		return mayReadJob(me, j) && (in.State == "" || j.State == in.State) && (in.SHA256 == "" || j.SHA256 == in.SHA256) && (vendor == "" || j.Vendor == vendor)
	}
	return listWhere(ctx, s.Store, records, keep, func(j store.RebuildJob) (string, api.RebuildJob) { return j.ID, apiJob(j) })
}

// rebuilderKey is the value under which the index has a person's jobs. A person who is
// bound to no rebuilder must not match the empty prefix.
func rebuilderKey(p store.Person) string {
	if p.Rebuilder == "" {
		return "none"
	}
	return p.Rebuilder
}

// mayReadJob narrows what is seen: a vendor's own artifacts, a rebuilder's own work.
func mayReadJob(p store.Person, j store.RebuildJob) bool {
	switch p.Role {
	case api.RoleVendor, api.RoleMachine:
		return p.Vendor != "" && j.Vendor == p.Vendor
	case api.RoleRebuilder:
		return p.Rebuilder != "" && j.Rebuilder == p.Rebuilder
	}
	return true
}

func (s *Server) showRebuildJob(ctx context.Context, in *JobPath) (*body[api.RebuildJob], error) {
	var job store.RebuildJob
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		if job, err = store.RebuildJobs.Get(r, in.Job); err != nil {
			return missing(err, "rebuild job", in.Job)
		}
		if !mayReadJob(caller(ctx), job) {
			return notFound("rebuild job", in.Job)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer(apiJob(job)), nil
}

// claimRebuild gives the caller's rebuilder its next job. There being none is an answer
// without a job.
func (s *Server) claimRebuild(ctx context.Context, in *body[api.ClaimRebuild]) (*body[api.RebuildAssignment], error) {
	got, err := s.Rebuilds.Claim(ctx, rebuild.WorkerOf(caller(ctx)), time.Duration(in.Body.WaitSeconds)*time.Second)
	if err != nil {
		return nil, err
	}
	if got == nil {
		return answer(api.RebuildAssignment{}), nil
	}
	job := apiJob(got.Job)
	return answer(api.RebuildAssignment{
		Job: &job, Recipe: got.Recipe, Lease: got.Job.Lease, Until: got.Job.LeaseUntil, HeartbeatSeconds: int(rebuild.HeartbeatInterval / time.Second),
	}), nil
}

type heartbeatInput struct {
	JobPath
	Body api.RebuildHeartbeat
}

func (s *Server) keepRebuild(ctx context.Context, in *heartbeatInput) (*body[api.RebuildLease], error) {
	until, err := s.Rebuilds.Heartbeat(ctx, rebuild.WorkerOf(caller(ctx)), in.Job, in.Body.Lease)
	if err != nil {
		return nil, err
	}
	return answer(api.RebuildLease{Until: until}), nil
}

type outcomeInput struct {
	JobPath
	Body api.RebuildOutcome
}

func (s *Server) finishRebuild(ctx context.Context, in *outcomeInput) (*body[api.RebuildJob], error) {
	job, err := s.Rebuilds.Outcome(ctx, rebuild.WorkerOf(caller(ctx)), in.Job, in.Body.Envelopes)
	if err != nil {
		s.metrics.refused.WithLabelValues("rebuild").Inc()
		return nil, err
	}
	return answer(apiJob(job)), nil
}

func apiJobs(jobs []store.RebuildJob) []api.RebuildJob {
	out := []api.RebuildJob{}
	for _, j := range jobs {
		out = append(out, apiJob(j))
	}
	return out
}

func apiJob(j store.RebuildJob) api.RebuildJob {
	return api.RebuildJob{
		ID: j.ID, State: j.State, Vendor: j.Vendor, Product: j.Product, SHA256: j.SHA256,
		Source: api.RebuildSource{URI: j.SourceURI, Commit: j.SourceCommit}, RecipeSHA256: j.Recipe,
		Rebuilder: j.Rebuilder, Operator: j.Operator, Tries: j.Tries, Outcome: j.Outcome, Evidence: j.Evidence, Note: j.Note,
		CreatedAt: j.CreatedAt, NotBefore: j.NotBefore, ClaimedAt: j.ClaimedAt, LeaseUntil: j.LeaseUntil, FinishedAt: j.FinishedAt,
	}
}

func rebuildProblem(refusal *rebuild.Refusal) *api.Problem {
	p := problem(rebuildStatus(refusal.Code), string(refusal.Code), refusal.Detail, refusal.Hint)
	p.Field = refusal.Field
	return p
}

// rebuildStatus says whose fault a refusal is: the moment's, the caller's, or that of
// what was sent.
func rebuildStatus(code rebuild.Code) int {
	switch code {
	case rebuild.CodeLease, rebuild.CodeOver:
		return http.StatusConflict
	case rebuild.CodeFull:
		return http.StatusTooManyRequests
	case rebuild.CodeVendor, rebuild.CodeScope, rebuild.CodeOperator, rebuild.CodeNotGiven, rebuild.CodeNoRebuilder, rebuild.CodeRecipe:
		return http.StatusForbidden
	}
	return http.StatusUnprocessableEntity
}

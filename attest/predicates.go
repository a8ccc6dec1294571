package attest

import (
	"encoding/json"
	"slices"
	"time"
)

// Predicate types that are read here besides provenance and summaries.
const (
	TestResultV01 = "https://in-toto.io/attestation/test-result/v0.1"
	VulnsV01      = "https://in-toto.io/attestation/vulns/v0.1"
	VulnsV02      = "https://in-toto.io/attestation/vulns/v0.2"
	LinkV03       = "https://in-toto.io/attestation/link/v0.3"
)

// Warned is the result of tests that passed with remarks; Passed and Failed are the
// others.
const Warned = "WARNED"

// TestResult is what a test run found, in-toto's predicate test-result v0.1.
type TestResult struct {
	Result        string // Passed, Warned or Failed
	Configuration []ResourceDescriptor
	URL           string
	PassedTests   []string
	WarnedTests   []string
	FailedTests   []string
}

// predicate checks the type of a statement and returns the fields of its predicate.
func predicate(s Statement, err *error, types ...string) (fields, error) {
	if !slices.Contains(types, s.PredicateType) {
		return fields{}, refuse(WrongType, "predicateType", "%.64q is not %s", s.PredicateType, types[0])
	}
	if err := CheckJSON(s.Predicate, MaxEnvelope, MaxDepth); err != nil {
		return fields{}, err
	}
	f := readFields(BadPredicate, "predicate", s.Predicate, err)
	return f, nil
}

// ParseTestResult reads a test result. One that says PASSED and names failed tests
// contradicts itself and is refused. Errors: WrongType, BadPredicate.
func ParseTestResult(s Statement) (TestResult, error) {
	var err error
	f, refusal := predicate(s, &err, TestResultV01)
	if refusal != nil {
		return TestResult{}, refusal
	}
	r := TestResult{
		Result: f.required("result"), Configuration: f.descriptors("configuration"), URL: f.text("url"),
		PassedTests: f.strings("passedTests", maxTests), WarnedTests: f.strings("warnedTests", maxTests), FailedTests: f.strings("failedTests", maxTests),
	}
	switch {
	case r.Result != Passed && r.Result != Warned && r.Result != Failed:
		f.fail("predicate.result", "%.32q is neither PASSED, WARNED nor FAILED", r.Result)
	case r.Result != Failed && len(r.FailedTests) > 0:
		f.fail("predicate.failedTests", "not empty although the result is %s", r.Result)
	}
	if err != nil {
		return TestResult{}, err
	}
	return r, nil
}

// Vulns is what a scanner found, in-toto's predicate vulns v0.1 or v0.2.
type Vulns struct {
	Scanner        string // URI, never empty
	ScannerVersion string
	DatabaseURI    string
	DatabaseDate   time.Time // zero when absent
	Findings       []Vuln
	StartedOn      time.Time // zero when absent
	FinishedOn     time.Time // never zero
}

// Vuln is one vulnerability.
type Vuln struct {
	ID         string
	Severities map[string]string // method, e.g. "cvss_score", to score
}

// ParseVulns reads the result of a scan. A list of findings must be there, even an
// empty one: without it nothing was said. Errors: WrongType, BadPredicate.
func ParseVulns(s Statement) (Vulns, error) {
	var err error
	f, refusal := predicate(s, &err, VulnsV02, VulnsV01)
	if refusal != nil {
		return Vulns{}, refusal
	}
	scanner, meta := f.sub("scanner"), f.sub("metadata")
	db := scanner.sub("db")
	v := Vulns{
		Scanner: scanner.required("uri"), ScannerVersion: scanner.text("version"),
		DatabaseURI: db.text("uri"), DatabaseDate: db.time("lastUpdate"),
		StartedOn: meta.time("scanStartedOn"), FinishedOn: meta.time("scanFinishedOn"),
	}
	if scanner.raw("result") == nil {
		f.fail("predicate.scanner.result", "missing")
	}
	if v.FinishedOn.IsZero() {
		f.fail("predicate.metadata.scanFinishedOn", "missing")
	}
	for _, raw := range scanner.list("result", maxVulns) {
		v.Findings = append(v.Findings, f.vuln(raw))
	}
	if err != nil {
		return Vulns{}, err
	}
	return v, nil
}

func (f fields) vuln(raw []byte) Vuln {
	g := readFields(f.reason, "predicate.scanner.result", raw, f.err)
	v := Vuln{ID: g.required("id")}
	for _, raw := range g.list("severity", maxLevels) {
		s := readFields(f.reason, "predicate.scanner.result.severity", raw, f.err)
		method, score := s.required("method"), s.scalar("score")
		if v.Severities == nil {
			v.Severities = map[string]string{}
		}
		v.Severities[method] = score
	}
	return v
}

// scalar reads a string or a number as text: scanners write scores as either.
func (f fields) scalar(name string) string {
	v := f.raw(name)
	if len(v) > 0 && (v[0] == '-' || v[0] >= '0' && v[0] <= '9') {
		if len(v) > maxString {
			f.fail(f.at(name), "%d bytes, at most %d", len(v), maxString)
			return ""
		}
		return string(v)
	}
	return f.text(name)
}

// strings reads a list of texts.
func (f fields) strings(name string, limit int) []string {
	var out []string
	for _, raw := range f.list(name, limit) {
		var s string
		f.decode(f.at(name), raw, &s)
		if len(s) > maxString {
			f.fail(f.at(name), "%d bytes, at most %d", len(s), maxString)
		}
		out = append(out, s)
	}
	return out
}

// Link is what somebody did in one step, in-toto's predicate link v0.3. The statement's
// subjects are the products.
type Link struct {
	Name      string // of the step, never empty
	Command   []string
	Materials []ResourceDescriptor
	// ByProducts and Environment are JSON objects or nil.
	ByProducts, Environment json.RawMessage
}

// ParseLink reads a link. Errors: WrongType, BadPredicate.
func ParseLink(s Statement) (Link, error) {
	var err error
	f, refusal := predicate(s, &err, LinkV03)
	if refusal != nil {
		return Link{}, refusal
	}
	l := Link{
		Name: f.required("name"), Command: f.strings("command", maxTests), Materials: f.descriptors("materials"),
		ByProducts: f.object("byproducts"), Environment: f.object("environment"),
	}
	if err != nil {
		return Link{}, err
	}
	return l, nil
}

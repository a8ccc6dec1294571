package gate

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/attest/gitcommit/committest"
	"github.com/hallmark-pki/hallmark/audit"
)

// built has a build of another commit, whose object was handed in.
func (d *docket) built(object []byte) {
	d.t.Helper()
	c, err := gitcommit.Read(object)
	must(d.t, err)
	d.builtFrom(c.ID)
	d.carry(object)
	d.papers["commit"].subject = map[string]string{"gitCommit": c.ID}
}

// builtFrom writes another commit into every paper but the commit.
func (d *docket) builtFrom(id string) {
	replace := func(v any) { replaceText(v, commit, id) }
	replace(d.predicate)
	for _, p := range d.papers {
		replace(p.predicate)
		if p.subject["gitCommit"] == commit {
			p.subject = map[string]string{"gitCommit": id}
		}
	}
}

func replaceText(v any, from, to string) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			if inner == from {
				v[k] = to
			}
			replaceText(inner, from, to)
		}
	case []any:
		for _, inner := range v {
			replaceText(inner, from, to)
		}
	}
}

// TestSignedCommits breaks one thing about the commit that was built, and wants exactly
// the rule to fail that asks for its signature, for that reason.
func TestSignedCommits(t *testing.T) {
	const rule = "source.signed-commits"
	quill := committest.New("quill")
	unsigned := committest.Object("good")
	insert := func(name string, value []byte) func(*docket) {
		return func(d *docket) { d.built(committest.Insert(unsigned, name, value)) }
	}
	for what, c := range map[string]struct {
		change func(*docket)
		failed string
		says   string
	}{
		"not handed in":               {func(d *docket) { delete(d.papers, "commit") }, rule, "itself is not on file"},
		"filed under another commit":  {func(d *docket) { d.papers["commit"].subject["gitCommit"] = strings.Repeat("9", 40) }, rule, "itself is not on file"},
		"another commit":              {func(d *docket) { d.carry(author().Commit("other")) }, rule, "not what the statement is about"},
		"a sha1 beside it":            {func(d *docket) { d.papers["commit"].subject["sha1"] = strings.Repeat("9", 40) }, rule, "itself is not on file"},
		"one byte changed":            {func(d *docket) { d.carry(bytes.Replace(author().Commit("good"), []byte("good"), []byte("gold"), 1)) }, rule, "not what the statement is about"},
		"unsigned":                    {func(d *docket) { d.built(unsigned) }, rule, "is not signed"},
		"a key not in scope":          {func(d *docket) { d.built(quill.Commit("good")) }, rule, "no committer's of the scope"},
		"signature of another commit": {insert("gpgsig", author().Signature("git", committest.Object("other"))), rule, "does not verify"},
		"signed for something else":   {insert("gpgsig", author().Signature("hallmark", unsigned)), rule, "another purpose"},
		"two signatures": {func(d *docket) {
			d.carry(committest.Insert(author().Commit("good"), "gpgsig", author().Signature("git", unsigned)))
		}, rule, "2 headers that begin with gpgsig"},
		"a signature in a merged tag": {insert("mergetag", author().Signature("git", unsigned)), rule, "is not signed"},
		"signed with OpenPGP":         {insert("gpgsig", []byte("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----")), rule, "OpenPGP"},
		"no committers":               {func(d *docket) { d.assessment.Scope.Committers = nil }, rule, "no committer's of the scope"},
		"a committer of another source": {func(d *docket) {
			d.assessment.Scope.Committers[0].Sources = []string{"https://git.example.com/vendor/lib"}
		}, rule, "does not name committer"},
		"a key that is too weak": {func(d *docket) { d.assessment.Scope.Committers[0].Keys = []string{weakKey} }, rule, "no committer's of the scope"},
		"another tree in the provenance": {func(d *docket) {
			set(d.predicate, "invocation.configSource.digest", map[string]any{"sha1": commit, "gitTree": tree})
		}, rule, "says that commit"},
		"built from elsewhere": {func(d *docket) {
			replaceText(d.predicate, sourceURI, "git+https://git.example.org/fork@refs/heads/main")
		}, "source.version-controlled", "not in the audited scope"},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDocket(t, "cncf-sscp-v1", "assurance", 2)
			d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic}
			c.change(d)
			got := d.decide()
			if diff := cmp.Diff(strings.Fields(c.failed), got.Failed()); diff != "" || got.Granted() {
				t.Errorf("granted %v, failed rules (-want +got):\n%s", got.Granted(), diff)
			}
			if v := verdict(t, got, c.failed); !strings.Contains(v.Detail, c.says) {
				t.Errorf("says %q, without %q", v.Detail, c.says)
			}
		})
	}
}

// weakKey is an RSA key of 1024 bits.
const weakKey = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDOijguBW4FhMjFf7rHIaLfoSXuZ8LErueu6J4gmdDb6aJjFLJ9XbKYKmXiPR2I9rGx3s0AkoDygz2lHZk7TtW606N/yskSUxKqIFR+6f5MhNxWCYvKIgHPAL9HOlj7G11/VFAvBSs3AZ6/yC5gj/3R3JP+a4S+88oliZAWmo+a6w=="

// TestSignedCommitsGranted: who may commit to the source, and what the provenance may say
// of it, that changes nothing.
func TestSignedCommitsGranted(t *testing.T) {
	for what, change := range map[string]func(*docket){
		"as it is":                   func(*docket) {},
		"a committer of this source": func(d *docket) { d.assessment.Scope.Committers[0].Sources = []string{scopeSource(d)} },
		"the tree that it has": func(d *docket) {
			set(d.predicate, "invocation.configSource.digest.gitTree", must2(gitcommit.Read(author().Commit("good"))).Tree)
		},
		"a commit that does not belong": func(d *docket) { d.papers["another"] = d.papers["commit"]; d.carry(author().Commit("other")) },
		"the second of two committers": func(d *docket) {
			d.assessment.Scope.Committers = append([]audit.Committer{{ID: "quill", Keys: []string{committest.New("quill").Line(), "no key"}}}, d.assessment.Scope.Committers...)
		},
		"a build of a signed merge": func(d *docket) { d.built(signedMerge()) },
		"provenance in version 1 as well": func(d *docket) {
			d.v1()
			d.assessment.Scope.Builders[0].Properties = append(levelThree(), audit.PropertyHermetic, audit.PropertyCompleteEnvironment)
		},
	} {
		t.Run(what, func(t *testing.T) {
			d := newDocket(t, "cncf-sscp-v1", "assurance", 2)
			d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic}
			change(d)
			got := d.decide()
			if !got.Granted() {
				t.Fatal(got.Failed(), verdict(t, got, "source.signed-commits").Detail)
			}
			v := verdict(t, got, "source.signed-commits")
			if v.Evidence == "" || !slices.Contains(got.Evidence(), v.Evidence) {
				t.Errorf("rests on %q", v.Evidence)
			}
		})
	}
}

// sourceOf is the source that was built, as a scope names it.
func scopeSource(d *docket) string { return d.assessment.Scope.Sources[0].URI }

func signedMerge() []byte {
	merge := committest.Insert(committest.Object("merge"), "mergetag", committest.New("quill").Signature("git", []byte("v1")))
	return committest.Insert(merge, "gpgsig", author().Signature("git", merge))
}

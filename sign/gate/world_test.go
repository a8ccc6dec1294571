package gate

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/gitcommit"
	"github.com/hallmark-pki/hallmark/attest/gitcommit/committest"
	"github.com/hallmark-pki/hallmark/audit"
)

const (
	vendorURI   = "https://vendor.example.com/"
	builderID   = "https://builder.example.com/v1"
	otherID     = "https://other.example.com/v1"
	buildType   = "https://builder.example.com/types/make"
	sourceURI   = "git+https://git.example.com/vendor/app.git@refs/heads/main"
	otherType   = "https://other.example.com/types/any"
	productName = "app"
)

// commit is what was built, and what its author signed.
var commit = must2(gitcommit.Read(author().Commit("good"))).ID

func author() committest.Committer { return committest.New("ada") }

var (
	testStart = time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	testEnd   = testStart.Add(100 * 24 * time.Hour)
)

// world is a build of app and all who may say something about it.
type world struct {
	builder crypto.Signer // of builderID
	other   crypto.Signer // of otherID, audited too
	rebuild crypto.Signer // of a rebuilder
	auditor crypto.Signer
	vendor  crypto.Signer
	digest  [32]byte
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p256 := elliptic.P256()
	return &world{builder: newKey(t, p256), other: newKey(t, p256), rebuild: newKey(t, p256), auditor: newKey(t, p256),
		vendor: newKey(t, p256), digest: sha256.Sum256([]byte("the artifact"))}
}

func (w *world) scope(t testing.TB) audit.Scope {
	return audit.Scope{
		Products: []audit.Product{{Name: productName}, {Name: "lib"}},
		Sources:  []audit.Source{{URI: "https://git.example.com/vendor/app", Branches: []string{"main", "refs/tags/v1"}}, {URI: "https://git.example.com/vendor/lib"}},
		Builders: []audit.Builder{
			{ID: builderID, BuildTypes: []string{buildType}, Keys: []string{pemKey(t, w.builder)}, Properties: levelThree()},
			{ID: otherID, BuildTypes: []string{otherType}, Keys: []string{pemKey(t, w.other)}, Properties: levelThree()},
		},
		Rebuilders:   []audit.Rebuilder{{ID: "https://rebuild.example.com/", Operator: "Rebuild Org", Keys: []string{pemKey(t, w.rebuild)}}},
		Repositories: []string{"https://ca.example.com/att/vendor"},
	}
}

func (w *world) assessment(t testing.TB) audit.Assessment {
	return audit.Assessment{
		Framework: audit.FrameworkRef{ID: "slsa-v0.1", URI: "https://slsa.dev/spec/v0.1/", Version: "0.1", Track: "slsa", Digest: map[string]string{}},
		Vendor:    audit.Party{ID: "vendor", URI: vendorURI, Organization: "Vendor Ltd"}, Auditor: audit.Party{ID: "auditor", Organization: "Audit Ltd"},
		Level: 3, LevelID: "SLSA_LEVEL_3", AssessedAt: testStart, ValidUntil: testEnd, Scope: w.scope(t), Findings: []audit.Finding{},
	}
}

// build is provenance v1 before it is signed.
type build struct {
	attest.Build
	by crypto.Signer
}

// provenance makes the good envelope, or what change makes of it.
func (w *world) provenance(t testing.TB, change func(*build)) []byte {
	t.Helper()
	b := build{by: w.builder, Build: attest.Build{
		Subjects:  []attest.Subject{{Name: "app.deb", Digest: map[string]string{"sha256": hex.EncodeToString(w.digest[:])}}},
		BuilderID: builderID, BuildType: buildType,
		Source: attest.ResourceDescriptor{URI: sourceURI, Digest: map[string]string{"gitCommit": commit}},
	}}
	if change != nil {
		change(&b)
	}
	s, err := attest.NewProvenanceV1(b.Build)
	must(t, err)
	return envelope(t, s, b.by)
}

func envelope(t testing.TB, s attest.Statement, by crypto.Signer) []byte {
	t.Helper()
	raw, err := attest.SignStatement(context.Background(), s, by)
	must(t, err)
	return raw
}

func spki(t testing.TB, k crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	return der
}

func pemKey(t testing.TB, k crypto.Signer) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki(t, k)}))
}

// levelThree is what an auditor has to have verified for provenance v1 to be enough at
// level 3 of SLSA v0.1.
func levelThree() []string {
	return []string{audit.PropertyEphemeral, audit.PropertyIsolated, audit.PropertyCompleteParameters, audit.PropertySourceFetched, audit.PropertyFixedEntryPoint}
}

var catalogue = sync.OnceValues(audit.Embedded)

// track is the ladder that an assessment is on.
func track(t testing.TB, a audit.Assessment) audit.Track {
	t.Helper()
	c, err := catalogue()
	must(t, err)
	f, _ := c.Lookup(a.Framework.ID)
	out, ok := f.Track(a.Framework.Track)
	if !ok {
		t.Fatalf("no track %s of %s", a.Framework.Track, a.Framework.ID)
	}
	return out
}

func newKey(t testing.TB, c elliptic.Curve) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	must(t, err)
	return k
}

// must2 is for what is made before any test runs.
func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package structure

// The layers, from the bottom. A package may import those of a lower layer, and of
// its own layer only those that its row names.
const (
	layerLeaf     = iota // the mark, records, profiles, file formats
	layerEvidence        // assess, evidence, transparency log, install-time judgement
	layerIssue           // issue, sign, rebuild
	layerServe           // the HTTP API
	layerCommand         // flags, wiring, exit codes
	layerTest            // what needs more than one package
)

// Row says where a package stands.
type Row struct {
	Package string // below the module
	Layer   int
	// Beside names the packages of the same layer that it may import.
	Beside []string
	// TestOnly packages are imported by tests and by other TestOnly packages alone.
	TestOnly bool
}

// Layers has one row for each package. A package without a row fails the check: where
// a new one stands is a decision, to be taken here.
func Layers() []Row {
	return []Row{
		{Package: "durable", Layer: layerLeaf},
		{Package: "keys", Layer: layerLeaf},
		{Package: "keys/attestation", Layer: layerLeaf, Beside: []string{"ext"}},
		{Package: "keys/attestation/attestationtest", Layer: layerLeaf, TestOnly: true},
		{Package: "outbound", Layer: layerLeaf},
		{Package: "server/coalesce", Layer: layerLeaf},
		{Package: "recent", Layer: layerLeaf},
		{Package: "ext", Layer: layerLeaf},
		{Package: "ext/der", Layer: layerLeaf},
		{Package: "format", Layer: layerLeaf, Beside: []string{"durable", "ext"}},
		{Package: "format/oci", Layer: layerLeaf, Beside: []string{"durable", "format"}},
		{Package: "templates", Layer: layerLeaf},
		{Package: "truststore", Layer: layerLeaf},
		{Package: "timesource", Layer: layerLeaf},
		{Package: "plainjson", Layer: layerLeaf},
		{Package: "store", Layer: layerLeaf, Beside: []string{"plainjson"}},
		{Package: "store/bolt", Layer: layerLeaf, Beside: []string{"store"}},
		{Package: "store/storetest", Layer: layerLeaf, Beside: []string{"store"}, TestOnly: true},

		{Package: "attest", Layer: layerEvidence},
		{Package: "attest/gitcommit", Layer: layerEvidence, Beside: []string{"attest", "attest/sshsig"}},
		{Package: "attest/gitcommit/committest", Layer: layerEvidence, TestOnly: true},
		{Package: "attest/sshsig", Layer: layerEvidence},
		{Package: "attest/repository", Layer: layerEvidence, Beside: []string{"attest"}},
		{Package: "attest/mirror", Layer: layerEvidence, Beside: []string{"attest/repository"}},
		{Package: "audit", Layer: layerEvidence, Beside: []string{"attest", "attest/gitcommit", "audit/probe", "ledger/queue", "ledger/receipt", "notify", "rebuild/recipe"}},
		{Package: "audit/evidence", Layer: layerEvidence},
		{Package: "audit/interchange", Layer: layerEvidence, Beside: []string{"attest", "audit"}},
		{Package: "audit/probe", Layer: layerEvidence, Beside: []string{"attest"}},
		{Package: "notify", Layer: layerEvidence},
		{Package: "ledger/receipt", Layer: layerEvidence},
		{Package: "ledger/queue", Layer: layerEvidence, Beside: []string{"ledger", "ledger/receipt"}},
		{Package: "ledger", Layer: layerEvidence, Beside: []string{"ledger/receipt"}},
		{Package: "ledger/monitor", Layer: layerEvidence, Beside: []string{"ledger/receipt"}},
		{Package: "verify", Layer: layerEvidence, Beside: []string{"attest", "ledger/receipt"}},
		{Package: "verify/policy", Layer: layerEvidence, Beside: []string{"verify", "templates/policies"}},
		// Data that a verifier prints; beside verify/policy, since templates is banned there.
		{Package: "templates/policies", Layer: layerEvidence},
		{Package: "distribution", Layer: layerEvidence},
		{Package: "verify/ocsp", Layer: layerEvidence},
		{Package: "verify/fetch", Layer: layerEvidence, Beside: []string{"verify"}},
		{Package: "verify/fetch/command", Layer: layerEvidence, Beside: []string{"verify", "verify/child", "verify/fetch", "verify/update"}},
		{Package: "verify/startup", Layer: layerLeaf},
		{Package: "verify/child", Layer: layerEvidence, Beside: []string{"verify"}},
		{Package: "verify/proof", Layer: layerEvidence, Beside: []string{"attest", "verify"}},
		{Package: "verify/update", Layer: layerEvidence, Beside: []string{"verify"}},
		{Package: "verify/installed", Layer: layerEvidence, Beside: []string{"verify"}},
		{Package: "verify/install", Layer: layerEvidence, Beside: []string{"verify", "verify/installed"}},
		{Package: "verify/scan", Layer: layerEvidence, Beside: []string{"verify", "verify/installed"}},
		{Package: "verify/command", Layer: layerEvidence, Beside: []string{"verify", "verify/child", "verify/install", "verify/installed", "verify/policy", "verify/proof", "verify/scan"}},

		{Package: "ca/lint", Layer: layerEvidence},
		{Package: "ca/ocsp", Layer: layerEvidence},
		{Package: "ca", Layer: layerIssue},
		{Package: "ca/stepca", Layer: layerIssue, Beside: []string{"ca"}},
		{Package: "sign", Layer: layerIssue, Beside: []string{"ca", "sign/gate"}},
		{Package: "sign/gate", Layer: layerIssue, Beside: []string{"sign/layout"}},
		{Package: "sign/layout", Layer: layerIssue},
		{Package: "sign/release", Layer: layerIssue, Beside: []string{"ca", "sign"}},
		{Package: "sign/workload", Layer: layerIssue},
		{Package: "sign/confirm", Layer: layerIssue, Beside: []string{"ca", "sign", "sign/gate"}},
		{Package: "rebuild", Layer: layerIssue},
		// A recipe is part of an audited scope; what runs it needs nothing of the CA.
		{Package: "rebuild/recipe", Layer: layerEvidence},
		{Package: "rebuild/buildinfo", Layer: layerLeaf},
		{Package: "rebuild/sandbox", Layer: layerLeaf},
		{Package: "rebuild/worker", Layer: layerIssue},

		// server/api is the wire: types and a client. It stands low because whoever
		// calls the API should not link the server.
		{Package: "server/api", Layer: layerEvidence},
		{Package: "server", Layer: layerServe},
		{Package: "doctor", Layer: layerServe},

		{Package: "cmd/hallmark", Layer: layerCommand, Beside: []string{"cmd/hallmark/demo"}},
		{Package: "cmd/hallmark/demo", Layer: layerCommand},
		{Package: "cmd/hallmark-fetch", Layer: layerCommand},
		{Package: "cmd/hallmark-verify", Layer: layerCommand},

		{Package: "test/assessments", Layer: layerTest},
		{Package: "test/badinput", Layer: layerTest, Beside: []string{"test/corpora"}, TestOnly: true},
		{Package: "test/bench", Layer: layerTest, Beside: []string{"test/cast", "test/pki"}},
		{Package: "test/cast", Layer: layerTest, TestOnly: true},
		{Package: "test/compat", Layer: layerTest, Beside: []string{"test/cast", "test/corpora"}},
		{Package: "test/conformance", Layer: layerTest, Beside: []string{"test/corpora", "test/pki"}},
		{Package: "test/corpora", Layer: layerTest, TestOnly: true},
		{Package: "test/faults", Layer: layerTest, Beside: []string{"test/cast"}},
		{Package: "test/installer", Layer: layerTest, Beside: []string{"test/pki"}, TestOnly: true},
		{Package: "test/nonet", Layer: layerTest},
		{Package: "test/nosync", Layer: layerTest, TestOnly: true},
		{Package: "test/offload", Layer: layerTest},
		{Package: "test/pki", Layer: layerTest, TestOnly: true},
		{Package: "test/report", Layer: layerTest},
		{Package: "test/sample", Layer: layerTest, TestOnly: true},
		{Package: "test/second-opinion", Layer: layerTest, Beside: []string{"test/vectors/vector"}},
		{Package: "test/stepclient", Layer: layerTest, TestOnly: true},
		{Package: "test/structure", Layer: layerTest},
		{Package: "test/timeserver", Layer: layerTest, TestOnly: true},
		{Package: "test/vectors", Layer: layerTest, Beside: []string{"test/pki", "test/sample", "test/vectors/vector"}},
		{Package: "test/vectors/vector", Layer: layerTest},
	}
}

// Ban says what a package must not link, however far down.
type Ban struct {
	Package string // below the module
	Links   []string
	Why     string
}

// serverCode is what an installer's machine has no use for.
func serverCode() []string {
	return []string{
		Module + "/ca", Module + "/store", Module + "/server", Module + "/audit", Module + "/sign",
		Module + "/rebuild", Module + "/ledger", Module + "/templates", Module + "/attest/repository",
	}
}

// keyStores is what signs, and the libraries of the services that keep keys.
func keyStores() []string {
	return []string{
		Module + "/keys", "go.step.sm/crypto", "github.com/miekg/pkcs11", "github.com/aws", "github.com/Azure", "cloud.google.com/go",
		"github.com/google/go-tpm",
	}
}

// network is what opens connections, and what comes with it. crypto/x509 links net for
// the addresses in certificates, so net itself cannot be among it.
func network() []string {
	return []string{
		"net/http", "net/smtp", "net/rpc", "crypto/tls", "golang.org/x/net", Module + "/outbound", Module + "/verify/fetch",
		"github.com/theupdateframework/go-tuf",
	}
}

// Bans keeps the verifier small, offline and quick to start. A banned path stands for
// itself and everything below it, except what Layers lets the verifier import.
func Bans() []Ban {
	const quick = "a verifier's start-up is as long as gpgv's whole run: docs/decisions/0001-json-instead-of-protobuf-types.md"
	slow := []string{"google.golang.org/protobuf", "google.golang.org/grpc", "github.com/smallstep/certificates", "golang.org/x/crypto/ssh", "testing"}
	return []Ban{
		{"verify", serverCode(), "what judges a signature must not contain what makes one"},
		{"verify", []string{"net/http"}, "the verifier opens no socket of its own accord"},
		{"verify", slow, quick},
		{"verify/ocsp", append(serverCode(), "net/http"), "judging a response is not fetching it"},
		{"cmd/hallmark-verify", serverCode(), "what judges a signature must not contain what makes one"},
		{"cmd/hallmark-verify", slow, quick},
		{"cmd/hallmark-verify", network(), "what judges opens no socket: hallmark-fetch does, docs/decisions/0031-two-programs-for-installers.md"},
		{"verify/command", network(), "what judges opens no socket: hallmark-fetch does, docs/decisions/0031-two-programs-for-installers.md"},
		{"cmd/hallmark-fetch", serverCode(), "what fetches for a verifier has no use for what makes signatures"},
		{"cmd/hallmark-fetch", keyStores(), "a verifier has no private key"},
		{"verify", keyStores(), "a verifier has no private key"},
		{"cmd/hallmark-verify", keyStores(), "a verifier has no private key"},
		{"attest", append(slow, "net/http"), quick},
		{"ledger/receipt", append(slow, "net/http"), quick},
		{"ledger/monitor", append(slow, serverCode()...), "who watches the log runs none of its code"},
		{"server/api", []string{Module + "/ca", Module + "/sign", Module + "/store/bolt"}, "whoever calls the API should not link the server"},
	}
}

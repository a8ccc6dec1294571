package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/test/stepclient"
	"github.com/rogpeppe/go-internal/testscript"
)

// stockStep is the unmodified step client that test/setup has built.
var stockStep, _ = filepath.Abs(filepath.Join("..", "..", ".tools", "bin", "step"))

type issuerKey struct{}

// stepWorld puts the stock step client on the PATH, starts an OpenID Connect issuer and
// makes a maker of hardware, and has the CA's configuration believe both.
func stepWorld(ts *testscript.TestScript, neg bool, args []string) {
	if _, err := os.Stat(stockStep); err != nil {
		ts.Fatalf("%v (run: test/setup test)", err)
	}
	link := ts.MkAbs("stock")
	ts.Check(os.Mkdir(link, 0o700))
	ts.Check(os.Symlink(stockStep, filepath.Join(link, "step")))
	ts.Setenv("PATH", ts.Getenv("PATH")+string(os.PathListSeparator)+link)
	ts.Setenv("STEPPATH", ts.MkAbs("step"))
	issuer := stepclient.NewIssuer(scriptTB{ts: ts})
	ts.Value(issuerKey{}).(*issuers).issuer = issuer
	ts.Setenv("issuer", issuer.URL)
	ts.Check(os.WriteFile(ts.MkAbs("ca/issuer.pem"), issuer.PEM, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("ca/makers.pem"), stepclient.NewManufacturer(scriptTB{ts: ts}).PEM, 0o600))
	config, err := os.OpenFile(ts.MkAbs("ca/config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprintf(config, "oidc:\n  - name: ci\n    issuer: %s\n    client_id: hallmark\n    roots_file: issuer.pem\nacme:\n  attestation_roots_file: makers.pem\n", issuer.URL)
	ts.Check(err)
	ts.Check(config.Close())
}

// issuers is the issuer of one script.
type issuers struct{ issuer *stepclient.Issuer }

// idToken SUBJECT NAME [AUDIENCE] sets $NAME to a token of the issuer.
func idToken(ts *testscript.TestScript, neg bool, args []string) {
	audience := "hallmark"
	if len(args) == 3 {
		audience = args[2]
	}
	ts.Setenv(args[1], ts.Value(issuerKey{}).(*issuers).issuer.Token(audience, args[0], nil))
}

// ciWorld starts an OpenID Connect issuer for build systems, which the CA's configuration
// lets it reach.
func ciWorld(ts *testscript.TestScript, neg bool, args []string) {
	issuer := stepclient.NewIssuer(scriptTB{ts: ts})
	ts.Value(issuerKey{}).(*issuers).issuer = issuer
	ts.Setenv("issuer", issuer.URL)
	ts.Check(os.WriteFile(ts.MkAbs("ca/ci.pem"), issuer.PEM, 0o600))
	config, err := os.OpenFile(ts.MkAbs("ca/config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = fmt.Fprint(config, "ci:\n  roots_file: ci.pem\n  allow_networks: [127.0.0.0/8]\n")
	ts.Check(err)
	ts.Check(config.Close())
}

// TestStockStepIsThere says what is missing before every script complains.
func TestStockStepIsThere(t *testing.T) {
	out, err := exec.Command(stockStep, "version").CombinedOutput()
	if err != nil {
		t.Fatalf("%v (run: test/setup test)\n%s", err, out)
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/cmd/hallmark/demo"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hallmark": main, "notation": notationProgram, "hallmark-fetch": fetchProgram, "hallmark-verify": verifyProgram})
}

// demoAssets has the worked assessment that scripts use too.
var demoAssets, _ = filepath.Abs(filepath.Join("demo", "assets"))

// TestScripts plays testdata/script/*.txtar, each like a terminal's transcript.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("GORACE", os.Getenv("GORACE")) // or every command sleeps for a second
			e.Values[runningKey{}], e.Values[toldKey{}], e.Values[issuerKey{}] = &runningCA{}, &told{}, &issuers{}
			if err := os.CopyFS(filepath.Join(e.WorkDir, "assessment"), os.DirFS(filepath.Join(demoAssets, "assessment"))); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(e.WorkDir, "passphrase"), []byte("only for tests\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"yubikey": yubiKey, "startca": startCA, "killca": killCA, "stopca": stopCA, "restartca": restartCA,
			"webhook": receiveNotices, "wastold": wasTold, "soon": soon, "waituntil": waitUntil, "tokenof": tokenOf, "field": field, "softhsm": softHSM, "gigabyte": gigabyte, "timeserver": startTimeServer,
			"stepworld": stepWorld, "idtoken": idToken,
			"sample":   sampleFile,
			"ciworld":  ciWorld,
			"pipeline": pipelineOf,
			"ociimage": ociImage,
			"stamp":    stamp,
			"fetch":    fetch,
		},
	})
}

type runningKey struct{}

// runningCA is the server of one script.
type runningCA struct {
	public string
	cmd    *exec.Cmd
	log    bytes.Buffer
}

// startCA [FLAG ...] makes a CA in ./ca on free ports and serves it in the background until
// the script ends; the first officer's token lands in $token, the public address in
// $public. With --root-offline it waits for its ceremony, and then for restartca.
func startCA(ts *testscript.TestScript, neg bool, args []string) {
	apiAddr, publicAddr := freeAddress(ts), freeAddress(ts)
	ts.Check(ts.Exec("hallmark", append([]string{"init", "--json", "--dir", "ca", "--name", "Test CA", "--organization", "Example", "--country", "NL",
		"--api-url", "https://" + apiAddr, "--api-listen", apiAddr, "--public-url", "http://" + publicAddr, "--public-listen", publicAddr,
		"--passphrase-file", "passphrase"}, args...)...))
	ts.Check(os.WriteFile(ts.MkAbs("init.json"), []byte(ts.ReadFile("stdout")), 0o600))
	tokenOf(ts, false, []string{"init.json", "token"})
	// Tests are offline: nobody asks for the host that the worked assessment names.
	conf, err := os.OpenFile(ts.MkAbs("ca/config.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = conf.WriteString("attestations: {no_fetch: true}\n")
	ts.Check(errors.Join(err, conf.Close()))
	ca := ts.Value(runningKey{}).(*runningCA)
	ca.public = "http://" + publicAddr
	ts.Setenv("public", ca.public)
	ts.Setenv("api", "https://"+apiAddr)
	if !slices.Contains(args, "--root-offline") {
		ca.serve(ts)
	}
	ts.Defer(func() { ca.stop(ts, os.Interrupt) })
}

func (ca *runningCA) serve(ts *testscript.TestScript) {
	ca.cmd = exec.Command(programPath(ts), "serve", "--dir", "ca", "--passphrase-file", "passphrase")
	ca.cmd.Dir, ca.cmd.Env, ca.cmd.Stderr = ts.MkAbs("."), append(os.Environ(), "PATH="+ts.Getenv("PATH"),
		"SOFTHSM2_CONF="+ts.Getenv("SOFTHSM2_CONF"), "HALLMARK_PIN_FILE="+ts.Getenv("HALLMARK_PIN_FILE")), &ca.log
	ts.Check(ca.cmd.Start())
	waitFor(ts, ca.public+"/healthz")
}

func (ca *runningCA) stop(ts *testscript.TestScript, how os.Signal) {
	if ca.cmd == nil || ca.cmd.ProcessState != nil {
		return // a script stopped it
	}
	ca.cmd.Process.Signal(how)
	err := ca.cmd.Wait()
	if err != nil && how != os.Kill {
		ts.Logf("server: %v\n%s", err, ca.log.Bytes())
	}
}

// stopCA [kill] ends the server, in order or not.
func stopCA(ts *testscript.TestScript, neg bool, args []string) {
	how := os.Interrupt
	if len(args) == 1 && args[0] == "kill" {
		how = os.Kill
	}
	ts.Value(runningKey{}).(*runningCA).stop(ts, how)
}

// programPath finds the program that testscript made of this test.
func programPath(ts *testscript.TestScript) string {
	path, err := exec.LookPath(filepath.Join(strings.Split(ts.Getenv("PATH"), string(os.PathListSeparator))[0], "hallmark"))
	ts.Check(err)
	return path
}

// killCA ROUNDS asks for certificates from several clients at once and kills the
// server (SIGKILL) while it answers, again and again. What a client was given must
// be on record afterwards.
func killCA(ts *testscript.TestScript, neg bool, args []string) {
	rounds, err := strconv.Atoi(args[0])
	ts.Check(err)
	ca := ts.Value(runningKey{}).(*runningCA)
	// A key of the vendor's own: the service would spend its time encrypting keys.
	_, csr, err := newKey()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("acme.csr"), csr, 0o600))
	given := map[string]bool{}
	for round := range rounds {
		for _, serial := range ca.killUnderLoad(ts, 3+round) {
			given[serial] = true
		}
		ca.serve(ts)
	}
	ts.Check(ts.Exec("hallmark", "cert", "list", "--json"))
	list := ts.ReadFile("stdout")
	for serial := range given {
		if !strings.Contains(list, `"`+serial+`"`) {
			ts.Fatalf("certificate %s was handed out and is not on record", serial)
		}
	}
	ts.Logf("%d certificates handed out over %d kills, all on record", len(given), rounds)
}

// killUnderLoad lets clients ask until some have been answered, and kills the
// server while the rest wait. It returns the serials that were handed out.
func (ca *runningCA) killUnderLoad(ts *testscript.TestScript, answers int) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	handedOut := make(chan string, 1000)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if serial, ok := requestCertificate(ts); ok {
					handedOut <- serial
				}
			}
		})
	}
	var given []string
	for len(given) < answers {
		select {
		case serial := <-handedOut:
			given = append(given, serial)
		case <-ctx.Done():
			ts.Fatalf("only %d certificates were handed out", len(given))
		}
	}
	ca.stop(ts, os.Kill)
	cancel()
	clients.Wait()
	close(handedOut)
	for serial := range handedOut {
		given = append(given, serial)
	}
	return given
}

func requestCertificate(ts *testscript.TestScript) (serial string, ok bool) {
	cmd := exec.Command(programPath(ts), "cert", "request", "--json", "--csr", ts.MkAbs("acme.csr"))
	cmd.Env = append(os.Environ(), "HALLMARK_HOME="+ts.MkAbs("acme"))
	out, err := cmd.Output()
	var cert struct{ Serial string }
	if err != nil || json.Unmarshal(out, &cert) != nil {
		return "", false // refused or cut off: nothing was promised
	}
	return cert.Serial, true
}

func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}

func waitFor(ts *testscript.TestScript, url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s did not answer", url)
		case <-tick.C:
		}
	}
}

// tokenOf FILE NAME sets $NAME to the enrolment token in a JSON answer.
func tokenOf(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: tokenof FILE NAME")
	}
	_, rest, ok := strings.Cut(ts.ReadFile(args[0]), `"token": "`)
	if !ok {
		ts.Fatalf("no token in %s", args[0])
	}
	token, _, _ := strings.Cut(rest, `"`)
	ts.Setenv(args[1], token)
}

// gigabyte FILE makes a sparse file of that size.
func gigabyte(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(f.Truncate(1 << 30))
	ts.Check(f.Close())
}

// field FILE KEY NAME sets $NAME to the first string under KEY in a JSON answer.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: field FILE KEY NAME")
	}
	_, rest, ok := strings.Cut(ts.ReadFile(args[0]), `"`+args[1]+`": "`)
	if !ok {
		ts.Fatalf("no %s in %s", args[1], args[0])
	}
	value, _, _ := strings.Cut(rest, `"`)
	ts.Setenv(args[2], value)
}

// TestEveryCommandExplainsItself: every command that does something has an example
// and says its exit codes.
func TestEveryCommandExplainsItself(t *testing.T) {
	count := 0
	var walk func(prefix string, commands []*cli.Command)
	walk = func(prefix string, commands []*cli.Command) {
		for _, c := range commands {
			name := prefix + " " + c.Name
			if c.Name == "help" {
				continue
			}
			if c.Usage == "" {
				t.Errorf("%s: no usage line", name)
			}
			if c.Description != "" || len(c.Subcommands) == 0 {
				count++
				if !strings.Contains(c.Description, "EXAMPLE") || !strings.Contains(c.Description, "EXIT CODES") {
					t.Errorf("%s: no example or no exit codes:\n%s", name, c.Description)
				}
			}
			walk(name, c.Subcommands)
		}
	}
	walk("hallmark", newApp(&env{}).Commands)
	if count < 30 {
		t.Errorf("only %d commands found", count)
	}
}

// TestDemo is the broadest test: it fails at the first outcome that is not expected.
func TestDemo(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "hallmark")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// testscript.Main runs main when the program is called by this name.
	if err := os.Symlink(self, binary); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := demo.Run(context.Background(), demo.Config{Binary: binary, Dir: t.TempDir(), Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
}

// scriptTB lets a script use helpers that are written for tests.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (s scriptTB) Helper()                   {}
func (s scriptTB) Fatal(args ...any)         { s.ts.Fatalf("%s", fmt.Sprint(args...)) }
func (s scriptTB) Cleanup(end func())        { s.ts.Defer(end) }
func (s scriptTB) Fatalf(f string, a ...any) { s.ts.Fatalf(f, a...) }

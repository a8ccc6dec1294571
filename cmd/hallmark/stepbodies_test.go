package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/badinput"
)

// everyNth thins the corpora out: the paths behind the step-compatible API get all of
// them in test/badinput, here it is about the API's own reading.
const everyNth = 6

// TestStepBodies sends what others collected to break programs to the step-compatible API
// of a running server, bare and as the request and the token of a body that is well
// formed. Each is refused as the client's fault, and the server goes on.
func TestStepBodies(t *testing.T) {
	samples := badinput.Gather(t)
	address, client := serveForTest(t)
	sent := 0
	for i := 0; i < len(samples); i += everyNth {
		raw := samples[i].Raw
		body, err := json.Marshal(map[string]string{
			"csr": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: raw})),
			"ott": "e30." + base64.RawURLEncoding.EncodeToString(raw) + ".e30",
		})
		if err != nil {
			t.Fatal(err)
		}
		for form, content := range map[string][]byte{"bare": raw, "as request and token": body} {
			response, err := client.Post(address+"/1.0/sign", "application/json", bytes.NewReader(content))
			if err != nil {
				t.Fatalf("%s, %s: %v", samples[i].Name, form, err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode/100 != 4 || response.StatusCode == http.StatusNotFound {
				t.Errorf("%s, %s: status %d", samples[i].Name, form, response.StatusCode)
			}
			sent++
		}
	}
	t.Logf("%d bodies", sent)
}

// serveForTest makes a CA and runs this program as its server until the test ends.
func serveForTest(t *testing.T) (string, *http.Client) {
	t.Helper()
	dir := t.TempDir()
	secret := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(secret, []byte("only for tests\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := exec.LookPath("hallmark") // testscript.Main has put it there
	if err != nil {
		t.Fatal(err)
	}
	api, public := free(t), free(t)
	out, err := exec.Command(path, "init", "--dir", filepath.Join(dir, "ca"), "--name", "Test CA", "--organization", "Example", "--country", "NL",
		"--api-url", "https://"+api, "--api-listen", api, "--public-url", "http://"+public, "--public-listen", public, "--passphrase-file", secret).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(path, "serve", "--dir", filepath.Join(dir, "ca"), "--passphrase-file", secret)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			t.Error("the server did not end well:", err)
		}
	})
	// Whom we talk to is not what is tested.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: time.Minute}
	for range 600 {
		if response, err := client.Get("http://" + public + "/healthz"); err == nil {
			response.Body.Close()
			return "https://" + api, client
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the server does not answer")
	return "", nil
}

func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

package main

import (
	"bytes"
	"io"
	"net/http"
	"os"

	"github.com/digitorus/timestamp"
	"github.com/rogpeppe/go-internal/testscript"
)

// stamp FILE REPLY has a file timestamped by the script's CA.
func stamp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: stamp FILE REPLY")
	}
	query, err := timestamp.CreateRequest(bytes.NewReader([]byte(ts.ReadFile(args[0]))), &timestamp.RequestOptions{Certificates: true})
	ts.Check(err)
	resp, err := http.Post(ts.Getenv("public")+"/tsa", "application/timestamp-query", bytes.NewReader(query))
	ts.Check(err)
	keepBody(ts, resp, args[1])
}

// fetch URL FILE downloads a file.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: fetch URL FILE")
	}
	resp, err := http.Get(args[0])
	ts.Check(err)
	keepBody(ts, resp, args[1])
}

func keepBody(ts *testscript.TestScript, resp *http.Response, file string) {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s\n%s", resp.Request.URL, resp.Status, body)
	}
	ts.Check(os.WriteFile(ts.MkAbs(file), body, 0o600))
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// softHSM makes a SoftHSM2 of the script's own with one token, "ca": $module is its
// library, and the file pin has the PIN.
func softHSM(ts *testscript.TestScript, neg bool, args []string) {
	found, err := filepath.Glob("/usr/lib/softhsm/libsofthsm2.so")
	ts.Check(err)
	more, err := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")
	ts.Check(err)
	if found = append(found, more...); len(found) == 0 {
		ts.Fatalf("SoftHSM2 is not installed (test/setup test)")
	}
	tokens, conf := ts.MkAbs("tokens"), ts.MkAbs("softhsm2.conf")
	ts.Check(os.Mkdir(tokens, 0o700))
	ts.Check(os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("pin"), []byte("1234\n"), 0o600))
	ts.Setenv("SOFTHSM2_CONF", conf)
	ts.Setenv("HALLMARK_PIN_FILE", ts.MkAbs("pin"))
	ts.Setenv("module", found[0])
	cmd := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "ca", "--so-pin", "87654321", "--pin", "1234")
	cmd.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	out, err := cmd.CombinedOutput()
	if err != nil {
		ts.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
}

package main

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// softHSM makes a token in SoftHSM2 named as the script says, with its PIN in the file
// "pin" and the module in $module.
func softHSM(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: softhsm LABEL")
	}
	module, err := softModule()
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs("tokens"), 0o700))
	conf := ts.MkAbs("softhsm2.conf")
	ts.Check(os.WriteFile(conf, []byte("directories.tokendir = "+ts.MkAbs("tokens")+"\nlog.level = ERROR\n"), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("pin"), []byte("271828\n"), 0o600))
	ts.Setenv("SOFTHSM2_CONF", conf)
	ts.Setenv("module", module)
	ts.Check(ts.Exec("softhsm2-util", "--init-token", "--free", "--label", args[0], "--so-pin", "87654321", "--pin", "271828"))
}

// softModule is where distributions put SoftHSM2.
func softModule() (string, error) {
	for _, pattern := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/*/softhsm/libsofthsm2.so", "/usr/lib*/pkcs11/libsofthsm2.so"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", os.ErrNotExist
}

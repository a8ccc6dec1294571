//go:build linux

package nonet

import (
	"net"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestMain is the program that is watched when the variable says so.
func TestMain(m *testing.M) {
	switch os.Getenv("NONET_TEST") {
	case "socket":
		if err := Deny(); err != nil {
			os.Exit(3)
		}
		_, _ = net.Listen("tcp", "127.0.0.1:0")
		os.Exit(0)
	case "none":
		if err := Deny(); err != nil {
			os.Exit(3)
		}
		_, _ = os.ReadFile(os.Args[0])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestDeny(t *testing.T) {
	for what, dies := range map[string]bool{"socket": true, "none": false} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "NONET_TEST="+what)
		err := cmd.Run()
		status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
		if dies != (status.Signaled() && status.Signal() == syscall.SIGSYS) || !dies && err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

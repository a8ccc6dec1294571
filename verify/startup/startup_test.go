package startup

import (
	"os/exec"
	"strings"
	"testing"
)

// TestComesFirst: with imports it would be initialised after them.
func TestComesFirst(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{len .Imports}}", ".").Output()
	if err != nil || strings.TrimSpace(string(out)) != "0" {
		t.Errorf("%s imports %v", out, err)
	}
	if grow(false) != 0 || grow(true) != room/2%256 {
		t.Error("not the frame that was to be there")
	}
}

package keys_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/keys"
)

// startTPM runs a TPM 2.0 in software and returns its socket.
func startTPM(t *testing.T) string {
	t.Helper()
	dir := shortDir(t)
	socket := filepath.Join(dir, "tpm")
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir, "--server", "type=unixio,path="+socket, "--flags", "startup-clear,not-need-init")
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (test/setup test)", err)
	}
	t.Cleanup(func() {
		cancel()
		cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); !answersTPM(socket); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("swtpm does not answer")
		}
	}
	return socket
}

// answersTPM asks for a random byte, which a TPM gives once it has started.
func answersTPM(socket string) bool {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	if _, err := conn.Write([]byte{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7b, 0, 1}); err != nil {
		return false
	}
	answer := make([]byte, 13) // tag, size, code, a length and the byte
	_, err = io.ReadFull(conn, answer)
	return err == nil && bytes.Equal(answer[6:10], make([]byte, 4))
}

func TestTPM(t *testing.T) {
	where := ";storage-directory=" + filepath.Join(t.TempDir(), "tpm") + ";device=" + startTPM(t)
	made, err := keys.Generate(t.Context(), "tpmkms:name=builder"+where, keys.Options{}, keys.P256)
	if err != nil {
		t.Fatal(err)
	}
	k := openKey(t, made.URI, keys.Options{})
	signAndOpen(t, k, made.Public)
	_, err = keys.Generate(t.Context(), "tpmkms:name=builder"+where, keys.Options{}, keys.P256)
	wantReason(t, err, keys.Exists)
	_, err = keys.Open(t.Context(), "tpmkms:name=none"+where, keys.Options{})
	wantReason(t, err, keys.NoService)
}

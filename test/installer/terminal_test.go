package installer

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal: what is written to tty can be read from what is returned
// first.
func terminal(t *testing.T) (screen, tty *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	check(t, unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	check(t, err)
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { _ = screen.Close() })
	return screen, tty
}

// TestProgress: apt on a terminal, and then the bar: it begins at nothing, ends at all and
// goes away before the table comes.
func TestProgress(t *testing.T) {
	m := newMachine(t)
	m.hook("apt")
	m.serve(m.of("one", "1.0", m.high), m.of("two", "1.0", m.high))
	screen, tty := terminal(t)
	shown := make(chan string)
	go func() {
		var b strings.Builder
		buf := make([]byte, 4096)
		for {
			n, err := screen.Read(buf) // EIO when the last writer has gone
			b.Write(buf[:n])
			if err != nil {
				shown <- b.String()
				return
			}
		}
	}()
	cmd := m.command("apt-get", "install", "-y", "one", "two")
	cmd.Stderr = tty
	err := cmd.Run()
	check(t, tty.Close())
	check(t, err)
	said := <-shown
	at := 0
	for _, want := range []string{"\rhallmark-verify [" + strings.Repeat("-", 30) + "] 0/2", "1/2", "\rhallmark-verify [" + strings.Repeat("#", 30) + "] 2/2", "\r\x1b[K"} {
		i := strings.Index(said[at:], want)
		if i < 0 {
			t.Fatalf("no %q in %q", want, said[at:])
		}
		at += i
	}
}

package compat

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// fresh is the name of a file that does not exist.
func (w *world) fresh(suffix string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.files++
	return w.path(strconv.Itoa(w.files) + suffix)
}

func (w *world) pem(kind string, der ...[]byte) string {
	var text bytes.Buffer
	for _, d := range der {
		pem.Encode(&text, &pem.Block{Type: kind, Bytes: d})
	}
	return w.file(".pem", text.Bytes())
}

func (w *world) read(name string) []byte {
	w.t.Helper()
	raw, err := os.ReadFile(name)
	w.check(err)
	return raw
}

// der is what a PEM file of the world holds.
func (w *world) der(name string) []byte { w.t.Helper(); return w.pemBytes(w.path(name)) }

func (w *world) pemBytes(name string) []byte {
	w.t.Helper()
	block, _ := pem.Decode(w.read(name))
	if block == nil {
		w.t.Fatalf("%s is not PEM", name)
	}
	return block.Bytes
}

// flipped is a copy of a file with one bit changed in its middle.
func (w *world) flipped(name, suffix string) string {
	w.t.Helper()
	raw := w.read(name)
	raw[len(raw)/2] ^= 1
	return w.file(suffix, raw)
}

func ders(certs []*x509.Certificate) (list [][]byte) {
	for _, c := range certs {
		list = append(list, c.Raw)
	}
	return list
}

// said is what a tool printed, on both outputs, and whether it was content.
type said struct {
	text string
	ok   bool
}

// run runs a tool in English, and without what the machine's own user has configured.
func (w *world) run(args ...string) said {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = w.dir
	cmd.Env = append(withoutProxies(os.Environ()), "LC_ALL=C.UTF-8", "LANGUAGE=en", "HOME="+w.dir, "GNUPGHOME="+w.path("gnupg"), "SOFTHSM2_CONF="+w.path("softhsm2.conf"))
	out, err := cmd.CombinedOutput()
	text := strings.ToValidUTF8(string(out), "?")
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		w.t.Errorf("%s: %v (test/setup test installs what is missing)", args[0], err)
	}
	return said{text, err == nil}
}

// withoutProxies: some tools send even what is for loopback to a proxy.
func withoutProxies(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToLower(v), "=")
		return strings.HasSuffix(name, "_proxy")
	})
}

// must runs a tool that is to succeed, while things are prepared.
func (w *world) must(args ...string) string {
	w.t.Helper()
	s := w.run(args...)
	if !s.ok {
		w.t.Fatalf("%s:\n%s", strings.Join(args, " "), s.text)
	}
	return s.text
}

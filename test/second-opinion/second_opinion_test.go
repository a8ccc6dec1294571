package secondopinion

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/vectors/vector"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/command"
	"github.com/hallmark-pki/hallmark/verify/proof"
)

// python is Debian's own interpreter, which sees Debian's python3-cryptography.
const python = "/usr/bin/python3"

const vectors = "../vectors/testdata/vectors"

// memory is a folder in memory where there is one: each proof is synced to the disk.
func memory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "second-opinion")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// prove writes the proof of every vector and returns the wanted verdicts by path.
func prove(t *testing.T, dir string) map[string]vector.Vector {
	t.Helper()
	list, err := vector.Load(vectors)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]vector.Vector{}
	for i, v := range list {
		if v, err = v.Prepare(dir); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%04d.json", i))
		args := append([]string{"hallmark-verify", "explain", "--proof", path}, v.Arguments()...)
		var stderr bytes.Buffer
		if exit := command.Run(context.Background(), args, "", io.Discard, &stderr); exit != v.Exit() {
			t.Errorf("%s: exit %d, want %d: %s", v.ID, exit, v.Exit(), stderr.Bytes())
			continue
		}
		out[path] = v
	}
	return out
}

// ask runs the checker once on all proofs and returns its verdicts, and why, by path.
func ask(t *testing.T, proofs []string) map[string][2]string {
	t.Helper()
	c := exec.Command(python, append([]string{"second_opinion.py"}, proofs...)...)
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	raw, err := c.Output()
	if c.ProcessState == nil || c.ProcessState.ExitCode() > 2 || stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr.Bytes())
	}
	out := map[string][2]string{}
	for line := range strings.Lines(string(raw)) {
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 3)
		out[fields[1]] = [2]string{fields[0], fields[2]}
	}
	if len(out) != len(proofs) {
		t.Fatalf("%d answers about %d proofs", len(out), len(proofs))
	}
	return out
}

// TestSecondOpinion: the other checker comes to the same verdict on every vector, from the
// proof alone.
func TestSecondOpinion(t *testing.T) {
	want := prove(t, memory(t))
	for path, got := range ask(t, slices.Collect(maps.Keys(want))) {
		if v := want[path]; got[0] != v.Verdict {
			t.Errorf("%s (%s): the second opinion is %s (%s), the first %s %v", v.ID, v.About, got[0], got[1], v.Verdict, v.Codes)
		}
	}
}

// stride is how far apart the bytes are that TestDamaged changes.
const stride = 37

// TestDamaged: the two agree about a good signature with one byte changed, too, wherever
// it stands, and about a proof that says something else than the signature.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	p, verifier := goodProof(t)
	good := p.Signatures[0].Bytes
	want := map[string]string{}
	add := func(p proof.Proof, verdict string) {
		raw, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%05d.json", len(want)))
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		want[path] = verdict
	}
	add(p, vector.Valid)
	sum, err := hex.DecodeString(p.File.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += stride {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		damaged := p
		damaged.Signatures = []proof.Signature{{Form: proof.CMS, Bytes: bad}}
		add(damaged, verifier.Signature(context.Background(), "x", [32]byte(sum), bad).Outcome.String())
	}
	other := strings.Repeat("0", 64)
	for verdict, changes := range map[string][]func(*proof.Proof){
		"not valid": {
			func(p *proof.Proof) { p.ToBeSigned.Digest = other },
			func(p *proof.Proof) { p.File.SHA256, p.File.Signed = other, other }, // the summary is about another
			func(p *proof.Proof) { p.ToBeSigned.Timestamp = "1.2.3" },
			func(p *proof.Proof) { p.ToBeSigned.ContentType = "1.2.3" },
			func(p *proof.Proof) { p.ToBeSigned.Content = []byte{0x30, 0} },
			func(p *proof.Proof) { p.Demands.Require[0][0].Level = 4 },
		},
		"could not tell": {
			func(p *proof.Proof) { p.At = p.At.AddDate(1, 0, 0) },
			func(p *proof.Proof) { p.Status = append([]byte(" "), p.Status...) },
			func(p *proof.Proof) { p.Trust = p.Trust[1:] },
			func(p *proof.Proof) { p.Demands = nil },
		},
	} {
		for _, change := range changes {
			changed, _ := goodProof(t)
			change(&changed)
			add(changed, verdict)
		}
	}
	for path, got := range ask(t, slices.Collect(maps.Keys(want))) {
		if got[0] != want[path] {
			t.Errorf("%s: the second opinion is %s (%s), the first %s", filepath.Base(path), got[0], got[1], want[path])
		}
	}
}

// goodProof is the proof of a good package, and the verifier that judged it.
func goodProof(t *testing.T) (proof.Proof, *verify.Verifier) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "proof.json")
	v := vector.Vector{Dir: filepath.Join(vectors, "good", "deb"), File: "package.deb", Trust: "../../shared/trust.json",
		Status: "../../shared/status.json", Policy: "../../shared/strict.yaml", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	if exit := command.Run(context.Background(), append([]string{"hallmark-verify", "explain", "--proof", out}, v.Arguments()...), "", io.Discard, io.Discard); exit != 0 {
		t.Fatalf("exit %d", exit)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proof.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	c := verify.Config{Now: func() time.Time { return v.At }}
	if c.Trust, err = verify.ParseTrust(p.Trust); err != nil {
		t.Fatal(err)
	}
	if c.Status, err = verify.OpenStatus(p.Status, c.Trust, v.At); err != nil {
		t.Fatal(err)
	}
	if c.Policy, err = verify.ParsePolicy(p.Policy); err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p, verifier
}

// TestSize: a checker that nobody can read is none.
func TestSize(t *testing.T) {
	raw, err := os.ReadFile("second_opinion.py")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(raw, []byte("\n")); n >= 500 {
		t.Errorf("%d lines, want fewer than 500", n)
	}
}

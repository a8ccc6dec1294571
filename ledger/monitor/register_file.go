package monitor

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// The register's file stands beside the state file. It is text, in one spelling:
//
//	hallmark-monitor register v1
//	<origin>
//	<tree size>
//	<base64 of the root hash>
//	a <assessment> <vendor> <auditor's key> <second key or -> <entry's type> <entry's index>
//	k <auditor's key> <auditor>
//	r <leaf hash>
//	sha256 <of all lines before>
//
// with digests in base64 without padding, lines a and k sorted, r in the log's order. It
// belongs to the checkpoint with that size and root and to no other: a file that belongs
// to another, is damaged or is not there is made anew from the log's entries.
const (
	registerSuffix = ".assessments"
	registerHead   = "hallmark-monitor register v1"
	registerEnd    = "sha256 "
	noDigest       = "-"
)

// errRegister: not a register's file of this checkpoint.
var errRegister = errors.New("not the register of this checkpoint")

// registerHeader is how the file begins that belongs to s.
func registerHeader(s signed) string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n", registerHead, s.Origin, s.Size, base64.StdEncoding.EncodeToString(s.Hash))
}

// hasRegister says whether the file at path belongs to s, as far as its head shows. The
// register of no entries needs no file.
func hasRegister(path string, s signed) (bool, error) {
	if s.Size == 0 {
		return true, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer f.Close()
	want := []byte(registerHeader(s))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(f, got); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("%w: %w", ErrState, err)
	}
	return bytes.Equal(got, want), nil
}

// readRegister returns nil where the register has to be made anew.
func readRegister(path string, s signed) (*register, error) {
	if s.Size == 0 {
		return newRegister(), nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer f.Close()
	r, err := parseRegister(f, s)
	if errors.Is(err, errRegister) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrState, err)
	}
	return r, nil
}

func writeRegister(path string, r *register, s signed) error {
	if err := durable.Write(path, stateMode, func(w io.Writer) error { return r.write(w, s) }); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}

func (r *register) write(w io.Writer, s signed) error {
	sum := sha256.New()
	out := bufio.NewWriter(w)
	both := io.MultiWriter(out, sum)
	lines := make([]string, 0, len(r.assessments)+len(r.keys))
	for id, a := range r.assessments {
		lines = append(lines, fmt.Sprintf("a %s %s %s %s %s %d\n", id, a.vendor, a.auditor, a.second, a.by, a.at))
	}
	for key, auditor := range r.keys {
		lines = append(lines, fmt.Sprintf("k %s %s\n", key, auditor))
	}
	slices.Sort(lines)
	for _, leaf := range r.recent {
		lines = append(lines, fmt.Sprintf("r %s\n", leaf))
	}
	if _, err := io.WriteString(both, registerHeader(s)); err != nil {
		return err
	}
	for _, line := range lines {
		if _, err := io.WriteString(both, line); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(out, "%s%x\n", registerEnd, sum.Sum(nil)); err != nil {
		return err
	}
	return out.Flush()
}

// parseRegister reads a file to its end. It errs with errRegister for whatever it did
// not write itself.
func parseRegister(in io.Reader, s signed) (*register, error) {
	p := &registerParser{in: bufio.NewScanner(in), sum: sha256.New(), register: newRegister()}
	p.in.Buffer(make([]byte, maxLine), maxLine)
	p.in.Split(wholeLines)
	for _, want := range strings.Split(strings.TrimSuffix(registerHeader(s), "\n"), "\n") {
		if !p.in.Scan() || p.text() != want {
			return nil, p.failed()
		}
	}
	for range maxLines {
		if !p.in.Scan() {
			return nil, p.failed()
		}
		if end, isEnd := strings.CutPrefix(p.in.Text(), registerEnd); isEnd {
			if end != fmt.Sprintf("%x", p.sum.Sum(nil)) || p.in.Scan() || p.in.Err() != nil {
				return nil, p.failed()
			}
			return p.register, nil
		}
		if !p.take(p.text()) {
			return nil, errRegister
		}
	}
	return nil, errRegister
}

type registerParser struct {
	in       *bufio.Scanner
	sum      hash.Hash
	last     string // line of a or k
	register *register
}

// wholeLines is bufio.ScanLines without its leniency: a carriage return is part of the
// line, and the last one ends as the others do.
func wholeLines(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errRegister
	}
	return 0, nil, nil
}

// text returns the line that was read, and adds it to the sum.
func (p *registerParser) text() string {
	line := p.in.Text()
	io.WriteString(p.sum, line+"\n") // a hash takes everything
	return line
}

func (p *registerParser) failed() error {
	if err := p.in.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return errRegister
}

// take reads a line of one of the three kinds.
func (p *registerParser) take(line string) bool {
	r, fields := p.register, strings.Split(line, " ")
	if fields[0] == "r" && len(fields) == 2 {
		leaf, ok := parseDigest(fields[1])
		if !ok || r.known[leaf] || len(r.recent) == maxRecent {
			return false
		}
		r.known[leaf], r.recent = true, append(r.recent, leaf)
		return true
	}
	if len(r.recent) > 0 || line <= p.last {
		return false
	}
	p.last = line
	switch {
	case fields[0] == "a" && len(fields) == 7:
		return p.assessment(fields[1:])
	case fields[0] == "k" && len(fields) == 3:
		key, ok := parseDigest(fields[1])
		auditor, ok2 := parseDigest(fields[2])
		if _, isKnown := r.keys[key]; isKnown || !ok || !ok2 {
			return false
		}
		r.addKey(key, auditor)
		return true
	}
	return false
}

func (p *registerParser) assessment(fields []string) bool {
	var d [4]digest
	for i := range d {
		var ok bool
		if d[i], ok = parseDigest(fields[i]); !ok && (i < 3 || fields[i] != noDigest) {
			return false
		}
	}
	index, err := strconv.ParseUint(fields[5], 10, 64)
	if _, isKnown := p.register.assessments[d[0]]; isKnown || err != nil || strconv.FormatUint(index, 10) != fields[5] {
		return false
	}
	s := standing{vendor: d[1], auditor: d[2], second: d[3], by: fields[4], at: index}
	if !slices.Contains(standingTypes, s.by) {
		return false
	}
	if s.isOver() {
		p.register.ended++
	}
	p.register.assessments[d[0]] = s
	return true
}

// standingTypes are those of entries after which an assessment stands where it stands.
var standingTypes = []string{
	receipt.AssessmentAccepted, receipt.AssessmentUpheld, receipt.AssessmentReopened,
	receipt.AssessmentSuperseded, receipt.AssessmentLowered, receipt.AssessmentExpired, receipt.AssessmentWithdrawn,
}

// String is the digest in the register's file.
func (d digest) String() string {
	if d == (digest{}) {
		return noDigest
	}
	return base64.RawStdEncoding.EncodeToString(d[:])
}

func parseDigest(text string) (d digest, ok bool) {
	raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) != len(d) || digest(raw) == (digest{}) {
		return digest{}, false
	}
	return digest(raw), true
}

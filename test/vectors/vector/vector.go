// Package vector answers: what is a conformance vector of the verifier, and did a program
// give the answer that it wants?
//
// A vector is a folder with the file vector.json and what it names: the file to be judged,
// a trust bundle, a status bundle and a policy. docs/vectors.md describes both the folder
// and how a program is asked, for who writes another verifier.
package vector

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FileName is what makes a folder a vector.
const FileName = "vector.json"

// Vector is one question and its answer. Paths are relative to its folder, with forward
// slashes; those to shared files begin with "../../shared/".
type Vector struct {
	ID      string    `json:"id"`      // the folder's path below the root, "class/name"
	About   string    `json:"about"`   // what was broken, or what is unusual
	Classes []int     `json:"classes"` // numbers of Classes; none: nothing is wrong
	File    string    `json:"file"`    // what is judged; of an OCI layout DIR or DIR:TAG
	Trust   string    `json:"trust"`
	Status  string    `json:"status"`
	Policy  string    `json:"policy"`
	At      time.Time `json:"at"` // the clock
	// Verdict is "valid", "not valid" or "could not tell"; Codes are the reasons, all of
	// them in order, none of a valid file.
	Verdict string   `json:"verdict"`
	Codes   []string `json:"codes"`
	Warn    bool     `json:"warn,omitempty"` // the policy's mode is warn: the exit code is 0
	Recipe  *Recipe  `json:"recipe,omitempty"`

	Dir  string `json:"-"` // where the folder is
	made string // a copy of it, with what the recipe made
}

// Recipe makes a file that is too large to be kept: its parts, one after the other.
type Recipe struct {
	File  string `json:"file"`
	Parts []Part `json:"parts"`
}

// Part is some bytes, a number of times.
type Part struct {
	Bytes []byte `json:"bytes"` // base64
	Times int    `json:"times"`
}

// maxRecipeBytes bounds what a recipe makes: the largest vector has some megabytes.
const maxRecipeBytes = 64 << 20

// Load reads every vector below a folder, sorted by ID. No vector at all is an error.
func Load(root string) ([]Vector, error) {
	var out []Vector
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != FileName {
			return err
		}
		v, err := read(root, path)
		out = append(out, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load vectors: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("load vectors: none below %s", root)
	}
	slices.SortFunc(out, func(a, b Vector) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func read(root, path string) (Vector, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Vector{}, err
	}
	var v Vector
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return Vector{}, fmt.Errorf("%s: %w", path, err)
	}
	v.Dir = filepath.Dir(path)
	rel, err := filepath.Rel(root, v.Dir)
	if err != nil {
		return Vector{}, err
	}
	if filepath.ToSlash(rel) != v.ID {
		return Vector{}, fmt.Errorf("%s: calls itself %q", path, v.ID)
	}
	return v, nil
}

// Prepare makes what a recipe makes, in a copy of the vector below the folder work, and
// returns the vector that stands there. Without a recipe it is the same one.
func (v Vector) Prepare(work string) (Vector, error) {
	if v.Recipe == nil {
		return v, nil
	}
	dir := filepath.Join(work, filepath.FromSlash(v.ID))
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Vector{}, err
	}
	if err := os.CopyFS(dir, os.DirFS(v.Dir)); err != nil {
		return Vector{}, fmt.Errorf("%s: %w", v.ID, err)
	}
	raw, err := v.Recipe.make()
	if err != nil {
		return Vector{}, fmt.Errorf("%s: %w", v.ID, err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(v.Recipe.File)), raw, 0o644); err != nil {
		return Vector{}, err
	}
	v.made = dir
	return v, nil
}

// Path returns where a file that the vector names is.
func (v Vector) Path(name string) string {
	dir := v.Dir
	if v.made != "" && !strings.HasPrefix(name, "../") {
		dir = v.made
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}

func (r Recipe) make() ([]byte, error) {
	var out bytes.Buffer
	for _, p := range r.Parts {
		if p.Times < 0 || p.Times > maxRecipeBytes || out.Len()+len(p.Bytes)*p.Times > maxRecipeBytes {
			return nil, errors.New("the recipe makes too much")
		}
		out.Write(bytes.Repeat(p.Bytes, p.Times))
	}
	return out.Bytes(), nil
}

// Arguments is how a program is asked, after Prepare.
func (v Vector) Arguments() []string {
	return []string{
		"--json", "--trust", v.Path(v.Trust), "--status", v.Path(v.Status), "--policy", v.Path(v.Policy),
		"--at", v.At.UTC().Format(time.RFC3339), v.Path(v.File),
	}
}

// Answer is what a program said.
type Answer struct {
	Verdict string
	Codes   []string
	Exit    int
}

// ParseAnswer reads a program's standard output: one JSON object with verdict and reasons.
func ParseAnswer(stdout []byte, exit int) (Answer, error) {
	var w struct {
		Verdict string `json:"verdict"`
		Reasons []struct {
			Code string `json:"code"`
		} `json:"reasons"`
	}
	d := json.NewDecoder(bytes.NewReader(stdout))
	if err := d.Decode(&w); err != nil {
		return Answer{Exit: exit}, fmt.Errorf("answer: %w", err)
	}
	if d.More() {
		return Answer{Exit: exit}, errors.New("answer: more than one JSON value")
	}
	a := Answer{Verdict: w.Verdict, Exit: exit}
	for _, r := range w.Reasons {
		a.Codes = append(a.Codes, r.Code)
	}
	return a, nil
}

// Valid is the one verdict that lets a file pass.
const Valid = "valid"

// Exit is the exit code that goes with the verdict.
func (v Vector) Exit() int {
	switch {
	case v.Verdict == Valid || v.Warn:
		return 0
	case v.Verdict == "not valid":
		return 1
	}
	return 2
}

// Result is how an answer stands to what was wanted.
type Result int

const (
	// Wrong is any other difference, among them a crash.
	Wrong Result = iota
	// Agrees: the same verdict and exit code, and one of the wanted codes if there are any.
	Agrees
	// OtherReason: the same verdict and exit code for another reason.
	OtherReason
	// WrongRefusal: a valid file was refused.
	WrongRefusal
	// WrongAccept: a file that is not valid passed, by its verdict or by the exit code.
	WrongAccept
)

func (r Result) String() string {
	return [...]string{"wrong", "agrees", "other reason", "WRONG REFUSAL", "WRONG ACCEPT"}[r]
}

// Judge holds an answer against the vector.
func (v Vector) Judge(a Answer) Result {
	accepted := a.Verdict == Valid || a.Exit == 0 && !v.Warn
	switch {
	case v.Verdict != Valid && accepted:
		return WrongAccept
	case v.Verdict == Valid && !accepted:
		return WrongRefusal
	case a.Verdict != v.Verdict || a.Exit != v.Exit():
		return Wrong
	case len(v.Codes) > 0 && !slices.ContainsFunc(v.Codes, func(c string) bool { return slices.Contains(a.Codes, c) }):
		return OtherReason
	}
	return Agrees
}

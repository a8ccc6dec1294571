package recipe

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Recipe is a document that was read. The package comment has the format.
type Recipe struct {
	Version         int               `yaml:"version"`
	Product         string            `yaml:"product"`
	Source          string            `yaml:"source"`
	GitDirectory    bool              `yaml:"git_directory"`
	Root            Root              `yaml:"root"`
	Fetch           Fetch             `yaml:"fetch"`
	Command         []string          `yaml:"command"`
	Environment     map[string]string `yaml:"environment"`
	SourceDateEpoch string            `yaml:"source_date_epoch"` // Commit or seconds
	Path            string            `yaml:"path"`
	Outputs         []string          `yaml:"outputs"`
	Tasks           []Task            `yaml:"tasks"`
	Limits          Limits            `yaml:"limits"`
}

// Commit as SourceDateEpoch is the commit's time.
const Commit = "commit"

// Root is the system that a build runs on: the rebuilder's own, or a tar.
type Root struct {
	Host   bool   `yaml:"host"`
	URL    string `yaml:"url"`
	SHA256 string `yaml:"sha256"`
	Tools  []Tool `yaml:"tools"`
}

// Tool is a command whose output must contain a text, before anything is built.
type Tool struct {
	Command []string `yaml:"command"`
	Prints  string   `yaml:"prints"`
}

// Fetch is what may come over the network, all of it known by digest.
type Fetch struct {
	Files     []File `yaml:"files"`
	GoModules bool   `yaml:"go_modules"`
	// GoPackages narrows GoModules down to what these packages and their tests need.
	GoPackages []string `yaml:"go_packages"`
}

// File is an input.
type File struct {
	URL    string `yaml:"url"`
	SHA256 string `yaml:"sha256"`
	Path   string `yaml:"path"` // below /inputs
}

// Task is work that is done on the built tree and becomes a statement.
type Task struct {
	Name      string    `yaml:"name"`
	Command   []string  `yaml:"command"`
	Statement Statement `yaml:"statement"`
	Report    string    `yaml:"report"` // the file with the JSON; none for a test result
}

// Statement says what a task shows.
type Statement string

// The statements.
const (
	TestResult Statement = "test-result"
	Vulns      Statement = "vulns"
	SPDX       Statement = "spdx"
	CycloneDX  Statement = "cyclonedx"
)

// Limits are filled in with defaults by Parse.
type Limits struct {
	Time      time.Duration `yaml:"time"` // of one command: a fetch, a build, a task
	Memory    Size          `yaml:"memory"`
	Disk      Size          `yaml:"disk"`
	Processes int           `yaml:"processes"`
}

// Digest names a document: the SHA-256 of its bytes, lower-case hex.
func Digest(document []byte) string {
	sum := sha256.Sum256(document)
	return hex.EncodeToString(sum[:])
}

// Task returns the task of a name.
func (r Recipe) Task(name string) (Task, bool) {
	for _, t := range r.Tasks {
		if t.Name == name {
			return t, true
		}
	}
	return Task{}, false
}

// Epoch is SOURCE_DATE_EPOCH for a commit that was made at the given time, in seconds
// since 1970.
func (r Recipe) Epoch(commit int64) (int64, error) {
	if r.SourceDateEpoch == Commit {
		return commit, nil
	}
	return strconv.ParseInt(r.SourceDateEpoch, 10, 64)
}

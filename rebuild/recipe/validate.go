package recipe

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

func (r Recipe) validate() error {
	if r.Version != 1 {
		return refuse(Version, "version", "%d, this release reads 1", r.Version)
	}
	for _, check := range []func() error{
		r.checkNames, r.checkRoot, r.checkFetch, r.checkBuild, r.checkOutputs, r.checkTasks, r.checkLimits,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (r Recipe) checkNames() error {
	if err := checkName("product", r.Product); err != nil {
		return err
	}
	if err := checkURL("source", strings.TrimPrefix(r.Source, "git+")); err != nil {
		return err
	}
	return nil
}

func (r Recipe) checkRoot() error {
	switch {
	case r.Root.Host && (r.Root.URL != "" || r.Root.SHA256 != ""):
		return refuse(BadValue, "root", "either the host or a tar")
	case r.Root.Host:
	case r.Root.URL == "":
		return refuse(Missing, "root", "host: true, or url and sha256 of a tar")
	default:
		if err := checkPinned("root", r.Root.URL, r.Root.SHA256); err != nil {
			return err
		}
	}
	if len(r.Root.Tools) > maxTools {
		return refuse(TooLarge, "root.tools", "%d, at most %d", len(r.Root.Tools), maxTools)
	}
	for i, t := range r.Root.Tools {
		at := fmt.Sprintf("root.tools[%d]", i)
		if err := checkCommand(at+".command", t.Command); err != nil {
			return err
		}
		if err := checkName(at+".prints", t.Prints); err != nil {
			return err
		}
	}
	return nil
}

func (r Recipe) checkFetch() error {
	if len(r.Fetch.Files) > maxFiles {
		return refuse(TooLarge, "fetch.files", "%d, at most %d", len(r.Fetch.Files), maxFiles)
	}
	if len(r.Fetch.GoPackages) > maxFiles {
		return refuse(TooLarge, "fetch.go_packages", "%d, at most %d", len(r.Fetch.GoPackages), maxFiles)
	}
	if len(r.Fetch.GoPackages) > 0 && !r.Fetch.GoModules {
		return refuse(BadValue, "fetch.go_packages", "goes with go_modules: true")
	}
	for i, pattern := range r.Fetch.GoPackages {
		at := fmt.Sprintf("fetch.go_packages[%d]", i)
		if err := checkName(at, pattern); err != nil {
			return err
		}
		if strings.HasPrefix(pattern, "-") {
			return refuse(BadValue, at, "%.64q is an option, not a package", pattern)
		}
	}
	seen := map[string]bool{}
	for i, f := range r.Fetch.Files {
		at := fmt.Sprintf("fetch.files[%d]", i)
		if err := checkPinned(at, f.URL, f.SHA256); err != nil {
			return err
		}
		if err := checkPath(at+".path", f.Path); err != nil {
			return err
		}
		if seen[f.Path] {
			return refuse(BadValue, at+".path", "%q twice", f.Path)
		}
		for p := range seen {
			if strings.HasPrefix(p, f.Path+"/") || strings.HasPrefix(f.Path, p+"/") {
				return refuse(BadValue, at+".path", "%q is a file and a folder", f.Path)
			}
		}
		seen[f.Path] = true
	}
	return nil
}

func (r Recipe) checkBuild() error {
	if err := checkCommand("command", r.Command); err != nil {
		return err
	}
	if len(r.Environment) > maxVariable {
		return refuse(TooLarge, "environment", "%d, at most %d", len(r.Environment), maxVariable)
	}
	for name, value := range r.Environment {
		if strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") != "" || name == "" || name[0] <= '9' || len(name) > maxName {
			return refuse(BadValue, "environment", "%.64q is no name of a variable", name)
		}
		if name == "SOURCE_DATE_EPOCH" || strings.HasPrefix(name, "LD_") {
			return refuse(BadValue, "environment."+name, "is not for a recipe to set")
		}
		if err := checkText("environment."+name, value); err != nil {
			return err
		}
	}
	if _, err := strconv.ParseUint(r.SourceDateEpoch, 10, 33); err != nil && r.SourceDateEpoch != Commit {
		return refuse(BadValue, "source_date_epoch", "%.32q is neither %q nor seconds since 1970", r.SourceDateEpoch, Commit)
	}
	if r.Path == "" {
		return nil
	}
	below, ok := strings.CutPrefix(r.Path, "/build/")
	if !ok {
		return refuse(Escapes, "path", "%.64q is not below /build", r.Path)
	}
	return checkPath("path", below)
}

func (r Recipe) checkOutputs() error {
	if len(r.Outputs) == 0 {
		return refuse(Missing, "outputs", "a build that leaves nothing cannot be compared")
	}
	if len(r.Outputs) > maxOutputs {
		return refuse(TooLarge, "outputs", "%d, at most %d", len(r.Outputs), maxOutputs)
	}
	seen := map[string]bool{}
	for i, p := range r.Outputs {
		at := fmt.Sprintf("outputs[%d]", i)
		inside, beside := strings.CutPrefix(p, "../")
		if beside && strings.Contains(inside, "/") {
			return refuse(Escapes, at, "%.64q: only a file directly beside the source", p)
		}
		if err := checkPath(at, inside); err != nil {
			return err
		}
		if strings.ContainsAny(path.Dir(inside), "*?[\\") || strings.ContainsAny(inside, "?[\\") {
			return refuse(BadValue, at, "%.64q: only * is a pattern, and only in the name", p)
		}
		if seen[p] {
			return refuse(BadValue, at, "%.64q twice", p)
		}
		seen[p] = true
	}
	return nil
}

func (r Recipe) checkTasks() error {
	if len(r.Tasks) > maxTasks {
		return refuse(TooLarge, "tasks", "%d, at most %d", len(r.Tasks), maxTasks)
	}
	seen := map[string]bool{}
	for i, t := range r.Tasks {
		at := fmt.Sprintf("tasks[%d]", i)
		if err := checkName(at+".name", t.Name); err != nil {
			return err
		}
		if seen[t.Name] {
			return refuse(BadValue, at+".name", "%q twice", t.Name)
		}
		seen[t.Name] = true
		if err := checkCommand(at+".command", t.Command); err != nil {
			return err
		}
		switch t.Statement {
		case TestResult:
			if t.Report != "" {
				return refuse(BadValue, at+".report", "a test result has none")
			}
		case Vulns, SPDX, CycloneDX:
			if err := checkPath(at+".report", t.Report); err != nil {
				return err
			}
		default:
			return refuse(BadValue, at+".statement", "%.32q is none of test-result, vulns, spdx, cyclonedx", string(t.Statement))
		}
	}
	return nil
}

func (r Recipe) checkLimits() error {
	l := r.Limits
	for _, c := range []struct {
		field string
		bad   bool
		most  any
	}{
		{"limits.time", l.Time < time.Second || l.Time > maxTime, maxTime},
		{"limits.memory", l.Memory <= 0 || l.Memory > maxMemory, Size(maxMemory)},
		{"limits.disk", l.Disk <= 0 || l.Disk > maxDisk, Size(maxDisk)},
		{"limits.processes", l.Processes <= 0 || l.Processes > maxProcesses, maxProcesses},
	} {
		if c.bad {
			return refuse(TooLarge, c.field, "too small, or more than %v", c.most)
		}
	}
	return nil
}

func checkPinned(at, link, digest string) error {
	if err := checkURL(at+".url", link); err != nil {
		return err
	}
	if raw, err := hex.DecodeString(digest); err != nil || len(raw) != 32 || strings.ToLower(digest) != digest {
		return refuse(Unpinned, at+".sha256", "not a SHA-256 in lower-case hex")
	}
	return nil
}

func checkURL(at, link string) error {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" || len(link) > maxText {
		return refuse(BadValue, at, "%.64q is no plain https URL", link)
	}
	return nil
}

func checkPath(at, p string) error {
	switch {
	case p == "":
		return refuse(Missing, at, "empty")
	case len(p) > maxText:
		return refuse(TooLarge, at, "%d bytes, at most %d", len(p), maxText)
	case strings.HasPrefix(p, "/") || p == ".." || strings.HasPrefix(p, "../") || strings.Contains(p, "/../") || strings.HasSuffix(p, "/.."):
		return refuse(Escapes, at, "%.64q leaves its place", p)
	case path.Clean(p) != p || p == "." || strings.ContainsFunc(p, unicode.IsControl) || strings.Contains(p, "\\"):
		return refuse(BadValue, at, "%.64q is not a clean path", p)
	}
	return nil
}

func checkCommand(at string, words []string) error {
	if len(words) == 0 || words[0] == "" {
		return refuse(Missing, at, "no command")
	}
	if len(words) > maxWords {
		return refuse(TooLarge, at, "%d words, at most %d", len(words), maxWords)
	}
	if strings.HasPrefix(words[0], "-") {
		return refuse(BadValue, at, "%.64q is an option, not a command", words[0])
	}
	for i, w := range words {
		if err := checkText(fmt.Sprintf("%s[%d]", at, i), w); err != nil {
			return err
		}
	}
	return nil
}

func checkText(at, s string) error {
	if len(s) > maxText {
		return refuse(TooLarge, at, "%d bytes, at most %d", len(s), maxText)
	}
	if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
		return refuse(BadValue, at, "has a byte that no argument can have")
	}
	return nil
}

func checkName(at, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return refuse(Missing, at, "empty")
	case len(s) > maxName:
		return refuse(TooLarge, at, "%d bytes, at most %d", len(s), maxName)
	case strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl):
		return refuse(BadValue, at, "%.64q has control characters or space around it", s)
	}
	return nil
}

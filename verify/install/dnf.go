package install

import (
	"context"
	_ "embed"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
)

// dnfPlugin is what dnf 4 loads. A plugin's own failure does not stop dnf, but an error of
// dnf's kind does, so that is what every failure becomes.
//
//go:embed dnf.py
var dnfPlugin string

// dnfPluginName is the file in dnf's folder of plugins.
const dnfPluginName = "hallmark.py"

// dnfConfig is what can switch plugins off.
const dnfConfig = "/etc/dnf/dnf.conf"

func (s System) dnfPluginText() []byte {
	return []byte(strings.NewReplacer("{mark}", mark, "{program}", s.Program).Replace(dnfPlugin))
}

// dnfFolder finds dnf's folder of plugins: the first that its configuration names, or the
// one beside the package dnf of whichever Python runs it.
func (s System) dnfFolder() (string, error) {
	raw, _, err := s.read(dnfConfig)
	if err != nil {
		return "", err
	}
	for key, value := range settings(raw) {
		if folders := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' }); key == "pluginpath" && len(folders) > 0 {
			if !filepath.IsAbs(folders[0]) {
				return "", problem("name a folder", "%s: pluginpath %q", dnfConfig, value)
			}
			return filepath.Clean(folders[0]), nil
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/python3/dist-packages/dnf/plugin.py", "/usr/lib/python3.*/site-packages/dnf/plugin.py"} {
		pattern, err := s.path(pattern)
		if err != nil {
			return "", err
		}
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(found, matches...)
	}
	if len(found) != 1 {
		return "", problem("dnf 5 has plugins of another kind: docs/package-managers.md", "%d installations of dnf 4 for Python found, want one", len(found))
	}
	folder := filepath.Join(filepath.Dir(filepath.Dir(found[0])), "dnf-plugins")
	if s.Root == "/" {
		return folder, nil
	}
	root, err := filepath.EvalSymlinks(s.Root)
	if err != nil {
		return "", err
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(folder, root), "/"), nil
}

// ForDNF returns the steps after which dnf 4 asks us about each transaction, once its
// packages are downloaded; none if it does.
func (s System) ForDNF() ([]Step, error) {
	if err := s.checkProgram(); err != nil {
		return nil, err
	}
	folder, err := s.dnfFolder()
	if err != nil {
		return nil, err
	}
	if err := s.checkDNFConfig(); err != nil {
		return nil, err
	}
	return s.placeFile(filepath.Join(folder, dnfPluginName), s.dnfPluginText(), 0o644)
}

// FromDNF returns the steps that undo ForDNF.
func (s System) FromDNF() ([]Step, error) {
	folder, err := s.dnfFolder()
	if err != nil {
		return nil, err
	}
	return s.takeFile(filepath.Join(folder, dnfPluginName))
}

// checkDNFConfig refuses a configuration under which the plugin would not be run.
func (s System) checkDNFConfig() error {
	raw, _, err := s.read(dnfConfig)
	if err != nil {
		return err
	}
	for key, value := range settings(raw) {
		if on := strings.ToLower(value); key == "plugins" && on != "1" && on != "true" && on != "yes" && on != "on" {
			return problem("set plugins=1", "%s switches plugins off", dnfConfig)
		}
	}
	return nil
}

// settings are the lines "key = value" of a file.
func settings(raw []byte) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, "="); ok && !yield(strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

// placeFile returns the step that writes a file of ours; none if it is there. A file that
// is not ours is left alone.
func (s System) placeFile(name string, content []byte, mode uint32) ([]Step, error) {
	there, found, err := s.read(name)
	switch {
	case err != nil:
		return nil, err
	case found && !isOurs(there):
		return nil, problem("look who wrote it; remove it, and try again", "%s is not ours", name)
	case found && string(there) == string(content):
		return nil, nil
	}
	return []Step{{fmt.Sprintf("write %s, which asks %s", name, s.Program), func(context.Context) error {
		return s.writeNew(name, content, mode)
	}}}, nil
}

// takeFile returns the step that removes a file of ours.
func (s System) takeFile(name string) ([]Step, error) {
	there, found, err := s.read(name)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, nil
	case !isOurs(there):
		return nil, problem("look who wrote it", "%s is not ours", name)
	}
	return []Step{{"remove " + name, func(context.Context) error { return s.remove(name) }}}, nil
}

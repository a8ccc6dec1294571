package main

import (
	"fmt"
	"path"

	"github.com/hallmark-pki/hallmark/rebuild/buildinfo"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/worker"
	"github.com/urfave/cli/v2"
)

// maxVersionLines is how many packages of another version a trial names.
const maxVersionLines = 40

// expectBuildinfo takes what should come out from the record of the original build, and
// compares what it was built on with this machine, if the recipe builds on that.
func (e *env) expectBuildinfo(c *cli.Context, name string, r recipe.Recipe, job *worker.Job) ([]buildinfo.Difference, error) {
	if c.IsSet("expect") {
		return nil, &usageError{text: "--expect and --buildinfo say the same", hint: "give one of them"}
	}
	raw, err := e.readBounded(name, buildinfo.MaxBytes)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	job.SHA256 = nothingExpected
	for _, f := range info.Files {
		for _, pattern := range r.Outputs {
			if ok, err := path.Match(path.Base(pattern), f.Name); err == nil && ok && job.SHA256 == nothingExpected {
				job.SHA256 = f.SHA256
			}
		}
	}
	if job.SHA256 == nothingExpected {
		return nil, withHint(fmt.Errorf("%s names no file that is an output of the recipe", name), "outputs are patterns such as ../hello_*_amd64.deb")
	}
	if !r.Root.Host {
		return nil, nil
	}
	here, err := buildinfo.Installed(c.Context)
	if err != nil {
		return nil, err
	}
	return info.Compare(here), nil
}

func versionLines(list []buildinfo.Difference) []string {
	var out []string
	for i, d := range list {
		if i == maxVersionLines {
			return append(out, fmt.Sprintf("… and %d more", len(list)-i))
		}
		here := d.Here
		if here == "" {
			here = "nothing"
		}
		out = append(out, fmt.Sprintf("built with %s %s, here is %s", d.Name, d.There, here))
	}
	return out
}

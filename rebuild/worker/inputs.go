package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// fetchInputs gets the declared files. It returns their folder; "" where there are none.
func (w *Worker) fetchInputs(ctx context.Context, j *workspace, r recipe.Recipe) (string, error) {
	if len(r.Fetch.Files) == 0 {
		return "", nil
	}
	folder := filepath.Join(j.folder, "inputs")
	left := int64(r.Limits.Disk)
	for _, f := range r.Fetch.Files {
		name := filepath.Join(folder, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return "", fmt.Errorf("make a folder for inputs: %w", err)
		}
		n, err := w.fetchFile(ctx, f.URL, f.SHA256, name, left, r)
		if err != nil {
			return "", err
		}
		left -= n
	}
	return folder, nil
}

// fetchFile writes what a URL has into a new file, if it is what the digest says.
func (w *Worker) fetchFile(ctx context.Context, link, digest, name string, most int64, r recipe.Recipe) (int64, error) {
	body, err := w.open(ctx, link, most, r)
	if err != nil {
		return 0, failed(attest.RebuildFetchFailed, "%.200s: %v", link, err)
	}
	defer body.Close()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return 0, fmt.Errorf("write an input: %w", err)
	}
	defer file.Close()
	hash := sha256.New()
	sink := &sink{to: io.MultiWriter(file, hash)}
	n, err := io.Copy(sink, io.LimitReader(body, most+1))
	switch {
	case sink.failed != nil:
		return 0, fmt.Errorf("write an input: %w", sink.failed) // our disk, not their server
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case err != nil:
		return 0, failed(attest.RebuildFetchFailed, "%.200s: %v", link, err)
	case n > most:
		return 0, failed(attest.RebuildFetchFailed, "%.200s is larger than the recipe's disk", link)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != digest {
		return 0, failed(attest.RebuildFetchFailed, "%.200s has SHA-256 %s, the recipe says %s", link, got, digest)
	}
	return n, file.Close()
}

// sink remembers that it was the writing that failed.
type sink struct {
	to     io.Writer
	failed error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.to.Write(p)
	s.failed = errors.Join(s.failed, err)
	return n, err
}

func (w *Worker) open(ctx context.Context, link string, most int64, r recipe.Recipe) (io.ReadCloser, error) {
	if name, ok := w.mirrored(link); ok {
		return os.Open(name)
	}
	if err := outbound.CheckURL(link); err != nil {
		return nil, err
	}
	policy := w.Outbound
	policy.Timeout, policy.MaxBytes = r.Limits.Time, most
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	response, err := outbound.Client(policy).Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, &outbound.StatusError{Code: response.StatusCode}
	}
	return response.Body, nil
}

// fetchModules downloads the Go modules of a source. The go command holds each against
// the go.sum of the commit; what go.sum lacks, the build will not take. It returns the
// module cache; "" where none is asked for.
func (w *Worker) fetchModules(ctx context.Context, j *workspace, b build, source string) (string, error) {
	if !b.recipe.Fetch.GoModules {
		return "", nil
	}
	cache, err := j.dir("modules")
	if err != nil {
		return "", err
	}
	scratch, err := j.dir("modules-scratch")
	if err != nil {
		return "", err
	}
	mounts := []sandbox.Mount{
		{Host: source, Inside: "/build"}, {Host: cache, Inside: modulesInside, Writable: true}, {Host: scratch, Inside: "/tmp/scratch", Writable: true},
	}
	for _, folder := range b.extra {
		mounts = append(mounts, sandbox.Mount{Host: folder, Inside: folder})
	}
	env := []string{
		"PATH=" + b.path, "HOME=/tmp/scratch", "TMPDIR=/tmp/scratch", "GOMODCACHE=" + modulesInside, "GOFLAGS=-modcacherw -mod=readonly",
		"GOTOOLCHAIN=local", "GOSUMDB=off", "GOTELEMETRY=off", "GOENV=off", "GOVCS=*:off", "GOWORK=off", "LC_ALL=C",
	}
	network := false
	if u, err := url.Parse(w.GoProxy); err != nil {
		return "", fmt.Errorf("the module proxy: %w", err)
	} else if u.Scheme == "file" {
		mounts = append(mounts, sandbox.Mount{Host: u.Path, Inside: "/proxy-of-modules"})
		env = append(env, "GOPROXY=file:///proxy-of-modules")
	} else {
		policy := w.Outbound
		policy.Timeout, policy.MaxBytes = b.recipe.Limits.Time, int64(b.recipe.Limits.Disk)
		proxy, err := policy.Proxy(u.Host)
		if err != nil {
			return "", fmt.Errorf("start a proxy: %w", err)
		}
		defer proxy.Close()
		network, env = true, append(env, "GOPROXY="+w.GoProxy, "HTTPS_PROXY="+proxy.URL())
	}
	words := []string{"go", "mod", "download"}
	if p := b.recipe.Fetch.GoPackages; len(p) > 0 {
		// Listing runs nothing of what it lists.
		words = append([]string{"go", "list", "-deps", "-test", "--"}, p...)
	}
	l := b.recipe.Limits
	r, err := sandbox.Run(ctx, sandbox.Spec{
		Root: b.root, Mounts: mounts, Dir: "/build", Command: words, Environment: env, Hostname: "fetch",
		User: firstUser, RootBecomes: j.owner, Umask: 0o022, Network: network,
		Limits: sandbox.Limits{Time: l.Time, Memory: int64(l.Memory), Disk: int64(l.Disk), Processes: l.Processes},
	})
	return cache, ended(attest.RebuildFetchFailed, strings.Join(words[:3], " "), r, err)
}

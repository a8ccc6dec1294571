package update

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/config"
	"github.com/theupdateframework/go-tuf/v2/metadata/updater"

	"github.com/hallmark-pki/hallmark/verify"
)

// Names in a repository.
const (
	trustName  = "trust.json"
	statusName = "status.json"
	sourceName = "source.json"
)

// base stands for the source in the library's URLs.
const base = "repository:/"

// fileName matches what a repository has. The library puts names together from what is
// signed; nothing else is ever asked for.
var fileName = regexp.MustCompile(`^([1-9][0-9]{0,18}\.)?[a-z]{1,32}\.json$|^targets/[0-9a-f]{64}\.(trust|status)\.json$`)

// metadataNames are the files of a state.
func metadataNames() []string {
	return []string{"root.json", "timestamp.json", "snapshot.json", "targets.json", statusName}
}

// found is what a walk through a repository brought.
type found struct {
	state         map[string][]byte // verified metadata, by the names of metadataNames; also of a walk that failed
	trust, status []byte
	fetched       map[string][]byte // every file that came from the source, by its path there
}

// follow is the client workflow of TUF 1.0 §5 from a state, which must have a root. The
// library keeps metadata in files; it gets a folder of its own, so that what it writes
// without syncing is never what we rely on.
func follow(ctx context.Context, src Source, state map[string][]byte, now time.Time) (found, error) {
	out := found{state: map[string][]byte{}, fetched: map[string][]byte{}}
	work, err := os.MkdirTemp("", "hallmark-update-*")
	if err != nil {
		return out, &Error{Disk, err}
	}
	defer os.RemoveAll(work) // what is left there is a copy
	for name, body := range state {
		if err := os.WriteFile(filepath.Join(work, name), body, 0o600); err != nil {
			return out, &Error{Disk, err}
		}
	}
	err = out.walk(&fetcher{ctx: ctx, src: src, seen: out.fetched}, state["root.json"], work, now)
	for _, name := range metadataNames() {
		body, readErr := os.ReadFile(filepath.Join(work, name))
		switch {
		case readErr == nil:
			out.state[name] = body
		case !errors.Is(readErr, fs.ErrNotExist):
			return out, &Error{Disk, readErr}
		}
	}
	return out, explain(err)
}

func (f *found) walk(get *fetcher, root []byte, work string, now time.Time) error {
	u, err := updater.New(&config.UpdaterConfig{
		MaxRootRotations: maxRoots, MaxDelegations: 4,
		RootMaxLength: maxMetadataBytes, TimestampMaxLength: maxMetadataBytes, SnapshotMaxLength: maxMetadataBytes, TargetsMaxLength: maxMetadataBytes,
		Fetcher: get, LocalTrustedRoot: root, LocalMetadataDir: work, LocalTargetsDir: filepath.Join(work, "targets"),
		RemoteMetadataURL: base, RemoteTargetsURL: base + "targets", PrefixTargetsWithHash: true,
	})
	if err != nil {
		return err
	}
	u.UnsafeSetRefTime(now) // the clock is our caller's, as everywhere
	if err := u.Refresh(); err != nil {
		return err
	}
	if f.trust, err = target(u, trustName, verify.MaxTrustBytes); err != nil {
		return err
	}
	f.status, err = target(u, statusName, verify.MaxStatusBytes)
	return err
}

// target fetches one of the two bundles.
func target(u *updater.Updater, name string, most int64) ([]byte, error) {
	info, err := u.GetTargetInfo(name)
	if err != nil {
		return nil, err
	}
	if info.Length > most {
		return nil, refuse(TooLarge, "%s: %d bytes by its metadata, at most %d", name, info.Length, most)
	}
	if len(info.Hashes) != 1 || len(info.Hashes["sha256"]) != 32 {
		return nil, refuse(Malformed, "%s: its metadata has no SHA-256, or more than that", name)
	}
	info.Path = name // the library forgets it when it reads metadata
	_, body, err := u.DownloadTarget(info, "", "")
	return body, err
}

// fetcher lets the library read a source. It lives as long as one walk, whose context
// it holds because the library's interface has none.
type fetcher struct {
	ctx  context.Context
	src  Source
	seen map[string][]byte
}

// DownloadFile implements the library's interface.
func (f *fetcher) DownloadFile(url string, most int64, _ time.Duration) ([]byte, error) {
	name, ok := strings.CutPrefix(url, base)
	if !ok || !fileName.MatchString(name) {
		return nil, refuse(Malformed, "metadata leads to a file named %.100q", name)
	}
	body, err := f.src.Get(f.ctx, name, most)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", f.src, &metadata.ErrDownloadHTTP{StatusCode: http.StatusNotFound, URL: name})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, explain(err))
	}
	f.seen[name] = body
	return body, nil
}

package worker

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

// workspace is the folder of one job.
type workspace struct {
	folder string
	owner  int // who commands run as
}

// owner is who commands of a job run as. Those of root's become a user that nobody is:
// RLIMIT_NPROC counts by user, and one job's processes are none of another's.
func owner() int {
	const low, spread = 1 << 30, 1 << 24
	return sandbox.Spec{RootBecomes: low + rand.IntN(spread)}.Identity()
}

func (w *Worker) newWorkspace() (*workspace, error) {
	folder, err := os.MkdirTemp(w.jobs(), "job-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the job: %w", err)
	}
	j := &workspace{folder: folder, owner: owner()}
	if err := j.own(folder); err != nil {
		j.remove()
		return nil, err
	}
	return j, nil
}

// dir makes a folder that commands write to.
func (j *workspace) dir(elements ...string) (string, error) {
	at := j.folder
	for _, e := range elements {
		at = filepath.Join(at, e)
		if err := os.Mkdir(at, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("make a folder for the job: %w", err)
		}
		if err := j.own(at); err != nil {
			return "", err
		}
	}
	return at, nil
}

func (j *workspace) own(folder string) error {
	if err := os.Chmod(folder, 0o755); err != nil {
		return fmt.Errorf("make a folder for the job: %w", err)
	}
	if j.owner == os.Geteuid() {
		return nil
	}
	if err := os.Chown(folder, j.owner, j.owner); err != nil {
		return fmt.Errorf("make a folder for the job: %w", err)
	}
	return nil
}

func (j *workspace) remove() { _ = removeAll(j.folder) }

// removeAll removes what a stranger's build made, folders without permissions included.
// Links are not followed.
func removeAll(folder string) error {
	err := os.RemoveAll(folder)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(folder)
}

package ledger

import (
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/transparency-dev/tessera/api/layout"
)

// Handler serves the log to the public as c2sp.org/tlog-tiles lays it out, for GET
// and HEAD: /checkpoint, /tile/<level>/<index> and /tile/entries/<index>, each with
// .p/<width> for partial ones. Everything else is 404. A partial tile that has been
// replaced by the full one is 404 too, as the layout permits; clients then ask for
// the full tile. Mount it with http.StripPrefix.
func (l *Log) Handler() http.Handler { return handler{dir: l.dir} }

type handler struct{ dir string }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	f := published(r.URL.Path)
	if f.path == "" {
		http.NotFound(w, r)
		return
	}
	raw, err := readBounded(filepath.Join(h.dir, filepath.FromSlash(f.path)), f.limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.NotFound(w, r)
		return
	case err != nil:
		http.Error(w, "cannot read the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", f.cache)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodGet {
		_, _ = w.Write(raw) // the client is gone if this fails
	}
}

type file struct {
	path, contentType, cache string
	limit                    int64
}

// published maps a URL path to a file. The file name is written anew from the
// parsed numbers, so nothing outside the layout can be named.
func published(path string) file {
	path = strings.TrimPrefix(path, "/")
	if path == layout.CheckpointPath {
		return file{path, "text/plain; charset=utf-8", "no-cache", maxCheckpoint}
	}
	rest, ok := strings.CutPrefix(path, "tile/")
	level, index, ok2 := strings.Cut(rest, "/")
	if !ok || !ok2 {
		return file{}
	}
	f := file{contentType: "application/octet-stream", cache: "public, max-age=31536000, immutable"}
	if level == "entries" {
		i, p, err := layout.ParseTileIndexPartial(index)
		if err != nil {
			return file{}
		}
		f.path, f.limit = layout.EntriesPath(i, p), maxBundle
	} else {
		lv, i, p, err := layout.ParseTileLevelIndexPartial(level, index)
		if err != nil {
			return file{}
		}
		f.path, f.limit = layout.TilePath(lv, i, p), maxTile
	}
	if f.path != path {
		return file{} // another spelling of the same numbers
	}
	return f
}

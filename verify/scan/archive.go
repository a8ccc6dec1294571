package scan

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// Archive is where apt keeps the packages that it downloaded.
const Archive = "/var/cache/apt/archives"

// archived judges the file that a package without a record probably came in: the one of
// this name, version and architecture in apt's archive, if it says so itself and is
// signed. What is there without a signature says nothing about how the package got in.
func (c Config) archived(ctx context.Context, p installed.Package) (Item, bool) {
	if c.Archive == "" || c.File == nil || p.Manager != installed.Dpkg {
		return Item{}, false
	}
	path := filepath.Join(c.Archive, archiveName(p))
	v := c.File(ctx, path)
	is := format.Package{Name: p.Name, Version: p.Version, Architecture: p.Architecture}
	if v.Package != is || len(v.Signature) == 0 {
		return Item{}, false
	}
	v.Signature, v.Package = nil, format.Package{}
	item := Item{Package: p, State: CouldNotTell, Detail: "by the file " + path, Verdict: v, Judged: true}
	switch v.Outcome {
	case verify.Valid:
		item.State = Valid
	case verify.NotValid:
		item.State = NotValid
	}
	return item, true
}

// archiveName is how apt names a file: a colon in the version is quoted.
func archiveName(p installed.Package) string {
	return p.Name + "_" + strings.ReplaceAll(p.Version, ":", "%3a") + "_" + p.Architecture + ".deb"
}

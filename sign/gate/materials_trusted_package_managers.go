package gate

import (
	"net/url"
	"path"
	"strings"
)

// materialsTrustedPackageManagers: CNCF, materials.trusted-package-managers: "material uris all
// under approved hosts"; S2C2F, ING-1 and ING-2. Approved are the origins of the scope; sources
// that are in the scope themselves need none.
func materialsTrustedPackageManagers() rule {
	return rule{
		id:      "materials.trusted-package-managers",
		serves:  []string{"cncf-sscp-v1/materials.trusted-package-managers", "s2c2f-v1.1/ING-1", "s2c2f-v1.1/ING-2"},
		satisfy: "fetch every material from below an origin that the assessment's scope lists, and let the provenance say so",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			if len(e.scope.Origins) == 0 {
				return e.fail("the scope lists no origins")
			}
			for _, d := range e.provenance.Dependencies {
				from := d.URI
				if d.DownloadLocation != "" {
					from = d.DownloadLocation
				}
				if repository, ok := revisionOf(d); ok {
					from = repository
				}
				if outside(d, e.scope.Sources) != "" && !below(from, e.scope.Origins) {
					return e.fail("material " + quote(d.Name+from) + " is not from an origin of the scope")
				}
			}
			return e.pass("every material is from an origin of the scope")
		},
	}
}

// below reports whether an absolute https URL is one of the origins, or under it as a
// folder. Dots in the path could lead out of it, and are not taken.
func below(uri string, origins []string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawPath != "" {
		return false
	}
	if strings.TrimSuffix(u.Path, "/") != strings.TrimSuffix(path.Clean("/"+u.Path), "/") {
		return false
	}
	plain := "https://" + strings.ToLower(u.Host) + u.EscapedPath()
	for _, o := range origins {
		o = strings.TrimSuffix(o, "/")
		if plain == o || strings.HasPrefix(plain, o+"/") {
			return true
		}
	}
	return false
}

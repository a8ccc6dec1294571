package worker

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"

	"github.com/hallmark-pki/hallmark/rebuild/recipe"
	"github.com/hallmark-pki/hallmark/rebuild/sandbox"
)

const (
	firstUser  = 1000
	secondUser = 2001

	inputsInside  = "/inputs"
	modulesInside = "/modules"
)

// variant is one of the two environments.
type variant struct {
	name, folder, hostname, user, locale, zone string
	uid, umask, cpus                           int
}

// variants are the two. The zones are written out, since not every root has tzdata.
func variants() [2]variant {
	return [2]variant{
		{name: "first", folder: "/build/first", hostname: "rebuild-one", user: "builder", locale: "C.UTF-8", zone: "UTC", uid: firstUser, umask: 0o022},
		{name: "second", folder: "/build/another-place/2", hostname: "b", user: "somebody-else", locale: "C", zone: "XYZ-13:45", uid: secondUser, umask: 0o002, cpus: 1},
	}
}

// varied names what differs between the two, for the statement.
func varied(r recipe.Recipe, cpus int) []string {
	list := []string{"home", "hostname", "user", "locale", "timezone", "umask", "second"}
	if r.Path == "" {
		list = append([]string{"path"}, list...)
	}
	if cpus > 1 {
		list = append(list, "cpus")
	}
	return list
}

// place is where things are in one run.
type place struct {
	variant
	tree   string // on the host: what lies beside the source and the source
	home   string // on the host
	etc    string // on the host: passwd and group
	parent string // inside: where tree is
	base   string // the source's folder in it
}

// source is the source's folder on the host.
func (p place) source() string { return filepath.Join(p.tree, p.base) }

// homeInside is on /tmp because every root can have that.
func (p place) homeInside() string { return "/tmp/home-of-" + p.user }

// build is everything that commands of one job share.
type build struct {
	recipe  recipe.Recipe
	root    string // on the host; "" for the host's own
	inputs  string // on the host; "" where there are none
	modules string // likewise
	epoch   int64
	extra   []string // tools' folders
	path    string
	owner   int
}

// spec is a command in one of the environments, without a network.
func (b build) spec(p place, command []string) sandbox.Spec {
	mounts := []sandbox.Mount{
		{Host: p.tree, Inside: p.parent, Writable: true}, {Host: p.home, Inside: p.homeInside(), Writable: true},
	}
	if b.root == "" {
		mounts = append(mounts, sandbox.Mount{Host: filepath.Join(p.etc, "passwd"), Inside: "/etc/passwd"},
			sandbox.Mount{Host: filepath.Join(p.etc, "group"), Inside: "/etc/group"})
	}
	for _, folder := range b.extra {
		mounts = append(mounts, sandbox.Mount{Host: folder, Inside: folder})
	}
	if b.inputs != "" {
		mounts = append(mounts, sandbox.Mount{Host: b.inputs, Inside: inputsInside})
	}
	if b.modules != "" {
		mounts = append(mounts, sandbox.Mount{Host: b.modules, Inside: modulesInside})
	}
	l := b.recipe.Limits
	return sandbox.Spec{
		Root: b.root, Mounts: mounts, Dir: path.Join(p.parent, p.base), Command: command, Environment: b.environment(p),
		Hostname: p.hostname, User: p.uid, RootBecomes: b.owner, Umask: p.umask, CPUs: p.cpus,
		Limits: sandbox.Limits{Time: l.Time, Memory: int64(l.Memory), Disk: int64(l.Disk), Processes: l.Processes},
	}
}

func (b build) environment(p place) []string {
	env := []string{
		"PATH=" + b.path, "HOME=" + p.homeInside(), "TMPDIR=" + p.homeInside() + "/tmp", "USER=" + p.user, "LOGNAME=" + p.user,
		"LANG=" + p.locale, "LC_ALL=" + p.locale, "TZ=" + p.zone, "SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.epoch, 10),
		// Go would ask the network for a toolchain, a module and a checksum, and wait for it.
		"GOTOOLCHAIN=local", "GOPROXY=off", "GOSUMDB=off", "GOTELEMETRY=off", "GOENV=off",
	}
	if b.inputs != "" {
		env = append(env, "INPUTS="+inputsInside)
	}
	if b.modules != "" {
		env = append(env, "GOMODCACHE="+modulesInside)
	}
	for name, value := range b.recipe.Environment {
		env = append(env, name+"="+value) // later ones win: a recipe may say otherwise
	}
	return env
}

// accounts are /etc/passwd and /etc/group of a run on the host's root: programs ask who
// they are, and the host's own users are nobody's business.
func (v variant) accounts(home string) (passwd, group string) {
	passwd = fmt.Sprintf("root:x:0:0:root:/root:/bin/sh\n%s:x:%d:%d::%s:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n", v.user, v.uid, v.uid, home)
	return passwd, fmt.Sprintf("root:x:0:\n%s:x:%d:\nnogroup:x:65534:\n", v.user, v.uid)
}

package worker

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/rebuild/recipe"
)

// TestGoProgram: a Go program that its vendor built with -trimpath, somewhere else, by
// another user, comes out again.
func TestGoProgram(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{
		"go.mod":  "module example.com/hello\n\ngo 1.26\n",
		"main.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	}
	commit := w.commit(files)
	// The standard library comes compiled from the vendor's cache: otherwise this is a test
	// of the compiler's speed.
	cache := filepath.Join(w.folder, "cache")
	w.worker.Tools = append(w.worker.Tools, cache)
	doc := script(`cp -r `+cache+` $HOME/cache && GOCACHE=$HOME/cache go build -trimpath -o out/hello .`, "environment: {CGO_ENABLED: \"0\"}\noutputs: [out/hello]\n")
	artifact := filepath.Join(t.TempDir(), "hello")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", artifact, ".")
	cmd.Dir, cmd.Env = filepath.Join(w.folder, "git", "hello"), append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOCACHE="+cache)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	raw, err := os.ReadFile(artifact)
	if err != nil {
		t.Fatal(err)
	}
	r := w.rebuild(w.job(commit, doc, sum(string(raw))))
	if r.Reason != "" {
		t.Fatalf("%s\n%s", r.Reason, r.Diff)
	}
	p, err := attest.ParseProvenance(w.statements(r)[0])
	if err != nil {
		t.Fatal(err)
	}
	if p.BuilderID != rebuilderID || p.BuildType != BuildType || len(p.Sources) != 1 || p.Sources[0].URI != sourceURI || p.Sources[0].Digest["gitCommit"] != commit || p.InvocationID != "job-1" {
		t.Fatalf("%+v", p)
	}
	var internal struct {
		HallmarkJob string
		Varied      []string
	}
	if err := json.Unmarshal(p.InternalParameters, &internal); err != nil || internal.HallmarkJob != "job-1" || internal.Varied[0] != "path" {
		t.Fatalf("%s %v", p.InternalParameters, err)
	}
	if p.Dependencies[1].Name != "recipe" || p.Dependencies[1].Digest["sha256"] != recipe.Digest(doc) {
		t.Fatalf("%+v", p.Dependencies)
	}
}

// TestUnreproducible: whatever gets into the output is found out, and shown.
func TestUnreproducible(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	cases := map[string]struct{ command, shown string }{
		"time":     {`date +%s`, "time: the runs differ"},
		"random":   {`head -c 8 /dev/urandom`, "random: the runs differ"},
		"hostname": {`hostname`, "    - rebuild-one\n    + b\n"},
		"path":     {`pwd`, "    + /build/another-place/2/source\n"},
		"user":     {`id -un`, "    + somebody-else\n"},
		"home":     {`echo $HOME`, "    + /tmp/home-of-somebody-else\n"},
		"zone":     {`date -d @$SOURCE_DATE_EPOCH +%H:%M`, "    - 12:00\n    + 01:45\n"},
		"umask":    {`touch f; ls -l f | cut -c1-10`, "    - -rw-r--r--\n    + -rw-rw-r--\n"},
		"locale":   {`locale charmap`, "    - UTF-8\n    + ANSI_X3.4-1968\n"},
		"tar":      {`touch g; tar c g`, "  tar:\n    ! g: 644 builder:builder"},
	}
	var lines, outputs []string
	for name, c := range cases {
		lines, outputs = append(lines, "("+c.command+") > out-"+name), append(outputs, "out-"+name)
	}
	r := w.rebuild(w.job(commit, script(strings.Join(lines, "; "), "outputs: ["+strings.Join(outputs, ", ")+"]\n"), sum("the artifact")))
	f := w.wantReason(r, attest.RebuildUnreproducible, "the artifact is "+sum("the artifact"))
	for name, c := range cases {
		if !strings.Contains(f.Diff, c.shown) {
			t.Errorf("%s is not shown: no %q", name, c.shown)
		}
	}
	if len(f.Got) != 2*len(cases) || !strings.HasPrefix(f.Got[0].Name, "first/out-") || !strings.HasPrefix(f.Got[1].Name, "second/out-") {
		t.Errorf("%+v", f.Got)
	}
	if t.Failed() {
		t.Log(f.Diff)
	}
}

// TestMismatch: the source gives something else than the artifact, and always the same.
func TestMismatch(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "honest\n"})
	r := w.rebuild(w.job(commit, script(`cp file out`, "outputs: [out]\n"), sum("tampered\n")))
	f := w.wantReason(r, attest.RebuildMismatch, sum("tampered\n"))
	if len(f.Got) != 1 || f.Got[0].Name != "out" || f.Got[0].Digest["sha256"] != sum("honest\n") {
		t.Fatalf("%+v", f.Got)
	}
}

// TestExpectedFile: a trial that has the artifact shows where it differs.
func TestExpectedFile(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "honest\n"})
	artifact := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(artifact, []byte("tampered\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := w.worker.Rebuild(t.Context(), w.job(commit, script(`cp file out`, "outputs: [out]\n"), sum("tampered\n")), Expected{File: artifact})
	if err != nil {
		t.Fatal(err)
	}
	w.wantReason(r, attest.RebuildMismatch, "- honest\n    + tampered")
}

// TestOneOfSeveralOutputs: an artifact is confirmed although another output of the same
// build never comes out twice; that one is another artifact's business.
func TestOneOfSeveralOutputs(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	doc := script(`cp file a_1.0.bin && hostname > ../log`, "outputs: [../log, a_*.bin]\n")
	r := w.rebuild(w.job(commit, doc, sum("x\n")))
	if r.Reason != "" || r.Artifact.Name != "a_1.0.bin" {
		t.Fatalf("%s %+v\n%s", r.Reason, r.Artifact, r.Diff)
	}
	if s := w.statements(r)[0]; s.Subject[0].Name != "a_1.0.bin" {
		t.Fatalf("%+v", s.Subject)
	}
}

// TestFixedPath: what a recipe fixes does not vary, and is not said to have varied.
func TestFixedPath(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	r := w.rebuild(w.job(commit, script(`pwd > out`, "outputs: [out]\npath: /build/hello-1.0\n"), sum("/build/hello-1.0\n")))
	if r.Reason != "" || strings.Contains(strings.Join(r.Varied, " "), "path") {
		t.Fatalf("%s %v\n%s", r.Reason, r.Varied, r.Diff)
	}
}

// TestBadBuilds: what a recipe can do wrong ends as a failed build that says why, and
// speaks against nothing.
func TestBadBuilds(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	for name, c := range map[string]struct{ command, more, shown string }{
		"exit code":               {`echo it broke; exit 3`, "outputs: [out]\n", "exit code 3\nit broke"},
		"no such command":         {`exec no-such-command`, "outputs: [out]\n", "exit code 127"},
		"no output":               {`true`, "outputs: [out]\n", "no such file"},
		"symlink out":             {`ln -s /etc/passwd out`, "outputs: [out]\n", "is a symbolic link, not a file"},
		"symlink of a folder":     {`ln -s /etc sub`, "outputs: [sub/hostname]\n", "sub is a symbolic link, not a folder"},
		"source becomes a link":   {`cd .. && rm -rf source && ln -s /etc source`, "outputs: [passwd]\n", "is a symbolic link, not a folder"},
		"setuid output":           {`cp /bin/sh out && chmod 4755 out`, "outputs: [out]\n", "is setuid or setgid"},
		"setgid output":           {`cp /bin/sh out && chmod 2755 out`, "outputs: [out]\n", "is setuid or setgid"},
		"pipe":                    {`mkfifo out`, "outputs: [out]\n", "is a pipe, not a file"},
		"folder":                  {`mkdir out`, "outputs: [out]\n", "is a folder, not a file"},
		"too many of a name":      {`touch a.bin b.bin`, "outputs: [\"*.bin\"]\n", "2 files are called like that"},
		"network":                 {`bash -c "exec 3<>/dev/tcp/192.0.2.1/80"`, "outputs: [out]\n", "Network is unreachable"},
		"hundred gigabytes":       {`dd if=/dev/zero of=out bs=1M count=100000`, "outputs: [out]\n", "limit of the recipe: disk"},
		"hundred sparse":          {`truncate -s 100G out`, "outputs: [out]\n", "File size limit exceeded"},
		"tool that is not there":  {`true`, "outputs: [out]\n", "other tools"},
		"writes beside the build": {`touch /usr/x`, "outputs: [out]\n", "Read-only file system"},
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			doc := script(c.command, c.more)
			switch name {
			case "tool that is not there":
				doc = []byte(strings.Replace(string(doc), "{host: true}", "{host: true, tools: [{command: [sh, -c, echo version 1], prints: version 2}]}", 1))
			case "hundred gigabytes", "hundred sparse":
				doc = []byte(strings.Replace(string(doc), "disk: 512MiB", "disk: 32MiB", 1))
			}
			f := w.wantReason(w.rebuild(w.job(commit, doc, sum("x\n"))), attest.RebuildBuildFailed, c.shown)
			if f.Reason.Contradicts() {
				t.Error("a failed build speaks against an artifact")
			}
		})
	}
}

// TestForkBomb: the recipe's own limits end it.
func TestForkBomb(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	doc := script(`bash -c "b() { b | b & }; b 2>/dev/null; sleep 50"`, "outputs: [out]\n")
	doc = []byte(strings.Replace(strings.Replace(string(doc), "time: 2m", "time: 1s", 1), "processes: 256", "processes: 40", 1))
	w.wantReason(w.rebuild(w.job(commit, doc, sum("x\n"))), attest.RebuildBuildFailed, "")
}

// TestUnsoundJobs are refused before anything is fetched, and nothing is said.
func TestUnsoundJobs(t *testing.T) {
	w := newWorld(t)
	commit := w.commit(map[string]string{"file": "x\n"})
	good := w.job(commit, script(`cp file out`, "outputs: [out]\n"), sum("x\n"))
	for name, spoil := range map[string]func(*Job){
		"digest too short":        func(j *Job) { j.SHA256 = j.SHA256[:40] },
		"digest in capitals":      func(j *Job) { j.SHA256 = strings.ToUpper(j.SHA256) },
		"branch for a commit":     func(j *Job) { j.Commit = "main" },
		"commit cut short":        func(j *Job) { j.Commit = j.Commit[:12] },
		"commit of another hash":  func(j *Job) { j.Commit = strings.Repeat("5d", 32) }, // attest knows no name for it
		"option for a commit":     func(j *Job) { j.Commit = "--upload-pack=touch /tmp/x" },
		"another recipe":          func(j *Job) { j.Recipe = append([]byte("# \n"), j.Recipe...) },
		"no recipe":               func(j *Job) { j.Recipe, j.RecipeSHA256 = nil, "" },
		"another product":         func(j *Job) { j.Product = "other" },
		"another source":          func(j *Job) { j.SourceURI = "git+https://git.example.com/other" },
		"task that is not in it":  func(j *Job) { j.Tasks = []string{"praise"} },
		"recipe with a bad path":  func(j *Job) { j.Recipe, j.RecipeSHA256 = script(`true`, "outputs: [../../x]\n"), "" },
		"recipe for another time": func(j *Job) { j.Recipe, j.RecipeSHA256 = []byte("version: 2\n"), "" },
	} {
		t.Run(name, func(t *testing.T) {
			j := good
			spoil(&j)
			_, err := w.worker.Rebuild(t.Context(), j, Expected{})
			wantError(t, err, ErrJob)
		})
	}
}

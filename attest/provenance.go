package attest

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

const (
	// ProvenanceV01, ProvenanceV02 and ProvenanceV1 are the predicate types of SLSA
	// provenance.
	ProvenanceV01 = "https://slsa.dev/provenance/v0.1"
	ProvenanceV02 = "https://slsa.dev/provenance/v0.2"
	ProvenanceV1  = "https://slsa.dev/provenance/v1"
)

// Provenance is one view over SLSA provenance v0.2 and v1, and over v0.1, which is
// read where it is still written: its recipe stands for v0.2's invocation. Where they
// differ, the field says what stands for what.
type Provenance struct {
	Version   string // "0.1", "0.2" or "1"
	BuilderID string // never empty
	BuildType string // never empty
	Subjects  []Subject

	// Sources is what the build was started from, not everything it used: v0.2
	// invocation.configSource; v1 the source that externalParameters name, in the
	// forms "source", "workflow", "buildConfigSource" and "sourceToBuild" that
	// public builders use, with the digest of the resolved dependency it matches.
	// Where neither is there, every dependency with a commit digest. It may be
	// empty, and a digest may be missing. Who restricts sources demands it of
	// every entry.
	Sources []ResourceDescriptor
	// EntryPoint is the build definition inside the source, if named (v0.2
	// configSource.entryPoint; v1 the path or configPath next to the source).
	EntryPoint string
	// Dependencies is v0.2 materials, v1 resolvedDependencies, as found.
	Dependencies []ResourceDescriptor

	ExternalParameters json.RawMessage // v0.2 invocation.parameters; an object or nil
	InternalParameters json.RawMessage // v0.2 invocation.environment; an object or nil
	BuildConfig        json.RawMessage // v0.2 buildConfig; an object or nil

	InvocationID string
	StartedOn    time.Time // zero when absent
	FinishedOn   time.Time

	// Completeness and Reproducible are v0.2 metadata; absent means no claim, as
	// false does. v1 has no such flags and leaves them false.
	Completeness Completeness
	Reproducible bool
	// ReproducibleStated is true where metadata.reproducible is there, with either value.
	ReproducibleStated bool
	// BuilderVersions is v1 runDetails.builder.version: component to version.
	BuilderVersions map[string]string
}

// IsProvenance reports whether ParseProvenance knows a predicate type.
func IsProvenance(predicateType string) bool {
	return predicateType == ProvenanceV01 || predicateType == ProvenanceV02 || predicateType == ProvenanceV1
}

// Completeness is what the builder claims to have recorded in full.
type Completeness struct{ Parameters, Environment, Materials bool }

// ParseProvenance reads the predicate of a statement of either type. Errors:
// WrongType for another predicate, BadPredicate for a field that is missing or of
// the wrong form.
func ParseProvenance(s Statement) (Provenance, error) {
	if !IsProvenance(s.PredicateType) {
		return Provenance{}, refuse(WrongType, "predicateType", "%.64q is not SLSA provenance v0.1, v0.2 or v1", s.PredicateType)
	}
	if err := CheckJSON(s.Predicate, MaxEnvelope, MaxDepth); err != nil {
		return Provenance{}, err
	}
	var err error
	f := readFields(BadPredicate, "predicate", s.Predicate, &err)
	p := Provenance{Subjects: s.Subject}
	switch s.PredicateType {
	case ProvenanceV01:
		p.readV01(f)
	case ProvenanceV02:
		p.readV02(f)
	default:
		p.readV1(f)
	}
	if err == nil && len(p.Sources) == 0 {
		p.Sources = committed(p.Dependencies)
	}
	if err != nil {
		return Provenance{}, err
	}
	return p, nil
}

func (p *Provenance) readV02(f fields) {
	p.Version = "0.2"
	p.BuilderID = f.sub("builder").required("id")
	p.BuildType = f.required("buildType")
	inv := f.sub("invocation")
	p.ExternalParameters = inv.object("parameters")
	p.InternalParameters = inv.object("environment")
	p.BuildConfig = f.object("buildConfig")
	p.Dependencies = f.descriptors("materials")
	src := inv.sub("configSource")
	p.EntryPoint = src.text("entryPoint")
	if uri := src.text("uri"); uri != "" {
		p.Sources = []ResourceDescriptor{{URI: uri, Digest: src.digest("digest")}}
	}
	p.readMetadata(f.sub("metadata"), "parameters")
}

// readMetadata reads the metadata of v0.1 and v0.2, which differ in what they call the
// parameters.
func (p *Provenance) readMetadata(meta fields, parameters string) {
	p.InvocationID = meta.text("buildInvocationID")
	if p.InvocationID == "" {
		p.InvocationID = meta.text("buildInvocationId") // the schema's spelling; the prose has ID
	}
	p.StartedOn, p.FinishedOn = meta.time("buildStartedOn"), meta.time("buildFinishedOn")
	p.Reproducible, p.ReproducibleStated = meta.flag("reproducible"), meta.raw("reproducible") != nil
	c := meta.sub("completeness")
	p.Completeness = Completeness{c.flag(parameters), c.flag("environment"), c.flag("materials")}
}

// readV01 reads the oldest form. Its recipe names the material that holds the build
// definition by its index; an index that points nowhere is refused.
func (p *Provenance) readV01(f fields) {
	p.Version = "0.1"
	p.BuilderID = f.sub("builder").required("id")
	recipe := f.sub("recipe")
	p.BuildType, p.EntryPoint = recipe.required("type"), recipe.text("entryPoint")
	if raw := recipe.raw("arguments"); len(raw) > 0 && raw[0] == '{' {
		p.ExternalParameters = recipe.object("arguments")
	} else if len(raw) > 0 { // any JSON is allowed there
		p.ExternalParameters = json.RawMessage(`{"arguments":` + string(raw) + `}`)
	}
	if raw := recipe.raw("environment"); len(raw) > 0 && raw[0] == '{' {
		p.InternalParameters = recipe.object("environment")
	}
	p.Dependencies = f.descriptors("materials")
	if raw := recipe.raw("definedInMaterial"); raw != nil {
		var i int
		recipe.decode(recipe.at("definedInMaterial"), raw, &i)
		if i < 0 || i >= len(p.Dependencies) {
			recipe.fail(recipe.at("definedInMaterial"), "points nowhere")
		} else if p.Dependencies[i].URI != "" {
			p.Sources = []ResourceDescriptor{p.Dependencies[i]}
		}
	}
	p.readMetadata(f.sub("metadata"), "arguments")
}

func (p *Provenance) readV1(f fields) {
	p.Version = "1"
	def, run := f.sub("buildDefinition"), f.sub("runDetails")
	builder := run.sub("builder")
	p.BuilderID = builder.required("id")
	p.BuilderVersions = builder.texts("version", maxLevels)
	p.BuildType = def.required("buildType")
	p.ExternalParameters = def.object("externalParameters")
	p.InternalParameters = def.object("internalParameters")
	p.Dependencies = def.descriptors("resolvedDependencies")
	meta := run.sub("metadata")
	p.InvocationID = meta.text("invocationId")
	p.StartedOn, p.FinishedOn = meta.time("startedOn"), meta.time("finishedOn")
	if p.ExternalParameters != nil {
		p.readSourceV1(def.sub("externalParameters"))
	}
}

// readSourceV1 knows the forms in which public build types name the source. What a
// build type outside this list puts there is not ours to refuse, so a value of
// another shape is passed over, not an error.
func (p *Provenance) readSourceV1(ext fields) {
	var err error
	ext.err = &err // another shape: not an error
	var src ResourceDescriptor
	switch raw := ext.raw("source"); {
	case len(raw) > 0 && raw[0] == '"':
		src.URI = ext.text("source")
	case len(raw) > 0 && raw[0] == '{':
		src = ext.descriptor("source", raw)
		p.EntryPoint = ext.text("configPath") // of container-based builds
	default:
		src.URI, p.EntryPoint = repositoryForm(ext)
	}
	if err != nil || src.URI == "" {
		p.EntryPoint = ""
		return
	}
	if len(src.Digest) == 0 {
		src.Digest = digestOf(src.URI, p.Dependencies)
	}
	p.Sources = []ResourceDescriptor{src}
}

// repositoryForm reads {repository, ref, path} under the names in use.
func repositoryForm(ext fields) (uri, path string) {
	for _, name := range []string{"workflow", "buildConfigSource", "sourceToBuild"} {
		raw := ext.raw(name)
		if len(raw) == 0 || raw[0] != '{' {
			continue
		}
		f := ext.sub(name)
		repo, ref := f.text("repository"), f.text("ref")
		if repo == "" {
			continue
		}
		if !strings.HasPrefix(repo, "git+") {
			repo = "git+" + repo
		}
		if ref != "" {
			repo += "@" + ref
		}
		return repo, f.text("path")
	}
	return "", ""
}

func digestOf(uri string, deps []ResourceDescriptor) map[string]string {
	for _, d := range deps {
		if d.URI == uri {
			return d.Digest
		}
	}
	repo, ref := SplitSource(uri)
	for _, d := range deps {
		r, at := SplitSource(d.URI)
		if r == repo && (at == ref || at == "" || ref == "") && hasCommit(d) {
			return d.Digest
		}
	}
	return nil
}

func hasCommit(d ResourceDescriptor) bool {
	return d.Digest["gitCommit"] != "" || d.Digest["sha1"] != ""
}

func committed(deps []ResourceDescriptor) []ResourceDescriptor {
	var out []ResourceDescriptor
	for _, d := range deps {
		if d.URI != "" && hasCommit(d) {
			out = append(out, d)
		}
	}
	return out
}

// SplitSource takes an SPDX download location such as
// "git+https://example.com/org/repo.git@refs/heads/main" apart, so that
// repositories can be compared: without "git+", ".git", a trailing slash, and with
// the host in lower case. ref is what follows the @ in the path, "" if nothing
// does. What is not an absolute URI, or has a path with unusual escapes that could
// hide another repository's name, comes back unchanged.
func SplitSource(uri string) (repository, ref string) {
	u, err := url.Parse(strings.TrimPrefix(uri, "git+"))
	if err != nil || u.Host == "" || u.RawPath != "" {
		return uri, ""
	}
	path, ref, _ := strings.Cut(u.Path, "@")
	u.Path = strings.TrimSuffix(strings.TrimSuffix(path, "/"), ".git")
	u.Host = strings.ToLower(u.Host)
	return u.String(), ref
}

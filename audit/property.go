package audit

import "slices"

// Words for what an auditor verified on a build platform, for builds of the types that
// the scope lists for it. The signing gate reads them where provenance has no field for
// a fact: SLSA provenance v1 has no flags for completeness. Others are taken too, and
// go into certificates like these.
const (
	PropertyEphemeral     = "ephemeral"     // each build has an environment of its own, used once
	PropertyIsolated      = "isolated"      // no build can influence another
	PropertyHermetic      = "hermetic"      // inputs are declared, fetched by the platform, and there is no network; says complete-materials and source-fetched too
	PropertyParameterless = "parameterless" // users choose source and entry point and nothing else; says complete-parameters too
	PropertyReproducible  = "reproducible"  // builds are meant to repeat bit for bit

	PropertyCompleteParameters  = "complete-parameters"  // provenance has every parameter that a user controls
	PropertyCompleteMaterials   = "complete-materials"   // provenance has everything that the build could read
	PropertyCompleteEnvironment = "complete-environment" // provenance has tool versions and configuration
	PropertySourceFetched       = "source-fetched"       // the platform fetched the source itself
	PropertyFixedEntryPoint     = "fixed-entry-point"    // the build type fixes the file that defines the build
)

// platformProperties are these words, for drafts.
var platformProperties = []string{
	PropertyEphemeral, PropertyIsolated, PropertyHermetic, PropertyParameterless, PropertyReproducible,
	PropertyCompleteParameters, PropertyCompleteMaterials, PropertyCompleteEnvironment, PropertySourceFetched, PropertyFixedEntryPoint,
}

// Has reports whether the auditor verified a property for builds of a type: the scope
// lists the type for this builder, because what holds for one may not for another, and
// the property stands there or in one that says it too.
func (b Builder) Has(property, buildType string) bool {
	if !slices.Contains(b.BuildTypes, buildType) {
		return false
	}
	switch property {
	case PropertyCompleteParameters:
		return slices.Contains(b.Properties, property) || slices.Contains(b.Properties, PropertyParameterless)
	case PropertyCompleteMaterials, PropertySourceFetched:
		return slices.Contains(b.Properties, property) || slices.Contains(b.Properties, PropertyHermetic)
	}
	return slices.Contains(b.Properties, property)
}

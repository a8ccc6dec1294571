package gate

const (
	// maxDetailLength bounds what a verdict quotes from evidence, in bytes.
	maxDetailLength = 200
	// maxRememberedBytes is the size of an envelope that is remembered: with what package
	// recent keeps, 64 MB at most, and some times that parsed. Typical ones have 4 KB.
	maxRememberedBytes = 64 << 10
	// maxRings is under how many sets of keys one envelope is remembered: it is about
	// one vendor's build, and a vendor has a few combinations of assessments.
	maxRings = 8
	// maxRuleName and maxRuleLength bound a custom rule, in bytes: longer ones are not read
	// by whoever has to answer for them.
	maxRuleName   = 64
	maxRuleLength = 4 << 10
	// maxRuleCost bounds one evaluation, in CEL's units: about one for each step, so that
	// the dearest rule takes a few milliseconds. Comparing a name with each of some
	// thousand components fits; all of them with each other do not.
	maxRuleCost = 100_000
	// maxRevisions bounds the commits of one build about which evidence is looked up. A
	// product is built from one repository, or from a few.
	maxRevisions = 8
	// MaxInputs bounds the inputs of one build about each of which evidence is looked up.
	// Go programs have some hundred modules, large ones in JavaScript some thousand
	// packages; each costs a file to open and two to three signatures to verify.
	MaxInputs = 2048
	// maxInputVerdicts is how many inputs a verdict lists, those that lack something first:
	// more than a person reads, and little beside the rest of an answer.
	maxInputVerdicts = 100
	// rememberedInputs is how many envelopes about inputs a Gate remembers, and twice as
	// many at most: products of one vendor share most of them. With maxRememberedBytes 256
	// MB at most, and a tenth of it with envelopes of typical size.
	rememberedInputs = 2048
)

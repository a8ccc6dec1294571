// Package worker answers: does this source really give this artifact?
//
// A rebuilder is a process of another operator than the vendor's. It takes a job (an
// artifact's SHA-256, a commit, a recipe from the audited scope), fetches the source at
// exactly that commit and the inputs that the recipe pins, builds twice in environments
// that differ, and compares. What it found out it signs with its own key:
//
//   - the same artifact came out twice: SLSA provenance v1 of its own, and then, if the
//     recipe has tasks, what their test results, bills of material and scans are;
//   - something else came out twice (mismatch), or two things (unreproducible), or
//     nothing (build-failed, fetch-failed): a rebuild failure (attest.RebuildFailure).
//
// What is its own fault (a full disk, a sandbox that cannot be made, being stopped) is an
// error and never a statement: the job's lease ends, and it is given out again.
//
// What differs between the two runs: the path (unless the recipe fixes it), home folder,
// host name, user name and number, locale, time zone, umask, the number of CPUs (where
// there are two), and the second at which they start. The calendar does not: the
// kernel has no clock of one's own for the date, and shims (libfaketime) miss static
// programs and break others. SOURCE_DATE_EPOCH is the same in both, and who embeds the
// time instead is found out by the second. Statements list what was varied.
//
// A Worker is safe for concurrent use; one folder belongs to one process.
package worker

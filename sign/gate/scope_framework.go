package gate

import "strconv"

// scopeFramework: the catalogue that the assessment was made against is known here, with
// the level claimed. Without it nobody could say what the build has to show, and "nothing"
// is not the answer.
func scopeFramework() rule {
	return rule{
		id:      "scope.framework",
		basic:   true,
		satisfy: "have the operator of the CA give it the catalogue that the assessment names",
		judge: func(e *exhibit) finding {
			a := e.assessed.Assessment
			if len(e.assessed.Track.Requirements) == 0 || e.assessed.Track.LevelID(a.Level) == "" {
				return e.fail("no catalogue says what level " + strconv.Itoa(a.Level) + " of " + quote(a.Framework.ID) + " asks")
			}
			return e.pass("level " + strconv.Itoa(a.Level) + " of " + quote(a.Framework.ID) + ", track " + quote(a.Framework.Track))
		},
	}
}

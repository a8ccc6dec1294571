// Package recipe answers: what exactly does a rebuilder do to build this product again?
//
// A recipe is a YAML document (JSON will do, being YAML) that an auditor has looked at:
// it stands in the scope of an assessment, byte for byte, and its SHA-256 is its name.
// A job names a commit; everything else comes from here.
//
//	version: 1
//	product: hello
//	source: git+https://git.example.com/hello   # as in the scope; a job gives the commit
//	git_directory: false        # true: the tree has a .git with this one commit
//	root:                       # what the build sees as /, read-only
//	  host: true                # the rebuilder's own /usr, or
//	  # url: https://files.example.com/root.tar
//	  # sha256: "<hex>"         # an uncompressed tar
//	  tools:                    # what it must have, or nothing is built and nothing is said about the artifact
//	    - {command: [go, version], prints: go1.26}
//	fetch:                      # the only phase with a network
//	  files:                    # found under /inputs
//	    - {url: "https://files.example.com/fonts.tar", sha256: "<hex>", path: fonts.tar}
//	  go_modules: true          # 'go mod download', held against the go.sum of the commit
//	  go_packages: [./...]      # with it: only what these packages and their tests need
//	command: [go, build, -trimpath, -o, out/hello, .]
//	environment: {CGO_ENABLED: "0"}
//	source_date_epoch: commit   # the commit's time, or seconds since 1970
//	path: /build/hello          # where the source lies; absent: another place in each run
//	outputs: [out/hello]        # relative to the source, ../NAME for a file beside it; a * in a name is allowed
//	tasks:                      # after the outputs were found equal; each becomes a statement
//	  - name: tests
//	    command: [go, test, -json, ./...]
//	    statement: test-result  # of exit code and, with -json, of each test
//	  - name: bill of material
//	    command: [sh, -c, "make sbom > sbom.json"]
//	    statement: spdx         # spdx, cyclonedx, vulns: the JSON of the report
//	    report: sbom.json
//	limits: {time: 30m, memory: 4GiB, processes: 1024, disk: 8GiB}
//
// The reader is strict: unknown and repeated keys, anchors, tags, other versions and
// whatever exceeds limits.go are refused. Paths are relative, clean, and do not climb:
// the one exception is "../NAME" in outputs, because dpkg-buildpackage and its kin put
// packages beside the source, and what lies beside it is the build's own directory.
//
// Functions are safe for concurrent use.
package recipe

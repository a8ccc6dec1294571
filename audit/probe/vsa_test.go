package probe

import (
	"bytes"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

func TestVSA(t *testing.T) {
	key, other := newKey(t), newKey(t)
	good := attest.VSA{
		Subjects:   []attest.Subject{{Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}}},
		VerifierID: "https://example.com/verifier", TimeVerified: instant.Add(-time.Hour), ResourceURI: "pkg:generic/example@1",
		Policy: attest.ResourceDescriptor{URI: "https://example.com/policy"}, Result: attest.Passed, VerifiedLevels: []string{"SLSA_BUILD_LEVEL_3", "CUSTOM_2"},
	}
	var body []byte
	s, r := start(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	w := map[string]string{"url": s.URL, "key": publicPEM(t, &key.PublicKey), "resource_uri": good.ResourceURI, "level": "SLSA_BUILD_LEVEL_3"}
	publish := func(v attest.VSA) {
		t.Helper()
		statement, err := attest.NewVSA(v)
		if err != nil {
			t.Fatal(err)
		}
		if body, err = attest.SignStatement(t.Context(), statement, key); err != nil {
			t.Fatal(err)
		}
		body = append(body, '\n')
	}
	publish(good)
	want(t, r.Run(t.Context(), "vsa", w, ""), Passed, "https://example.com/verifier")
	for _, level := range []string{"SLSA_BUILD_LEVEL_2", "CUSTOM_2"} {
		want(t, r.Run(t.Context(), "vsa", with(w, "level", level), ""), Passed, level[:5])
	}
	want(t, r.Run(t.Context(), "vsa", with(w, "verifier", good.VerifierID), ""), Passed, "")

	for name, c := range map[string]struct {
		parameter, value string
		detail           string
	}{
		"higher":       {"level", "SLSA_BUILD_LEVEL_4", "not SLSA_BUILD_LEVEL_4"},
		"other-track":  {"level", "SLSA_SOURCE_LEVEL_1", "not SLSA_SOURCE_LEVEL_1"},
		"own-ladder":   {"level", "CUSTOM_1", "not CUSTOM_1"},
		"resource":     {"resource_uri", "pkg:generic/example@2", "the summary is about"},
		"verifier":     {"verifier", "https://example.com/other", "the summary is by"},
		"key":          {"key", publicPEM(t, &other.PublicKey), "not-verified"},
		"letter-case":  {"level", "slsa_build_level_3", "not slsa_build_level_3"},
		"longer-level": {"level", "SLSA_BUILD_LEVEL_33", "not SLSA_BUILD_LEVEL_33"},
	} {
		t.Run(name, func(t *testing.T) {
			want(t, r.Run(t.Context(), "vsa", with(w, c.parameter, c.value), ""), Failed, c.detail)
		})
	}
	broken := good
	broken.Result = attest.Failed
	publish(broken)
	want(t, r.Run(t.Context(), "vsa", w, ""), Failed, "the summary says FAILED")
	broken = good
	broken.TimeVerified = instant.Add(time.Hour)
	publish(broken)
	want(t, r.Run(t.Context(), "vsa", w, ""), Failed, "which is to come")
	publish(good)
	body = bytes.Replace(body, []byte(`"payload":"`), []byte(`"payload":"AAAA`), 1)
	want(t, r.Run(t.Context(), "vsa", w, ""), Failed, "not-verified")
	body = []byte("<html>maintenance</html>")
	want(t, r.Run(t.Context(), "vsa", w, ""), Failed, "malformed")
	provenance, err := attest.SignStatement(t.Context(), attest.Statement{
		Subject: good.Subjects, PredicateType: "https://slsa.dev/provenance/v1", Predicate: []byte(`{}`),
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	body = provenance
	want(t, r.Run(t.Context(), "vsa", w, ""), Failed, "predicate-type")
}

// TestCorporaVSA: a real summary, of a cloud provider's node images.
func TestCorporaVSA(t *testing.T) {
	dir := corpora.Folder(t, "slsa", "vsa", "gce", "v1")
	raw := readFile(t, filepath.Join(dir, "gke-gce-pre.bcid-vsa.jsonl"))
	s, r := start(t, pages(map[string][]byte{"/vsa": raw}))
	w := map[string]string{
		"url": s.URL + "/vsa", "key": string(readFile(t, filepath.Join(dir, "vsa_signing_public_key.pem"))),
		"resource_uri": "gce_image://gke-node-images:gke-12615-gke1418000-cos-101-17162-463-29-c-cgpv1-pre",
		"level":        "SLSA_BUILD_LEVEL_2", "verifier": "https://bcid.corp.google.com/verifier/bcid_package_enforcer/v0.1",
	}
	want(t, r.Run(t.Context(), "vsa", w, ""), Passed, "BCID_L1 SLSA_BUILD_LEVEL_2")
	want(t, r.Run(t.Context(), "vsa", with(w, "level", "BCID_L1"), ""), Passed, "")
	want(t, r.Run(t.Context(), "vsa", with(w, "level", "SLSA_BUILD_LEVEL_3"), ""), Failed, "not SLSA_BUILD_LEVEL_3")
	want(t, r.Run(t.Context(), "vsa", with(w, "key", publicPEM(t, &newKey(t).PublicKey)), ""), Failed, "not-verified")
}

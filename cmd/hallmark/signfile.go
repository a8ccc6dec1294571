package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/format/oci"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// formats are what can be signed. The one for folders comes first: those for files would
// say that a folder is none.
func formats() []format.Format { return append([]format.Format{oci.Format{}}, format.Files()...) }

// kinds lists the formats' names for a help text.
func kinds() string {
	var names []string
	for _, f := range formats() {
		names = append(names, string(f.Kind()))
	}
	return strings.Join(names, ", ")
}

// formatOf is the format that was asked for, or the one that a file's content has.
func formatOf(kind, path string) (format.Format, error) {
	if kind == "" {
		return format.Detect(formats(), path)
	}
	f, err := format.Find(formats(), format.Kind(kind))
	if err != nil {
		return nil, &usageError{text: fmt.Sprintf("--format %q: there is no such format", kind), hint: "one of " + kinds()}
	}
	return f, nil
}

// toSign is a file with what the service must know of it.
type toSign struct {
	path    string
	format  format.Format
	digests format.Digests
	// Of an OCI manifest; the service signs them with the digest.
	mediaType string
	size      int64
}

// openToSign takes a file's digests.
func openToSign(kind, path string, replace bool) (toSign, error) {
	f, err := formatOf(kind, path)
	if err != nil {
		return toSign{}, err
	}
	artifact, err := f.Open(path)
	if err != nil {
		return toSign{}, withDetachedHint(f, err)
	}
	defer artifact.Close()
	// Where the signature changes the file's own digest there can be no evidence about a
	// signed file, and a refusal for want of it would only puzzle.
	if _, err := artifact.Signature(); !replace && f.Algorithm() != format.SHA256 && !errors.Is(err, format.ErrUnsigned) {
		return toSign{}, &usageError{text: "it carries a signature already", hint: "sign the file as it was built; evidence is about that one, not about a signed copy"}
	}
	digests, err := artifact.Digests()
	if err != nil {
		return toSign{}, withDetachedHint(f, err)
	}
	t := toSign{path: path, format: f, digests: digests}
	if m, ok := artifact.(*oci.Artifact); ok {
		t.mediaType, t.size = m.Descriptor.MediaType, m.Descriptor.Size
	}
	return t, nil
}

// withDetachedHint tells of a way out when a file is of a format and breaks its rules.
func withDetachedHint(f format.Format, err error) error {
	var malformed *format.Error
	if !errors.As(err, &malformed) || f.Kind() == format.Detached || f.Kind() == format.Deb {
		return err
	}
	return withHint(err, "a signature inside such a "+string(f.Kind())+" file would not be clear; --format detached puts it beside the file")
}

// openOrHash is openToSign for commands that only want digests: a file that no signature
// can be put into still has a SHA-256.
func openOrHash(path string) (toSign, error) {
	t, err := openToSign("", path, true)
	var malformed *format.Error
	if err == nil || !errors.As(err, &malformed) {
		return t, err
	}
	if f, detectErr := formatOf("", path); detectErr != nil || f.Kind() == format.Deb {
		return toSign{}, err
	}
	return openToSign(string(format.Detached), path, true)
}

// unsignedDigest is the SHA-256 that evidence about a file is filed under: of all of it,
// or of all of a package before its signature.
func unsignedDigest(path string) (kind string, digest [32]byte, err error) {
	t, err := openOrHash(path)
	if err != nil {
		return "", digest, err
	}
	return string(t.format.Kind()), t.digests.SHA256, nil
}

// stated are a file's digests as an in-toto subject has them.
func (t toSign) stated() map[string]string {
	all := map[string]string{format.SHA256: hex.EncodeToString(t.digests.SHA256[:])}
	if other := t.other(); other != "" {
		all[t.format.Algorithm()] = other
	}
	return all
}

// other is the digest that is signed, where that is not the file's SHA-256.
func (t toSign) other() string {
	if t.format.Algorithm() == format.SHA256 {
		return ""
	}
	return hex.EncodeToString(t.digests.Signed[:])
}

func (e *env) signFile(ctx context.Context, client *api.Client, path string, claims []api.Claim, c *cli.Context) (signed, error) {
	t, err := openToSign(c.String("format"), path, c.Bool("replace") || c.Bool("explain"))
	if err != nil {
		return signed{}, err
	}
	request := api.NewSignature{
		SHA256: hex.EncodeToString(t.digests.SHA256[:]), Format: string(t.format.Kind()), Product: c.String("product"), Certificate: c.String("cert"),
		Explain: c.Bool("explain"), PerBuild: c.Bool("per-build"), Mode: c.String("mode"), Claims: claims, Signed: t.other(), Commit: c.String("commit"),
		MediaType: t.mediaType, Size: t.size,
	}
	var answer api.Signature
	switch {
	case c.Bool("upload"):
		err = uploadToSign(ctx, client, t, request, &answer)
	case c.Bool("json"): // which prints the rules
		err = client.Post(ctx, "/v1/signatures", request, &answer)
	default:
		answer, err = client.Sign(ctx, request)
	}
	if err != nil {
		return signed{}, err
	}
	out := signed{File: path, SHA256: request.SHA256, Format: request.Format, Serial: answer.Serial, Allowed: answer.Allowed, Rules: answer.Rules,
		ID: answer.ID, State: answer.State, ConfirmBy: answer.ConfirmBy}
	if other := t.other(); other != "" {
		out.Signed = t.format.Algorithm() + ":" + other
	}
	if request.Explain {
		return out, nil
	}
	// The digest is taken once more before the file is touched: it may have changed while
	// the service was asked, and then the signature is another file's.
	out.Signature, err = t.format.Attach(path, append(answer.CMS, answer.JWS...), format.Options{Replace: c.Bool("replace"), Digest: t.digests.Signed})
	return out, err
}

// uploadToSign sends the file. The service must have found what was found here.
func uploadToSign(ctx context.Context, client *api.Client, t toSign, request api.NewSignature, answer *api.Signature) error {
	if request.Signed == "" {
		return &usageError{text: "--upload: a " + request.Format + " signature signs the file's own SHA-256", hint: "without --upload only that travels"}
	}
	if len(request.Claims) > 0 {
		return &usageError{text: "--upload and --claim do not go together", hint: "the new certificate then says all that assessments in force support"}
	}
	file, err := os.Open(t.path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	query := url.Values{
		"format": {request.Format}, "product": {request.Product}, "certificate": {request.Certificate},
		"explain": {strconv.FormatBool(request.Explain)}, "per_build": {strconv.FormatBool(request.PerBuild)},
		"commit": {request.Commit},
	}
	if err := client.Upload(ctx, "/v1/signatures/files?"+query.Encode(), file, info.Size(), answer); err != nil {
		return err
	}
	if answer.SHA256 != request.SHA256 {
		return fmt.Errorf("the service got a file with SHA-256 %s, not %s: it changed on the way", answer.SHA256, request.SHA256)
	}
	return nil
}

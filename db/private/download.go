package private

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
	"github.com/gofrs/flock"
)

// downloadVersion is the library's newest version. archives belongs to it.
const downloadVersion = embeddedpostgres.V18

// archives are the SHA-256 sums of the compressed tar archives, one in each
// jar of io.zonky.test.postgres:embedded-postgres-binaries-<platform>:18.3.0.
// The jars they were taken from agree with the sums that are published beside
// the jars.
var archives = map[string]string{
	"linux-amd64":        "e09b13df10e9df257275d498b19b8c214a3e86d7a5d8cd263b0860e308e8b0b6",
	"linux-amd64-alpine": "5e47f96951026dc460b876fa62379f7c7666eb6293d076900e2c71703e5a1de6",
	"linux-arm64v8":      "f9695b61cff9e5c9b8e02a938158740a711c7a55304dd49ca634c8b947bf6b27",
	"darwin-amd64":       "2c5f22fa675ee78264a2ea8c7543310c32590465a4f72fb4287ca65ec484f7dd",
	"darwin-arm64v8":     "61f9b7026404f15abd4ec7e5724f672795c08cecc58ece212f85da3bf4de2b91",
}

const (
	downloadTries   = 2
	downloadTimeout = 10 * time.Minute
	// maxDownload bounds a jar and the archive in it; the largest has 33 MB.
	maxDownload = 128 << 20

	wholeMark = "whole" // beside unpacked binaries that have started once
)

// download returns binaries that the library unpacks at the start from an
// archive whose sum was checked. They stay locked until release, since an
// interrupted unpacking looks whole to the library.
func (o order) download(ctx context.Context, say func(message)) (binaries, error) {
	platform := platformName(runtime.GOOS, runtime.GOARCH, isAlpine())
	sum, ok := archives[platform]
	if !ok {
		return binaries{}, fmt.Errorf("there are no PostgreSQL binaries for %s: %s", platform, wayOut)
	}
	if err := os.MkdirAll(o.Binaries, 0o700); err != nil {
		return binaries{}, err
	}
	lock := flock.New(filepath.Join(o.Binaries, lockFile), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return binaries{}, fmt.Errorf("locking %s: %w", o.Binaries, err)
	}
	folder := filepath.Join(o.Binaries, platform+"-"+string(downloadVersion))
	mark := filepath.Join(folder, wholeMark)
	b := binaries{
		path:    filepath.Join(folder, "postgres"),
		version: downloadVersion,
		major:   majorOf(downloadVersion),
		keep:    func() error { return os.WriteFile(mark, nil, 0o600) },
		release: func() { lock.Close() },
	}
	if exists(mark) {
		b.release()
		return b, nil
	}
	a := archive{repository: o.repository(), platform: platform, sum: sum}
	if err := a.prepare(ctx, o.Binaries, folder, say); err != nil {
		b.release()
		return binaries{}, err
	}
	return b, nil
}

// prepare has the archive in the cache folder and nothing where it will be
// unpacked.
func (a archive) prepare(ctx context.Context, cache, folder string, say func(message)) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	path := filepath.Join(cache, a.name()+".txz") // the library's name for it
	if text, err := os.ReadFile(path); err == nil && a.check(text) == nil {
		return nil
	}
	say(message{Step: "downloading PostgreSQL " + string(downloadVersion)})
	text, err := a.fetch(ctx)
	if err != nil {
		return fmt.Errorf("downloading PostgreSQL %s: %w: %s", downloadVersion, err, wayOut)
	}
	return replaceFile(path, text)
}

// repository is the address to download from. The library keeps its default
// to itself, hence the reflection.
func (o order) repository() string {
	if o.Repository != "" {
		return o.Repository
	}
	return reflect.ValueOf(embeddedpostgres.DefaultConfig()).FieldByName("binaryRepositoryURL").String()
}

// archive is a compressed tar archive of binaries, and where to get it.
type archive struct {
	repository string
	platform   string
	sum        string // SHA-256, hexadecimal
}

// fetch downloads the archive, with a second try.
func (a archive) fetch(ctx context.Context) ([]byte, error) {
	var errs []error
	for range downloadTries {
		text, err := a.get(ctx)
		if err == nil {
			return text, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func (a archive) name() string {
	return fmt.Sprintf("embedded-postgres-binaries-%s-%s", a.platform, downloadVersion)
}

// get downloads the jar and returns the archive in it, checked.
func (a archive) get(ctx context.Context) ([]byte, error) {
	address := fmt.Sprintf("%s/io/zonky/test/postgres/embedded-postgres-binaries-%s/%s/%s.jar",
		a.repository, a.platform, downloadVersion, a.name())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Timeout: downloadTimeout}).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, resp.Status)
	}
	jar, err := readAll(resp.Body)
	if err != nil {
		return nil, err
	}
	text, err := unzip(jar)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	return text, a.check(text)
}

func (a archive) check(text []byte) error {
	sum := sha256.Sum256(text)
	if got := hex.EncodeToString(sum[:]); got != a.sum {
		return fmt.Errorf("the archive has SHA-256 %s instead of %s and is not used", got, a.sum)
	}
	return nil
}

// unzip returns the one compressed tar archive of a jar.
func unzip(jar []byte) ([]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return nil, err
	}
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, ".txz") {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer in.Close()
		return readAll(in)
	}
	return nil, errors.New("there is no .txz archive in the jar")
}

func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDownload+1))
	if err == nil && len(text) > maxDownload {
		err = fmt.Errorf("the download has more than %d bytes", maxDownload)
	}
	return text, err
}

// platformName is what the library and the repository call a platform.
func platformName(goos, goarch string, alpine bool) string {
	if goarch == "arm64" {
		goarch = "arm64v8"
	}
	if alpine {
		goarch += "-alpine"
	}
	return goos + "-" + goarch
}

// isAlpine tells whether the C library is musl, by the library's rule.
func isAlpine() bool { return exists("/etc/alpine-release") }

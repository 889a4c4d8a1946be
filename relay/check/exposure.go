package check

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxContentURLs bounds the addresses of wp-content that are tried.
const maxContentURLs = 4

// contentURL is a possible address of wp-content.
type contentURL struct {
	*url.URL
	certain bool // the front page uses it
}

// checkExposure checks whether the site serves the event file. It fails if one of the possible addresses does.
// Otherwise the most likely one decides.
func checkExposure(ctx context.Context, opts Options, front answer) Finding {
	const check = "event file"
	if front.err != nil {
		return unknown(check, "the request for the front page failed", "See the next finding.")
	}
	var decisive Finding
	for i, content := range contentURLs(opts, front) {
		dir := content.JoinPath("realtime-events/")
		finding := judgeExposure(opts, front, content.certain, fetch(ctx, dir.JoinPath("latest_event.json")))
		if finding.Level == Fail {
			return fail(check, finding.Text, "Block the directory in the web server. The relay reads the file from the "+
				"disk:", denyAccess(dir.EscapedPath())...)
		}
		if i == 0 {
			decisive = finding
		}
	}
	return decisive
}

// judgeExposure returns the finding for the response to a request for the event file. certain is set if the
// address is known to be below wp-content.
func judgeExposure(opts Options, front answer, certain bool, file answer) Finding {
	const check = "event file"
	address := withoutSecrets(file.address)
	moved := file.err == nil && path.Base(file.address.Path) != "latest_event.json"
	text := fmt.Sprintf("%s responds with %d", address, file.status)
	hasEvent := opts.File != "" && exists(opts.File)
	switch status := file.status; {
	case file.err != nil:
		return unknown(check, fmt.Sprintf("the request for %s failed: %v", address, innermost(file.err)), "Run check again.")
	case moved:
		return unknown(check, "the request for the event file was redirected to "+address,
			"If that is a login, give check a user name and a password, or run it where the site needs no login.")
	case status >= 200 && status < 300:
		return fail(check, address+" is public: everyone can read the last event, even of a draft or a private post", "")
	case status == http.StatusForbidden && (front.status != http.StatusOK || file.isChallenge()):
		return unknown(check, fmt.Sprintf("%s, and the front page with %d", text, front.status), tryAgain(status))
	case status == http.StatusForbidden:
		return ok(check, fmt.Sprintf("%s is not public: it responds with 403", address))
	case status != http.StatusNotFound && status != http.StatusGone:
		return unknown(check, text, tryAgain(status))
	case front.status == http.StatusOK && certain && hasEvent:
		return ok(check, fmt.Sprintf("%s is not public: it responds with %d", address, status))
	case opts.File != "" && !hasEvent:
		return unknown(check, text+", and there is no event yet", "Save a post, and run check again.")
	case opts.File == "":
		return unknown(check, text+": the web server may block the file, or there is no event yet",
			"Set --watch too, on the machine of the relay.")
	}
	return unknown(check, text+", but the front page does not show the address of wp-content",
		"Open the event file in a browser, at the address that the web server gives to wp-content.")
}

// contentDirs are the directories in wp-content from which pages load files.
var contentDirs = []string{"/plugins/", "/themes/", "/mu-plugins/", "/uploads/"}

// contentURLs returns the possible addresses of wp-content, the most likely first: that of the plugin's script, those
// of other files on the front page, and that of the directory's name below the site.
func contentURLs(opts Options, front answer) (urls []contentURL) {
	add := func(address *url.URL, certain bool) {
		same := func(known contentURL) bool { return known.Host == address.Host && known.Path == address.Path }
		if len(urls) < maxContentURLs && !slices.ContainsFunc(urls, same) {
			urls = append(urls, contentURL{address, certain})
		}
	}
	page := parsePage(front.body)
	if index := page.pluginScript(); index >= 0 { // possibly on another host
		if content := contentOf(opts.Site, front.address, page.scripts[index].src()); content != nil {
			add(content, true)
		}
	}
	for _, link := range page.links {
		if content := contentOf(opts.Site, front.address, link); content != nil && content.Host == front.address.Host {
			add(content, true)
		}
	}
	if len(urls) == maxContentURLs { // the two guesses must have room
		urls = urls[:maxContentURLs-2]
	}
	if opts.File != "" {
		add(opts.Site.JoinPath(filepath.Base(filepath.Dir(filepath.Dir(opts.File)))), false)
	}
	add(opts.Site.JoinPath("wp-content"), false)
	return urls
}

// contentOf returns the address of wp-content if link, on the page at base, leads to a file in it, else nil. The
// address has the password of site on the same host.
func contentOf(site, base *url.URL, link string) *url.URL {
	address, err := base.Parse(link)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" {
		return nil
	}
	for _, dir := range contentDirs {
		if before, _, found := strings.Cut(address.Path, dir); found {
			content := *asBrowser(address)
			content.Path, content.RawPath, content.RawQuery, content.Fragment = before, "", "", ""
			if content.User = nil; content.Host == site.Host {
				content.User = site.User
			}
			return &content
		}
	}
	return nil
}

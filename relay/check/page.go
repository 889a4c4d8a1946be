package check

import (
	"bytes"
	"encoding/json"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// page is the part of an HTML page that shows whether and where it connects.
type page struct {
	scripts []script
	ids     map[string]bool // of all elements
	links   []string        // the values of src and href of all elements
}

// script is one script element.
type script struct {
	attributes map[string]string
	text       string // the code in the element
}

// parsePage reads HTML as a browser does: without comments, with references such as &amp; replaced.
func parsePage(text []byte) page {
	p := page{ids: make(map[string]bool)}
	inScript := false // the next token is the code of a script, if that has any
	for tokens := html.NewTokenizer(bytes.NewReader(text)); ; {
		switch tokens.Next() {
		case html.ErrorToken:
			return p
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := tokens.Token()
			p.add(tag)
			inScript = tag.Data == "script"
			continue
		case html.TextToken:
			if inScript {
				p.scripts[len(p.scripts)-1].text = string(tokens.Raw())
			}
		}
		inScript = false
	}
}

func (p *page) add(tag html.Token) {
	attributes := make(map[string]string)
	for _, attribute := range tag.Attr {
		if _, repeated := attributes[attribute.Key]; !repeated {
			attributes[attribute.Key] = attribute.Val
		}
	}
	if id := attributes["id"]; id != "" {
		p.ids[id] = true
	}
	for _, name := range []string{"src", "href"} {
		if link := attributes[name]; link != "" {
			p.links = append(p.links, link)
		}
	}
	if tag.Data == "script" {
		p.scripts = append(p.scripts, script{attributes: attributes})
	}
}

// src returns the address of the script, or "". Plugins that delay scripts put it into an attribute such as data-src.
func (s script) src() string {
	if src := s.attributes["src"]; src != "" {
		return src
	}
	for name, value := range s.attributes {
		if strings.HasPrefix(name, "data-") && strings.HasSuffix(name, "src") {
			return value
		}
	}
	return ""
}

// file returns the file name in the address of the script.
func (s script) file() string {
	address, err := url.Parse(s.src())
	if err != nil || address.Path == "" {
		return ""
	}
	return path.Base(address.Path)
}

// pluginScript returns the index of the plugin's script, or -1.
func (p page) pluginScript() int {
	return slices.IndexFunc(p.scripts, func(s script) bool { return s.file() == "websocket-client.js" })
}

// relayClient returns the index of the script that loads the relay's client, or -1. Other software has files of this
// name, so the script must also connect.
func (p page) relayClient() int {
	loaded := slices.IndexFunc(p.scripts, func(s script) bool { return s.file() == "client.js" })
	connects := func(s script) bool {
		_, connects := s.attributes["data-connect"]
		return connects && s.file() == "client.js" || strings.Contains(s.text, "/client.mjs") ||
			loaded >= 0 && strings.Contains(s.text, "wpreRelay")
	}
	return slices.IndexFunc(p.scripts, connects)
}

// webSocketURL matches the URL of a WebSocket in code, up to the end of the string that contains it.
var webSocketURL = regexp.MustCompile(`wss?:\\?/\\?/[^"'<>` + "`" + `\s]+`)

// webSocketURLs returns the URLs of WebSockets in code. JSON escapes the slash, and & as \u0026.
func webSocketURLs(code string) (urls []string) {
	for _, match := range webSocketURL.FindAllString(code, -1) {
		var unescaped string
		if json.Unmarshal([]byte(`"`+match+`"`), &unescaped) != nil {
			unescaped = strings.ReplaceAll(match, `\/`, "/")
		}
		urls = append(urls, unescaped)
	}
	return urls
}

// pluginURL returns the address that the plugin's script connects to, or "" if the page does not show it. index is the
// index of the script. Other scripts, such as a chat, may have WebSockets too. So the address is the first
// one in the data that WordPress prints for the script (WP_Scripts), else in the code beside it if only one side has
// one, else the only one on the page.
func (p page) pluginURL(index int) string {
	if handle, named := strings.CutSuffix(p.scripts[index].attributes["id"], "-js"); named {
		for _, s := range p.scripts {
			id, isData := strings.CutPrefix(s.attributes["id"], handle+"-js-")
			if urls := webSocketURLs(s.text); isData && len(urls) > 0 && (id == "extra" || id == "before" || id == "after") {
				return urls[0]
			}
		}
	}
	var beside, all []string
	for i, s := range p.scripts {
		urls := webSocketURLs(s.text)
		all = append(all, urls...)
		if i == index-1 || i == index+1 {
			beside = append(beside, urls...)
		}
	}
	for _, urls := range [][]string{beside, all} {
		slices.Sort(urls)
		if urls = slices.Compact(urls); len(urls) == 1 {
			return urls[0]
		}
	}
	return ""
}

// clientURL returns the address that the relay's client connects to, or "" if the page does not show it. index is that
// of the script that connects, and base is the page's address.
func (p page) clientURL(index int, base *url.URL) string {
	s := p.scripts[index]
	for _, address := range append([]string{s.attributes["data-connect"]}, webSocketURLs(s.text)...) {
		if address != "" {
			return address
		}
	}
	address, err := base.Parse(s.src())
	if err != nil || s.src() == "" {
		return ""
	}
	address = address.JoinPath("..") // the client's default
	address.Scheme = strings.Replace(address.Scheme, "http", "ws", 1)
	address.RawQuery = ""
	return address.String()
}

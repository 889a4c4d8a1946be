package check

import (
	"fmt"
	"strings"

	"wpre-relay/relay/webserver"
)

// wpConfig returns a line for wp-config.php.
func wpConfig(line string) Snippet {
	return Snippet{`For wp-config.php, above "That's all, stop editing!"`, line}
}

// denyAccess returns configuration of web servers that denies access to the directory.
func denyAccess(dir string) []Snippet {
	lines := webserver.Deny(dir)
	return []Snippet{
		{"For nginx, in the server block", lines.Nginx},
		{"For Apache, in the virtual host", lines.Apache},
		{"For Caddy, in the site's block", lines.Caddy},
		{"For Traefik, in a file of its dynamic configuration", fmt.Sprintf(`http:
  routers:
    realtime-events:
      rule: PathPrefix(%[1]s)
      priority: 1000
      service: noop@internal
      middlewares: [deny]
  middlewares:
    deny:
      ipAllowList:
        sourceRange: [127.0.0.1/32]`, "`"+dir+"`")},
	}
}

// caddyLog are options of Caddy for logs without tokens, from the URL or from the subprotocol.
const caddyLog = `log {
    format filter {
        wrap json
        fields {
            request>uri query {
                replace access_token REDACTED
            }
            request>headers>Sec-Websocket-Protocol delete
        }
    }
}`

// passUpgrade returns configuration of proxies that passes WebSockets on path, and all requests below it, to the relay;
// see webserver.Pass. The root path is WordPress's, so it becomes /ws.
func passUpgrade(relay, path string) []Snippet {
	if path = strings.TrimRight(path, "/"); path == "" {
		path = "/ws"
	}
	lines := webserver.Pass(path, relay)
	return []Snippet{
		{"For nginx, in the server block", lines.Nginx},
		{"For Apache, in the virtual host, with: a2enmod proxy_http proxy_wstunnel", lines.Apache},
		{"For Caddy, in the site's block", lines.Caddy},
		{"For Caddy, in the global options", caddyLog},
		{"For Traefik, as labels of the relay's container",
			fmt.Sprintf("traefik.http.routers.wpre-relay.rule: Path(`%[1]s`) || PathPrefix(`%[1]s/`)\n"+
				"traefik.http.routers.wpre-relay.observability.accesslogs: false\n"+
				"traefik.http.services.wpre-relay.loadbalancer.server.port: 8080", path)},
	}
}

// raiseIdleTimeout returns configuration of proxies with an idle timeout above the relay's ping interval.
func raiseIdleTimeout() []Snippet {
	return []Snippet{
		{"For nginx, beside proxy_pass", "proxy_read_timeout 75s;\nproxy_send_timeout 75s;"},
		{"For Apache, after the address in ProxyPass", "timeout=75"},
		{"For Caddy, in the global options, if timeouts are set there",
			"servers {\n    timeouts {\n        idle 2m\n    }\n}"},
		{"For Traefik, at the entry point", "transport.respondingTimeouts.idleTimeout: 180s"},
	}
}

// stopBuffering is the fix for a proxy that holds back an event stream. The snippets of unbuffered follow it.
const stopBuffering = "Do not buffer or compress the relay's responses:"

// unbuffered returns configuration of proxies that passes each byte on at once.
func unbuffered() []Snippet {
	return []Snippet{
		{"For nginx, beside proxy_pass", "proxy_buffering off;\ngzip off;"},
		{"For Apache, after the address in ProxyPass, and below it", "flushpackets=on\nSetEnv no-gzip 1"},
		{"For Caddy, in a block of reverse_proxy", "flush_interval -1"},
		{"For Traefik", "Remove the middlewares buffering and compress from the relay's router."},
	}
}

// uncached returns configuration of caches that passes requests below path through.
func uncached(path string) []Snippet {
	if path = strings.TrimRight(path, "/"); path == "" {
		path = "/ws"
	}
	return []Snippet{
		{"For nginx, beside proxy_pass", "proxy_cache off;"},
		{"For Apache, in the virtual host", fmt.Sprintf("CacheDisable \"%s\"", path)},
		{"For Varnish, in vcl_recv", fmt.Sprintf("if (req.url ~ \"^%s\") { return (pass); }", path)},
		{"For Cloudflare, as a cache rule", fmt.Sprintf("URI path starts with %s: bypass cache", path)},
	}
}

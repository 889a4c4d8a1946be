package check

import "fmt"

// closed returns how to keep the public out of a folder.
func closed(folder string) []Snip {
	return []Snip{
		{"For nginx, in the server block", fmt.Sprintf("location ^~ %s { deny all; }", folder)},
		{"For Apache, in the virtual host", fmt.Sprintf("<Location \"%s\">\n    Require all denied\n</Location>", folder)},
		{"For Caddy, in the site's block", fmt.Sprintf("respond %s* 403", folder)},
		{"For Traefik, in a file of its dynamic configuration", fmt.Sprintf(`http:
  routers:
    realtime-events:
      rule: PathPrefix(%[1]s)
      priority: 1000
      service: noop@internal
      middlewares: [nobody]
  middlewares:
    nobody:
      ipAllowList:
        sourceRange: [127.0.0.1/32]`, "`"+folder+"`")},
	}
}

// upgrade returns how to pass WebSockets that come to path on to the relay.
func upgrade(relay, path string) []Snip {
	if path == "" || path == "/" {
		path = "/ws" // the rest is WordPress's
	}
	return []Snip{
		{"For nginx, in the server block", fmt.Sprintf(`location %s {
    proxy_pass http://%s;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_read_timeout 75s;
}`, path, relay)},
		{"For Apache, in the virtual host, with: a2enmod proxy_http proxy_wstunnel", fmt.Sprintf("ProxyPreserveHost On\nProxyPass \"%[1]s\" \"ws://%[2]s%[1]s\" timeout=75", path, relay)},
		{"For Caddy, in the site's block", fmt.Sprintf("reverse_proxy %s* %s", path, relay)},
		{"For Traefik, as labels of the relay's container", fmt.Sprintf("traefik.http.routers.wpre-relay.rule: PathPrefix(`%s`)\ntraefik.http.services.wpre-relay.loadbalancer.server.port: 8080", path)},
	}
}

// patience returns how to have a proxy wait for longer than the time between two pings.
func patience() []Snip {
	return []Snip{
		{"For nginx, beside proxy_pass", "proxy_read_timeout 75s;\nproxy_send_timeout 75s;"},
		{"For Apache, behind the address in ProxyPass", "timeout=75"},
		{"For Caddy, in the global options, if timeouts are set there", "servers {\n    timeouts {\n        idle 2m\n    }\n}"},
		{"For Traefik, at the entry point", "transport.respondingTimeouts.idleTimeout: 180s"},
	}
}

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

func (s site) certificate() string { return filepath.Join(s.dir, "certificate.pem") }

func (s site) key() string { return filepath.Join(s.dir, "key.pem") }

// writeCertificate writes a new certificate, signed by itself, and its key.
func writeCertificate(at site) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(at.certificate(), "CERTIFICATE", certificate),
		writePEM(at.key(), "PRIVATE KEY", secret),
	)
}

func writePEM(path, kind string, content []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

// nginxConfig is a configuration of nginx with one process: the directory of its files, the port, certificate and
// key, and the port of the relay.
const nginxConfig = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 16384; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]s ssl backlog=4096;
		ssl_certificate %[3]s;
		ssl_certificate_key %[4]s;
		location / {
			proxy_pass http://127.0.0.1:%[5]s;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_read_timeout 1h;
		}
	}
}
`

// runBehindNginx returns the commands of a plain relay and of nginx, which terminates TLS in front of it.
func runBehindNginx(programs []string, at site) ([][]string, error) {
	config := filepath.Join(at.dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, at.dir, at.port, at.certificate(), at.key(), at.inner)
	err := errors.Join(writeCertificate(at), os.WriteFile(config, []byte(text), 0o600))
	return [][]string{
		append(relayCommand(programs[0], at, at.inner), "--trusted-proxy", "127.0.0.1"),
		{programs[1], "-e", "stderr", "-p", at.dir, "-c", config},
	}, err
}

# Functions for container.sh: the stand-in base images and the image under test. They use $work and $here.

# rootfs DIR PROGRAM... copies the programs and their shared libraries to DIR, at the paths that they have here.
rootfs() {
	local dir=$1 file
	shift
	for file in "$@" $(ldd "$@" | grep '^[[:space:]]' | grep -o '/[^ :]*' | sort -u); do
		install -D "$file" "$dir$file"
	done
	mkdir -p "$dir/tmp"
}

# build_base_images builds stand-ins for the Dockerfile's base image and for a PHP image. It sets php to PHP's path.
build_base_images() {
	local golang
	step "stand-in base images"
	golang=$(grep -o 'golang:[^ ]*' Dockerfile)
	rootfs "$work/golang" /bin/sh "$(command -v mkdir)" "$(command -v cp)" "$(command -v chmod)"
	install -D /etc/ssl/certs/ca-certificates.crt "$work/golang/etc/ssl/certs/ca-certificates.crt"
	install -D /dev/stdin "$work/golang/etc/passwd" <<<'root:x:0:0:root:/root:/bin/sh'
	buildah build -q --isolation chroot -t "localhost/$golang" -f - "$work/golang" >/dev/null <<-'EOF'
		FROM scratch
		COPY . /
		ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPATH=/go GOCACHE=/go/cache GOTOOLCHAIN=local
	EOF

	php=$(readlink -f "$(command -v php)")
	rootfs "$work/php" "$php"
	# Debian's PHP reads the time zones of the system.
	install -D /usr/share/zoneinfo/UTC "$work/php/usr/share/zoneinfo/UTC"
	install -D "$here/plugin.php" "$work/php/plugin.php"
	install -D relay/companion/wpre-relay-companion.php "$work/php/wpre-relay-companion.php"
	mkdir -p "$work/php/var/www/html/wp-content"
	buildah build -q --isolation chroot -t localhost/php -f - "$work/php" >/dev/null <<-EOF
		FROM scratch
		COPY . /
		COPY --chown=33:33 var/www /var/www
		USER 33:33
		ENTRYPOINT ["$php", "-n"]
	EOF
}

# build_image builds the relay's image from the Dockerfile. It mounts Go, the modules and this machine's build cache
# instead of copying them into the stand-in base image.
build_image() {
	step "build the Dockerfile"
	go mod download
	buildah build --isolation chroot --format docker --pull=never --build-arg VERSION=0.0.0-test \
		-t localhost/wpre-relay -v "$(go env GOROOT):/usr/local/go:ro" -v "$(go env GOMODCACHE):/go/pkg/mod" \
		-v "$(go env GOCACHE):/go/cache" . >"$work/build.log" 2>&1 || {
		cat "$work/build.log"
		return 1
	}
}

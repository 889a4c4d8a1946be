# Functions of release.sh for the Debian packages. They use $version, $work and $dist.

# debian_version VERSION prints the version of the package. A pre-release is older than the release (1.0.0~rc.1), and
# commits after a tag are newer (1.0.0+5.gabc1234).
debian_version() {
	local version=$1 after=
	if [[ $version =~ ^(.*)-([0-9]+)-(g[0-9a-f]+)$ ]]; then
		version=${BASH_REMATCH[1]} after=+${BASH_REMATCH[2]}.${BASH_REMATCH[3]}
	fi
	sed 's/-/~/; s/-/./g' <<<"$version$after-1" | sed 's/[.~]1$/-1/'
}

# packaged_unit prints the unit of the package, for the program in /usr/bin and the settings in /etc/wpre-relay.
packaged_unit() {
	sed 's|^# Service unit.*|# Service unit for a relay on the WordPress host. Its settings are in /etc/wpre-relay/config.yaml.|
		/^# \/etc\/systemd/s|.*|# Then run: systemctl enable --now wpre-relay|
		/^Environment=WPRE_RELAY_WATCH=/d
		s|^ExecStart=.*|ExecStart=/usr/bin/wpre-relay --config /etc/wpre-relay/config.yaml|' scripts/deploy/wpre-relay.service
}

# template_unit prints the unit for one of several sites: each has its own settings and state.
template_unit() {
	packaged_unit | sed 's|/etc/wpre-relay/config.yaml|/etc/wpre-relay/%i.yaml|
		/^# Then run:/s|.*|# Then run: systemctl enable --now wpre-relay@NAME|
		s|^Description=.*|& (%i)|
		s|^EnvironmentFile=.*|EnvironmentFile=-/etc/default/wpre-relay-%i|
		s|^StateDirectory=wpre-relay|&@%i|'
}

# debian_package ARCH PROGRAM writes the package for ARCH to $dist.
debian_package() {
	local arch=$1 root=$work/deb-$1 debian=scripts/release/debian deb doc file
	deb=$(debian_version "$version")
	doc=$root/usr/share/doc/wpre-relay
	install -D "$2" "$root/usr/bin/wpre-relay"
	install -d "$root/DEBIAN" "$doc" "$root/lib/systemd/system" "$root/usr/share/man/man1"
	packaged_unit >"$root/lib/systemd/system/wpre-relay.service"
	template_unit >"$root/lib/systemd/system/wpre-relay@.service"
	install -m 644 scripts/deploy/wpre-relay.socket "$root/lib/systemd/system/"
	install -D -m 644 "$debian/config.yaml" "$root/etc/wpre-relay/config.yaml"
	install -D -m 644 "$work/completion.bash" "$root/usr/share/bash-completion/completions/wpre-relay"
	install -D -m 644 "$work/completion.zsh" "$root/usr/share/zsh/vendor-completions/_wpre-relay"
	install -D -m 644 "$work/completion.fish" "$root/usr/share/fish/vendor_completions.d/wpre-relay.fish"
	install -D -m 644 "$debian/lintian-overrides" "$root/usr/share/lintian/overrides/wpre-relay"
	for file in "$work"/man/*.1; do gzip -9n <"$file" >"$root/usr/share/man/man1/${file##*/}.gz"; done
	documents "$doc"
	debian_documents "$doc" "$deb"
	echo /etc/wpre-relay/config.yaml >"$root/DEBIAN/conffiles"
	install -m 755 "$debian"/p* "$root/DEBIAN/"
	cat >"$root/DEBIAN/control" <<-CONTROL
		Package: wpre-relay
		Version: $deb
		Architecture: $arch
		Section: net
		Priority: optional
		Maintainer: The wpre-relay authors <wpre-relay@example.com>
		Recommends: ca-certificates
		Installed-Size: $(du -ks --apparent-size "$root/usr" | cut -f 1)
		Description: real-time relay for the WordPress plugin "WP Realtime Events"
		 It watches the event file that the plugin writes and sends each new event to
		 every browser over WebSocket, in order and exactly once.
	CONTROL
	(cd "$root" && find usr lib -type f | sort | xargs md5sum >DEBIAN/md5sums)
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz "-z${LEVEL:-6}" --build "$root" "$dist/wpre-relay_${deb}_$arch.deb" >/dev/null
}

# debian_documents DIR VERSION gives the changelog the names that Debian wants, also in links. It removes the licenses
# that Debian provides, and the licenses that the file copyright contains.
debian_documents() {
	gzip -9n <"$1/CHANGELOG.md" >"$1/changelog.gz"
	printf 'wpre-relay (%s) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- %s  %s\n' "$2" \
		"The wpre-relay authors <wpre-relay@example.com>" "$(date -R -u -d "@$SOURCE_DATE_EPOCH")" |
		gzip -9n >"$1/changelog.Debian.gz"
	rm "$1"/CHANGELOG.md "$1"/LICENSE*
	find "$1" -name '*.md' -exec sed -i 's|CHANGELOG\.md)|changelog.gz)|; s|(LICENSE)|(copyright)|' {} +
}

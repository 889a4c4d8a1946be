# Functions of release.sh for the OCI images. They use $version, $work, $dist and $targets.

# oci_images writes the images of all Linux targets to one archive, for "podman load" and "skopeo copy". It uses the last
# stage of the Dockerfile with the programs that are built already, so that it needs no base image.
oci_images() {
	local target arch context list=localhost/wpre-relay-release:$$
	local storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
	for target in "${targets[@]}"; do
		[[ $target == linux/* ]] || continue
		arch=${target#*/} context=$work/image-$arch
		install -D "$work/wpre-relay-$version-linux-$arch/wpre-relay" "$context/rootfs/wpre-relay"
		install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$context/rootfs/etc/ssl/certs/ca-certificates.crt"
		install -D -m 644 -t "$context/rootfs/usr/share/doc/wpre-relay" "$work"/licenses/*
		install -d -m 1777 "$context/rootfs/var/lib/wpre-relay"
		sed -n '/^FROM scratch/,$p' Dockerfile | sed 's|^COPY --from=build /rootfs|COPY rootfs|; /^HEALTHCHECK/d' |
			buildah "${storage[@]}" build -q --isolation chroot --format oci --platform "$target" \
				--timestamp "$SOURCE_DATE_EPOCH" --build-arg VERSION="$version" --manifest "$list" -f - "$context" >/dev/null
	done
	buildah "${storage[@]}" manifest push -q --all "$list" "oci:$work/oci:$version" >/dev/null
	find "$work/oci" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	tar -C "$work/oci" --sort=name --owner=0 --group=0 --numeric-owner --format=ustar -cf "$dist/wpre-relay-$version-oci.tar" \
		blobs index.json oci-layout
}

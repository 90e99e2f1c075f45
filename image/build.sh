#!/bin/sh
# The image of the Dockerfile's last stage, without a registry and without root of a machine: by buildah, from scratch, with
# the programs of a directory. Then each program is run in it. Usage: image/build.sh DIRECTORY-OF-PROGRAMS OUT
set -eu
programs=$1 out=$2
storage=$out/storage
mkdir -p "$out"
build() { buildah --root "$storage" --runroot "$out/run" --storage-driver vfs "$@"; }

image/root.sh "$programs" "$out/root"
version=$(sed -n 's/^appVersion: //p' charts/electrum-observatory/Chart.yaml)
name=electrum-observatory:$version
container=$(build from scratch)
trap 'build rm "$container" >/dev/null' EXIT
build copy --quiet "$container" "$out/root" / >/dev/null
# What the Dockerfile says of itself: one place for both.
labels=$(sed -n '/^LABEL/,/[^\\]$/p' Dockerfile | sed 's/^LABEL//; s/\\$//' | sed "s/\${VERSION}/$version/; s/\${REVISION}/${REVISION:-unknown}/" | tr '\n' ' ')
eval "set -- $labels"
for label in "$@"; do build config --label "$label" "$container"; done
build config --user 65532:65532 --workingdir /tmp --entrypoint '["/usr/local/bin/observatory"]' "$container"
for program in "$out"/root/usr/local/bin/*; do
	build run --isolation chroot "$container" -- "/usr/local/bin/$(basename "$program")" --version
done
# The same programs are the same image, whenever it is made.
build commit --quiet --timestamp 0 --format oci "$container" "$name" >/dev/null
rm -f "$out/image.tar"
build push --quiet "$name" "oci-archive:$out/image.tar:$name"
tar xOf "$out/image.tar" index.json | grep -o '"digest":"[^"]*"'
du -sh --apparent-size "$out/root" "$out/image.tar"

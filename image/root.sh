#!/bin/sh
# Puts together what the image holds: the four programs, which need nothing beside them, and nothing else, not even a shell.
# Usage: image/root.sh DIRECTORY-OF-PROGRAMS ROOT
set -eu
programs=$1 root=$2
names='operator scanner analyzer observatory'
cargo=${CARGO_HOME:-${HOME:-}/.cargo}
for name in $names; do
	[ -f "$programs/$name" ] || {
		echo "image/root.sh: there is no $name in $programs: make image" >&2
		exit 1
	}
	if ldd "$programs/$name" 2>/dev/null | grep -q '=>'; then
		echo "image/root.sh: $name needs libraries that no image has: RUSTFLAGS=\"-C target-feature=+crt-static\"" >&2
		exit 1
	fi
	# Paths of the build say nothing to anybody, and would make every build another.
	if grep -aqF "$cargo/" "$programs/$name"; then
		echo "image/root.sh: $name says where it was built: RUSTFLAGS with --remap-path-prefix, as in the Makefile" >&2
		exit 1
	fi
done
umask 022
rm -rf "$root"
mkdir -p "$root/usr/local/bin" "$root/etc" "$root/usr/share/doc/electrum-observatory"
for name in $names; do
	install -m 0755 "$programs/$name" "$root/usr/local/bin/$name"
done
# Names are looked up as in the container's own files, and then by DNS.
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo 'nobody:x:65532:65532:nobody:/tmp:/nowhere' > "$root/etc/passwd"
install -d -m 1777 "$root/tmp"
install -m 0644 LICENSE "$root/usr/share/doc/electrum-observatory/LICENSE"
for bill in "$programs"/*.cdx.json; do
	[ -f "$bill" ] && install -m 0644 "$bill" "$root/usr/share/doc/electrum-observatory/"
done
exit 0

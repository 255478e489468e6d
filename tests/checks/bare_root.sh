#!/usr/bin/env bash
# Runs the README's two commands on a bare Debian 12: a root made for it that holds nothing but Debian's minimal
# system and a clean copy of this tree, in a user's environment. What a command needs it has to bring itself. Of
# this machine there are only apt's sources, the names of hosts, and what ccache has. For root.
#
#   bare_root.sh [BUILD]     with BUILD, what the commands build lies there afterwards and can be used here
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly suite=bookworm
readonly mirror_of='$(ORIGIN) $(CODENAME) $(REPO_URI)'
readonly source_of='$(ORIGIN) $(CODENAME) deb $(REPO_URI) $(RELEASE) $(COMPONENT)'

die() {
    echo "bare_root.sh: $*" >&2
    exit 1
}

# The lines of README.md's "Two commands", without what is said about them.
readme_commands() { sed -n '/^## Two commands/,/^```$/{/^bash /s/ *#.*//p}' README.md; }

# apt's sources as they are here, of Debian alone: of others this root has no keys.
make_root() {
    local root=$1 mirror
    mirror=$(apt-get indextargets --format "$mirror_of" | sed -n "s/^Debian $suite //p" | head -n 1)
    [[ $mirror ]] || die "apt has no source of Debian's $suite"
    local proxy
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    http_proxy=${proxy:-${http_proxy:-}} debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -n 50 "$root.log"; die "debootstrap failed"; }
    apt-get indextargets --format "$source_of" | sed -n "s/^Debian $suite[^ ]* //p" | sort -u \
        >"$root/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries)\b.* "[^"]+";$' \
        >"$root/etc/apt/apt.conf.d/90here" || true
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
}

# The tree as it stands here, without what git ignores, at the same place.
copy_tree() {
    mkdir -p "$1$PWD"
    git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
        [[ ! -e $file ]] || printf '%s\0' "$file"
    done | tar --null --files-from=- --create --owner=root --group=root | tar -x -C "$1$PWD"
}

# In a mount and process namespace of its own: whatever happens, mounts and processes go with it.
enter() {
    local root=$1 build=$2
    mount -t proc proc "$root/proc"
    mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
    mount -t tmpfs tmpfs "$root/dev/shm"
    local cache
    if cache=$(ccache --get-config cache_dir 2>/dev/null); then
        mkdir -p "$cache" "$root/root/.cache/ccache"
        mount --bind "$cache" "$root/root/.cache/ccache"
        # As for a checkout at another place: what it has there is found here.
        printf 'base_dir = %s\nhash_dir = false\n' "$PWD" >"$root/etc/ccache.conf"
    fi
    if [[ $build ]]; then
        mkdir -p "$build" "$root$PWD/build"
        mount --bind "$build" "$root$PWD/build"
    fi
    local command commands
    mapfile -t commands < <(readme_commands)
    ((${#commands[@]} == 2)) || die "README.md should have two commands, it has ${#commands[@]}"
    for command in "${commands[@]}"; do
        user_runs "$root" "$command" || die "failed with $?: $command"
    done
}

# Fails as the command does. Each line of its output comes after the second it came at.
user_runs() {
    local root=$1 command=$2
    echo "== $command"
    env -i HOME=/root USER=root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        chroot "$root" /bin/bash -c "cd ${PWD@Q} && $command" 2>&1 </dev/null | with_seconds "$command"
    return "${PIPESTATUS[0]}"
}
with_seconds() {
    local line start=$SECONDS first='' last=0 longest=0 now
    while IFS= read -r line; do
        now=$((SECONDS - start))
        first=${first:-$now}
        ((now - last <= longest)) || longest=$((now - last))
        last=$now
        printf '%4d s  %s\n' "$now" "$line"
    done
    printf 'bare_root.sh: %s: its first line after %s s, never silent for more than %d s, %d s in all\n' \
        "$1" "${first:-?}" "$longest" $((SECONDS - start))
}

if [[ ${1:-} == --inside ]]; then
    enter "$2" "$3"
    exit
fi
((EUID == 0)) || die "only root can make a root"
command -v debootstrap >/dev/null || die "debootstrap is missing (Debian: apt install debootstrap)"
build=
(($# == 0)) || build=$(realpath -m "$1")
root=$(mktemp -d)/root inside=
# What is mounted below it is so in the other namespace alone: here these are plain folders. What runs there hears
# of no signal but this one, which takes all of it along.
leave() {
    [[ ! $inside ]] || { kill -KILL "$inside" && wait "$inside"; } 2>/dev/null || true
    rm -rf --one-file-system "${root%/root}" || { sleep 2 && rm -rf --one-file-system "${root%/root}"; }
}
trap leave EXIT
trap 'exit 130' INT TERM
make_root "$root"
copy_tree "$root"
echo "bare_root.sh: Debian $(cat "$root/etc/debian_version"), $(chroot "$root" dpkg-query -f . -W | wc -c) packages"
unshare --mount --pid --fork --kill-child bash tests/checks/bare_root.sh --inside "$root" "$build" &
inside=$! status=0
wait "$inside" || status=$?
inside=
exit "$status"

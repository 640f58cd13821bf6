#!/usr/bin/env bash
# Brings the real parts that the tests run against into .tools/, each in one pinned version.
#
#   bash test/real/provision.sh opa|grpcurl|kafka|compose ...
#
# A part that is there already is left alone. Two runs at once do the work once.
set -euo pipefail

opa_version=v1.22.2
grpcurl_version=v1.9.4
kafka_version=4.3.1
compose_version=v2.16.2

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tools=${STILE_TOOLS_DIR:-$(cd "$here/../.." && pwd)/.tools}
mkdir -p "$tools/bin" "$tools/lock"

say() { printf 'provision: %s\n' "$*" >&2; }

# needs PROGRAM PART: says which program is missing and ends.
needs() {
  command -v "$1" >/dev/null 2>&1 && return 0
  say "$2 needs '$1', which is not on PATH"
  exit 3
}

# The lock is a folder, since making one is atomic everywhere; it names its holder, so that a run
# that was killed does not hold up the next one.
lock() {
  local dir=$tools/lock/$1 holder
  until mkdir "$dir" 2>/dev/null; do
    holder=$(cat "$dir/pid" 2>/dev/null || true)
    if [[ -n $holder ]] && ! kill -0 "$holder" 2>/dev/null; then
      rm -rf "$dir"
      continue
    fi
    sleep 0.5
  done
  echo "$$" >"$dir/pid"
  held=$dir
}
unlock() { [[ -z ${held:-} ]] || rm -rf "$held"; held=; }
trap unlock EXIT

# go_program NAME MODULE PACKAGE VERSION: installs one Go program unless this version is there.
go_program() {
  local name=$1 module=$2 package=$3 version=$4
  if has_go_program "$name" "$module" "$version"; then return 0; fi
  needs go "$name"
  lock "$name"
  if ! has_go_program "$name" "$module" "$version"; then
    say "installing $name $version with go install"
    # Go names a program after its package's folder, which says little where that is "cmd".
    GOBIN=$tools/bin/.new-$name go install "$package@$version"
    mv "$tools/bin/.new-$name/${package##*/}" "$tools/bin/$name"
    rmdir "$tools/bin/.new-$name"
    echo "$module $version" >"$tools/bin/.$name.version"
    say "$name $version is in $tools/bin"
  fi
  unlock
}

has_go_program() {
  local name=$1 module=$2 version=$3 stamp=$tools/bin/.$1.version
  [[ -x $tools/bin/$name ]] || return 1
  [[ -f $stamp && $(cat "$stamp") == "$module $version" ]] && return 0
  # Installed by hand: the program itself tells its module and version.
  command -v go >/dev/null 2>&1 || return 1
  go version -m "$tools/bin/$name" 2>/dev/null | grep -qE "^[[:space:]]mod[[:space:]]$module[[:space:]]$version([[:space:]]|$)" || return 1
  echo "$module $version" >"$stamp"
}

kafka() {
  local target=$tools/kafka/$kafka_version
  needs java kafka
  if [[ -f $target/.complete ]]; then return 0; fi
  needs mvn kafka
  lock kafka
  if [[ ! -f $target/.complete ]]; then
    say "fetching Apache Kafka $kafka_version (54 MB) with Maven"
    rm -rf "$target"
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$target" >&2
    touch "$target/.complete"
    say "Apache Kafka $kafka_version is in $target"
  fi
  unlock
}

(($# > 0)) || { say "say which: opa, grpcurl, kafka, compose"; exit 2; }
for part in "$@"; do
  case $part in
    opa) go_program opa github.com/open-policy-agent/opa github.com/open-policy-agent/opa "$opa_version" ;;
    grpcurl) go_program grpcurl github.com/fullstorydev/grpcurl github.com/fullstorydev/grpcurl/cmd/grpcurl "$grpcurl_version" ;;
    kafka) kafka ;;
    compose) go_program compose github.com/compose-spec/compose-go/v2 github.com/compose-spec/compose-go/v2/cmd "$compose_version" ;;
    *) say "unknown part '$part'; known are opa, grpcurl, kafka, compose"; exit 2 ;;
  esac
done

#!/usr/bin/env bash
# Builds the packages into dist/: "dist.sh [FOLDER]". Two runs on one commit give the same bytes: paths are trimmed, and
# all times are the commit's. The version is the tag's (git describe), or 0.1.0 with the commit where there is no tag.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-dist}
nfpm=(go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2)
sbom=(go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0)

git=(git -c "safe.directory=$PWD")
version=$("${git[@]}" describe --tags --match 'v*' --dirty 2>/dev/null | sed 's/^v//') || true
[ -n "$version" ] || version=0.1.0-0-g$("${git[@]}" rev-parse --short HEAD)
# What comes after a tag is newer than the tag in the order of Debian and RPM, so it is joined by a plus sign.
version=${version/-/+}
version=${version//-/.}
SOURCE_DATE_EPOCH=$("${git[@]}" log -1 --format=%ct)
export SOURCE_DATE_EPOCH
day=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)
arch=$(go env GOARCH)
stamp="-X github.com/hindsight-app/hindsight/assets/version.stamped=$version"

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
umask 022

say() { printf 'dist: %s\n' "$*" >&2; }

build() { # build CGO PROGRAM
  say "building $2 $version"
  CGO_ENABLED=$1 CGO_CFLAGS="-O2 -ffile-prefix-map=$PWD=." go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= $stamp" -o "$work/bin/$2" "./cmd/$2"
}
build 1 hindsight
build 0 hindsightctl
build 0 hindsight-backend

# put FILE FOLDER NAME MODE: a file of a package, with the commit's time.
put() {
  install -D -m "$4" "$1" "$root$2/$3"
}

# manual PROGRAM ZSH-FOLDER: man page and completions, which the program prints itself.
manual() {
  local p=$1 made=$work/made
  mkdir -p "$made"
  "$work/bin/$p" --help-man | gzip -9n >"$made/$p.1.gz"
  put "$made/$p.1.gz" /usr/share/man/man1 "$p.1.gz" 0644
  "$work/bin/$p" --completion-script-bash >"$made/bash"
  put "$made/bash" /usr/share/bash-completion/completions "$p" 0644
  "$work/bin/$p" --completion-script-zsh >"$made/zsh"
  put "$made/zsh" "$2" "_$p" 0644
  "$work/bin/$p" --completion-script-fish >"$made/fish"
  put "$made/fish" /usr/share/fish/vendor_completions.d "$p.fish" 0644
}

# licenses PROGRAM: what the program is built from, and under which terms, from the modules that are linked into it, and
# for the backend from what its pages run.
licenses() {
  local module rev dir file
  if [ "$1" = hindsight-backend ]; then
    printf '\n%s\n' "$(printf '=%.0s' {1..100})"
    sed -n '1s/ (.*//p' publish/backend/web/hlsjs/README.md
    printf '%s\n' "$(printf '=%.0s' {1..100})"
    cat publish/backend/web/hlsjs/LICENSE
  fi
  go version -m "$work/bin/$1" | awk '$1 == "dep" { print $2, $3 }' | sort -u | while read -r module rev; do
    dir=$(go list -m -f '{{.Dir}}' "$module" 2>/dev/null)
    printf '\n%s\n%s %s\n%s\n' "$(printf '=%.0s' {1..100})" "$module" "$rev" "$(printf '=%.0s' {1..100})"
    found=
    for file in "$dir"/LICEN[CS]E* "$dir"/COPYING* "$dir"/NOTICE* "$dir"/licen[cs]e*; do
      [ -f "$file" ] || continue
      cat "$file"
      found=1
    done
    [ -n "$found" ] || { say "$module has no license file"; exit 1; }
  done
}

papers() { # papers PACKAGE PROGRAM…: copyright and licenses
  local package=$1 p made=$work/made
  shift
  mkdir -p "$made"
  printf 'Hindsight, https://github.com/hindsight-app/hindsight\nLicense: Apache-2.0\n\n' |
    cat - LICENSE >"$made/copyright"
  put "$made/copyright" "/usr/share/doc/$package" copyright 0644
  for p; do licenses "$p"; done | gzip -9n >"$made/third-party"
  put "$made/third-party" "/usr/share/doc/$package" THIRD-PARTY-LICENSES.gz 0644
  gzip -9nc CHANGELOG.md >"$made/changes"
  put "$made/changes" "/usr/share/doc/$package" changelog.gz 0644
}

# pack YAML deb|rpm: makes one package of what lies in $root.
pack() {
  local yaml=$work/nfpm.yaml f
  {
    cat "$1"
    printf 'arch: %s\nversion: "%s"\nversion_schema: none\nmtime: "%s"\ncontents:\n' "$arch" "$version" \
      "$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)"
    (cd "$root" && find . -type f | sort) | while read -r f; do
      f=${f#.}
      printf '  - {src: "%s", dst: "%s", file_info: {mode: 0%s}' "$root$f" "$f" "$(stat -c %a "$root$f")"
      case $f in /etc/*) printf ', type: "config|noreplace"' ;; esac
      printf '}\n'
    done
    # Folders that nobody else's package has: Debian removes them once they are empty, RPM only what a package names.
    if [ "$2" = rpm ]; then
      (cd "$root" && find . -type d \( -path './etc/*' -o -path './usr/share/doc/*' \) | sort) | while read -r f; do
        case $f in ./etc/*) mode=0750 ;; *) mode=0755 ;; esac
        printf '  - {dst: "%s", type: dir, file_info: {mode: %s}}\n' "${f#.}" $mode
      done
    fi
  } >"$yaml"
  "${nfpm[@]}" package -f "$yaml" -p "$2" -t "$out/" >&2
}

for kind in deb rpm; do
  zsh=/usr/share/zsh/site-functions
  [ $kind = rpm ] || zsh=/usr/share/zsh/vendor-completions

  root=$work/$kind/hindsight
  put "$work/bin/hindsight" /usr/bin hindsight 0755
  put "$work/bin/hindsightctl" /usr/bin hindsightctl 0755
  manual hindsight $zsh
  manual hindsightctl $zsh
  put assets/linux/app.hindsight.Hindsight.desktop /usr/share/applications app.hindsight.Hindsight.desktop 0644
  sed "s/@VERSION@/$version/; s/@DATE@/$day/" assets/linux/app.hindsight.Hindsight.metainfo.xml >"$work/metainfo"
  put "$work/metainfo" /usr/share/metainfo app.hindsight.Hindsight.metainfo.xml 0644
  for size in 16 22 24 32 48 64 128 256 512; do
    rsvg-convert -w $size -h $size -o "$work/icon.png" assets/icons/hindsight.svg
    put "$work/icon.png" /usr/share/icons/hicolor/${size}x$size/apps app.hindsight.Hindsight.png 0644
  done
  put assets/icons/hindsight.svg /usr/share/icons/hicolor/scalable/apps app.hindsight.Hindsight.svg 0644
  papers hindsight hindsight hindsightctl
  pack assets/linux/hindsight.yaml $kind

  root=$work/$kind/hindsight-backend
  put "$work/bin/hindsight-backend" /usr/bin hindsight-backend 0755
  manual hindsight-backend $zsh
  # The unit of the repository is for a program that was copied by hand.
  sed '/^# /d; s#/usr/local/bin/#/usr/bin/#' publish/deploy/hindsight-backend.service >"$work/unit"
  put "$work/unit" /usr/lib/systemd/system hindsight-backend.service 0644
  put publish/deploy/package/sysusers.conf /usr/lib/sysusers.d hindsight-backend.conf 0644
  put publish/deploy/backend.toml /etc/hindsight backend.toml 0644
  put publish/deploy/README.md /usr/share/doc/hindsight-backend README.md 0644
  papers hindsight-backend hindsight-backend
  pack publish/deploy/package/hindsight-backend.yaml $kind
done

# The programs that need no installation.
for p in hindsightctl hindsight-backend; do
  folder=$p-$version-linux-$arch
  mkdir -p "$work/tar/$folder"
  cp "$work/bin/$p" LICENSE CHANGELOG.md "$work/tar/$folder/"
  licenses "$p" >"$work/tar/$folder/THIRD-PARTY-LICENSES"
  tar -C "$work/tar" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$folder" |
    gzip -9n >"$out/$folder.tar.gz"
done

# What each program is made of, in the format of CycloneDX.
for p in hindsight hindsightctl hindsight-backend; do
  "${sbom[@]}" bin -json -noserial -notimestamp -std -version "$version" "$work/bin/$p" \
    >"$out/$p-$version.cdx.json" 2>/dev/null
done
(cd "$out" && sha256sum -- * >SHA256SUMS)
say "made $(ls "$out" | wc -l) files in $out"

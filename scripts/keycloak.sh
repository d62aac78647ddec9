#!/usr/bin/env bash
# Gets the Keycloak that tests run against: by its Maven coordinates, checked, unpacked and built into .cache/keycloak.
# What is there already is left as it is.
set -euo pipefail
cd "$(dirname "$0")/.."

# The newest that runs on Java 17, and the SHA-256 of its zip. Maven itself refuses what does not have the repository's checksum (-C);
# this one does not come from the repository.
version=26.7.5
sha256=30ef87fb7101c43d29688d1ae80c0588ff4a151b3330e9f664bf9692d398658a
plugin=org.apache.maven.plugins:maven-dependency-plugin:3.8.1

home=.cache/keycloak-$version
link=.cache/keycloak
if [ -e "$home/.built" ]; then
  ln -sfn "keycloak-$version" "$link"
  exit 0
fi

missing=()
for program in java mvn unzip; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "Missing for Keycloak: ${missing[*]}." >&2
  echo "  Debian:  sudo apt-get install openjdk-17-jre-headless maven unzip" >&2
  echo "  macOS:   brew install openjdk@21 maven" >&2
  exit 1
fi

mkdir -p .cache
partial=$(mktemp -d .cache/keycloak.XXXXXX)
trap 'rm -rf "$partial"' EXIT

echo "== getting Keycloak $version (170 MB, once)"
mvn --batch-mode --quiet --strict-checksums "$plugin:copy" \
  "-Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip" "-DoutputDirectory=$PWD/$partial" >"$partial/maven.out" 2>&1 ||
  { cat "$partial/maven.out" >&2; exit 1; }
zip=$partial/keycloak-quarkus-dist-$version.zip
found=$({ sha256sum "$zip" 2>/dev/null || shasum -a 256 "$zip"; } | cut -d' ' -f1)
if [ "$found" != "$sha256" ]; then
  echo "The distribution of Keycloak $version has SHA-256 $found; $sha256 was expected." >&2
  exit 1
fi
unzip -q "$zip" -d "$partial"

# What is decided when it is built makes every later start some 15 seconds shorter.
echo "== building Keycloak $version (about 20 seconds, once)"
"$partial/keycloak-$version/bin/kc.sh" build --db=dev-file --cache=local >"$partial/build.out" 2>&1 || { cat "$partial/build.out" >&2; exit 1; }
touch "$partial/keycloak-$version/.built"
rm -rf "$home"
mv "$partial/keycloak-$version" "$home"
ln -sfn "keycloak-$version" "$link"

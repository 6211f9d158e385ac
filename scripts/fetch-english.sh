#!/usr/bin/env bash
# English text for `kindred lm pretrain`, from Debian packages: dictionaries, reference works,
# documentation. Writes UTF-8 text files, documents apart by blank lines:
#
#   bash scripts/fetch-english.sh [FOLDER]        (default: .kindred/english)
#
#   FOLDER/permissive/  WordNet, the Jargon File, the Python and PostgreSQL manuals
#   FOLDER/copyleft/    GCIDE (Webster 1913 and additions), FOLDOC, GNOME and LibreOffice help
#   FOLDER/SOURCES      packages, versions and where each one's copyright file was put
#
# Needs a Debian (or derived) system with apt, and python3. Nothing is installed.
set -euo pipefail
folder=${1:-.kindred/english}
here=$(cd "$(dirname "$0")" && pwd)
permissive=(wordnet-base dict-jargon python3.11-doc postgresql-doc-15)
copyleft=(dict-gcide dict-foldoc gnome-user-docs libreoffice-help-en-us)

if [ -e "$folder/SOURCES" ]; then
  echo "fetch-english: $folder is there already; remove it to fetch again"
  exit 0
fi
for tool in apt-get dpkg-deb python3; do
  command -v "$tool" >/dev/null || { echo "fetch-english: error: $tool is not installed" >&2; exit 66; }
done
mkdir -p "$folder"
work=$(mktemp -d "$folder/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "fetch-english: downloading ${#permissive[@]} + ${#copyleft[@]} packages"
(cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "${permissive[@]}" "${copyleft[@]}") ||
  { echo "fetch-english: error: apt-get download failed; is there a network, was apt-get update run?" >&2; exit 74; }
for package in "${permissive[@]}" "${copyleft[@]}"; do
  dpkg-deb -x "$work/$package"_*.deb "$work/$package"
  version=$(dpkg-deb -f "$work/$package"_*.deb Version)
  mkdir -p "$folder/copyright"
  cp "$work/$package"/usr/share/doc/*/copyright "$folder/copyright/$package" 2>/dev/null || true
  echo "$package $version copyright/$package" >>"$work/SOURCES"
done
python3 "$here/english_text.py" "$work" "$folder"
mv "$work/SOURCES" "$folder/SOURCES"
du -sh "$folder"/permissive "$folder"/copyleft

# The bash half of `hab pkg build`: what a plan.sh may call, and its phases in their order.
#
# Started by plan_build.py as `bash plan_build.sh`, in an environment of its own:
#   __events, __answers   descriptors to say on and to hear from
#   __work                a directory for what is too long for a line
#   __plan                the plan; __own: this very file
# It says `phase NAME` when one begins and `ask WHAT` when the other half has something to do; an
# answer is `ok` or `no REASON`. How it ended stands in $__work/failure, if it failed.

set -eE
umask 0022

# ── what a plan finds set, and may change ──

pkg_origin="" pkg_deps=() pkg_build_deps=() pkg_bin_dirs=() pkg_lib_dirs=() pkg_include_dirs=()
pkg_pconfig_dirs=() pkg_svc_run="" pkg_exposes=() pkg_interpreters=() pkg_license=()
pkg_svc_user=hab pkg_svc_group=hab
__svc_paths() { # NAME: where its service will be; a plan may use these while its name is not known
  pkg_svc_path="$HAB_ROOT_PATH/svc/$1"
  pkg_svc_data_path="$pkg_svc_path/data" pkg_svc_files_path="$pkg_svc_path/files"
  pkg_svc_var_path="$pkg_svc_path/var" pkg_svc_config_path="$pkg_svc_path/config"
  pkg_svc_config_install_path="$pkg_svc_path/config_install"
  pkg_svc_static_path="$pkg_svc_path/static"
}
__svc_paths @__pkg_name__@
declare -A pkg_exports=() pkg_binds=() pkg_binds_optional=()
declare -A __runtime_environment=() __buildtime_environment=()
__scalars=(pkg_origin pkg_name pkg_version pkg_release pkg_maintainer pkg_description
  pkg_upstream_url pkg_source pkg_shasum pkg_prefix pkg_svc_run pkg_svc_user pkg_svc_group
  pkg_shutdown_signal pkg_shutdown_timeout_sec pkg_scaffolding pkg_type CFLAGS CPPFLAGS CXXFLAGS
  LDFLAGS LD_RUN_PATH)
__arrays=(pkg_deps pkg_build_deps pkg_bin_dirs pkg_lib_dirs pkg_include_dirs pkg_pconfig_dirs
  pkg_exposes pkg_interpreters pkg_license)
__maps=(pkg_exports pkg_binds pkg_binds_optional __runtime_environment __buildtime_environment)
__phase="loading the plan" __line=0 __at="$__plan" __command="" __why="" __done=""

# ── saying and asking ──

build_line() { printf '   %s: %s\n' "${pkg_name:-plan}" "$*"; }

warn() { printf '   %s: WARN: %s\n' "${pkg_name:-plan}" "$*" >&2; }

debug() { if [[ -n "${DEBUG:-}" ]]; then printf '   DEBUG: %s\n' "$*"; fi; }

exit_with() { # MESSAGE [CODE]
  __why=$1
  printf '%s\n' "$1" >"$__work/why" # a subshell cannot set our variables
  printf '   %s: ERROR: %s\n' "${pkg_name:-plan}" "$1" >&2
  exit "${2:-1}"
}

attach() { exit_with "attach: there is no terminal to attach to; print what you want to see"; }

exists() { command -v "$1" >/dev/null 2>&1; }

abspath() { (cd "$(dirname "$1")" && printf '%s/%s\n' "$(pwd)" "$(basename "$1")"); }

join_by() { # SEPARATOR WORD...
  local IFS=$1
  shift
  printf '%s\n' "$*"
}

trim() { # TEXT
  local text=$1
  text="${text#"${text%%[![:space:]]*}"}"
  printf '%s\n' "${text%"${text##*[![:space:]]}"}"
}

__ask() { # WHAT [FIELD...] → ends the build when the answer is no
  local what=$1 answer
  shift
  if (($#)); then printf '%s\0' "$@" >"$__work/request"; else : >"$__work/request"; fi
  printf 'ask %s\n' "$what" >&"$__events"
  IFS= read -r answer <&"$__answers" || exit_with "$what: the build was given up"
  if [[ "$answer" != ok ]]; then exit_with "${answer#no }"; fi
}

__dump() { # the plan's variables, as fields that end in NUL
  local __n __k
  for __n in "${__scalars[@]}"; do
    if [[ -v "$__n" ]]; then printf 'text\0%s\0001\0%s\0' "$__n" "${!__n}"; fi
  done
  for __n in "${__arrays[@]}"; do
    local -n __list=$__n
    printf 'list\0%s\0%s\0' "$__n" "${#__list[@]}"
    if ((${#__list[@]})); then printf '%s\0' "${__list[@]}"; fi
    unset -n __list
  done
  for __n in "${__maps[@]}"; do
    local -n __map=$__n
    printf 'map\0%s\0%s\0' "$__n" "$((2 * ${#__map[@]}))"
    for __k in "${!__map[@]}"; do printf '%s\0%s\0' "$__k" "${__map[$__k]}"; done
    unset -n __map
  done
}

__begin() { # PHASE: from here on, what fails fails in it
  __phase=$1 __at=$__plan __line=0 __command=""
  printf 'phase %s\n' "$1" >&"$__events"
}

# ── packages a plan depends on ──

pkg_path_for() { # [ORIGIN/]NAME[/…] of a dependency → its directory
  local wanted=$1 dep ident
  for dep in "${pkg_deps_resolved[@]}" "${pkg_build_deps_resolved[@]}" \
    "${pkg_all_tdeps_resolved[@]}"; do
    ident=${dep#"$HAB_PKG_PATH/"}
    if [[ "/$ident/" == *"/$wanted/"* ]]; then # a name without its origin is enough
      printf '%s\n' "$dep"
      return 0
    fi
  done
  exit_with "pkg_path_for: $wanted is in neither pkg_deps nor pkg_build_deps"
}

pkg_interpreter_for() { # IDENT NAME|PATH → the interpreter's whole path
  local path wanted=$2 line
  path=$(pkg_path_for "$1")
  if [[ -f "$path/INTERPRETERS" ]]; then
    while IFS= read -r line || [[ -n "$line" ]]; do
      line=${line/#"/hab/pkgs/"/"$HAB_PKG_PATH/"}
      if [[ "$line" == */"$wanted" ]]; then
        printf '%s\n' "$line"
        return 0
      fi
    done <"$path/INTERPRETERS"
  fi
  exit_with "pkg_interpreter_for: $1 has no interpreter $wanted"
}

fix_interpreter() { # FILES IDENT NAME: let their first line name the package's interpreter
  local path name=$3 file
  path=$(pkg_path_for "$2")/$name
  for file in $1; do # a glob is given as one word
    if [[ ! -f "$file" ]]; then continue; fi # a glob that fits nothing, or a directory
    file=$(readlink -f "$file")              # sed would put a file in the link's place
    build_line "Changing the interpreter of $file to $path"
    sed -e "1s|^#!.*[/ ]${name##*/}\( .*\)\{0,1\}\$|#!$path\1|" -i "$file"
  done
}

# ── the environment a package runs with ──

__guarded() { # NAME: these follow from other variables of the plan
  case $1 in
    PATH | LD_RUN_PATH | LDFLAGS | CFLAGS | CPPFLAGS | CXXFLAGS | PKG_CONFIG_PATH)
      exit_with "$1 cannot be set: it follows from pkg_deps, pkg_bin_dirs, pkg_lib_dirs and the like"
      ;;
  esac
}

__separator() { # NAME
  local own="HAB_ENV_${1}_SEPARATOR"
  if [[ "$1" == CLASSPATH ]]; then printf '%s' "${!own:-;}"; else printf '%s' "${!own:-:}"; fi
}

__set_env() { # MAP [-f] NAME VALUE
  local -n __env=$1
  shift
  local force=""
  if [[ "$1" == -f ]]; then
    force=yes
    shift
  fi
  __guarded "$1"
  if [[ -n "${__env[$1]:-}" && -z "$force" ]]; then
    exit_with "$1 is set already, to ${__env[$1]}; -f replaces it"
  fi
  __env[$1]=$2
}

__push_env() { # MAP NAME VALUE: before what is there
  local -n __env=$1
  __guarded "$2"
  local between
  between=$(__separator "$2")
  __env[$2]="$3${__env[$2]:+$between${__env[$2]}}"
}

set_runtime_env() { __set_env __runtime_environment "$@"; }
push_runtime_env() { __push_env __runtime_environment "$@"; }
set_buildtime_env() {
  __set_env __buildtime_environment "$@"
  if [[ "$1" == -f ]]; then shift; fi
  export "$1=$2"
}
push_buildtime_env() {
  __push_env __buildtime_environment "$@"
  export "$1=${__buildtime_environment[$1]}"
}

# ── sources ──

download_file() { # URL FILE [SHA256], below the source cache
  (cd "$HAB_CACHE_SRC_PATH" && __ask download "$1" "$(pwd)/$2" "${3:-}")
}

verify_file() { # FILE SHA256
  (cd "$HAB_CACHE_SRC_PATH" && __ask verify "$(pwd)/$1" "${2:-}")
}

unpack_file() { # FILE: into the source cache
  local file
  file=$(cd "$HAB_CACHE_SRC_PATH" && abspath "$1")
  pushd "$HAB_CACHE_SRC_PATH" >/dev/null
  case "$file" in
    *.zip | *.whl) __ask unzip "$file" "$(pwd)" ;;
    *.tar | *.tar.* | *.tgz | *.tbz | *.tbz2 | *.txz | *.tlz) tar --no-same-owner -xf "$file" ;;
    *) exit_with "$1 is no archive that unpacks by itself; write a do_unpack of your own" ;;
  esac
  popd >/dev/null
}

update_pkg_version() { # from the plan's function pkg_version
  if [[ "$(type -t pkg_version)" != function ]]; then
    exit_with "update_pkg_version: the plan has no function pkg_version"
  fi
  pkg_version=$(pkg_version)
  if [[ -z "$pkg_version" ]]; then exit_with "the function pkg_version printed nothing"; fi
  build_line "Version is $pkg_version"
  __ask rename "$pkg_version"
  __places
}

__places() { # what follows from name, version and release
  if [[ -z "${__own_dirname:-}" ]]; then pkg_dirname="$pkg_name-$pkg_version"; fi
  if [[ -z "${__own_prefix:-}" ]]; then
    pkg_prefix="$HAB_PKG_PATH/$pkg_origin/$pkg_name/$pkg_version/$pkg_release"
  fi
  CACHE_PATH="$HAB_CACHE_SRC_PATH/$pkg_dirname"
  if [[ -n "${pkg_source:-}" ]]; then SRC_PATH=$CACHE_PATH; fi
}

# ── what the phases do unless the plan says otherwise ──

do_default_begin() { return 0; }
do_default_before() { return 0; }
do_default_setup_environment() { return 0; }
do_default_download() {
  if [[ -n "${pkg_source:-}" ]]; then
    download_file "$pkg_source" "$pkg_filename" "${pkg_shasum:-}"
  fi
}
do_default_verify() {
  if [[ -n "${pkg_source:-}" ]]; then verify_file "$pkg_filename" "${pkg_shasum:-}"; fi
}
do_default_clean() { rm -rf "$CACHE_PATH"; }
do_default_unpack() { if [[ -n "${pkg_source:-}" ]]; then unpack_file "$pkg_filename"; fi; }
do_default_prepare() { return 0; }
do_default_build() {
  ./configure --prefix="$pkg_prefix"
  make
}
do_default_install() { make install; }
do_default_build_config() {
  local name
  for name in config config_install; do
    if [[ -d "$PLAN_CONTEXT/$name" ]]; then __ask copy "$PLAN_CONTEXT/$name" "$pkg_prefix/$name"; fi
  done
  if [[ -d "$PLAN_CONTEXT/hooks" ]]; then __ask hooks "$PLAN_CONTEXT/hooks" "$pkg_prefix/hooks"; fi
  if [[ -f "$PLAN_CONTEXT/default.toml" ]]; then
    cp "$PLAN_CONTEXT/default.toml" "$pkg_prefix/default.toml"
    chmod 0644 "$pkg_prefix/default.toml"
  fi
}
do_default_build_service() {
  if [[ -z "${pkg_svc_run:-}" || -f "$pkg_prefix/hooks/run" ]]; then return 0; fi
  build_line "Writing a run script for: $pkg_svc_run"
  # Who it runs as is the supervisor's business; it stands in SVC_USER. So is where: it says.
  local place="\${HAB_SVC_PATH:-/hab/svc/$pkg_name}"
  printf '%s\n' '#!/bin/sh' \
    "export HOME=\"$place/data\"" \
    "cd \"$place\" || exit 1" \
    "exec ${pkg_svc_run//"$pkg_svc_path"/"$place"} 2>&1" >"$pkg_prefix/run"
  chmod 0755 "$pkg_prefix/run"
}
do_default_strip() { __ask strip "$pkg_prefix"; }
do_default_after() { return 0; }
do_default_end() { return 0; }

do_begin() { do_default_begin; }
do_setup_environment() { do_default_setup_environment; }
do_before() { do_default_before; }
do_download() { do_default_download; }
do_verify() { do_default_verify; }
do_clean() { do_default_clean; }
do_unpack() { do_default_unpack; }
do_prepare() { do_default_prepare; }
do_build() { do_default_build; }
do_install() { do_default_install; }
do_build_config() { do_default_build_config; }
do_build_service() { do_default_build_service; }
do_strip() { do_default_strip; }
do_after() { do_default_after; }
do_end() { do_default_end; }

# ── how it ends ──

__note() { # COMMAND that is about to run, or that failed
  # The exit trap itself comes by as its last command once more, at line 1.
  if [[ "${BASH_LINENO[0]}" == 1 && "$1" == "$__command" ]]; then return 0; fi
  if [[ "${BASH_SOURCE[1]}" != "$__own" && "$1" != "source "* ]]; then
    __at=${BASH_SOURCE[1]} __line=${BASH_LINENO[0]} __command=$1
  fi
}

__ended() { # CODE
  trap - DEBUG ERR EXIT
  if [[ -z "$__done" ]]; then
    if [[ -f "$__work/why" ]]; then __why=$(<"$__work/why"); fi
    printf '%s\0' "$1" "$__phase" "$__at" "$__line" "$__command" "$__why" >"$__work/failure"
    if [[ "$(type -t do_after_failure)" == function ]]; then do_after_failure || true; fi
  fi
}

__in_source() { # PHASE, in the directory of the sources
  __begin "$1"
  pushd "$SRC_PATH" >/dev/null
  "$1"
  popd >/dev/null
}

__here() { # PHASE, in the directory of the plan
  __begin "$1"
  cd "$PLAN_CONTEXT"
  "$1"
}

trap '__ended $?' EXIT
cd "$PLAN_CONTEXT"
# The last command outside of this file, whoever called it: what a failure is blamed on.
set -T
trap '__note "$BASH_COMMAND"' DEBUG
trap '__note "$BASH_COMMAND"' ERR # a subshell has noted its own lines, and they are gone with it

__begin "loading the plan"
# shellcheck source=/dev/null
source "$__plan"
if [[ -n "${HAB_ORIGIN:-}" ]]; then pkg_origin=$HAB_ORIGIN; fi
if [[ -z "${pkg_version:-}" && "$(type -t pkg_version)" == function ]]; then
  pkg_version=0 __later=yes # until update_pkg_version
fi
if [[ -n "${pkg_source:-}" && -z "${pkg_filename+set}" ]]; then
  pkg_filename=$(basename "$pkg_source")
fi
__own_dirname=${pkg_dirname+set} __own_prefix=${pkg_prefix+set}
if [[ -n "$__own_prefix" ]]; then exit_with "pkg_prefix is not the plan's to set"; fi
if [[ "${pkg_type:-}" == composite ]]; then exit_with "composite plans are no more"; fi
pkg_svc_run=${pkg_svc_run//@__pkg_name__@/${pkg_name:-}}
__dump >"$__work/plan"
__ask plan # names and versions are checked, the release is given, nobody else builds it
# shellcheck source=/dev/null
source "$__work/answer"
__places
__svc_paths "$pkg_name"
mkdir -p "$HAB_CACHE_SRC_PATH"

__here do_begin
if [[ -n "${pkg_scaffolding:-}" ]]; then # brings phases, and dependencies, as if the plan had them
  __begin "loading the scaffolding"
  __ask scaffolding "$pkg_scaffolding"
  # shellcheck source=/dev/null
  source "$__work/answer"
  pkg_build_deps=("${__scaffolding_deps[@]}" "${pkg_build_deps[@]}")
  # shellcheck source=/dev/null
  source "$__scaffolding/lib/scaffolding.sh"
  if [[ "$(type -t scaffolding_load)" == function ]]; then scaffolding_load; fi
fi
__begin "resolving dependencies"
__dump >"$__work/plan"
__ask resolve
# shellcheck source=/dev/null
source "$__work/answer"
__here do_setup_environment
__here do_before
if [[ -n "${__later:-}" && "$pkg_version" == 0 ]]; then
  exit_with "pkg_version is a function: call update_pkg_version in do_before"
fi
__here do_download
__here do_verify
__here do_clean
__here do_unpack
if [[ ! -d "$SRC_PATH" ]]; then # a plan may leave its source packed, or unpack it elsewhere
  warn "the source did not unpack to $SRC_PATH, which is empty now; pkg_dirname names another"
  mkdir -p "$SRC_PATH"
fi
__in_source do_prepare
__in_source do_build
if [[ -n "${DO_CHECK:-}" && "$(type -t do_check)" == function ]]; then __in_source do_check; fi
mkdir -p "$pkg_prefix"
for __dir in "${pkg_lib_dirs[@]}" "${pkg_bin_dirs[@]}" "${pkg_include_dirs[@]}" \
  "${pkg_pconfig_dirs[@]}"; do
  mkdir -p "$pkg_prefix/$__dir"
done
__in_source do_install
__here do_build_config
__here do_build_service
__here do_strip
__here do_after
__begin "making the package"
__dump >"$__work/plan"
__ask pack
__here do_end
if [[ "$(type -t do_after_success)" == function ]]; then __here do_after_success; fi
__done=yes

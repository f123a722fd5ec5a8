# Redis, from programs that are on this machine: DEMO_REDIS names their directory.
# (Another plan would name pkg_source and compile it, or need core/redis.)
pkg_name=redis
pkg_origin=demo
pkg_version=1.0.0
pkg_description="Redis, alone or as leader and followers"
pkg_license=("BSD-3-Clause")
pkg_bin_dirs=(bin)
pkg_exports=([port]=port)
pkg_exposes=(port)
pkg_svc_user=$(id -un)
pkg_svc_group=$(id -gn)
pkg_shutdown_timeout_sec=10

do_build() {
  return 0
}

do_install() {
  local program
  for program in redis-server redis-cli; do
    install -m 0755 "$DEMO_REDIS/$program" "$pkg_prefix/bin/$program"
  done
}

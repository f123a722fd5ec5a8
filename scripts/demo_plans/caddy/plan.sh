# Caddy before an application. DEMO_CADDY names the program on this machine.
pkg_name=caddy
pkg_origin=demo
pkg_version=1.0.0
pkg_description="Caddy, as reverse proxy of what it is bound to"
pkg_license=("Apache-2.0")
pkg_bin_dirs=(bin)
pkg_exports=([port]=port)
pkg_exposes=(port)
pkg_binds=([app]="port")
pkg_svc_user=$(id -un)
pkg_svc_group=$(id -gn)

do_build() {
  return 0
}

do_install() {
  install -m 0755 "$DEMO_CADDY" "$pkg_prefix/bin/caddy"
}

do_strip() {
  return 0 # a Go program comes stripped
}

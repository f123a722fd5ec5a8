# A web server for the tests of rolling updates. The file `release` beside this plan says which
# version it is, and how it behaves: see web.py.
pkg_name=web
pkg_origin=demo
pkg_version=$(head -n 1 release)
pkg_description="Says which release it is"
pkg_license=("Apache-2.0")
pkg_exports=([port]=port)
pkg_exposes=(port)
pkg_svc_user=$(id -un)
pkg_svc_group=$(id -gn)

do_build() {
  return 0
}

do_install() {
  install -m 0644 web.py release "$pkg_prefix/"
}

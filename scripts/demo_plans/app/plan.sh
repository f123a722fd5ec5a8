# A small application: it counts its visitors in the Redis that it is bound to.
pkg_name=app
pkg_origin=demo
pkg_version=1.0.0
pkg_description="Says hello, and counts"
pkg_license=("Apache-2.0")
pkg_exports=([port]=port)
pkg_exposes=(port)
pkg_binds=([store]="port")
pkg_svc_user=$(id -un)
pkg_svc_group=$(id -gn)

do_build() {
  python3 -c 'compile(open("app.py").read(), "app.py", "exec")'
}

do_install() {
  install -m 0644 app.py "$pkg_prefix/app.py"
}

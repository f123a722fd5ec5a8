# Sourced by the hooks: how this PostgreSQL comes to lead, to follow, and to do neither.
#
# What must hold: a commit that a client was told of is on the disks of the leader and of as many
# followers as `replication.confirmations` says (of three members: one), and every later leader has
# it. So
# - a commit waits for them (run: `ANY 1 (follower)`). Nothing ever takes that back: a leader whose
#   followers are gone waits. A base backup under way has another name, and confirms nothing;
# - the term stands in the data: the leader of term N writes timeline N + 1, or as many more as the
#   cluster had before it came here (`habring.shift`). PostgreSQL takes the next timeline that has no
#   history file, so a leader first adds the files that are missing (`promote`). No two leaders ever
#   write the same timeline, which PostgreSQL, pg_rewind and all below rely on;
# - a position is (timeline, start of the last whole record of it), as found in the WAL files, whether
#   the server runs or not. A timeline counts from its first record on, and that comes after all that
#   its leader had before: who has it has that, whatever else an old leader wrote (`stands`);
# - before a vote, and before its position is read, a member lets go of the leader (`detach`), so it
#   confirms nothing afterwards;
# - every server starts as a standby, of nobody or of a leader that has the term it was told. One that
#   takes writes cannot become one again: `role-changed none` has it stopped. It shuts down once its
#   followers have all it has, so a hand-over leaves nothing behind;
# - who has what the leader has not is rewound before it starts, or copied anew (`init`).
# Roles change under a lock, and are written down first; who comes with an older one gives way.

umask 077
data={{pkg.svc_data_path}}
cluster=$data/cluster
wal=$cluster/pg_wal
export LC_ALL=C PGPASSFILE="$data/passfile" PGCONNECT_TIMEOUT=3

members() {
  cat <<END
{{#each svc.members as |member|}}
{{member.member_id}} {{member.sys.ip}} {{member.cfg.port}}
{{/each}}
END
}

say() {
  echo "$*" >&2
}

# SQL to the own server; SECONDS SQL
ask() {
  timeout "$1" psql -XAtq -v ON_ERROR_STOP=1 -h {{pkg.svc_var_path}} -p {{cfg.port}} \
    -U {{cfg.superuser.name}} -d postgres -c "$2" 2>/dev/null
}

# The leader as the supervisor has told it, as HOST PORT: HAB_LEADER is a member id.
leader() {
  members | awk -v id="$HAB_LEADER" '$1 == id { print $2, $3 }'
}

# How to reach it, for all programs that do.
conninfo() {
  at=$(leader)
  [ -n "$at" ] || return 1
  echo "host=${at% *} port=${at#* } user={{cfg.replication.name}} dbname=postgres" \
    "keepalives_idle=5 keepalives_interval=2 keepalives_count=3"
}

ask_leader() {
  to=$(conninfo) || return 1
  timeout 4 psql -XAtq -v ON_ERROR_STOP=1 -d "$to" -c "$1" 2>/dev/null
}

write_passfile() {
  password=$(
    sed 's/[\\:]/\\&/g' <<'END'
{{cfg.replication.password}}
END
  )
  printf '*:*:*:%s:%s\n' "{{cfg.replication.name}}" "$password" >"$PGPASSFILE"
}

# ── the server, while it runs ──

# Which life of the server this is, from its run hook on; empty while there is none.
life() {
  read -r pid began <"$data/run.pid" 2>/dev/null || return 1
  [ "$(cut -d' ' -f22 "/proc/$pid/stat" 2>/dev/null)" = "$began" ] && echo "$pid-$began"
}

postmaster() {
  now=$(life) && echo "${now%-*}"
}

# The server process that does WORK.
child() {
  pid=$(postmaster) || return 1
  for one in $(cat "/proc/$pid/task/$pid/children" 2>/dev/null); do
    tr '\0' ' ' <"/proc/$one/cmdline" 2>/dev/null | grep -q "^postgres: $1" && echo "$one" && return
  done
  return 1
}

answers() {
  pg_isready -q -h {{pkg.svc_var_path}} -p {{cfg.port}} -U {{cfg.superuser.name}} -d postgres
}

# Whether it takes writes, or may.
is_primary() {
  life >/dev/null && [ ! -e "$cluster/standby.signal" ]
}

# Whether a process works with these files.
is_busy() {
  at=$(readlink -f "$cluster") || return 1
  [ "$(find /proc/[0-9]*/cwd -maxdepth 0 -lname "$at" 2>/dev/null)" ]
}

# Wait until none of an earlier life does: they end by themselves once the first has.
quiet() {
  for _ in $(seq 100); do
    is_busy || return 0
    sleep 0.1
  done
  say "processes of an earlier life are still there"
  return 1
}

# ── where its data stand ──

number() { # LSN
  echo $(((0x${1%/*} << 32) | 0x${1#*/}))
}

lsn() { # NUMBER
  printf '%X/%X' $(($1 >> 32)) $(($1 & 0xFFFFFFFF))
}

history() { # TIMELINE
  printf '%s/%08X.history' "$wal" "$1"
}

# Where TIMELINE was left on the way to that of a history (stdin), as a number; fails if it was not
# on the way.
left_at() {
  at=$(awk -v t="$1" '$1 == t { print $2 }')
  [ -n "$at" ] && number "$at"
}

# Where TIMELINE begins, as a number.
begins() {
  at=$(awk '$1 ~ /^[0-9]+$/ { at = $2 } END { print at }' "$(history "$1")" 2>/dev/null)
  number "${at:-0/0}"
}

segment() { # TIMELINE NUMBER; without the first the number alone
  printf "${1:+%08X}%08X%08X" $1 $(($2 / segment_bytes / (4294967296 / segment_bytes))) \
    $(($2 / segment_bytes % (4294967296 / segment_bytes)))
}

# The start of the last whole record of TIMELINE, from NUMBER on; fails if there is none. (It is told
# to end at the last file: pg_waldump waits for a next one.)
last_record() {
  until=$2
  while [ -e "$wal/$(segment "$1" "$until")" ]; do
    until=$(((until / segment_bytes + 1) * segment_bytes))
  done
  [ "$until" -gt "$2" ] || return 1
  said=$(pg_waldump -q -p "$wal" -t "$1" -s "$(lsn "$2")" -e "$(lsn "$until")" 2>&1)
  case "$said" in
    *"could not find a valid record"*) return 1 ;;
    *"error in WAL record at "*)
      said=${said##*error in WAL record at }
      number "${said%%:*}"
      ;;
    "" | *"first record is after"*)
      from=$((until - segment_bytes))
      said=$(pg_waldump -p "$wal" -t "$1" -s "$(lsn $((from > $2 ? from : $2)))" \
        -e "$(lsn "$until")" 2>/dev/null | sed -n '$s|.* lsn: \([0-9A-F/]*\),.*|\1|p')
      [ -n "$said" ] && number "$said"
      ;;
    *) say "$said" && return 1 ;;
  esac
}

fact() { # NAME, of pg_controldata
  echo "$control" | sed -n "s|^$1: *||p"
}

# Sets `timeline` and `last`, `system`, and `whole`, which is empty while a copy has not been completed
# by recovery.
stands() {
  control=$(pg_controldata "$cluster") || return 1
  system=$(fact "Database system identifier")
  segment_bytes=$(fact "Bytes per WAL segment")
  timeline=$(fact "Latest checkpoint's TimeLineID")
  from=$(number "$(fact "Latest checkpoint's REDO location")")
  whole=yes
  [ ! -e "$cluster/backup_label" ] && [ "$(fact "Backup start location")" = 0/0 ] || whole=
  # A later timeline counts if it comes from this one, and its first record is there.
  for file in $(ls "$wal" | grep '^[0-9A-F]*\.history$' | sort -r); do
    later=$((0x${file%.history}))
    [ "$later" -gt "$timeline" ] || break
    left_at "$timeline" <"$wal/$file" >/dev/null || continue
    last=$(last_record "$later" "$(begins "$later")") && timeline=$later && return 0
  done
  last=$(last_record "$timeline" "$from")
}

# Without what it was told of timelines that it has nothing of: the one it comes to may not be their
# child, and a server starts on the latest it knows. It is told again of those that it needs.
forget_later() {
  for file in "$wal"/*.history; do
    [ -e "$file" ] && [ $((0x$(basename "$file" .history))) -gt "$timeline" ] && rm "$file"
  done
  return 0
}

# That as one number, 20 bits of timeline and 43 of records' 8 bytes.
position() {
  echo $(((timeline << 43) | ((last - $(begins "$timeline")) / 8)))
}

# ── roles ──

# ROLE TERM: what it is told to be from now on.
write_down() {
  echo "$1 $2 $(life)" >"$data/role"
}

# Whether the role in the environment is not overtaken: by a later term, or by another role of the
# same term in the same life.
is_current() {
  [ -e "$data/role" ] || return 0
  read -r role term born <"$data/role"
  [ "$term" -ge "$HAB_LEADER_TERM" ] || return 0
  [ "$term" = "$HAB_LEADER_TERM" ] || return 1
  [ "$role" = "$HAB_ROLE" ] || [ "$born" != "$(life)" ]
}

# CONNINFO, or nothing: whom it follows, for this life and the next. The process that reads WAL has to
# know it first; the others hear of it from the postmaster.
follow() {
  said=
  [ -z "$1" ] || said="$1 passfile=''$PGPASSFILE'' application_name=follower"
  echo "primary_conninfo = '$said'" >"$data/following.new"
  mv "$data/following.new" "$data/following.conf"
  pid=$(child startup) && kill -HUP "$pid"
  pid=$(postmaster) && kill -HUP "$pid"
  return 0
}

# It takes nothing from anybody any more, and what it took is on disk.
detach() {
  follow ""
  for _ in $(seq 16); do
    pid=$(child walreceiver) || { sleep 0.1 && ! child walreceiver >/dev/null; return; }
    kill -TERM "$pid" 2>/dev/null
    sleep 0.05
  done
  return 1
}

# The timeline of the term it was told, with SHIFT or that of its own cluster.
own_timeline() {
  shift_by=${1:-$(cat "$cluster/habring.shift" 2>/dev/null)}
  echo $((HAB_LEADER_TERM + 1 + ${shift_by:-0}))
}

# Sets `how` it can come to follow the leader: `stream`, `rewind`, or `copy`. Fails while the leader is
# not there, or has not the term it was told.
way() {
  how=copy system="" last=0 segment_bytes=16777216
  [ "$(cut -d' ' -f2 "$data/copied" 2>/dev/null)" = half ] || [ ! -e "$cluster/PG_VERSION" ] || stands
  writes="(SELECT CASE WHEN NOT pg_is_in_recovery()
    THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END AS timeline) AS writes"
  told=$(ask_leader "
    SELECT timeline, system_identifier, (SELECT coalesce(
        (SELECT convert_from(pg_read_binary_file(f), 'UTF8')::int FROM pg_ls_dir('.') AS f
          WHERE f = 'habring.shift'), 0)),
      (SELECT count(*) FROM pg_ls_dir('pg_wal') AS f WHERE right(f, 16) = '$(segment "" "${last:-0}")')
    FROM $writes, pg_control_system() WHERE timeline IS NOT NULL;
    SELECT convert_from(pg_read_binary_file('pg_wal/' || timeline || '.history'), 'UTF8')
    FROM $writes WHERE timeline IS NOT NULL") && [ -n "$told" ] || return 1
  first=$(echo "$told" | head -n 1) last=${last:-0}
  IFS='|' read -r its_timeline its_system its_shift kept <<END
$first
END
  its_timeline=$((0x$its_timeline))
  [ "$its_timeline" = "$(own_timeline "$its_shift")" ] || return 1
  [ "$its_system" = "$system" ] || return 0
  [ "$timeline" -le "$its_timeline" ] || { say "its data are of a later timeline" && return 1; }
  if [ "$timeline" -lt "$its_timeline" ]; then
    at=$(echo "$told" | tail -n +2 | left_at "$timeline") && [ "$last" -lt "$at" ] ||
      { how=rewind && return 0; }
  fi
  [ "$kept" = 0 ] || how=stream
}

# Copy or rewind with PROGRAM, and give up on a leader that has gone silent.
from_leader() {
  "$@" &
  copying=$! silent=0
  while kill -0 $copying 2>/dev/null; do
    sleep 0.5
    ask_leader "SELECT 1" >/dev/null && silent=0 || silent=$((silent + 1))
    [ $silent -lt 10 ] || kill $copying
  done
  wait $copying
}

# While its files are replaced, and until it follows somebody with them, it needs of a leader what it had
# before, and has nothing to offer. `half`: they are good for nothing.
replaces() { # STATE
  needs=0
  if [ -e "$data/copied" ]; then
    needs=$(cut -d' ' -f1 "$data/copied")
  elif [ -e "$cluster/PG_VERSION" ] && stands && [ "$system" = "$its_system" ]; then
    needs=$(position)
  fi
  echo "$needs $1" >"$data/copied.new"
  sync "$data/copied.new" && mv "$data/copied.new" "$data/copied" && sync "$data"
}

rewind() {
  replaces half
  rm -f "$cluster/standby.signal" "$cluster/postmaster.pid"
  from_leader pg_rewind --target-pgdata="$cluster" --source-server="$(conninfo)" \
    --config-file={{pkg.svc_config_path}}/postgresql.conf --sync-method=syncfs || return 1
  replaces whole
}

# What is there of another cluster is somebody's, and is put aside.
copy() {
  [ ! -e "$data/copied" ] || rm -rf "$cluster"
  rm -rf "$data/making"
  from_leader pg_basebackup --pgdata="$data/making" --dbname="$(conninfo)" --checkpoint=fast \
    --wal-method=stream --sync-method=syncfs --no-password || return 1
  replaces half
  if [ -e "$cluster" ] && [ "$system" != "$its_system" ]; then
    aside=$data/cluster-${system:-unreadable}-$(date +%Y%m%d%H%M%S)
    say "there was another cluster: it is kept as $aside"
    mv "$cluster" "$aside"
  fi
  rm -rf "$cluster"
  mv "$data/making" "$cluster"
  sync "$data"
  replaces whole
}

# Follow the leader, if its data allow it while the server runs.
attach() {
  way && [ "$how" = stream ] && is_current || return 1
  echo "$its_shift" >"$cluster/habring.shift"
  rm -f "$data/copied"
  follow "$(conninfo)"
}

# Whether it takes what its leader writes.
streams() {
  [ "$(ask 1 "SELECT received_tli FROM pg_stat_wal_receiver WHERE status = 'streaming'")" = \
    "$(own_timeline)" ]
}

settle() {
  for _ in $(seq 100); do
    streams && return 0
    sleep 0.2
  done
  say "it does not come to follow its leader"
  return 1
}

# Take writes, in the term it was told. Timelines that nobody wrote get a history, as if each had been
# left where it began, so that its own is the next, and a follower of an older one finds them all.
promote() {
  [ ! -e "$data/copied" ] || { say "its data are a copy that is not whole" && return 1; }
  if is_primary; then
    [ "$(ask 2 "SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)")" = \
      "$(printf %08X "$(own_timeline)")" ] && rights
    return
  fi
  detach && stands || return 1
  if [ "$timeline" -ge "$(own_timeline)" ]; then # it comes from elsewhere
    echo "$timeline" >"$cluster/habring.shift"
    sync "$cluster/habring.shift"
  fi
  replayed=0/0
  for _ in $(seq 300); do
    [ "$(number "$replayed")" -le "$last" ] || break
    sleep 0.1
    replayed=$(ask 2 "SELECT pg_last_wal_replay_lsn()")
    replayed=${replayed:-0/0}
  done
  [ "$(number "$replayed")" -gt "$last" ] || { say "it does not come to the end of its WAL" && return 1; }
  forget_later
  for missing in $(seq 2 $(($(own_timeline) - 1))); do
    [ -e "$(history "$missing")" ] || skip "$missing" "$replayed" || return 1
  done
  [ "$(ask 60 "SELECT pg_promote(true, 60)")" = t ] && is_primary && promote
}

skip() { # TIMELINE LSN
  {
    awk -v t="$1" '$1 ~ /^[0-9]+$/ && $1 < t { print $0 "\n" }' "$(history "$timeline")" 2>/dev/null
    [ "$1" -le "$timeline" ] || printf '%s\t%s\tnobody led\n' "$timeline" "$2"
  } >"$wal/skipped"
  sync "$wal/skipped" && mv "$wal/skipped" "$(history "$1")"
}

# Who may come in.
rights() {
  ask 30 "$(cat {{pkg.svc_config_path}}/password.sql)" || return 1
  [ -z "$HAB_ROLE" ] || ask 30 "$(cat {{pkg.svc_config_path}}/replication.sql)"
}

# Sourced by the hooks: how this Redis comes to lead, to follow, and to do neither.
#
# What must hold: a write that WAIT 1 has confirmed is on the disks of two of three members, and
# every later leader has it. So
# - the term stands in the data: a new leader writes it before it takes its first write;
# - before a vote, and before its position is read, a member lets go of the leader (`role-changed
#   none`), so it confirms nothing afterwards;
# - a position is (term, mark, bytes behind that mark in the append-only file). The leader's stream
#   reaches every member as the same bytes, so of one mark the greater number has all of the lesser.
#   After a full resynchronisation a file has no mark: its member asks the leader for another one.
#   Until then it knows the term and the last mark of its data, and no byte: it offers the least it
#   may have, and needs the most. Who has led a term has all that anybody has of it, and offers that;
# - a leader that goes takes no more writes and lets its followers have what it took before;
# - a member follows only who has the term that it was told: an old leader has an old one.
# Roles change under a lock, and are written down first; who comes with an older one gives way.

data={{pkg.svc_data_path}}
aof=$data/appendonly.aof
nobody="127.0.0.1 1"
keys="3 habring:term habring:marks habring:mark"
# The marks' text is taken away at once, so that only a live append-only file holds it.
promotion="redis.replicate_commands() \
local before=tonumber(redis.call('get',KEYS[1]) or '0') local term=tonumber(ARGV[1]) \
if term < before then return 'the data are of the later term '..before end \
if term > before then redis.call('set',KEYS[1],ARGV[1]) redis.call('set',KEYS[2],'0') \
redis.call('set',KEYS[3],'habring-mark:'..ARGV[1]..':0:') redis.call('set',KEYS[3],'') end \
return 'OK'"
another="redis.replicate_commands() \
local n=redis.call('incr',KEYS[2]) local t=redis.call('get',KEYS[1]) \
redis.call('set',KEYS[3],'habring-mark:'..t..':'..n..':') redis.call('set',KEYS[3],'') return n"

members() {
  cat <<END
{{#each svc.members as |member|}}
{{member.member_id}} {{member.sys.ip}} {{member.cfg.port}}
{{/each}}
END
}

ask() {
  timeout 0.4 redis-cli -h {{cfg.bind}} -p {{cfg.port}} "$@"
}

# The leader as the supervisor has told it, as HOST PORT: HAB_LEADER is a member id.
leader() {
  members | awk -v id="$HAB_LEADER" '$1 == id { print $2, $3 }'
}

ask_leader() {
  at=$(leader)
  [ -n "$at" ] && timeout 0.4 redis-cli -h "${at% *}" -p "${at#* }" "$@"
}

said() {
  case "$1" in
    *OK*) ;;
    *) echo "redis says: $1" >&2 && return 1 ;;
  esac
}

# Which life of Redis this is; empty while it does not answer.
life() {
  ask info server | tr -d '\r' | sed -n 's/^run_id://p'
}

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

# It takes no more writes, and whoever follows has what it took: who it hands over to lacks nothing.
drain() {
  followers=$(ask info replication | tr -d '\r' | sed -n 's/^connected_slaves://p')
  [ "${followers:-0}" -gt 0 ] || return 0
  printf 'MULTI\nSET habring:drained %s\nCONFIG SET min-replicas-to-write 9\nEXEC\nWAIT %s 250\n' \
    "$HAB_LEADER_TERM" "$followers" | ask >/dev/null
}

detach() {
  drain
  said "$(ask replicaof $nobody)"
}

# All or nothing: no write is taken in between.
promote() {
  echo "$HAB_LEADER_TERM" >"$data/led"
  said "$(printf 'MULTI\nCONFIG SET min-replicas-to-write 0\nREPLICAOF NO ONE\nEVAL "%s" %s %s\nEXEC\n' \
    "$promotion" "$keys" "$HAB_LEADER_TERM" | ask | tail -n 1)"
}

attach() {
  [ "$(ask_leader get habring:term)" = "$HAB_LEADER_TERM" ] || return 1
  said "$(ask replicaof $(leader))"
}

# Connected, resynchronised, and with a mark of this term.
is_settled() {
  ask info replication | grep -q '^master_link_status:up' || return 1
  is_written || return 1
  case "$(last_mark)" in *":$HAB_LEADER_TERM:"*) return 0 ;; esac
  ask_leader eval "$another" $keys >/dev/null
  return 1
}

# Waits for that a while; the health check goes on with it.
settle() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    is_settled && return 0
    sleep 0.2
  done
  return 0
}

# Whether what is in memory is in the append-only file.
is_written() {
  state=$(ask info persistence | tr -d '\r')
  for fact in loading:0 aof_enabled:1 aof_rewrite_in_progress:0 aof_rewrite_scheduled:0; do
    case "$state" in *"$fact"*) ;; *) return 1 ;; esac
  done
}

# As `BYTE:habring-mark:TERM:NUMBER:`. How far the file was read is kept, so that the next time reads
# on from there: the health check does, and a suitability is known in time whatever the file's size.
last_mark() {
  [ -s "$aof" ] || return 0
  file=$(stat -c %i "$aof") size=$(stat -c %s "$aof") from=0
  [ -e "$data/mark" ] && read -r known at <"$data/mark" && [ "$known" = "$file" ] && from=$at
  [ "$from" -le "$size" ] || from=0
  found=$(tail -c +$((from + 1)) "$aof" | LC_ALL=C grep -abo 'habring-mark:[0-9]*:[0-9]*:' | tail -n 1)
  if [ -n "$found" ]; then
    found=$((from + ${found%%:*})):${found#*:}
    from=${found%%:*}
  else
    from=$((size > 64 ? size - 64 : 0))
  fi
  echo "$file $from" >"$data/mark.$$" && mv "$data/mark.$$" "$data/mark"
  echo "$found"
}

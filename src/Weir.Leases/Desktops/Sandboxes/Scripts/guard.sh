# guard.sh FOLDER SECONDS: ends the desktops of a folder when whoever made them has died and nobody has taken them over in time.
# Standard input is a pipe of its maker's: a line says that nothing is left to guard, its end that the maker has died.
exec 2>/dev/null
trap '' INT TERM HUP
cd / || exit 1
folder=$1
# Held until this ends, however it does; a desktop ends itself when nobody holds it, so that none outlasts both its maker and this.
exec 9<"$folder/life" && flock -s 9 || exit 1
read -r line && exit 0
[ -z "$line" ] || exit 0
sleep "$2"

# start_of PID: when a process began, in ticks since the machine did; the name before it may hold anything.
start_of() {
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) }
  set -f
  set -- $stat
  [ "$1" != Z ] && echo "${20}"
}

# A newer guard stands in the file where there is one.
read -r pid start <"$folder/guard" || exit 0
[ "$pid" = "$$" ] && [ "$start" = "$(start_of $$)" ] || exit 0
boot=$(cat /proc/sys/kernel/random/boot_id)

# send SIGNAL PID START
send() {
  [ "$(start_of "$2")" = "$3" ] && kill -s "$1" "$2" 2>/dev/null
}

asked=
for facts in "$folder"/*/facts; do
  [ -f "$facts" ] || continue
  of=
  while read -r name first second third; do
    case $name in
      boot) of=$first ;;
      process)
        [ "$of" != "$boot" ] || send "$third" "$first" "$second"
        [ "$third" = KILL ] || asked=yes
        ;;
    esac
  done <"$facts"
done
# What was only asked to end gets its time to.
[ -z "$asked" ] || sleep 5
for facts in "$folder"/*/facts; do
  [ -f "$facts" ] || continue
  of=
  while read -r name first second third; do
    case $name in
      boot) of=$first ;;
      process) [ "$of" != "$boot" ] || send KILL "$first" "$second" ;;
    esac
  done <"$facts"
  rm -rf -- "${facts%/facts}"
done
rm -f -- "$folder/guard"
